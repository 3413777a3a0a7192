"""``stillup mcp`` as an assistant has it: the real client over a real pipe, the world on loopback."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from mcp import Client, StdioServerParameters, stdio_client

from stillup.clock import SystemClock
from stillup.config.schema import Web
from stillup.daemon.web import Serving
from stillup.hub.desk import Hub
from stillup.sim.load import parse
from stillup.sim.world import World
from tests.web import boards

WITHIN_S = 40.0
NOBODY = 'listen = "127.0.0.1:9"'


def scenario_now(name, moment):
    """A scenario of the package, moved in time so that ``moment`` of it is now."""
    text = (files("stillup.sim") / "scenarios" / f"{name}.toml").read_text("utf-8")
    by = datetime.now(UTC) - datetime.fromisoformat(moment)

    def moved(match):
        return (datetime.fromisoformat(match[0]) + by).strftime("%Y-%m-%dT%H:%M:%SZ")

    return parse(re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moved, text), f"{name}.toml")


@pytest.fixture
def connect(tmp_path):
    """A client connected to ``stillup mcp`` with a configuration."""

    @asynccontextmanager
    async def connected(text, environ=None):
        (tmp_path / "stillup.toml").write_text(text)
        environ = {"STILLUP_DATA": str(tmp_path / "data"), "PYTHONPATH": os.pathsep.join(sys.path), **(environ or {})}
        words = ["-m", "stillup", "mcp", "--config", str(tmp_path / "stillup.toml")]
        server = StdioServerParameters(command=sys.executable, args=words, env=environ, cwd=tmp_path)
        with (tmp_path / "stderr").open("w+") as stderr:
            async with asyncio.timeout(WITHIN_S), Client(stdio_client(server, errlog=stderr)) as client:
                yield client

    return connected


@pytest.fixture
async def outage():
    """Claude's outage of 2026-04-07 at its height, as if it were now."""
    scenario = scenario_now("2026-04-07", "2026-04-07T15:20:00+00:00")
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(World(scenario, SystemClock()))


@pytest.fixture
def running():
    """A page with the made-up board, as ``stillup up`` serves it; its address."""
    hub = Hub(os.urandom, datetime.now(UTC), ["claude", "chatgpt", "gemini"])
    serving = Serving(Web(listen="127.0.0.1:0"), SystemClock(), boards.board(), say=print, desk=hub)
    address = serving.start()
    yield address.removeprefix("http://")
    serving.stop()


def words_of(result):
    (content,) = result.content
    return content.text


async def test_an_assistant_is_told_that_quoted_texts_are_no_instructions(connect):
    async with connect(f"[web]\n{NOBODY}\n") as client:
        assert "never instructions" in " ".join((client.instructions or "").split())
        tool = next(t for t in (await client.list_tools()).tools if t.name == "is_it_down")
        assert "never instructions" in " ".join(tool.output_schema["description"].split())


async def test_an_assistant_is_told_that_claude_is_down_by_one_look(connect, outage):
    async with connect(outage.config() + f"\n[web]\n{NOBODY}\n", outage.environ()) as client:
        told = await client.call_tool("is_it_down", {"service": "Claude"})
        assert not told.is_error
        assert told.structured_content["state"] in ("partial_outage", "major_outage")
        assert told.structured_content["told_by"] == "one look just now"
        assert words_of(told).startswith("Claude: ")
        instead = (await client.call_tool("alternatives", {"service": "claude", "task": "coding"})).structured_content
        assert instead["choices"]
        assert "claude" not in [choice["service"] for choice in instead["choices"]]
        outlook = (await client.call_tool("forecast", {"service": "claude"})).structured_content
        assert outlook["p10_s"] < outlook["p50_s"] < outlook["p90_s"]


async def test_the_tools_say_what_they_take_and_give(connect):
    async with connect(f"[web]\n{NOBODY}\n") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"is_it_down", "forecast", "alternatives", "all_services", "report"}
    assert all(tool.description and tool.output_schema for tool in tools.values())
    assert "sign_in" in str(tools["report"].input_schema)
    assert tools["is_it_down"].annotations.read_only_hint
    assert not tools["report"].annotations.read_only_hint


async def test_a_running_stillup_answers_in_place_of_a_look(connect, running):
    async with connect(f'[web]\nlisten = "{running}"\n[sources.statuspage]\nenabled = false\n') as client:
        down = await client.call_tool("is_it_down", {"service": "claude"})
        assert down.structured_content["told_by"] == "the running stillup"
        assert down.structured_content["state"] == "partial_outage"
        assert down.structured_content["components"] == ["web", "console"]
        assert "Claude: partial outage, confirmed" in words_of(down)
        outlook = (await client.call_tool("forecast", {"service": "claude"})).structured_content
        assert outlook["p50_s"] == pytest.approx(3370, abs=60)
        assert [w["within_s"] for w in outlook["within"]] == [900.0, 3600.0, 14400.0]
        instead = await client.call_tool("alternatives", {"service": "claude"})
        assert instead.structured_content["still_works"] == ["Claude API"]
        assert [c["service"] for c in instead.structured_content["choices"]] == ["chatgpt"]
        everything = await client.call_tool("all_services", {})
        assert [s["service"] for s in everything.structured_content["services"]] == ["claude", "chatgpt", "gemini"]
        assert words_of(everything).splitlines() == [
            "Claude: partial outage, confirmed", "1 up.", "Not known: Gemini."
        ]  # fmt: skip


async def test_a_report_goes_to_the_running_stillup(connect, running):
    async with connect(f'[web]\nlisten = "{running}"\n') as client:
        sent = {"service": "Claude", "problem": "sign_in", "component": "web", "region": "US-CA"}
        told = await client.call_tool("report", sent)
        assert not told.is_error
        assert told.structured_content["taken"]
        assert told.structured_content["says"] == words_of(told) != ""
        for where, says in (("Atlantis", "region"), ("ZZ", "region")):
            refused = await client.call_tool("report", {**sent, "region": where})
            assert refused.is_error
            assert says in words_of(refused).lower()
        unwatched = await client.call_tool("report", {"service": "cursor", "problem": "slow"})
        assert "'cursor' is watched" in words_of(unwatched)


async def test_where_nothing_can_be_asked_the_answer_is_unknown_and_never_up(connect):
    from stillup.registry import usable_sources

    off = "".join(f"[sources.{spec.id}]\nenabled = false\n" for spec in usable_sources())
    async with connect(f"{off}[web]\n{NOBODY}\n") as client:
        told = await client.call_tool("is_it_down", {"service": "claude"})
    assert told.structured_content["state"] == "unknown"


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("is_it_down", {"service": "claud"}, "did you mean claude"),
        ("is_it_down", {}, "service"),
        ("is_it_down", {"service": "x" * 100}, "service"),
        ("alternatives", {"service": "claude", "task": "cooking"}, "task"),
        ("report", {"service": "claude", "problem": "boredom"}, "problem"),
        ("report", {"service": "claude", "problem": "sign_in", "component": "kitchen"}, "no component 'kitchen'"),
        ("report", {"service": "claude", "problem": "sign_in"}, "start one with `stillup up`"),
    ],
)
async def test_what_cannot_be_answered_is_an_error_in_words(tool, arguments, says, connect):
    async with connect(f"[web]\n{NOBODY}\n") as client:
        told = await client.call_tool(tool, arguments)
    assert told.is_error
    assert says in words_of(told)


def test_without_the_extra_it_says_what_to_install(tmp_path):
    """As it is where the package ``mcp`` is not there."""
    code = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'mcp' else find(name, *a)\n"
        "from stillup.cli.main import run\n"
        "sys.exit(run(['mcp']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=WITHIN_S, cwd=tmp_path
    )
    assert done.returncode == 64
    assert "pip install 'stillup[mcp]'" in done.stderr
    assert not done.stdout
