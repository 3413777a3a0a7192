"""A drill as it is followed: lines, the board with a clock, and the keyboard."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from io import StringIO

import pytest
from rich.console import Console

from stillup.cli.drill.keys import asking, until_told
from stillup.cli.drill.live import Board, Lines
from stillup.drill.values import Kind, Moment, Play, Step, What
from tests.drill import drills

PLAY = Play(kind=Kind.MODE, name="529", title="a: 529: overloaded")
BY_HAND = Step(says="Tell the team", by_hand=True, done=None, note="plan: coding")


def moment(what, at_s, **rest):
    return Moment(what=what, at_s=at_s, number=0, of=2, play=PLAY, **rest)


WHOLE = (
    moment(What.BEGINS, 0.0, says=PLAY.title),
    moment(What.ASKED, 0.5, lane="with your backups", asked=drills.asked(0.1)),
    moment(What.FAILS, 2.0, says="a fails"),
    *(moment(What.ASKED, 2.0 + n, lane="without them", asked=drills.lost(2.0 + n)) for n in range(3)),
    moment(What.HAPPENED, 3.0, says="nobody would have been told"),
    moment(What.MENDED, 6.0),
    moment(What.OVER, 7.0, scene=drills.scene()),
)


def out(width=80, *, terminal=False):
    return Console(file=StringIO(), width=width, force_terminal=terminal, color_system=None, legacy_windows=False)


def test_lines_tell_what_fails_the_first_loss_of_a_lane_and_what_it_came_to():
    console = out(200)
    with Lines(console) as view:
        for each in WHOLE:
            view.tell(each)
    assert console.file.getvalue().splitlines() == [
        "  0.0 s  [1/2] a: 529: overloaded",
        "  2.0 s  [1/2] DRILL: a fails",
        "  2.0 s  [1/2] without them: a stream (anthropic): lost (529 overloaded); all 400 characters never came",
        "  3.0 s  [1/2] nobody would have been told",
        "  6.0 s  [1/2] the failure is over",
        "  7.0 s  [1/2] over: with your backups 100 %, without them 25 %",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_board_has_a_clock_and_a_tally_for_each_scene_and_fits_its_terminal(width):
    console, now = out(width, terminal=True), iter(range(100))
    with Board(console, lambda: float(next(now))) as board:
        for each in WHOLE[:-1]:
            board.tell(each)
        drawn = out(width)
        drawn.print(board._panel())
        board.tell(WHOLE[-1])
    text = drawn.file.getvalue()
    assert "0 of 2 scenes · Ctrl-C ends it" in text
    assert "the failure is over" in text
    assert "with your backups 1 of 1 right" in text
    assert "without them 0 of 3" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= width
    assert "over: with your backups 100 %" in " ".join(console.file.getvalue().split())


def test_what_happens_in_the_same_words_in_every_scene_is_told_once():
    for view in (Lines(out()), Board(out(terminal=True), lambda: 0.0)):
        view.tell(moment(What.BEGINS, 0.0, says=PLAY.title))
        for at_s in (1.0, 2.0):
            view.tell(moment(What.HAPPENED, at_s, says="No alert is configured."))
        assert view._out.file.getvalue().count("No alert is configured.") == 1


def test_words_from_elsewhere_do_not_steer_the_terminal():
    for view in (Lines(out()), Board(out(terminal=True), lambda: 0.0)):
        for what in (What.BEGINS, What.FAILS, What.HAPPENED, What.MENDED):
            view.tell(moment(what, 0.0, says=drills.EVIL))
        view.tell(moment(What.ASKED, 1.0, lane=drills.EVIL, asked=drills.lost(1.0, says=drills.EVIL)))
        view.tell(moment(What.OVER, 2.0, scene=drills.scene(title=drills.EVIL)))
        assert "\x1b[31m" not in view._out.file.getvalue()
        assert "\u202e" not in view._out.file.getvalue()


@pytest.fixture
def typed(monkeypatch):
    """A keyboard: what is written to it can be read by the program."""
    reads, writes = os.pipe()
    with os.fdopen(reads) as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        yield lambda text: os.write(writes, text.encode())
        os.close(writes)


@pytest.mark.parametrize(
    ("keys", "done"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", None), ("perhaps\n", None), ("s\n", None)]
)
async def test_a_step_by_hand_is_asked_for_and_what_is_no_answer_is_none(typed, keys, done):
    console = out()
    typed(keys)
    assert await asking(Lines(console), asyncio.Event())(BY_HAND) is done
    assert "By hand: Tell the team (plan: coding)" in console.file.getvalue()


async def test_who_skips_is_not_asked_again_and_a_drill_that_ends_waits_for_nobody(typed):
    aborted = asyncio.Event()
    ask = asking(Lines(out()), aborted)
    typed("s\n")
    assert [await ask(BY_HAND), await ask(BY_HAND)] == [None, None]
    waiting = asyncio.create_task(asking(Lines(out()), aborted)(BY_HAND))
    await asyncio.sleep(0)
    aborted.set()
    assert await waiting is None


async def test_steps_of_scenes_side_by_side_are_asked_one_after_the_other(typed):
    ask = asking(Lines(out()), asyncio.Event())
    both = [asyncio.create_task(ask(BY_HAND)) for _ in range(2)]
    typed("y\n")
    done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1
    typed("n\n")
    assert [await each for each in both] == [True, False]


async def test_the_first_ctrl_c_ends_the_drill_in_order_and_the_next_is_the_programs_again():
    aborted, interrupted = asyncio.Event(), asyncio.Event()
    with until_told(aborted, interrupted):
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(aborted.wait(), 5)
        assert interrupted.is_set()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
