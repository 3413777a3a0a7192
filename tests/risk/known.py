"""Figures of downtime that a test knows: hours of each, and what part of the rarer one's has a cause that two share."""

from __future__ import annotations

from math import prod

from stillup.risk.values import HOURS_A_YEAR, Alone, Basis, Hours, Subject, Together


class Known:
    """``hours`` by service; ``shared`` by pair of services. Intervals are from half to twice."""

    def __init__(self, hours, shared=()):
        self._hours = dict(hours)
        self._shared = {frozenset(pair): part for pair, part in dict(shared).items()}

    def alone(self, subject):
        known = self._hours.get(subject.service)
        return Alone(
            subject=subject,
            hours=_around(known if known is not None else 50.0),
            basis=Basis.ASSUMED if known is None else Basis.SHIPPED,
            days=0.0 if known is None else 365.0,
            provenance="a test",
        )

    def together(self, subjects):
        each = [self.alone(s).hours.mid for s in subjects]
        chance = HOURS_A_YEAR * prod(h / HOURS_A_YEAR for h in each)
        parts = [self._shared.get(frozenset((a.service, b.service)), 0.0) for a in subjects for b in subjects if a < b]
        common = min(parts, default=0.0) * min(each)
        return Together(
            subjects=tuple(subjects),
            hours=_around(min(chance + common, *each)),
            independent=chance,
            basis=max((self.alone(s).basis for s in subjects), key=list(Basis).index),
            provenance="a test",
        )


def _around(mid):
    return Hours(mid, mid / 2, min(mid * 2, HOURS_A_YEAR))


def subject(text):
    service, _, component = text.partition("/")
    return Subject(service, component or None)
