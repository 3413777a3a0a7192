"""Claude Code and Codex do a task of several turns with tools, and never notice that answers break off in the middle.

They read a file, edit it, run a command, and say what came out. ``python bench/gateway agents`` breaks off before every
token of every turn, in every way; these are some of them.
"""

import importlib
import sys
from pathlib import Path

import pytest

from stillup.sim.provider.behaviour import Failure

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture(scope="module")
def programs():
    sys.path.insert(0, str(BENCH))
    try:
        yield importlib.import_module("gateway.programs")
    finally:
        sys.path.remove(str(BENCH))


NAMES = ["Claude Code", "Codex"]
TOKENS = {"Claude Code": (16, 17, 16, 17), "Codex": (13, 14, 13, 14)}
"""Of each turn: Claude Code has three thoughts first; the last three of all turns but the last are a call's."""
OTHERS = {"Claude Code": ("openai", "openai-responses", "gemini"), "Codex": ("anthropic", "gemini", "openai")}
WAYS = {
    "before the first word": (Failure.CUT, 0),
    "inside a thought": (Failure.CUT_RESET, 2),
    "inside the words": (Failure.ERROR_EVENT, -6),
    "between the words and the call": (Failure.MALFORMED, -3),
    "in silence, inside the arguments": (Failure.STALL, -2),
    "behind the call": (Failure.CUT_INSIDE, 99),
}


@pytest.fixture(params=NAMES)
def program(request, programs):
    found = programs.PROGRAMS[request.param]
    if not found.is_there:
        pytest.skip("no command-line clients: script/real-clients installs them")
    return found


async def test_without_a_break_each_turn_is_asked_for_once(program, programs):
    done = await programs.run(program, (), OTHERS[program.name][0])

    assert (done.trouble, done.at_first, done.at_second, done.tokens) == ("", 4, 0, TOKENS[program.name])


@pytest.mark.parametrize("way", WAYS)
async def test_a_task_is_completed_though_two_answers_of_it_break_off(program, way, programs):
    """By the same dialect, and by others in turn."""
    failure, after = WAYS[way]
    at = list(WAYS).index(way)
    breaks = [None] * 4
    for turn in (at % 2, at % 2 + 2):
        tokens = TOKENS[program.name][turn]
        breaks[turn] = programs.Break(failure, min(after, tokens) if after >= 0 else tokens + after)
    seconds = (program.protocol, *OTHERS[program.name])

    done = await programs.run(program, breaks, seconds[at % len(seconds)])

    # One that says an error itself may be avoided from then on.
    assert (done.trouble, done.broken) in [("", 2), ("", 1 if failure is Failure.ERROR_EVENT else 2)]


async def test_a_task_is_completed_though_answers_do_not_begin(program, programs):
    silent = programs.Break(Failure.HANG)

    done = await programs.run(program, [silent, None, silent], OTHERS[program.name][1], hedge_after_s=0.4)

    assert (done.trouble, done.broken > 0) == ("", True)


async def test_a_task_is_completed_though_the_answer_that_breaks_off_is_a_translated_one(program, programs):
    cut = programs.Break(Failure.CUT, 6)

    done = await programs.run(program, [cut, None, cut], program.protocol, first=OTHERS[program.name][0])

    assert (done.trouble, done.broken) == ("", 2)
