"""How often the interval of measured availability holds the truth: ``python bench/sla/interval.py [MONTHS]``.

Simulated: a service fails at random (every so many hours on average, exponential), stays down for so long (exponential,
or log-normal with heavy tails), and is tried every minute; beside outages single tries fail by themselves. The truth is
the long-run availability of that process. Ours (``risk.sla``) stands beside what is usually done: Wilson's interval
with each try as independent, and with a design effect from clusters of an hour.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from math import exp, sqrt

from stillup.risk.sla import Period, Seen, Side, Slot, measure
from stillup.risk.values import Subject

DAYS = 30
SUBJECT = Subject("simulated")
PERIOD = Period(0.0, DAYS * 86_400.0)
Z = 1.6448536269514722
HOUR = 12
WORLDS = (
    # every (h), minutes, heavy tails, single failures, share of minutes tried
    (24, 10, False, 0.002, 1.0),
    (72, 30, False, 0.001, 1.0),
    (72, 30, True, 0.001, 1.0),
    (72, 30, False, 0.001, 0.2),
    (240, 60, False, 0.0005, 1.0),
    (1e9, 10, False, 0.01, 1.0),
    (1e9, 10, False, 0.0, 1.0),
)


def month(
    rng: random.Random, every_h: float, minutes: float, noise: float, tried: float, *, heavy: bool
) -> dict[int, Slot]:
    """A month of tries, in slots of five minutes."""
    slots: dict[int, Slot] = {}
    down, turns = False, rng.expovariate(1 / (every_h * 60))
    spread = 1.2
    for minute in range(DAYS * 1440):
        while minute >= turns:
            down = not down
            if not down:
                turns += rng.expovariate(1 / (every_h * 60))
            elif heavy:
                turns += minutes * exp(rng.gauss(-spread * spread / 2, spread))
            else:
                turns += rng.expovariate(1 / minutes)
        if rng.random() < tried:
            failed = rng.random() < (0.95 if down else noise)
            slots[minute // 5] = slots.get(minute // 5, Slot()) + Slot(not failed, failed)
    return slots


def ours(slots: dict[int, Slot]) -> tuple[float, float]:
    told = measure(Seen(subject=SUBJECT, side=Side.PROBE, slots=slots), PERIOD, PERIOD.end_s)
    return told.low or 0.0, told.high or 0.0


def naive(slots: dict[int, Slot]) -> tuple[float, float]:
    total = sum(slots.values(), Slot())
    return _wilson(total.bad / total.all, total.all)


def by_hours(slots: dict[int, Slot]) -> tuple[float, float]:
    hours: dict[int, Slot] = {}
    for number, slot in slots.items():
        hours[number // HOUR] = hours.get(number // HOUR, Slot()) + slot
    total, n = sum(hours.values(), Slot()), len(hours)
    share = total.bad / total.all
    if not 0 < share < 1:
        return _wilson(share, total.all)
    spread = sum((h.bad - share * h.all) ** 2 for h in hours.values()) * n / (n - 1) / total.all**2
    return _wilson(share, total.all / max(1.0, spread / (share * (1 - share) / total.all)))


def _wilson(share: float, tries: float) -> tuple[float, float]:
    z2 = Z * Z / tries
    middle = (share + z2 / 2) / (1 + z2)
    half = Z / (1 + z2) * sqrt(share * (1 - share) / tries + z2 / (4 * tries))
    return 1 - middle - half, 1 - middle + half


def main(months: int) -> None:
    methods: dict[str, Callable[[dict[int, Slot]], tuple[float, float]]] = {
        "ours": ours, "Wilson, hours": by_hours, "Wilson, tries": naive,
    }  # fmt: skip
    print(f"{months} months each, 90 % intervals, simulated: share that holds the truth (mean width in points)\n")
    print("| an outage every | lasting | failing alone | tried | " + " | ".join(methods) + " |")
    print("|---|---|---|---|" + "---|" * len(methods))
    for every_h, minutes, heavy, noise, tried in WORLDS:
        rng = random.Random(f"{every_h} {minutes} {heavy} {noise} {tried}")
        down = minutes / (minutes + every_h * 60)
        truth = 1 - (0.95 * down + noise * (1 - down))
        held = dict.fromkeys(methods, 0)
        width = dict.fromkeys(methods, 0.0)
        for _ in range(months):
            slots = month(rng, every_h, minutes, noise, tried, heavy=heavy)
            for name, method in methods.items():
                low, high = method(slots)
                held[name] += low <= truth <= high
                width[name] += (high - low) / months
        cells = (f"{held[m] / months:.0%} ({100 * width[m]:.2g})" for m in methods)
        often = "never" if every_h > 1e6 else f"{every_h:g} h"
        lasts = "" if every_h > 1e6 else f"{minutes} min{', heavy tails' if heavy else ''}"
        print(f"| {often} | {lasts} | {noise:.2%} | {tried:.0%} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
