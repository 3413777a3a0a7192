"""What each side saw, slot by slot, kept beyond the signals it was read from: a private file a service and month.

Single signals are deleted after a month; a monthly report, and a credit filed two months later, need their sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import MsgspecError, Struct, json

from stillup.daemon.sla_read import MOST_PARTS, PAGES, PROBES, REQUESTS, Slots, merge, read
from stillup.private import private_folder, replace_file
from stillup.risk.sla import SLOT_S, Period, Side, Slot, month

if TYPE_CHECKING:
    from stillup.catalog.load import Service
    from stillup.model.signal import Signal
    from stillup.store.store import Store

_DAY_S = 86_400
_PRE_S = 3_600
"""A page tells how it is at each reading: an hour before is enough to know how it stood."""
_MOST_SIGNALS = 200_000
_MOST_BYTES = 32 << 20
_LATE_S = 120
"""What is younger may still be written: it is shown, and not yet kept."""

_LEAST, _MOST = 0.05, 1e12
"""Of what is kept with one digit behind the point."""

Row = tuple[int, float, float, float]


class _Kept(Struct, frozen=True):
    """The file: ``upto`` is until when (seconds) the signals were read; ``parts`` by ``component/side``."""

    service: str
    upto: float
    parts: dict[str, list[Row]]


class Ledger:
    """The sums of all services; ``say`` is told what cannot be read or kept."""

    def __init__(self, folder: Path, store: Store | None, say: Callable[[str], None]) -> None:
        self._folder, self._store, self._say = folder, store, say

    def slots(self, service: Service, begin_s: float, end_s: float, now_s: float, *, keep: bool = True) -> Slots:
        """All that was seen of a service between two times; what is new is kept, unless told not to."""
        out: Slots = {}
        for period in _months(begin_s, min(end_s, now_s)):
            merge(out, self._month(service, period, now_s, keep=keep))
        return out

    def _month(self, service: Service, period: Period, now_s: float, *, keep: bool) -> Slots:
        path = self._folder / f"{service.id}.{period.name}.json"
        kept = self._read(path, service.id)
        slots = _opened(kept) if kept is not None else {}
        upto = max(period.begin_s, kept.upto) if kept is not None else period.begin_s
        settled = min(period.end_s, (now_s - _LATE_S) // SLOT_S * SLOT_S)
        if settled > upto:
            merge(slots, self._signals(service, upto, settled))
            if keep and slots and self._store is not None:  # what was not looked at, or not there, may come yet
                self._write(path, _Kept(service.id, settled, _closed(slots)))
            upto = settled
        open_until = min(period.end_s, now_s)
        if open_until > upto:
            merge(slots, self._signals(service, upto, open_until))
        return slots

    def _signals(self, service: Service, begin_s: float, end_s: float) -> Slots:
        """What the database has of a stretch of time, read day by day."""
        out: Slots = {}
        if self._store is None:
            return out
        first = max(begin_s, self._oldest(service.id))
        while first < end_s:
            last = min(end_s, (first // _DAY_S + 1) * _DAY_S)
            signals = self._of(service.id, first - _PRE_S, last)
            found = read(signals, last, service.models)
            merge(
                out, {p: {n: s for n, s in slots.items() if first <= n * SLOT_S < last} for p, slots in found.items()}
            )
            first = last
        return out

    def _of(self, service: str, begin_s: float, end_s: float) -> list[Signal]:
        if self._store is None:
            return []
        since, until = _at(begin_s), _at(end_s) - timedelta(microseconds=1)
        return self._store.signals_of(service, (*PROBES, *REQUESTS, *PAGES), since, until, _MOST_SIGNALS)

    def _oldest(self, service: str) -> float:
        """When the first signal of a service is dated: empty days before it need no look each."""
        first = next(iter(self._store.signals(service)), None) if self._store is not None else None
        return float("inf") if first is None else first.at.timestamp() // SLOT_S * SLOT_S

    def _read(self, path: Path, service: str) -> _Kept | None:
        try:
            with path.open("rb") as file:
                body = file.read(_MOST_BYTES + 1)
            kept = json.decode(body, type=_Kept) if len(body) <= _MOST_BYTES else None
        except FileNotFoundError:
            return None
        except (OSError, MsgspecError) as exc:
            self._say(f"{path} cannot be used ({exc}); what the database still has is read anew")
            return None
        if kept is None or kept.service != service or len(kept.parts) > MOST_PARTS or not _is_sound(kept):
            self._say(f"{path} is no record of {service}; what the database still has is read anew")
            return None
        return kept

    def _write(self, path: Path, kept: _Kept) -> None:
        try:
            private_folder(path.parent)
            replace_file(path, json.encode(kept))
        except OSError as exc:
            self._say(f"what was measured is not kept: {path}: {exc.strerror or exc}")


def _is_sound(kept: _Kept) -> bool:
    """Numbers that can be, in sides that there are: the file may have been edited."""
    rows = [row for rows in kept.parts.values() for row in rows]
    return all(name.rpartition("/")[2] in set(Side) for name in kept.parts) and all(
        n >= 0 and all(v == 0 or _LEAST <= v < _MOST for v in (good, bad, slow)) for n, good, bad, slow in rows
    )


def _closed(slots: Slots) -> dict[str, list[Row]]:
    return {
        f"{component or ''}/{side.value}": [(n, *(round(x, 1) for x in slot)) for n, slot in sorted(of.items())]  # type: ignore[misc]
        for (component, side), of in slots.items()
    }


def _opened(kept: _Kept) -> Slots:
    out: Slots = {}
    for name, rows in kept.parts.items():
        component, _, side = name.rpartition("/")
        out[component or None, Side(side)] = {n: Slot(good, bad, slow) for n, good, bad, slow in rows}
    return out


def _months(begin_s: float, end_s: float) -> Iterator[Period]:
    at = begin_s
    while at < end_s:
        period = month(f"{_at(at):%Y-%m}")
        yield period
        at = period.end_s


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def tidy(folder: Path, now_s: float, keep_days: int = 800) -> None:
    """Drop the months that are more than two years old."""
    for path in folder.glob("*.json"):
        with suppress(OSError):
            if now_s - path.stat().st_mtime > keep_days * _DAY_S:
                path.unlink()
