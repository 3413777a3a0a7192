"""Looks from Python: what they say in an outage, in calm and where nothing can be read, and what they refuse."""

import gc
import subprocess
import sys

import msgspec
import pytest

import stillup
from stillup.api.results import Check
from stillup.clock import ScaledClock
from stillup.errors import UsageError
from stillup.kit.toolkit import Toolkit
from stillup.registry import usable_sources
from stillup.sim.load import load
from stillup.sim.world import World
from tests.docs.test_python_page import few_sources

# A connection that is given up while it opens leaves its socket to the collector (aiohttp), as happens under load.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
OFF = "".join(f"[sources.{spec.id}]\nenabled = false\n" for spec in usable_sources())


@pytest.fixture
def patient(monkeypatch):
    """Sources of this machine are waited for, however busy it is."""
    monkeypatch.setattr("stillup.daemon.ask._GRACE_S", 20.0)


def configured(folder, text):
    path = folder / "stillup.toml"
    path.write_text(f'data = "{folder / "data"}"\n{text}')
    return path


async def test_in_an_outage_of_a_cloud_a_look_says_what_the_command_line_says(tmp_path, patient):
    scenario = load("2026-04-07")
    clock = ScaledClock(scenario.starts.replace(hour=15, minute=5), 1.0)
    async with World(scenario, clock) as world:
        path = configured(tmp_path, few_sources(world.config()))
        more = {"config": path, "environ": world.environ(), "clock": clock, "deadline_s": 20.0}
        found = await stillup.check("Anthropic", **more)
        instead = await stillup.alternatives("claude", task="coding", **more)
    gc.collect()
    assert (found.service, found.name, found.is_down, found.is_up) == ("claude", "Claude", True, False)
    assert found.headline == "Claude: partial outage, confirmed"
    assert found.since < found.at
    assert found.back.soonest <= found.back.median <= found.back.latest
    assert {part.id for part in found.parts} >= {"web", "api", "code"}
    assert found.part("web").state.is_outage
    assert not found.is_yours
    assert instead.task is stillup.Capability.CODING
    assert instead.best.state is stillup.State.OPERATIONAL
    assert "claude" not in {choice.service for choice in instead.choices}


def test_code_without_a_loop_looks_too(tmp_path):
    path = configured(tmp_path, OFF)
    assert stillup.check_sync("claude", config=path, environ={}).is_up is None
    assert stillup.alternatives_sync("claude", config=path, environ={}).task is stillup.Capability.CHAT


async def test_where_nothing_can_be_read_nothing_is_known(tmp_path):
    path = configured(tmp_path, OFF)
    found = await stillup.check("claude", config=path, environ={})
    assert (found.state, found.is_up, found.is_down) == (stillup.State.UNKNOWN, None, False)
    assert all(part.state is stillup.State.UNKNOWN for part in found.parts)
    instead = await stillup.alternatives("claude", task="coding", config=path, environ={})
    assert instead.best is None
    assert instead.choices


async def test_ones_own_toolkit_and_shared_grounds_are_marked(tmp_path):
    path = configured(tmp_path, OFF)
    (tmp_path / "data").mkdir()
    kit = Toolkit().with_choice(stillup.Capability.CODING, ["gemini"])
    (tmp_path / "data" / "toolkit.json").write_bytes(msgspec.json.encode(kit))
    instead = await stillup.alternatives("claude", task="coding", config=path, environ={})
    assert {c.service for c in instead.choices if c.chosen} == {"gemini"}
    assert "cloudflare" in next(c for c in instead.choices if c.service == "chatgpt").shares


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda: stillup.check("claud"), "did you mean claude"),
        (lambda: stillup.check("claude", deadline_s=0), "deadline_s is 0; allowed"),
        (lambda: stillup.check("claude", deadline_s=float("nan")), "deadline_s is nan; allowed"),
        (lambda: stillup.alternatives("claude", task="gardening"), "no task called 'gardening'; allowed: writing"),
        (lambda: stillup.alternatives("cloudflare"), "does nothing that another service could do"),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_what_is_allowed(call, why):
    with pytest.raises(UsageError, match=why):
        await call()


async def test_a_blocking_look_is_refused_where_a_loop_runs():
    with pytest.raises(UsageError, match=r"await stillup\.check"):
        stillup.check_sync("claude")
    with pytest.raises(UsageError, match=r"await stillup\.alternatives"):
        stillup.alternatives_sync("claude")


def test_results_are_frozen():
    found = Check(
        service="claude", name="Claude", at=None, state=stillup.State.UNKNOWN, confidence=None, probability=None,
        scope=None, since=None, headline="", reason="",
    )  # fmt: skip
    with pytest.raises(AttributeError):
        found.state = stillup.State.OPERATIONAL
    with pytest.raises(KeyError):
        found.part("web")


def test_everything_that_is_promised_can_be_had_and_nothing_else():
    assert all(getattr(stillup, name) is not None for name in stillup.__all__)
    assert set(stillup.__all__) <= set(dir(stillup))
    with pytest.raises(AttributeError, match="nonsense"):
        stillup.nonsense  # noqa: B018 - it is the question


def test_importing_stillup_loads_nothing_and_the_version_loads_no_more():
    script = "import sys, stillup; stillup.__version__; print([m for m in sys.modules if m.startswith('stillup')])"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "['stillup']"
