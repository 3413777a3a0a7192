"""What the real Claude Code and Codex write down of their sessions is, imported, what was said on the wire.

They get a home of their own, dummy keys and a proxy that leads nowhere; the gateway and the model are in this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from base64 import b64decode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.gateway.app import Gateway
from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import dialect_of
from stillup.gateway.dialects.neutral import Call, Media, Result, Role, Text, Thought
from stillup.gateway.plan import resolve
from stillup.gateway.seen.facade import Seen
from stillup.sim.provider.behaviour import Behaviour, Called
from stillup.sim.provider_server import ProviderServer
from stillup.vault.branch import newest_branch
from stillup.vault.export import FORMATS, written
from stillup.vault.handover import ask_on, ready
from stillup.vault.intake import take
from stillup.vault.search import Wanted, search
from stillup.vault.sources import sources_of

BIN = Path(__file__).parents[2] / ".clients" / "node_modules" / ".bin"
PATIENCE_S = 120.0
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
PATCH = "*** Begin Patch\n*** Update File: note.txt\n@@\n-The day was cold.\n+The day was warm.\n*** End Patch\n"
DEAD = "http://127.0.0.1:9"
TOLD = (
    *("<system-reminder>", "<local-command-caveat>", "<skills_instructions>", "<environment_context>"),
    *("# AGENTS.md", "<image name=", "</image>"),
)
"""How begins what the programs say unasked."""
pytestmark = pytest.mark.skipif(
    not (BIN / "claude").exists() or shutil.which("node") is None,
    reason="no command-line clients: script/real-clients installs them",
)


@dataclass
class Scene:
    """A program's home and folder, the model it asks, and the gateway between them."""

    home: Path
    folder: Path
    model: ProviderServer
    url: str

    async def run(self, program: str, *words: str, environ: dict[str, str]) -> str:
        """Run it to its end; what it says last."""
        surroundings = {"HOME": str(self.home), "PATH": os.environ["PATH"], "TERM": "dumb", "NO_PROXY": "127.0.0.1"}
        surroundings |= dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY"), DEAD)
        running = await asyncio.create_subprocess_exec(
            BIN / program,
            *words,
            cwd=self.folder,
            env=surroundings | environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            said, trouble = await asyncio.wait_for(running.communicate(), PATIENCE_S)
        finally:
            if running.returncode is None:
                running.kill()
                await running.wait()
        assert running.returncode == 0, (trouble or said).decode(errors="replace")[-500:]
        return said.decode().strip()

    async def claude(self, *words: str) -> str:
        free = ("--model", "claude-sonnet-5", "--dangerously-skip-permissions")
        environ = {
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "dummy-key",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
            "IS_SANDBOX": "1",  # what it runs is what is scripted here
        }
        return await self.run("claude", "-p", *words, *free, environ=environ)

    async def codex(self, how: tuple[str, ...], *words: str) -> str:
        here = f'model_providers.here={{name="here",base_url="{self.url}/v1",env_key="A_KEY",wire_api="responses"}}'
        settings = (here, 'model_provider="here"', "analytics.enabled=false", "features.plugins=false")
        options = [word for setting in settings for word in ("-c", setting)]
        free = ("--dangerously-bypass-approvals-and-sandbox", "--skip-git-repo-check", "--model", "gpt-5.5")
        return await self.run("codex", "exec", *how, *options, *free, *words, environ={"A_KEY": "dummy-key"})

    def say(self, text: str = "", *calls: tuple[str, dict], thoughts: str = "", input_tokens: int = 10) -> None:
        """What the model says next."""
        called = tuple(Called(name, arguments) for name, arguments in calls)
        said = Behaviour(text=text, verbatim=True, thoughts=thoughts, calls=called, input_tokens=input_tokens)
        self.model.script([said])

    def heard(self, number: int, protocol: Protocol) -> list[tuple]:
        """What the model was told in one request, without what a program says unasked."""
        request = self.model.requests[number]
        ask = Ask(
            protocol=protocol,
            operation=Operation.GENERATE,
            method=request.method,
            path=request.target,
            body=request.body,
            model="m",
        )
        messages = dialect_of(protocol).read_prompt(ask).messages
        return plain([part for message in messages if message.role is not Role.SYSTEM for part in message.parts])


def plain(parts) -> list[tuple]:
    """The parts as they can be compared: Claude Code adds line ends, and dialects write JSON in different ways."""
    found = []
    for part in parts:
        match part:
            case Text(text=text):
                if not text.startswith(TOLD):
                    found.append(("says", text.strip()))
            case Thought(text=text):
                found.append(("thinks", text.strip()))
            case Call(id=id_, name=name, arguments=arguments):
                found.append(("calls", id_, name, json.loads(arguments)))
            case Result(id=id_, parts=inner, is_error=is_error):
                found.append(("gives", id_, plain(inner), is_error))
            case Media(data=data):
                found.append(("shows", data))
            case other:
                raise AssertionError(other)
    return found


@pytest.fixture
async def scene(tmp_path):
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    (folder / "note.txt").write_text("The day was cold.\n")
    (folder / "dot.png").write_bytes(b64decode(PICTURE))
    async with ProviderServer("A") as model, gateway(model) as url:
        model.set(Behaviour(text="Nobody was to ask this."))
        yield Scene(home, folder, model, url)


@asynccontextmanager
async def gateway(model):
    lines = ["[gateway]", 'listen = "127.0.0.1:0"']
    for name, path in (("anthropic", ""), ("openai-responses", "/v1")):
        lines += ["[[gateway.upstreams]]", f'id = "{name}"', f'protocol = "{name}"', 'key_env = "A_KEY"']
        lines += [f'base_url = "{model.url}{path}"']
    lines += ["[[gateway.routes]]", 'match = "claude*"', 'chain = ["anthropic"]']
    lines += ["[[gateway.routes]]", 'match = "*"', 'chain = ["openai-responses"]']
    config, clock = parse_config("\n".join(lines)), SystemClock()
    started = Gateway(
        resolve(config, {"A_KEY": "dummy-key-of-a"}), config.gateway, seen=Seen(clock), clock=clock, environ={}
    )
    await started.start()
    try:
        yield started.address
    finally:
        await started.stop(0.0)


def imported(vault, folder: Path) -> dict[str, list[tuple]]:
    """All that was written down, in the vault, by what the user said first; nothing may have been left out."""
    for source in sources_of(folder):
        taken = take(vault, source.path, source.importer, SystemClock())
        assert not taken.skipped
        assert not take(vault, source.path, source.importer, SystemClock()).puts
    return {about.title: said_in(vault, about) for about in vault.newest(10)}


def said_in(vault, about) -> list[tuple]:
    return plain([part for turn in newest_branch(vault.load(about).turns) for part in turn.parts])


async def is_gone_on_with(scene, vault, title: str, word: str) -> None:
    """It is found, written out in every form, and another model goes on with all of it."""
    found, *_ = [found for found in search(vault, Wanted(words=word)).found if found.about.title == title]
    conversation = vault.load(found.about)
    for form in FORMATS:
        assert word in written(conversation, form, "key").decode()
    scene.say("I go on.")
    asked = await ready(scene.url, conversation, "gpt-5.5", "Go on, you.")
    answer = await ask_on(scene.url, asked, "", lambda _: None)
    assert answer.text == "I go on."
    told = json.dumps(scene.heard(-1, Protocol.RESPONSES), ensure_ascii=False)
    assert all(word in told for word in (word, "The day was cold.", "Go on, you."))


async def test_sessions_of_claude_code_are_kept_as_they_were_said(scene, vault):
    """With two calls in one answer, a picture, a subagent, a call that fails, another question, and a summing up."""
    note, dot = str(scene.folder / "note.txt"), str(scene.folder / "dot.png")
    agent = {"description": "Look around", "prompt": "List what is here.", "run_in_background": False}
    both = ("Read", {"file_path": note}), ("Read", {"file_path": dot})
    scene.say("I look at both — größer 🙂.", *both, thoughts="Two are to be read.")
    scene.say("Now someone else looks.", ("Agent", agent | {"subagent_type": "general-purpose"}))
    scene.say("", ("Bash", {"command": "ls"}))
    scene.say("A note and a dot are here.")
    scene.say("", ("Bash", {"command": "exit 3"}))
    scene.say("All is said.")
    assert await scene.claude("Read both, and let an agent look around.") == "All is said."
    scene.say("The second answer.", thoughts="It is asked again.")
    assert await scene.claude("--continue", "And now?") == "The second answer."

    read = imported(vault, scene.home / ".claude")
    kept = read["Read both, and let an agent look around."]
    ends = [("thinks", "It is asked again."), ("says", "The second answer.")]
    assert kept == scene.heard(-1, Protocol.ANTHROPIC) + ends
    agents = [
        *scene.heard(3, Protocol.ANTHROPIC),
        ("thinks", "Thinking it over."),
        ("says", "A note and a dot are here."),
    ]
    assert read["List what is here."] == agents

    scene.say("<summary>A note was read.</summary>")
    await scene.claude("--continue", "/compact")
    scene.say("After the summing up.")
    await scene.claude("--continue", "Go on, please.")
    whole = imported(vault, scene.home / ".claude")["Read both, and let an agent look around."]
    assert whole[: len(kept)] == kept
    assert [said for said in scene.heard(-1, Protocol.ANTHROPIC) if said not in whole] == []
    assert whole[-1] == ("says", "After the summing up.")
    await is_gone_on_with(scene, vault, "Read both, and let an agent look around.", "größer")


async def test_sessions_of_codex_are_kept_as_they_were_said(scene, vault):
    """With two calls in one answer, a patch, pictures, another question, a summing up, and a copy that goes on."""
    scene.say(
        "I look first — größer 🙂.",
        ("exec_command", {"cmd": "cat note.txt"}),
        ("exec_command", {"cmd": "exit 3"}),
        thoughts="It is to be read.",
    )
    scene.say("Now I change it.", ("apply_patch", {"input": PATCH}))
    scene.say("", ("view_image", {"path": str(scene.folder / "dot.png")}))
    scene.say("All is said.")
    (scene.folder / "AGENTS.md").write_text("Be brief.\n")
    assert await scene.codex((), "Read the note and change it.", "-i", "dot.png") == "All is said."
    scene.say("The second answer.", thoughts="It is asked again.", input_tokens=900_000)
    assert await scene.codex(("resume", "--last"), "And now?") == "The second answer."

    kept = imported(vault, scene.home / ".codex")["Read the note and change it."]
    ends = [("thinks", "It is asked again."), ("says", "The second answer.")]
    assert kept == scene.heard(-1, Protocol.RESPONSES) + ends

    scene.say("A note was changed.")  # asked to sum up, for so much does not fit
    scene.say("After the summing up.")
    assert await scene.codex(("resume", "--last"), "Go on, please.") == "After the summing up."
    (path,) = (scene.home / ".codex" / "sessions").rglob("*.jsonl")
    scene.say("The fork says this.")
    assert await scene.codex(("fork",), path.stem[-36:], "On a fork.") == "The fork says this."
    ways = [
        ("says", "A note was changed."),
        *(("says", "Go on, please."), ("says", "After the summing up.")),
        *(("says", "On a fork."), ("says", "The fork says this.")),
    ]
    for source in sources_of(scene.home / ".codex"):
        take(vault, source.path, source.importer, SystemClock())
    assert sorted((said_in(vault, about) for about in vault.newest(10)), key=len) == [kept + ways[:3], kept + ways]
    await is_gone_on_with(scene, vault, "Read the note and change it.", "größer")
