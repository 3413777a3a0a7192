"""A scenario as a replay file: ``python -m stillup.sim.record 2026-04-07 > file.jsonl``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from stillup.errors import StillupError, UsageError
from stillup.model.signal import Signal
from stillup.sim.load import load
from stillup.sim.scenario import Scenario
from stillup.sim.signals import Step, all_of, crowd, social
from stillup.sim.story import Story

HISTORY = timedelta(hours=24)
"""How far before the scenario's start crowd and social counts reach back, so that a baseline exists."""


def signals(scenario: Scenario, step_s: int = 60) -> Iterator[Signal]:
    """The scenario's signals in the order of time, one poll of every source each ``step_s`` seconds."""
    story = Story(scenario)
    for step in _steps(story, scenario.starts - HISTORY, scenario.starts, step_s):
        yield from crowd(step)
        yield from social(step)
    for step in _steps(story, scenario.starts, scenario.ends, step_s):
        yield from sorted(all_of(step), key=lambda s: s.at)


def _steps(story: Story, starts: datetime, ends: datetime, step_s: int) -> Iterator[Step]:
    """The windows of a grid of whole multiples of ``step_s`` that end after ``starts`` and by ``ends``."""
    first, last = (int(at.timestamp()) // step_s for at in (starts, ends))
    for number in range(first, last):
        after, until = (datetime.fromtimestamp(n * step_s, UTC) for n in (number, number + 1))
        yield Step(story, after, until)


def main(arguments: list[str]) -> int:
    """Write the scenario of that name or path to standard output; 0, or the error's own exit code."""
    encode = msgspec.json.Encoder().encode
    try:
        if len(arguments) != 1:
            msg = "usage: python -m stillup.sim.record SCENARIO"
            raise UsageError(msg)
        for signal in signals(load(arguments[0])):
            sys.stdout.buffer.write(encode(signal) + b"\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has had enough. What is still buffered must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except StillupError as exc:
        sys.stderr.write(f"{exc}\n")
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
