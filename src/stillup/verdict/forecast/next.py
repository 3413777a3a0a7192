"""The chance of another incident within a day: a rate that leans on the last days, weeks and months.

``chance = 1 - exp(-rate)``, ``rate = exp(w0 + sum of w_t * ln(r_t + 0.01) + w * weekend)``, where ``r_t`` is the
incidents a day under exponential forgetting over t = 2, 14 and 90 days (a Hawkes kernel in logarithms).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp, log

from stillup.verdict.forecast.table import Table

MEMORIES_DAYS = (2, 14, 90)
DAY_S = 86_400
_USUAL_RATE = 0.2


def chance_of_another(table: Table, service: str, starts: Sequence[datetime], at: datetime) -> float:
    """The chance that ``service`` posts a new incident within 24 hours of ``at``, from the starts known so far.

    Where the starts do not reach back far enough, the shipped rate of the service stands in.
    """
    ages = [(at - start).total_seconds() / DAY_S for start in starts if start <= at]
    shipped = table.rates.get(service, _USUAL_RATE)
    weights = table.next_incident
    score = sum(weights.get(name, 0.0) * value for name, value in next_cues(ages, shipped, at).items())
    return 1 - exp(-exp(min(score, 5.0)))


def next_cues(ages_days: Sequence[float], shipped_rate: float, at: datetime) -> Mapping[str, float]:
    """The named numbers the rate is made of."""
    covered = max(ages_days, default=0.0)
    rates = {
        f"rate.{days}": sum(exp(-age / days) for age in ages_days) / days + exp(-covered / days) * shipped_rate
        for days in MEMORIES_DAYS
    }
    found = {name: log(rate + 0.01) for name, rate in rates.items()}
    return {"base": 1.0, **found, "weekend": _weekend_share(at)}


def _weekend_share(at: datetime) -> float:
    """How much of the next 24 hours, looked at every 6, is Saturday or Sunday (UTC)."""
    return sum((at + timedelta(hours=h)).weekday() >= 5 for h in (3, 9, 15, 21)) / 4
