"""The live table: what it shows, how it is steered, and that it leaves the terminal as it was."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from stillup.catalog.load import catalogue, find_service
from stillup.cli.live.board import Board
from stillup.cli.live.table import Seen, Sort, View, in_order, newest, render
from stillup.cli.main import run
from stillup.cli.terminal.sparkline import bars
from stillup.clock import ScaledClock
from stillup.daemon.jobs import profile_of
from stillup.daemon.recent import Recent
from stillup.errors import Blame
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Capability, Confidence, Family, Layer, State
from stillup.model.signal import Alive, Counted, Declared, Outcome
from stillup.model.verdict import Verdict
from stillup.sim.load import load
from stillup.sim.world import World
from stillup.sources.base import Reading
from stillup.sources.report import Failure, FailureKind, Report
from stillup.sources.schedule import Why
from stillup.store import open_store
from stillup.testing import FakeClock
from stillup.verdict.monitor import Monitor

NOW = datetime(2026, 4, 7, 14, 50, tzinfo=UTC)


def report(service, source, *signals, error=None):
    reading = None if error else Reading(signals=signals)
    return Report(source=source, service=service, started_at=NOW, elapsed_ms=1, next_at=NOW, why_next=Why.CADENCE,
                  reading=reading, error=error)  # fmt: skip


def counted(service, count, at=NOW):
    return Counted(at=at, service=service, source="downdetector", window_s=900, count=count)


def tried(service, ok, ms=None, layer=Layer.API_GATEWAY):
    return Outcome(at=NOW, service=service, source="probe", layer=layer, ok=ok, latency_ms=ms)


def seen(service, state=State.OPERATIONAL, reports=(), alarm=(), **more):
    recent = Recent()
    for one in reports:
        recent.hear(one)
    verdict = Verdict(at=NOW, service=service, state=state)
    if state.is_fault:
        since = NOW - timedelta(minutes=20)
        verdict = replace(verdict, confidence=Confidence.SUSPECTED, since=since, components=("web",))
    evidence = tuple(Evidence(family=f, standing=Standing.ALARM) for f in alarm)
    return Seen(service=find_service(service), verdict=verdict, evidence=evidence, recent=recent, **more)


@pytest.fixture
def rows():
    late = Failure(kind=FailureKind.LATE, says="late", blame=Blame.PROVIDER)
    return [
        seen("chatgpt", reports=[report("chatgpt", "downdetector", counted("chatgpt", 2))]),
        seen(
            "claude",
            State.MAJOR_OUTAGE,
            [
                report("claude", "downdetector", counted("claude", 40), counted("claude", 4, NOW - timedelta(hours=1))),
                report("claude", "probe", tried("claude", ok=True, ms=90.0), tried("claude", ok=False)),
                report("claude", "reddit", error=late),
            ],
            (Family.CROWD, Family.PROBE),
        ),
        seen("gemini", reports=[report("gemini", "probe", tried("gemini", ok=True, ms=300.0))]),
        seen("midjourney", State.UNKNOWN, is_judged=False),
    ]


def shown(rows, width=120, height=30, **view):
    return render(rows, NOW, View(**view), width, height).plain.split("\n")


def row_of(rows, name, width=120):
    return next(line for line in shown(rows, width) if f"  {name}" in line)


def test_a_bar_for_each_value_a_gap_for_none_and_the_lowest_for_zero_alone():
    assert bars([None, 0.0, 0.01, 4.0, 8.0]) == " ▁▂▅█"
    assert bars([0.0, 0.0]) == "▁▁"
    assert bars([0.5, 2.0], 1.0) == "▅█"
    assert bars([]) == ""


def test_a_line_has_state_since_reports_failures_alarms_the_time_to_an_answer_and_when_it_was_heard(rows):
    claude = row_of(rows, "Claude")
    for word in ("✗", "major outage?", "20 min", "█  40", "50%", "crowd, probe", "90 ms (API)", "now (2 of 3)"):
        assert word in claude


def test_what_was_not_heard_is_a_gap_in_the_picture(rows):
    picture = re.search(r"20 min  (.{12})  40", row_of(rows, "Claude"))[1]
    assert picture == " " * 7 + "▂" + " " * 3 + "█"


def test_few_reports_make_no_mountain(rows):
    assert "▃   2" in row_of(rows, "ChatGPT")


def test_what_is_not_judged_yet_is_being_read_not_unknown(rows):
    row = row_of(rows, "Midjourney")
    assert "reading" in row
    assert "unknown" not in row
    assert "not yet" in row


@pytest.mark.parametrize("width", [20, 40, 50, 60, 80, 100, 120, 160])
@pytest.mark.parametrize("height", [6, 10, 24])
def test_it_fits_the_terminal(rows, width, height):
    text = shown(rows, width, height)
    assert len(text) <= height
    assert max(map(cell_len, text)) <= width


def test_where_it_is_low_the_rest_is_counted():
    many = [seen(s) for s in catalogue()]
    text = shown(many, height=12)
    assert f"… and {len(many) - 6} more" in "\n".join(text)
    assert sum("operational" in line for line in text) == 6


@pytest.mark.parametrize(
    ("sort", "first"),
    [(Sort.WORST, "claude"), (Sort.NAME, "chatgpt"), (Sort.REPORTS, "claude"), (Sort.FAILING, "claude"),
     (Sort.SLOW, "gemini")],
)  # fmt: skip
def test_the_order_is_the_views(rows, sort, first):
    assert in_order(rows, View(sort=sort), NOW)[0].service.id == first


def test_the_newest_that_is_known():
    assert newest([1.0, None, 2.0, None]) == 2.0
    assert newest([None]) is None


@pytest.fixture
def board():
    services = [find_service(s) for s in ("claude", "chatgpt")]
    return Board(services, Monitor(profile_of), FakeClock(NOW), View())


def page(service, state):
    line = Declared(at=NOW, service=service, source="statuspage", state=state)
    return report(service, "statuspage", line, Alive(at=NOW, service=service, source="statuspage"))


def test_keys_change_order_and_task_and_come_round(board):
    for sort in [*list(Sort)[1:], Sort.WORST]:
        board.press("s")
        assert board.view.sort is sort
    tasks = []
    while not tasks or board.view.task is not None:
        board.press("t")
        tasks.append(board.view.task)
    assert set(tasks) == {None} | {a.capability for s in ("claude", "chatgpt") for a in find_service(s).abilities}
    before = board.view
    board.press("x")
    assert board.view == before


def test_for_a_task_only_services_that_can_do_it_are_shown():
    both = [seen("claude"), seen("midjourney")]
    text = "\n".join(shown(both, task=Capability.IMAGE))
    assert "Midjourney" in text
    assert "Claude" not in text
    assert "for" in text.split("\n")[0]


async def test_the_first_look_is_judged_at_once_and_the_minute_replaces_it(board):
    board.heard(page("claude", State.MAJOR_OUTAGE))
    looking = asyncio.create_task(board.look_first())
    await asyncio.wait_for(board.is_ready.wait(), 30)
    rows, _, view = board.shown()
    assert [(s.verdict.state, s.is_judged) for s in rows] == [(State.MAJOR_OUTAGE, True), (State.UNKNOWN, False)]
    assert view.note == "first look"
    board.judged(NOW, [])
    await asyncio.wait_for(looking, 30)
    rows, _, view = board.shown()
    assert view.note == ""
    assert all(s.is_judged for s in rows)


def test_what_cannot_be_kept_is_said_until_it_can(board):
    board.trouble("disk full")
    assert "not kept for now: disk full" in board.shown()[2].note
    board.judged(NOW, [])
    assert board.shown()[2].note == ""


async def test_what_was_kept_is_in_the_picture(board, tmp_path):
    with open_store(tmp_path / "s.db") as store:
        store.record([counted("claude", 7, NOW - timedelta(hours=2))])
        await board.recall(store)
    assert 7.0 in board.shown()[0][0].recent.counts(NOW, 12)


def test_a_service_nobody_knows_is_refused(capsys):
    assert run(["top", "cluade"]) == 64
    assert "did you mean claude" in capsys.readouterr().err


# -- the whole program ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def playing(tmp_path):
    """A world in its outage, and the arguments and environment of a table that shows it."""
    scenario = load("2026-04-07")
    async with World(scenario, ScaledClock(scenario.faults[0].from_ + timedelta(minutes=14), 1.0), tmp_path) as world:
        config = tmp_path / "stillup.toml"
        config.write_text(f'data = "{tmp_path / "data"}"\n{world.config()}')
        environ = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
        yield ([sys.executable, "-m", "stillup", "top", "claude", "--config", str(config)],
               {**environ, **world.environ(), "TERM": "xterm"})  # fmt: skip


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, master, process):
        self.master, self.process, self.said = master, process, b""

    async def until(self, words):
        while words not in self.said:
            await asyncio.wait_for(self._more(), 60)

    async def _more(self):
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self.master, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self.master)
        self.said += os.read(self.master, 65536)

    async def end(self):
        """Everything said to the end, and the exit code."""
        code = asyncio.create_task(self.process.wait())
        async with asyncio.timeout(60):
            while not code.done():
                more = asyncio.create_task(self._more())
                await asyncio.wait({code, more}, return_when=asyncio.FIRST_COMPLETED)
                more.cancel()
                await asyncio.gather(more, return_exceptions=True)
        return code.result()


@asynccontextmanager
async def terminal(tmp_path):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    before = termios.tcgetattr(slave)
    async with playing(tmp_path) as (command, environ):
        process = await asyncio.create_subprocess_exec(
            *command, env=environ, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        try:
            yield Terminal(master, process)
            assert termios.tcgetattr(slave) == before
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(slave)
            os.close(master)


LEFT = b"\x1b[?1049l"


@pytest.mark.parametrize(("how", "code"), [("q", 0), ("ctrl-c", 130), ("told", 143)])
async def test_however_it_ends_the_terminal_is_left_as_it_was(tmp_path, how, code):
    async with terminal(tmp_path) as shown_:
        await shown_.until(b"outage")
        if how == "told":
            shown_.process.send_signal(signal.SIGTERM)
        else:
            os.write(shown_.master, {"q": b"q", "ctrl-c": b"\x03"}[how])
        assert await shown_.end() == code
        assert b"\x1b[?1049h" in shown_.said
        assert LEFT in shown_.said
        assert shown_.said.rfind(b"\x1b[?25h") > shown_.said.rfind(b"\x1b[?25l")
        assert b"Traceback" not in shown_.said


async def test_s_changes_the_order_on_the_screen(tmp_path):
    async with terminal(tmp_path) as shown_:
        await shown_.until(b"worst first")
        os.write(shown_.master, b"s")
        await shown_.until(b"by name")
        os.write(shown_.master, b"q")
        assert await shown_.end() == 0


async def test_where_it_is_no_terminal_it_is_a_table_once_and_then_lines(tmp_path):
    async with playing(tmp_path) as (command, environ):
        process = await asyncio.create_subprocess_exec(
            *command, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said = (await asyncio.wait_for(process.stdout.readuntil(b"a line for each change"), 60)).decode()
        while "partial outage" not in said:  # a busy machine's first look has not read all: the next line has it
            line = (await asyncio.wait_for(process.stdout.readline(), 180)).decode()
            assert line, f"it ended: {said}"
            said += line
        process.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(process.communicate(), 60)
        assert (process.returncode, errors.strip()) == (130, b"")
        assert "\x1b" not in said
        assert re.search(r"✗ +Claude:? +partial outage", said)
