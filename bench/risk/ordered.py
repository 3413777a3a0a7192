"""A check in time: figures from what was known at one moment, against what the pages of the year after it showed.

What is shown in a year is not the long-run mean that a figure is of: an outage more or less, or a long one. So for
every subject 2,000 years are played from its figure, and the interval of 90 % of these is held against that one year;
the page's hours are taken as they are, so the figure is without the correction of a page's length to an outage's.
Parts of one service fail together, so they are no independent trials: services are counted apart as well.
"""

from __future__ import annotations

import sys
from itertools import combinations
from math import exp, log, sqrt
from pathlib import Path
from random import Random
from statistics import fmean
from typing import NamedTuple

from downtime_data import YEAR_S, History, load, stamp
from downtime_fit import IMPACT, fit

from stillup.risk.downtimes import Figures
from stillup.risk.posterior import LONGEST_H, Prior, together_lengths
from stillup.risk.shipped import Table
from stillup.risk.stretches import Seen, all_down, seen
from stillup.risk.values import HOURS_A_YEAR, Subject, Watched

LEAST_DAYS, YEARS = 180, 2_000


class Held(NamedTuple):
    """One subject or two: hours a year that were seen, and what was said before."""

    name: str
    seen: float
    low: float
    mid: float
    high: float
    mean: float = 0.0
    independent: float = 0.0

    @property
    def holds(self) -> bool:
        return self.low <= self.seen <= self.high


def ordered(data: Path | None, until: str) -> int:
    """Print the check.

    :returns: an exit code.
    """
    try:
        history = load(data)
    except LookupError as exc:
        print(exc, file=sys.stderr)
        return 64
    moment = stamp(until)
    table = fit(history, moment)
    told = [h for s in history.spans if (h := _alone(history, table, s, moment))]
    _print(f"hours a year on the page, from {until} on, one subject", told)
    _print("of them whole services", [h for h in told if "/" not in h.name])
    whole = [s for s in sorted(history.spans, key=str) if s.component is None]
    figures = Figures(table=table)
    both = [h for p in combinations(whole, 2) if (h := _both(history, figures, p, moment))]
    _print("two whole services at once", both)
    said, seen_h = sum(h.mean for h in both), sum(h.seen for h in both)
    apart = sum(h.independent for h in both)
    print(
        f"hours a year of all {len(both)} pairs: {seen_h:.1f} seen, {said:.1f} said (mean), {apart:.1f} by independence"
    )
    return 0


def _alone(history: History, table: Table, subject: Subject, moment: float) -> Held | None:
    year = history.watched(subject, moment, moment + YEAR_S)
    days = seen(year).days
    if days < LEAST_DAYS or str(subject) not in table.figures:
        return None
    played = sorted(_played(table.figures[str(subject)].belief.no_surer_than(4.0, 4.0, 10.0), days, str(subject)))
    low, mid, high = (played[int(q * YEARS)] for q in (0.05, 0.5, 0.95))
    return Held(str(subject), _hours(year) / days * 365.25, low, mid, high)


def _played(belief: Prior, days: float, name: str) -> list[float]:
    """Hours a year in so many days of many possible truths, as a page would show them."""
    random = Random(name)
    out = []
    for _ in range(YEARS):
        spread2 = belief.freedom * belief.spread2 / (2 * random.gammavariate(belief.freedom / 2, 1.0))
        mean = random.gauss(belief.log_hours, sqrt(spread2 / belief.lengths))
        rate = random.gammavariate(belief.shape, 1 / belief.years) * days / 365.25
        total, at = 0.0, random.expovariate(rate)
        while at < 1:
            total += min(exp(random.gauss(mean, sqrt(spread2))) / IMPACT, LONGEST_H)
            at += random.expovariate(rate)
        out.append(total / days * 365.25)
    return out


def _both(history: History, figures: Figures, pair: tuple[Subject, Subject], moment: float) -> Held | None:
    joint = all_down([history.watched(s, moment, moment + YEAR_S) for s in pair]) if _known(history, pair) else None
    days = seen(joint).days if joint else 0.0
    if joint is None or days < LEAST_DAYS:
        return None
    name = f"{pair[0]} + {pair[1]}"
    random = Random(name)
    shares = figures.possible_together(pair)
    lengths = together_lengths([figures.possible(s) for s in pair], Seen(), random)
    played = sorted(
        _year(share * HOURS_A_YEAR, hours, days, random) / IMPACT for share, hours in zip(shares, lengths, strict=True)
    )
    low, mid, high = (played[int(q * len(played))] for q in (0.05, 0.5, 0.95))
    apart = figures.together(pair).independent / IMPACT**2
    return Held(name, _hours(joint) / days * 365.25, low, mid, high, fmean(shares) * HOURS_A_YEAR / IMPACT, apart)


def _known(history: History, pair: tuple[Subject, Subject]) -> bool:
    return all(s in history.spans for s in pair)


def _year(hours: float, mean_h: float, days: float, random: Random) -> float:
    """Hours a year that so many days would show, of a long-run mean of hours a year and a mean length (spread 1.2)."""
    rate, total = max(hours / mean_h * days / 365.25, 1e-9), 0.0
    at = random.expovariate(rate)
    while at < 1:
        total += min(random.lognormvariate(log(mean_h) - 0.6, 1.2**0.5), LONGEST_H)
        at += random.expovariate(rate)
    return total / days * 365.25


def _hours(record: Watched) -> float:
    return sum(end - begin for begin, end in record.down) / 3600


def _print(title: str, told: list[Held]) -> None:
    print(f"\n{title}: {sum(h.holds for h in told)} of {len(told)} held")
    for h in told if len(told) < 60 else [h for h in told if not h.holds]:
        says = f"said {h.mid:7.1f}  ({h.low:.1f} to {h.high:.1f})"
        print(f"  {h.name:34} seen {h.seen:7.1f}   {says}{'' if h.holds else '   missed'}")
