"""docs/python.md, and Python in the README: each block runs in the outage of 7 April 2026 as if it were now, and prints
what it says."""

import ast
import asyncio
import gc
import inspect
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stillup.clock import SystemClock
from stillup.registry import usable_sources
from stillup.sim.load import parse
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider_server import ProviderServer
from stillup.sim.world import World

# A connection that is given up while it opens leaves its socket to the collector (aiohttp), as happens under load.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text()
PAGES = (PAGE, (ROOT / "README.md").read_text())
BLOCKS = [block for page in PAGES for block in re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)]
NAMES_OF_RESULTS = {
    "Alternative", "Alternatives", "Back", "Capability", "Check", "Confidence", "Part", "Scope", "Through", "Tried",
    "Turns", "__version__",
}  # fmt: skip
MOMENT = datetime(2026, 4, 7, 15, 5, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?Z")
GATEWAY = """
[gateway]
listen = "127.0.0.1:0"
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{a}"
key_env = "A_KEY"
[[gateway.upstreams]]
id = "b"
protocol = "openai"
base_url = "{b}/v1"
key_env = "B_KEY"
[[gateway.routes]]
match = "*"
chain = ["a/claude-simulated-1", "b/gpt-simulated-1"]
"""


def as_if_now(name):
    """A scenario moved so that its :data:`MOMENT` is now."""
    text = (ROOT / "src" / "stillup" / "sim" / "scenarios" / f"{name}.toml").read_text()
    by = datetime.now(UTC).replace(second=0, microsecond=0) - MOMENT

    def moved(found):
        return f"{datetime.fromisoformat(found[0]) + by:%Y-%m-%dT%H:%M:%SZ}"

    return parse(TIME.sub(moved, text), f"{name}.toml")


def few_sources(text):
    """Pages and one side beside them: a look at all services on one event loop with what it asks takes long."""
    kept = {spec.id for spec in usable_sources() if spec.page} | {"downdetector"}

    def off(found):
        return found[0] if found[1] in kept else f"{found[0]}enabled = false\n"

    return re.sub(r"^\[sources\.(\w+)\]\n(?!enabled)", off, text, flags=re.MULTILINE)


@pytest.fixture
async def played(tmp_path, monkeypatch):
    """The outage, two scripted providers of which the first breaks off, and the configuration in force for them."""
    async with (
        World(as_if_now("2026-04-07"), SystemClock()) as world,
        ProviderServer("A") as a,
        ProviderServer("B") as b,
    ):
        a.set(Behaviour(failure=Failure.CUT, after=3))
        sources = few_sources(world.config().split("\n[gateway]")[0])
        (tmp_path / "stillup.toml").write_text(
            f'data = "{tmp_path / "data"}"\n{sources}\n{GATEWAY.format(a=a.url, b=b.url)}'
        )
        for name, value in world.environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("STILLUP_CONFIG", str(tmp_path / "stillup.toml"))
        monkeypatch.setattr("stillup.daemon.ask.DEADLINE_S", 20.0)  # this machine may be busy
        monkeypatch.setattr("stillup.daemon.ask._GRACE_S", 20.0)
        monkeypatch.setenv("A_KEY", "key-of-a")
        monkeypatch.setenv("B_KEY", "key-of-b")
        yield world
    gc.collect()


def expected(block):
    """What stands behind ``print(…)  #``, in order."""
    return [line.split(")  # ")[-1] for line in block.splitlines() if "print(" in line and ")  # " in line]


async def test_every_block_of_the_page_runs_and_prints_what_stands_beside_it(played, capsys):
    names = {"__name__": "page"}
    for block in BLOCKS:
        code = compile(block, "docs/python.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, names)
        else:  # as in a program without an event loop
            await asyncio.to_thread(eval, code, names)
        assert capsys.readouterr().out.splitlines() == expected(block), block


def test_the_page_has_a_word_on_everything_that_is_exported():
    import stillup

    missing = [name for name in stillup.__all__ if name not in PAGE and name not in NAMES_OF_RESULTS]
    assert missing == []
