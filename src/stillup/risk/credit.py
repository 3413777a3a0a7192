"""What a vendor owes by its own published terms, as one side saw the period. Pure.

The vendor decides by its own records; what is worked out here says whether filing is worth the while.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from stillup.catalog.load import Promise
from stillup.risk.sla import SLOT_S, Period, Seen, Side, Slot


class Standing(StrEnum):
    """What came of it."""

    NO_PROMISE = "no_promise"
    """The plan has no promise of availability."""
    NOT_WATCHED = "not_watched"
    """This side saw nothing of the period."""
    KEPT = "kept"
    """The promise was kept."""
    NO_TABLE = "no_table"
    """It was broken; the terms name no credit, or none that can be worked out from here."""
    DUE = "due"
    """It was broken, and so much is due."""


class Credit(Struct, frozen=True, kw_only=True):
    """What is due by one side's word; ``share`` of the bill, ``amount`` where the bill is known."""

    side: Side
    standing: Standing
    promise: Promise
    period: Period
    available: float | None = None
    """As the terms measure it."""
    share: float = 0.0
    amount: float | None = None
    until: date | None = None
    """The last day to file; None where the terms were not found to name one."""
    partly: bool = False
    """The period is not over, or little of it was watched: this can change."""


def credit(seen: Seen, promise: Promise, period: Period, now_s: float, bill: float | None = None) -> Credit:
    """What is due by a promise for a period, as one side saw it."""
    available = by_terms(seen, promise, period, now_s)
    told = Credit(side=seen.side, standing=Standing.NO_PROMISE, promise=promise, period=period, available=available)
    if promise.uptime is None:
        return told
    if available is None:
        return replace(told, standing=Standing.NOT_WATCHED)
    partly = period.end_s > now_s or _share_watched(seen, period, now_s) < _ENOUGH
    if available >= promise.uptime:
        return replace(told, standing=Standing.KEPT, partly=partly)
    due = max((s.credit for s in promise.steps if available < s.below), default=0.0)
    return replace(
        told,
        standing=Standing.DUE if due else Standing.NO_TABLE,
        share=due,
        amount=None if bill is None or not due else round(bill * due, 2),
        until=deadline(promise, period),
        partly=partly,
    )


_ENOUGH = 0.5


def by_terms(seen: Seen, promise: Promise, period: Period, now_s: float) -> float | None:
    """The availability as the terms measure it; None where nothing was seen.

    What was not watched counts as up: so the terms have it, and whoever claims must show failures.
    """
    end_s = min(period.end_s, now_s)
    slots = [slot for _, slot in seen.within(period.begin_s, end_s)]
    if not slots:
        return None
    length_s = max(end_s - period.begin_s, 1.0)
    if not seen.side.of_tries:
        return 1.0 - sum(slot.bad for slot in slots) / length_s
    match promise.measure:
        case "requests":
            total = sum(slots, Slot())
            return total.good / total.all
        case "intervals":
            return 1.0 - sum(slot.bad / slot.all for slot in slots) * SLOT_S / length_s
        case "minutes":
            down = sum(_down(slot, promise.down_above) for slot in slots)
            return 1.0 - down * SLOT_S / length_s


def _down(slot: Slot, above: float) -> float:
    """Which part of a slot was down: by the share that failed, or wholly above the terms' own mark."""
    share = slot.bad / slot.all
    return share if above <= 0 else float(share > above)


def deadline(promise: Promise, period: Period) -> date | None:
    """The last day on which a credit can be claimed."""
    end = datetime.fromtimestamp(period.end_s, UTC).date()  # the first day after it
    if promise.claim_days is not None:
        return end - timedelta(days=1) + timedelta(days=promise.claim_days)
    if promise.claim_months is None:
        return None
    months = end.month - 1 + promise.claim_months
    return date(end.year + months // 12, months % 12 + 1, 1) - timedelta(days=1)


def _share_watched(seen: Seen, period: Period, now_s: float) -> float:
    end_s = min(period.end_s, now_s)
    slots = [slot for _, slot in seen.within(period.begin_s, end_s)]
    watched_s = len(slots) * SLOT_S if seen.side.of_tries else sum(slot.all for slot in slots)
    return watched_s / max(end_s - period.begin_s, 1.0)
