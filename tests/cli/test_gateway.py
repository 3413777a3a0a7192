"""``stillup gateway``: plan, env and status, as a person and as a program read them."""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from stillup.catalog.clients import clients
from stillup.catalog.providers import providers
from stillup.cli.gateway.words import fault_words
from stillup.cli.main import run
from stillup.config import parse_config
from stillup.daemon.gateway import build
from stillup.gateway.core.desk import Desk
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.turn import Facts
from stillup.gateway.core.values import Operation, Protocol, Target
from stillup.gateway.core.views import Try
from stillup.gateway.plan import resolve
from stillup.gateway.statuspage import GatewayStatus, JournalStatus
from stillup.testing import FakeClock


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """No key, no model server and no configuration of the machine the tests run on."""
    for provider in providers().values():
        for name in (*provider.key_env, *provider.on_env, *provider.base_env):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("STILLUP_TOKEN", raising=False)
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    monkeypatch.setenv("LM_STUDIO_API_BASE", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


@pytest.fixture
def write(tmp_path):
    """Writes a configuration and gives its path."""

    def written(text: str) -> str:
        path = tmp_path / "stillup.toml"
        path.write_text(f'data = "{tmp_path / "data"}"\n{text}')
        return str(path)

    return written


def said(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> str:
    assert run(["gateway", *args]) == code
    return capsys.readouterr().out


def test_a_key_that_is_configured_and_not_set_is_told_at_the_start(tmp_path):
    config = parse_config(
        f'data = "{tmp_path}"\n'
        '[[gateway.upstreams]]\nid = "first"\nprotocol = "anthropic"\nkey_env = "FIRST_KEY"\n'
        '[[gateway.upstreams]]\nid = "second"\nprotocol = "openai"\nkey_env = "SECOND_KEY"\n'
    )
    heard: list[str] = []
    environ = {"SECOND_KEY": "dummy"}
    build(config, resolve(config, environ), FakeClock(), say=heard.append)
    assert [words for words in heard if "KEY" in words] == [
        "gateway.upstreams: first: set FIRST_KEY to its key; until then only clients' own keys can reach it"
    ]


# --- plan


def test_the_plan_shows_upstreams_chains_reasons_and_what_could_be_added(capsys, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "dummy-secret")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "dummy-secret")
    out = " ".join(said(capsys, "plan").split())
    for words in (
        "Upstreams",
        "ANTHROPIC_API_KEY",
        "the client's own",
        "claude-opus-5-5 (anthropic)" if "claude-opus-5-5 (anthropic)" in out else "claude-fable-5-2 (anthropic)",
        "the model that was asked for",
        "has no key of yours, and the client's belongs elsewhere",
        "Could be added",
        "Mistral: set MISTRAL_API_KEY",
    ):
        assert words in out
    assert "dummy-secret" not in out


def test_the_plan_of_one_model_is_its_chains_only(capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "dummy")
    out = said(capsys, "plan", "--model", "gpt-6.2-sol")
    assert out.count("gpt-6.2-sol (") == 1
    assert "gpt-6.2-sol (openai, openai-responses)" in out
    assert "Could be added" not in out


def test_the_plan_of_a_model_that_nobody_serves_says_so(capsys, write):
    path = write(
        '[[gateway.upstreams]]\nid = "a"\nprotocol = "anthropic"\nbase_url = "http://127.0.0.1:9"\nkey_env = "A"\n'
        '[[gateway.routes]]\nmatch = "claude-*"\nchain = ["a"]\n'
    )
    out = said(capsys, "plan", "--model", "nope", "--config", path)
    assert out == "No upstream can be asked for the model 'nope': no route matches it.\n"


def test_the_plan_for_programs_has_every_link_with_its_reason_and_no_key(capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-secret")
    monkeypatch.setenv("MISTRAL_API_KEY", "dummy-secret")
    out = said(capsys, "plan", "--model", "gpt-6.2-sol", "--json")
    told = json.loads(out)
    assert "dummy-secret" not in out
    keys = {u["id"]: u["key_from"] for u in told["upstreams"]}
    assert keys == {"anthropic": None, "openai": "OPENAI_API_KEY", "gemini": None, "mistral": "MISTRAL_API_KEY"}
    chat = next(c for c in told["chains"] if c["protocol"] == "openai")
    used = [(x["upstream"], x["reason"]) for x in chat["links"] if x["used"]]
    assert used == [("openai", "asked"), ("openai", "sibling"), ("mistral", "same_tier")]
    assert told["missing"]


def test_the_plan_of_a_configuration_is_its_routes(capsys, write):
    path = write(
        '[[gateway.upstreams]]\nid = "a"\nprotocol = "anthropic"\nbase_url = "http://127.0.0.1:9"\nkey_env = "A"\n'
        '[[gateway.routes]]\nmatch = "claude-*"\nchain = ["a/claude-x"]\n'
    )
    out = " ".join(said(capsys, "plan", "--config", path).split())
    assert out.count("claude-* (") == 1
    assert "claude-* (anthropic, openai, openai-responses, gemini)" in out
    assert "a/claude-x your route says so" in out
    assert "a: set A to its key" in out


@pytest.mark.parametrize("columns", ["20", "40", "80"])
def test_the_plan_loses_no_reason_on_a_narrow_screen(capsys, write, monkeypatch, columns: str):
    monkeypatch.setenv("COLUMNS", columns)
    path = write(
        '[[gateway.upstreams]]\nid = "second"\nprotocol = "openai"\nbase_url = "http://127.0.0.1:9"\nkey_env = "A"\n'
        '[[gateway.routes]]\nmatch = "claude-*"\nchain = ["second/gpt-6.2-sol"]\n'
    )
    out = " ".join(said(capsys, "plan", "--config", path).split())
    assert "1. second/gpt-6.2-sol your route says so; asked in openai" in out


@pytest.mark.parametrize("columns", ["60", "80"])
def test_no_name_or_address_of_the_plan_is_broken_in_two(capsys, monkeypatch, columns: str):
    monkeypatch.setenv("COLUMNS", columns)
    out = said(capsys, "plan")
    for whole in ("https://generativelanguage.googleapis.com", "anthropic/claude-fable-5-2", "claude/api"):
        assert whole in out


def test_the_plan_says_where_a_key_is_not_needed_or_not_a_key(capsys, monkeypatch):
    monkeypatch.setenv("CLAUDE_CODE_USE_BEDROCK", "1")
    assert "the cloud's own" in " ".join(said(capsys, "plan").split())
    with answering(200, b'{"data": [{"id": "m"}]}', "/v1/models") as (port, _):
        monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{port}")
        assert "none needed" in " ".join(said(capsys, "plan").split())


def test_a_config_named_before_the_subcommand_counts_too(capsys, write):
    path = write('[[gateway.upstreams]]\nid = "only"\nprotocol = "gemini"\n')
    assert run(["gateway", "--config", path, "plan", "--json"]) == 0
    assert [u["id"] for u in json.loads(capsys.readouterr().out)["upstreams"]] == ["only"]


# --- env


def test_without_a_client_the_clients_are_listed(capsys):
    out = said(capsys, "env")
    assert [line.split()[0] for line in out.splitlines()] == list(clients())


def test_the_lines_for_a_shell_do_what_they_say(capsys):
    out = said(capsys, "env", "anthropic")
    shown = subprocess.run(
        ["sh", "-c", f"eval {shlex.quote(out)}; echo $ANTHROPIC_BASE_URL"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "http://127.0.0.1:8790"


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("sh", "export OPENAI_BASE_URL=http://127.0.0.1:8790/v1"),
        ("fish", "set -gx OPENAI_BASE_URL 'http://127.0.0.1:8790/v1'"),
        ("powershell", "$env:OPENAI_BASE_URL = 'http://127.0.0.1:8790/v1'"),
    ],
)
def test_every_shell_has_its_own_form(capsys, shell: str, line: str):
    assert line in said(capsys, "env", "openai", "--shell", shell).splitlines()


def test_what_is_no_line_for_a_shell_is_a_comment(capsys):
    for client in clients().values():
        if not client.snippet:
            for line in said(capsys, "env", client.id).splitlines():
                assert line.startswith(("#", "export "))


def test_codex_reads_its_file_so_that_is_what_is_printed(capsys):
    out = said(capsys, "env", "codex")
    assert tomllib.loads(out) == {"openai_base_url": "http://127.0.0.1:8790/v1"}
    assert "~/.codex/config.toml" in out


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:9999", "http://127.0.0.1:9999"),
        ("[::1]:9999", "http://[::1]:9999"),
        ("localhost:9999", "http://localhost:9999"),
    ],
)
def test_the_address_is_the_configurations(capsys, write, listen: str, url: str):
    path = write(f'[gateway]\nlisten = "{listen}"\n')
    assert f"export ANTHROPIC_BASE_URL={shlex.quote(url)}" in said(capsys, "env", "claude-code", "--config", path)


def test_a_gateway_with_users_is_given_a_place_for_the_token_and_never_one(capsys, write, monkeypatch):
    monkeypatch.setenv("ANN", "dummy-token-of-ann")
    path = write('[gateway]\nlisten = "0.0.0.0:9999"\n[[gateway.users]]\nid = "ann"\ntoken_env = "ANN"\n')
    out = said(capsys, "env", "claude-code", "--config", path)
    assert "export ANTHROPIC_BASE_URL=http://127.0.0.1:9999" in out
    assert "export ANTHROPIC_CUSTOM_HEADERS='x-stillup-token: YOUR_TOKEN'" in out
    assert "dummy-token" not in out


def test_a_port_that_nobody_knows_yet_is_said(capsys, write):
    assert run(["gateway", "env", "openai", "--config", write('[gateway]\nlisten = "127.0.0.1:0"\n')]) == 64
    assert "give it a port" in capsys.readouterr().err


def test_an_unknown_client_gets_the_nearest_names(capsys):
    assert run(["gateway", "env", "claude-cod"]) == 64
    assert "did you mean claude-code" in capsys.readouterr().err
    assert run(["gateway", "env", "claude"]) == 0


# --- status


@contextmanager
def answering(status: int, body: bytes, path: str = "/stillup/status") -> Iterator[tuple[int, list[str | None]]]:
    """Something that listens; gives its port and the tokens it was shown."""
    tokens: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers.get("x-stillup-token"))
            self.send_response(status if self.path == path else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, tokens
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def status_of_a_desk() -> GatewayStatus:
    """What a gateway tells after one good answer."""
    desk, target = Desk(), Target(upstream="a", model="claude-x", protocol=Protocol.ANTHROPIC)
    facts = Facts(Operation.GENERATE, "claude-x", stream=True)
    (turn,) = desk.choose((target,), facts, {}, 1.0).turns
    desk.begin(turn, 1.0)
    desk.answering(turn, 1.25)
    result = Try(
        target=target, model="claude-x", operation=Operation.GENERATE, ok=True, first_token_s=0.25, total_s=1.0
    )
    desk.settled(turn, result, 2.0)
    return GatewayStatus(
        version="0.4",
        address="http://127.0.0.1:1",
        in_flight=3,
        targets=desk.status(3.0),
        journal=JournalStatus(on=True, folder="/j"),
        missing=("set THIS",),
        spent_usd={"a/claude-x": 0.0123},
    )


def test_the_running_gateways_status_has_each_upstream_with_its_numbers(capsys, write):
    with answering(200, msgspec.json.encode(status_of_a_desk())) as (port, _):
        out = said(capsys, "status", "--config", write(f'[gateway]\nlisten = "127.0.0.1:{port}"\n'))
    told = " ".join(out.split())
    for words in (
        "stillup 0.4",
        "3 in flight",
        "kept in /j",
        "It answers.",
        "a/claude-x",
        "first token after 250 ms (slow: 250 ms)",
        "1 answered, none failed",
        "$0.0123",
        "set THIS",
    ):
        assert words in told


def test_a_target_that_failed_says_with_what_and_for_how_long_it_is_left_alone(capsys, write):
    desk, target = Desk(), Target(upstream="a", model="claude-x", protocol=Protocol.ANTHROPIC)
    facts = Facts(Operation.GENERATE, "claude-x")
    (turn,) = desk.choose((target,), facts, {}, 1.0).turns
    desk.begin(turn, 1.0)
    failed = Try(target=target, model="claude-x", operation=Operation.GENERATE, ok=False, fault=Fault.REFUSED)
    desk.settled(turn, failed, 1.5)
    body = msgspec.json.encode(GatewayStatus(version="1", targets=desk.status(2.0)))
    with answering(200, body) as (port, _):
        out = said(capsys, "status", "--config", write(f'[gateway]\nlisten = "127.0.0.1:{port}"\n'))
    told = " ".join(out.split())
    assert "is given time to recover. It is asked again in" in told
    assert "0 answered, 1 failed (last: the connection was refused, 500 ms ago)" in told
    assert "now ago" not in told


@pytest.mark.parametrize("columns", ["50", "80", "200"])
def test_the_status_loses_nothing_on_a_narrow_screen(capsys, write, monkeypatch, columns: str):
    monkeypatch.setenv("COLUMNS", columns)
    with answering(200, msgspec.json.encode(status_of_a_desk())) as (port, _):
        out = said(capsys, "status", "--config", write(f'[gateway]\nlisten = "127.0.0.1:{port}"\n'))
    assert "$0.0123" in out
    assert "a/claude-x" in out


def test_a_journal_that_cannot_be_written_is_not_said_to_be_kept(capsys, write):
    journal = JournalStatus(on=True, folder="/j", trouble="No space left on device")
    with answering(200, msgspec.json.encode(GatewayStatus(version="1", journal=journal))) as (port, _):
        out = said(capsys, "status", "--config", write(f'[gateway]\nlisten = "127.0.0.1:{port}"\n'))
    assert "Exchanges are not kept now: No space left on device (/j)." in out


def test_every_fault_has_words_for_a_person():
    assert all(fault_words(fault) != fault.value and "_" not in fault_words(fault) for fault in Fault)
    assert fault_words("of_a_newer_version") == "of a newer version"


def test_for_programs_the_status_is_what_the_gateway_said(capsys, write):
    with answering(200, msgspec.json.encode(status_of_a_desk())) as (port, _):
        out = said(capsys, "status", "--json", "--config", write(f'[gateway]\nlisten = "127.0.0.1:{port}"\n'))
    told = json.loads(out)
    assert (told["version"], told["targets"][0]["upstream"], told["targets"][0]["ok"]) == ("0.4", "a", 1)


def test_a_gateway_that_wants_a_token_is_shown_yours(capsys, write, monkeypatch):
    monkeypatch.setenv("STILLUP_TOKEN", "dummy-token")
    with answering(200, msgspec.json.encode(GatewayStatus(version="1"))) as (port, tokens):
        out = said(capsys, "status", "--config", write(f'[gateway]\nlisten = "127.0.0.1:{port}"\n'))
    assert tokens == ["dummy-token"]
    assert "Nothing was asked yet." in out


def test_where_no_gateway_answers_the_code_is_69_and_the_way_to_start_one_is_said(capsys, write):
    assert run(["gateway", "status", "--config", write('[gateway]\nlisten = "127.0.0.1:9"\n')]) == 69
    assert "start one with `stillup gateway`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>", "no gateway of this version"),
        (404, b"{}", "no gateway of this version"),
        (401, b'{"error":1}', "set STILLUP_TOKEN"),
    ],
)
def test_what_is_no_gateway_is_not_taken_for_one(capsys, write, status: int, body: bytes, words: str):
    with answering(status, body) as (port, _):
        path = write(f'[gateway]\nlisten = "127.0.0.1:{port}"\n')
        assert run(["gateway", "status", "--config", path]) == 69
    assert words in capsys.readouterr().err


def test_help_says_what_there_is(capsys):
    out = said(capsys, "--help")
    assert "..." not in out.partition("Commands:")[2]
    for word in ("status", "plan", "env", "journal"):
        assert word in out
