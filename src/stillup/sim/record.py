"""A scenario as a replay file: ``python -m stillup.sim.record 2026-04-07 > file.jsonl``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain

import msgspec

from stillup.catalog.load import Service
from stillup.errors import StillupError, UsageError
from stillup.model.signal import Signal
from stillup.registry import SOURCES
from stillup.sim.check import LONG
from stillup.sim.load import load
from stillup.sim.scenario import Scenario
from stillup.sim.signals import Step, crowd, social, sources_of, told_by
from stillup.sim.stories import Stories
from stillup.sim.story import Story

HISTORY = timedelta(hours=24)
"""How far before the scenario's start crowd and social counts reach back, so that a baseline exists."""
_REACH_BACK = (crowd, social)


def signals(scenario: Scenario, step_s: int = 60, services: Iterable[str] = ()) -> Iterator[Signal]:
    """The signals of every service the scenario tells of, and of ``services``, in the order of time.

    Every source is polled each ``step_s`` seconds. Where a scenario is longer than a week each goes at its own pace,
    none faster than that: a year at a minute a poll would say little more and fill a disk.
    """
    stories = Stories(Story(scenario), services)
    is_long = scenario.ends - scenario.starts > LONG
    for until_s in _grid(scenario.starts - HISTORY, scenario.ends, step_s):
        is_past = until_s <= scenario.starts.timestamp()
        told = (
            told_by(_step(stories, service, until_s, pace_s), source, tell)
            for service in stories.services
            for source, tell in sources_of(service.id)
            for pace_s in (_pace_s(source, step_s) if is_long else step_s,)
            if until_s % pace_s == 0 and not (is_past and tell not in _REACH_BACK)
        )
        yield from sorted(chain.from_iterable(told), key=lambda s: s.at)


def _grid(starts: datetime, ends: datetime, step_s: int) -> range:
    """Whole multiples of ``step_s`` after ``starts`` and by ``ends``."""
    first, last = (int(at.timestamp()) // step_s for at in (starts, ends))
    return range((first + 1) * step_s, (last + 1) * step_s, step_s)


def _step(stories: Stories, service: Service, until_s: int, pace_s: int) -> Step:
    return Step(stories, service, *(datetime.fromtimestamp(s, UTC) for s in (until_s - pace_s, until_s)))


def _pace_s(source: str, step_s: int) -> int:
    """How often a source is asked, in whole steps."""
    return -(-SOURCES[source].interval_s // step_s) * step_s


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
