"""The story: what has happened by ``now``, as a pure function of scenario and time.

Every minute of every stream is drawn by name (seed, stream, cause, minute), so a look at any time sees the same past,
and no look can see ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any

from msgspec import Struct

from stillup.model.service import Problem
from stillup.sim.draw import chance, choose, poisson
from stillup.sim.modes import LASTING, Mode, mode_of_status
from stillup.sim.rates import MOST_PER_MIN, swell_per_min, usual_per_min
from stillup.sim.scenario import (
    CONTROLS,
    ENDPOINTS,
    EVERYTHING,
    REQUESTS,
    SOURCES,
    STAND_IN,
    Fault,
    Mix,
    News,
    Scenario,
    Stream,
    Trend,
)

WINDOW_S = 60
_NO_ENDPOINTS = frozenset({EVERYTHING, SOURCES, STAND_IN})
_INFERENCE = "inference"
"""The catalogue's name for the endpoint that asks a model; programs meet what it meets."""
_BLOCK = 15
"""Windows drawn and kept together: most hold nothing, and more of nothing takes no more room."""
_KEPT_BLOCKS = 1_500
"""Blocks of streams kept drawn (three days of five streams and room to spare); older ones are drawn again, alike."""


class Happening(Struct, frozen=True, kw_only=True):
    """One report, post, story or request. ``name`` seeds whatever else is drawn for it; ``rumour`` is hearsay."""

    name: str
    at: datetime
    stream: Stream
    component: str | None = None
    region: str | None = None
    problem: Problem | None = None
    client: str | None = None
    model: str | None = None
    rumour: bool = False


class Story:
    """One scenario being told. Holds no state but a memory of what it has drawn."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._block = lru_cache(maxsize=_KEPT_BLOCKS)(self._draw)

    def happened(self, stream: Stream, after: datetime, until: datetime) -> Iterator[Happening]:
        """What the stream brought with ``after < at <= until``, oldest first."""
        for block in range(_block_of(after), _block_of(until) + 1):
            yield from (h for h in self._block(stream, block) if after < h.at <= until)

    def newest_first(self, streams: tuple[Stream, ...], until: datetime, within: timedelta) -> Iterator[Happening]:
        """What several streams brought in the time ``within`` before ``until``; drawn only as far as it is read."""
        for block in range(_block_of(until), _block_of(until - within) - 1, -1):
            found = [h for stream in streams for h in self._block(stream, block) if h.at <= until]
            yield from sorted(found, key=lambda h: (h.at, h.name), reverse=True)

    def _draw(self, stream: Stream, block: int) -> tuple[Happening, ...]:
        """What a block of a stream brings, window by window."""
        windows = range(block * _BLOCK, (block + 1) * _BLOCK)
        return tuple(h for window in windows for h in self._in_window(stream, window))

    def _in_window(self, stream: Stream, window: int) -> list[Happening]:
        scenario = self.scenario
        start = datetime.fromtimestamp(window * WINDOW_S, UTC)
        usual = usual_per_min(scenario, stream, start)
        found = list(self._drawn(stream, window, "usual", usual, scenario.usual))
        room = MOST_PER_MIN - usual
        for i, reaction in enumerate(scenario.reactions):
            if reaction.stream is stream:
                rate = min(swell_per_min(scenario, reaction, start), room)
                room -= rate
                mix = scenario.fault(reaction.fault) or reaction
                found += self._drawn(stream, window, str(i), rate, mix, rumour=reaction.rumour)
        return sorted(found, key=lambda h: (h.at, h.name))

    def _drawn(
        self, stream: Stream, window: int, cause: str, rate: float, mix: Mix, *, rumour: bool = False
    ) -> Iterator[Happening]:
        if rate <= 0:
            return
        random = chance(self.scenario.seed, stream, cause, window)
        for i in range(poisson(random, rate * WINDOW_S / 60)):
            # Whole seconds, as sites date things, after the window's start: none falls between two looks.
            at_s = window * WINDOW_S + random.randint(1, WINDOW_S)
            yield Happening(
                name=f"{stream.value}-{cause}-{window}-{i}",
                at=datetime.fromtimestamp(at_s, UTC),
                stream=stream,
                rumour=rumour,
                **_drawn_from(mix, random),
            )

    def mode(self, target: str, now: datetime, model: str = "") -> Mode:
        """How a target answers now, when asked for ``model``; the first fault that hits it decides."""
        fault = self._fault_at(target, now, model)
        return (fault and _mode_of(fault, target)) or Mode.OK

    def retry_after(self, target: str, now: datetime, model: str = "") -> str:
        """What the errors of a target say of when to come again; empty when nothing."""
        fault = self._fault_at(target, now, model)
        return "" if fault is None or fault.retry_after_s is None else str(fault.retry_after_s)

    def _fault_at(self, target: str, now: datetime, model: str) -> Fault | None:
        for fault in self.scenario.faults:
            is_now = fault.from_ <= now < fault.to and _is_about(fault, model)
            if is_now and _mode_of(fault, target) and self._hits(fault, target, now):
                return fault
        return None

    def lasting_mode(self, target: str) -> Mode | None:
        """The failure that is part of the target's address, where it has one."""
        modes = (_mode_of(fault, target) for fault in self.scenario.faults)
        return next((m for m in modes if m in LASTING), None)

    def transcript_status(self, request: Happening) -> int | None:
        """The HTTP status that request of Claude Code failed with; None when it worked."""
        for fault in self.scenario.faults:
            if fault.transcript_status and fault.from_ <= request.at < fault.to and _is_about(fault, request.model):
                return fault.transcript_status if self._hits(fault, request.name, request.at) else None
        return None

    def _hits(self, fault: Fault, whom: str, now: datetime) -> bool:
        """Whether the fault is among ``whom``'s troubles this minute."""
        window = int(now.timestamp()) // WINDOW_S
        return fault.share >= 1 or chance(self.scenario.seed, fault.id, whom, window).random() < fault.share

    def trending(self, geo: str, now: datetime) -> list[Trend]:
        """The scenario's queries among one country's trending searches, the first listed first."""
        return [t for t in self.scenario.trends if t.geo == geo and t.from_ <= now < t.to]

    def news(self, now: datetime) -> list[News]:
        """The articles out by now, newest first."""
        return sorted((n for n in self.scenario.news if n.at <= now), key=lambda n: n.at, reverse=True)


def _block_of(at: datetime) -> int:
    return int(at.timestamp()) // (WINDOW_S * _BLOCK)


def _mode_of(fault: Fault, target: str) -> Mode | None:
    """What the fault does to a target: its own line, else the line of its group, else everything's."""
    mode = fault.targets.get(target)
    if mode is None and target.startswith(CONTROLS):  # these are numbered
        mode = fault.targets.get(CONTROLS)
    elif mode is None and target == REQUESTS:
        status = fault.transcript_status
        mode = _mode_of(fault, _INFERENCE) if status is None else mode_of_status(status)
    elif mode is None and target not in _NO_ENDPOINTS:
        mode = fault.targets.get(ENDPOINTS)
    return mode or fault.targets.get(EVERYTHING)


def _is_about(fault: Fault, model: str | None) -> bool:
    """Whether a request for that model is among a fault's troubles; one for no model in particular is not."""
    return not fault.models or any(name in (model or "") for name in fault.models)


def _drawn_from(mix: Mix, random: Random) -> dict[str, Any]:
    """Who it is and what they say."""
    region = choose(random, mix.regions)
    local = mix.by_region.get(region or "", _NO_MIX) if isinstance(mix, Fault) else _NO_MIX
    return {
        "region": region,
        "component": choose(random, local.components or mix.components),
        "problem": choose(random, local.problems or mix.problems),
        "client": choose(random, local.clients or mix.clients),
        "model": choose(random, local.models or mix.models),
    }


_NO_MIX = Mix()
