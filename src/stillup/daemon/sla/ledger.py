"""What each side saw, slot by slot, kept beyond the signals it was read from: a row of the database a service and day.

Single signals are deleted after a month; a monthly report, and a credit filed two months later, need their sums.
Whoever reads signals comes to the same sums: any number of processes may keep them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from msgspec import MsgspecError, json

from stillup.catalog.load import Service
from stillup.daemon.sla.read import MOST_PARTS, PAGES, PROBES, REQUESTS, Slots, merge, read
from stillup.errors import StillupError, StoreError
from stillup.risk.sla import SLOT_S, Side, Slot

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.daemon.past import Past
    from stillup.model.signal import Signal
    from stillup.store.store import Store

DAY_S = 86_400
_PRE_S = 3_600
"""A page tells how it is at each reading: an hour before is enough to know how it stood."""
_MOST_SIGNALS = 200_000
_MOST_CHARACTERS = 8 << 20
_LATE_S = 120
"""What is younger may still be written: it is shown, and not yet kept."""
_LATEST_S = 8 * DAY_S
"""Nothing is written later than that: a cluster's log keeps what waits for seven days, as it usually is."""

_LEAST, _MOST = 0.05, 1e12
"""Of what is kept with one digit behind the point."""
_KEEP_S = 3_600.0
_FIRST_DAYS, _DAYS, _MOST_DAYS = 32, 1, 800

Row: TypeAlias = tuple[int, float, float, float]
_parts = json.Decoder(dict[str, list[Row]]).decode


class Ledger:
    """The sums of all services; ``say`` is told what cannot be read or kept."""

    def __init__(self, store: Store, say: Callable[[str], None]) -> None:
        self._store, self._say = store, say

    def slots(self, service: Service, begin_s: float, end_s: float, now_s: float) -> Slots:
        """All that was seen of a service on the days from one time to another; what is new is kept.

        :raises StoreError: the database cannot be read.
        """
        out: Slots = {}
        end_s = min(end_s, now_s)
        if begin_s >= end_s:
            return out
        first, last = int(begin_s // DAY_S), int(-(-end_s // DAY_S)) - 1
        kept, oldest_s = self._store.sums.of(service.id, first, last), self._oldest(service.id)
        settled_s = self._settled(service.id, now_s)
        for day in range(first, last + 1):
            slots, upto_s = self._opened(service.id, day, *kept.get(day, (_at(day * DAY_S), "{}")))
            until_s = min(float((day + 1) * DAY_S), now_s)
            if upto_s < min(until_s, settled_s) and oldest_s < until_s:
                upto_s = self._kept_on(service, day, slots, upto_s, min(until_s, settled_s))
            if upto_s < until_s and oldest_s < until_s:
                merge(slots, self._signals(service, upto_s, until_s))
            merge(out, slots)
        return out

    def _kept_on(self, service: Service, day: int, slots: Slots, from_s: float, until_s: float) -> float:
        """Add what was seen since, and keep it; until when that is."""
        merge(slots, self._signals(service, from_s, until_s))
        if slots:  # what was not looked at may come yet
            try:
                self._store.sums.keep(service.id, day, _at(until_s), json.encode(_closed(slots)).decode())
            except StoreError as exc:
                self._say(f"what was measured is not kept: {exc}")
        return until_s

    def _signals(self, service: Service, begin_s: float, end_s: float) -> Slots:
        """What the database has of a stretch within a day."""
        since, until = _at(begin_s - _PRE_S), _at(end_s) - timedelta(microseconds=1)
        told: list[Signal] = self._store.signals_of(
            service.id, (*PROBES, *REQUESTS, *PAGES), since, until, _MOST_SIGNALS
        )
        found = read(told, end_s, service.models)
        return {p: {n: s for n, s in slots.items() if begin_s <= n * SLOT_S < end_s} for p, slots in found.items()}

    def _oldest(self, service: str) -> float:
        """When the first signal of a service is dated: empty days before it need no look each."""
        first = next(iter(self._store.signals(service)), None)
        return float("inf") if first is None else first.at.timestamp() // SLOT_S * SLOT_S

    def _settled(self, service: str, now_s: float) -> float:
        """Until when nothing more is to come: a monitor whose database was away writes hours late, or days."""
        watched = self._store.watched(service, _at(0), 1)
        until_s = watched[-1][1].timestamp() if watched else 0.0
        return max(min(now_s - _LATE_S, until_s), now_s - _LATEST_S) // SLOT_S * SLOT_S

    def _opened(self, service: str, day: int, upto: datetime, text: str) -> tuple[Slots, float]:
        """A day's sums and until when they go; from its beginning where they cannot be used."""
        parts = None
        with suppress(MsgspecError):
            parts = _parts(text) if len(text) <= _MOST_CHARACTERS else None
        if parts is None or len(parts) > MOST_PARTS or not _is_sound(parts):
            self._say(f"the sums of {service} of {_at(day * DAY_S):%Y-%m-%d} cannot be used; they are made anew")
            return {}, float(day * DAY_S)
        out: Slots = {}
        for name, rows in parts.items():
            component, _, side = name.rpartition("/")
            out[component or None, Side(side)] = {n: Slot(good, bad, slow) for n, good, bad, slow in rows}
        return out, upto.timestamp()


def _is_sound(parts: dict[str, list[Row]]) -> bool:
    """Numbers that can be, in sides that there are: the database may have been edited."""
    rows = [row for rows in parts.values() for row in rows]
    return all(name.rpartition("/")[2] in set(Side) for name in parts) and all(
        n >= 0 and all(v == 0 or _LEAST <= v < _MOST for v in (good, bad, slow)) for n, good, bad, slow in rows
    )


def _closed(slots: Slots) -> dict[str, list[Row]]:
    return {
        f"{component or ''}/{side.value}": [(n, *(round(x, 1) for x in slot)) for n, slot in sorted(of.items())]  # type: ignore[misc]
        for (component, side), of in slots.items()
    }


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def keeping(past: Past, services: Sequence[Service], clock: Clock) -> None:
    """Keep the sums of what is watched, every hour, until it is cancelled: single signals are deleted."""
    days = _FIRST_DAYS
    while True:
        await clock.sleep(_KEEP_S)
        if await asyncio.to_thread(_keep, past, services, clock.now().timestamp(), days):
            days = _DAYS


def _keep(past: Past, services: Sequence[Service], now_s: float, days: int) -> bool:
    """Whether it could be done, for all of them."""
    try:
        with past.reading() as store:
            for service in services:
                Ledger(store, lambda _: None).slots(service, now_s - days * DAY_S, now_s, now_s)
            store.sums.drop(int(now_s // DAY_S) - _MOST_DAYS)
    except StillupError:
        return False
    return True
