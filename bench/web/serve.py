"""The page as a program: the outage of 2026-04-07, judged and shown by the real parts, one simulated minute a second.

Its first line says where it listens; with ``--play`` a line follows for every minute that was judged. Without it the
board is that of the outage at its height, and stays so. With ``--public`` a front may
keep its pages. It ends at SIGTERM.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain
from threading import Event
from time import monotonic

from stillup.board import Board
from stillup.catalog.load import catalogue
from stillup.clock import ScaledClock
from stillup.config.schema import Web
from stillup.daemon.board import BoardMaker, first_board
from stillup.daemon.gateway import warm_up
from stillup.daemon.jobs import forecaster, profile_of
from stillup.daemon.web import Serving
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict, iso
from stillup.sim.load import load
from stillup.sim.signals import Step, sources_of, told_by
from stillup.sim.stories import Stories
from stillup.sim.story import Story
from stillup.verdict.monitor import Monitor

MINUTE = timedelta(minutes=1)
BEFORE = 30
"""Calm minutes that are judged before the page begins."""
AT_ITS_HEIGHT = 25


class Shower:
    """Hands a board on and notes when."""

    def __init__(self) -> None:
        self.page: Serving | None = None
        self.board: Board | None = None
        self.at_s = 0.0

    def show(self, board: Board, changes: Sequence[Verdict]) -> None:
        self.board, self.at_s = board, monotonic()
        if self.page is not None:
            self.page.show(board, changes)


class Minutes:
    """The scenario's signals, minute by minute."""

    def __init__(self) -> None:
        scenario = load("2026-04-07")
        self.fault = scenario.faults[0].from_
        self._stories = Stories(Story(scenario), tuple(catalogue()))

    def of(self, until: datetime) -> list[Signal]:
        """What was told in the minute that ends then."""
        told = (
            told_by(Step(self._stories, service, until - MINUTE, until), source, tell)
            for service in self._stories.services
            for source, tell in sources_of(service.id)
        )
        return sorted(chain.from_iterable(told), key=lambda s: s.at)


def main(*, play: bool, public: bool) -> None:
    """Judge the past, listen, then judge on or wait."""
    over, minutes, shower = Event(), Minutes(), Shower()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    services = tuple(catalogue().values())
    monitor = Monitor(profile_of, forecaster=forecaster())
    maker = BoardMaker(monitor, services, [shower])
    now = minutes.fault - BEFORE * MINUTE
    until = minutes.fault if play else minutes.fault + AT_ITS_HEIGHT * MINUTE
    while now < until:
        now += MINUTE
        maker.judged(now, monitor.step(now, minutes.of(now)))
    ahead = [(now + i * MINUTE, minutes.of(now + i * MINUTE)) for i in range(1, 50)] if play else []
    settings = Web(listen="127.0.0.1:0", public=public, base_url="https://status.example.org" if public else None)
    page = Serving(settings, ScaledClock(now, 60.0), first_board(services, now), say=warn)
    shower.page = page
    sys.setswitchinterval(0.001)  # as `stillup up` has it
    warm_up()
    address = page.start()
    assert shower.board is not None
    page.show(shower.board)
    tell(address=address)
    began_s = monotonic()
    for second, (at, signals) in enumerate(ahead, 1):
        due_s = began_s + second
        if over.wait(max(0.0, due_s - monotonic())):
            break
        woke_s = monotonic()
        changes = monitor.step(at, signals)
        maker.judged(at, changes)
        tell(at=iso(at), due_s=due_s, late_s=woke_s - due_s, took_s=monotonic() - woke_s, shown_s=shower.at_s,
             changed=sorted({c.service for c in changes}))  # fmt: skip
    over.wait()
    page.stop()


def warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def tell(**said: object) -> None:
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(play="--play" in sys.argv, public="--public" in sys.argv)
