"""``stillup vault`` from the command line: from a fresh folder to a conversation that goes on with another model."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from stillup.cli.main import run
from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.gateway.app import Gateway
from stillup.gateway.journal import Journal, Settings
from stillup.gateway.plan import resolve
from stillup.gateway.seen.facade import Seen
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider_server import ProviderServer

CONFIG = """
data = "{data}"
[gateway]
listen = "127.0.0.1:{port}"
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{url}"
key_env = "A_KEY"
[[gateway.routes]]
chain = ["a"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("A_KEY", "dummy")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "claude"))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))
    for name in ("STILLUP_TOKEN", "STILLUP_VAULT_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "stillup.toml").write_text(f'data = "{tmp_path}/data"\n')
    return tmp_path


@pytest.fixture
def said(folder, capsys, monkeypatch):
    """Runs a command with this piped in; what it printed."""

    def spoken(*args, code=0, piped=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped)))
        capsys.readouterr()
        assert run(["vault", *args, "--config", str(folder / "stillup.toml")]) == code
        told = capsys.readouterr()
        return told.out + told.err

    return spoken


def transcript(folder, *texts):
    """A transcript of Claude Code."""
    path = folder / "claude" / "projects" / "p" / "s1.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for n, text in enumerate(texts):
        role = "user" if n % 2 == 0 else "assistant"
        content = text if role == "user" else [{"type": "text", "text": text}]
        rows.append(
            {
                "type": role, "uuid": f"u{n}", "parentUuid": f"u{n - 1}" if n else None, "sessionId": "s1",
                "cwd": "/work", "timestamp": f"2026-04-0{n + 1}T10:00:00.000Z",
                "message": {"role": role, "content": content},
            }
        )  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def key_of(said):
    return json.loads(said("list", "--json"))[0]["key"]


def test_without_a_vault_it_says_how_to_make_one(said):
    assert "There is no vault yet" in said()
    assert "there is no vault yet" in said("search", "x", code=64)
    assert "Nothing to import" in said("import")


def test_what_is_imported_is_listed_found_shown_and_written_out(said, folder):
    transcript(folder, "How do I parse TOML?", "Use tomllib.")
    assert "1 new" in said("import")
    assert "0 new" in said("import")
    transcript(folder, "How do I parse TOML?", "Use tomllib.", "Thanks!")
    assert "1 grew" in said("import")
    assert "How do I parse TOML?" in said("list")
    found = said("search", "tomllib")
    assert "assistant: Use tomllib." in found
    assert "Nothing was found" in said("search", "nonesuch", code=1)
    key = key_of(said)
    assert "## You · 2026-04-03" in said("show", key[:6])
    assert [m["role"] for m in json.loads(said("show", key, "--json"))["messages"]] == ["user", "assistant", "user"]
    assert "1 conversations written" in said("export", "--to", str(folder / "out"))
    assert "Use tomllib." in next((folder / "out").iterdir()).read_text()
    assert json.loads(said("export", key, "--format", "gemini"))["contents"][1]["role"] == "model"
    assert "all is whole" in said("verify")
    assert "3 messages" in said()


def test_what_is_piped_in_is_kept_once(said):
    assert "Kept: " in said("paste", piped=b"remember the walrus\nplease")
    assert "It is kept already" in said("paste", piped=b"remember the walrus\nplease")
    assert "walrus" in said("search", "walrus")
    assert "nothing to keep" in said("paste", piped=b"  \n", code=64)


def test_a_file_of_no_known_kind_is_named_and_a_path_without_a_file_too(said, folder):
    (folder / "noise.bin").write_bytes(b"\0\1\2")
    assert "of no kind that is known here" in said("import", str(folder / "noise.bin"), code=65)
    assert "there is nothing at" in said("import", str(folder / "nowhere"), code=64)


def test_nothing_is_deleted_without_a_yes(said):
    said("paste", piped=b"remember the walrus")
    key = key_of(said)
    assert "say which" in said("prune", code=64)
    assert "nothing was deleted" in said("prune", key, code=64)
    assert "1 conversations deleted" in said("prune", key, "--yes")
    assert json.loads(said("list", "--json")) == []


def test_a_vault_is_encrypted_and_a_wrong_passphrase_changes_nothing(said, folder, monkeypatch):
    said("paste", piped=b"remember the walrus")
    assert "set STILLUP_VAULT_PASSPHRASE" in said("encrypt", code=64)
    monkeypatch.setenv("STILLUP_VAULT_PASSPHRASE", "short")
    assert "at least 8 characters" in said("encrypt", code=64)
    monkeypatch.setenv("STILLUP_VAULT_PASSPHRASE", "long enough, now")
    assert "The vault is encrypted" in said("encrypt")
    path = folder / "data" / "vault.db"
    assert "walrus" in said("search", "walrus")
    before = path.read_bytes()
    assert b"walrus" not in before
    monkeypatch.setenv("STILLUP_VAULT_PASSPHRASE", "another one")
    for command in (
        ("search", "walrus"),
        ("import",),
        ("verify",),
        ("decrypt",),
        ("prune", "--older-than", "1", "--yes"),
    ):
        assert "not the passphrase" in said(*command, code=70), command
    monkeypatch.delenv("STILLUP_VAULT_PASSPHRASE")
    assert "no passphrase was given" in said("search", "walrus", code=70)
    assert path.read_bytes() == before
    monkeypatch.setenv("STILLUP_VAULT_PASSPHRASE", "long enough, now")
    assert "not encrypted any more" in said("decrypt")
    monkeypatch.delenv("STILLUP_VAULT_PASSPHRASE")
    assert "walrus" in said("search", "walrus")


def test_a_brief_needs_no_gateway_and_going_on_says_that_it_does(said, folder):
    transcript(folder, "Please write a parser.", "We decided to use tomllib.")
    said("import")
    key = key_of(said)
    told = said("continue", key, "--brief")
    assert "## Goal\n\nPlease write a parser." in told
    assert "- We decided to use tomllib." in told
    # Nobody listens on that port here.
    (folder / "stillup.toml").write_text(f'data = "{folder}/data"\n[gateway]\nlisten = "127.0.0.1:9"\n')
    assert "--brief" in said("continue", key, "--with", "claude-x", "--say", "go on", code=69)


class Here:
    """A gateway that keeps a journal, in a thread of its own, before a scripted provider."""

    def __init__(self, folder):
        self._folder = folder
        self._ready, self._loop, self._over = threading.Event(), None, None

    async def _serve(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with ProviderServer("A") as self.provider:
            text = CONFIG.format(data=self._folder / "data", port=0, url=self.provider.url)
            config = parse_config(text)
            now_s = SystemClock().wall_s()
            journal = Journal.open(self._folder / "data" / "journal", now_s, Settings(), lambda _: None)
            gateway = Gateway(
                resolve(config, {"A_KEY": "dummy"}), config.gateway, seen=Seen(SystemClock()), clock=SystemClock(),
                environ={}, journal=journal,
            )  # fmt: skip
            await gateway.start()
            self.port = gateway.port
            where = CONFIG.format(data=self._folder / "data", port=gateway.port, url=self.provider.url)
            (self._folder / "stillup.toml").write_text(where)
            self._ready.set()
            await self._over.wait()
            await gateway.stop(0.0)

    @contextmanager
    def running(self):
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        thread.start()
        assert self._ready.wait(20)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()

    def ask(self, messages, **more):
        body = {"model": "claude-x", "max_tokens": 9, "messages": messages, **more}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", "/v1/messages", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        raw = answer.read()
        connection.close()
        return answer.status, raw


def test_what_went_through_the_gateway_is_one_conversation_and_goes_on(said, folder):
    here = Here(folder)
    with here.running():
        first = [{"role": "user", "content": "What is a walrus?"}]
        _, raw = here.ask(first, system="be kind")
        second = [
            *first,
            {"role": "assistant", "content": json.loads(raw)["content"]},
            {"role": "user", "content": "Why?"},
        ]
        status, _ = here.ask(second, stream=True)
        assert status == 200
        said("import")
        (about,) = json.loads(said("list", "--json"))
        assert (about["origin"], about["title"], about["turns"]) == ("gateway", "What is a walrus?", 5)
        told = said("continue", about["key"], "--with", "claude-x", "--say", "Tell me more.")
        assert "A0 A1" in told
        assert "Answered by claude-x via a" in told
        assert "1 known" in said("import")  # it went through the gateway too, and is there once
        shown = json.loads(said("show", about["key"], "--json"))["messages"]
        assert [m["role"] for m in shown] == ["system", *(["user", "assistant"] * 3)]
        assert shown[-2]["parts"] == [{"type": "text", "text": "Tell me more."}]


def test_an_answer_that_another_model_ended_names_both(said, folder, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "CONFIG", CONFIG.replace('["a"]', '["a", "a/claude-y"]'))
    transcript(folder, "Tell me of it.")
    said("import")
    here = Here(folder)
    with here.running():
        here.provider.script([Behaviour(failure=Failure.CUT, after=3)])
        told = said("continue", key_of(said), "--with", "claude-x", "--say", "All of it.")
        assert "Answered by claude-x via a, then claude-y via a; kept as" in told
        shown = json.loads(said("show", key_of(said), "--json"))["messages"]
        assert shown[-1]["model"] == "claude-x, then claude-y"


def test_a_question_that_nobody_answered_is_kept(said, folder):
    here = Here(folder)
    with here.running():
        here.provider.set(Behaviour(failure=Failure.STATUS, status=400))
        status, _ = here.ask([{"role": "user", "content": "Save these words."}])
        assert status == 400
        said("import")
        assert "Save these words." in said("search", "save words")
        told = said("continue", key_of(said), "--with", "claude-x", "--say", "Again.", code=69)
        assert "stillup: " in told
        assert "Again." in said("show", key_of(said))


def test_what_follows_by_itself_reads_the_journal_but_no_transcripts_that_nobody_imported(said, folder):
    transcript(folder, "private", "words")
    said("paste", piped=b"x")
    said("import", "--follow")
    assert [a["origin"] for a in json.loads(said("list", "--json"))] == ["paste"]
    said("import")
    transcript(folder, "private", "words", "more")
    said("import", "--follow")
    assert "more" in said("search", "more")
