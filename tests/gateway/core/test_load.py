"""Outages under load: twenty requests a second, many of them in flight when the first upstream dies and comes back."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.turn import Turn
from stillup.gateway.core.values import Operation
from stillup.gateway.core.views import Try
from stillup.gateway.core.why import Why

EVERY_S = 0.05
FIRST_S = 0.5
"""Time to the first content of a well upstream."""
LASTS_S = 3.0


class Client:
    """One request of the town: asks on after a fault, hedges after silence, takes the first content."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.desk = town.play.desk
        self.turns = list(town.play.choose().turns)
        self.asked = town.now
        self.live: list[Turn] = []

    def start(self, why: Why | None = None) -> None:
        turn, now = self.turns.pop(0), self.town.now
        self.desk.begin(turn, now, why=why)
        self.live.append(turn)
        fault = self.town.asked(turn)
        if fault in (None, Fault.CUT):
            self.town.at(now + FIRST_S, lambda: self.content(turn))
        elif fault is Fault.SLOW_FIRST_TOKEN:
            self.town.at(now + self.desk.hedge_after_s(turn), lambda: self.silent(turn))
        else:
            self.town.at(now + 0.02, lambda: self.failed(turn, fault))

    def silent(self, turn: Turn) -> None:
        if turn in self.live:
            self.desk.late(turn, self.town.now)
            self.start(Why.HEDGE)

    def failed(self, turn: Turn, fault: Fault) -> None:
        self.live.remove(turn)
        self.town.settle(turn, fault)
        self.start()

    def content(self, turn: Turn) -> None:
        now = self.town.now
        self.town.waits.append((self.asked, now - self.asked))
        self.desk.answering(turn, now)
        for other in self.live:
            if other is not turn:
                self.town.settle(other, Fault.SLOW_FIRST_TOKEN)
        self.live.clear()
        for other in self.turns:
            self.desk.abandoned(other)
        first = now - turn.began
        self.town.at(now + LASTS_S, lambda: self.town.end(turn, first))


class Town:
    """Clients who ask ``a`` before ``b``; ``a`` has a fault from one time to another, ``b`` never has."""

    def __init__(self, play, fault: Fault, begins: float, ends: float) -> None:
        self.play = play("ab")
        self.fault, self.begins, self.ends = fault, self.now + begins, self.now + ends
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.number = count()
        self.waits: list[tuple[float, float]] = []
        """When it was asked, how long until the first content."""
        self.broken: list[float] = []
        self.asked_a: list[float] = []
        self.first_choice: list[float] = []

    @property
    def now(self) -> float:
        return self.play.now

    def run(self, seconds: float) -> Town:
        start = self.now
        for number in range(int(seconds / EVERY_S)):
            self.at(start + number * EVERY_S, lambda: Client(self).start())
        while self.events:
            self.play.now, _, event = heapq.heappop(self.events)
            event()
        return self

    def at(self, when: float, event: Callable[[], None]) -> None:
        heapq.heappush(self.events, (when, next(self.number), event))

    def asked(self, turn: Turn) -> Fault | None:
        """What will come of it."""
        if turn.target.upstream != "a":
            return None
        self.asked_a.append(self.now)
        if turn.why is Why.FIRST_CHOICE:
            self.first_choice.append(self.now)
        return self.fault if self.begins <= self.now < self.ends else None

    def end(self, turn: Turn, first: float) -> None:
        cut = turn.target.upstream == "a" and self.fault is Fault.CUT and self.begins <= self.now < self.ends
        if cut:
            self.broken.append(self.now)
        self.settle(turn, Fault.CUT if cut else None, first)

    def settle(self, turn: Turn, fault: Fault | None, first: float | None = None) -> None:
        result = Try(
            target=turn.target,
            model="m",
            operation=Operation.GENERATE,
            ok=fault is None,
            fault=fault,
            first_token_s=first,
            total_s=self.now - turn.began,
        )
        self.play.desk.settled(turn, result, self.now)

    def slow(self, after: float = FIRST_S + 0.05) -> int:
        return sum(wait > after for _, wait in self.waits)


@pytest.fixture
def town(play):
    return lambda fault, begins=20.0, ends=80.0: Town(play, fault, begins, ends)


def test_a_hang_costs_those_in_flight_their_patience_once_and_then_only_trickles(town):
    t = town(Fault.SLOW_FIRST_TOKEN).run(200.0)
    during = [when for when in t.asked_a if t.begins <= when < t.ends]
    in_flight = 1 / EVERY_S  # a second of patience is learned
    assert len(during) <= in_flight + 8
    assert t.slow() <= in_flight + 8
    assert max(wait for _, wait in t.waits) <= 1.0 + FIRST_S + 0.05


def test_an_overload_is_noticed_by_the_requests_of_its_first_moment(town):
    t = town(Fault.OVERLOADED).run(200.0)
    during = [when for when in t.asked_a if t.begins <= when < t.ends]
    assert len(during) <= 8
    assert max(wait for _, wait in t.waits) <= FIRST_S + 0.03


def test_streams_that_are_cut_break_no_more_than_those_in_flight_and_three_a_trickle(town):
    t = town(Fault.CUT).run(200.0)
    assert len(t.broken) <= (FIRST_S + LASTS_S) / EVERY_S + 3 * 8


@pytest.mark.parametrize("fault", [Fault.SLOW_FIRST_TOKEN, Fault.OVERLOADED, Fault.REFUSED, Fault.CUT])
@pytest.mark.parametrize("lasts", [0.3, 10.0, 60.0])
def test_the_first_is_back_for_good_within_as_long_again_as_it_was_down(town, fault, lasts):
    t = town(fault, 20.0, 20.0 + lasts).run(200.0)
    back = next(when for when in t.first_choice if when >= t.ends + LASTS_S + FIRST_S)
    assert back - t.ends <= 1.3 * lasts + 15
    after = [wait for when, wait in t.waits if when > back]
    assert max(after) <= FIRST_S + 0.001
    asked_after = sum(when >= back for when in t.first_choice)
    assert asked_after == pytest.approx(sum(when >= back for when, _ in t.waits), abs=3)
