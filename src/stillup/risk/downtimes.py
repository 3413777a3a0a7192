"""Downtime alone and together, from what was seen from here and from what is shipped.

How they are pooled: the shipped record of a subject, or of its service, or else the spread of its peers, is what is
believed first, and weighs no more than ``_SHIPPED`` says: years change, and a page is not what one sees. What was seen
from here is then added to it, incident by incident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import prod
from random import Random

from stillup.risk.grounds import grounds, grounds_together
from stillup.risk.joint import (
    MOST,
    Grid,
    Group,
    Met,
    after_meeting,
    all_down_share,
    drawn,
    groups_of,
    mean_shared,
    possible_shared,
    taking_more,
)
from stillup.risk.kin import Kin, kin
from stillup.risk.posterior import DRAWS, Draw, Prior, draws, hours_of, together_lengths
from stillup.risk.shipped import Shared, Table, shipped
from stillup.risk.stretches import Seen, all_down, seen
from stillup.risk.values import HOURS_A_YEAR, LOCAL, Alone, Hours, Subject, Together, Watched

_SHIPPED = (4.0, 4.0, 10.0)
"""A shipped record weighs as no more than so many incidents, lengths, and lengths for their spread."""
_LOCAL = Prior(shape=1.5, years=0.25, log_hours=0.0, lengths=1.0, spread2=1.0, freedom=6.0)
"""A model on one's own machine: about six times a year, for about an hour. A guess."""
_NOBODY = "downtime together needs at least one subject"


class Figures:
    """All figures of downtime (see ``values.Downtimes``); what was answered once is kept. The same asks the same.

    ``related`` says what two are to each other; by itself that is what the catalogue says.
    """

    def __init__(
        self,
        own: Mapping[Subject, Watched] | None = None,
        table: Table | None = None,
        related: Callable[[Subject, Subject], Kin] = kin,
    ) -> None:
        self._own = dict(own or {})
        self._table = table or shipped()
        self._kin = related
        self._seen = {subject: seen(record) for subject, record in self._own.items()}
        self._draws: dict[Subject, list[Draw]] = {}
        alike = _random("alike")
        self._common = [alike.gauss() for _ in range(DRAWS)]
        self._alone: dict[Subject, Alone] = {}
        self._causes: dict[tuple[Subject, ...], list[float]] = {}
        self._chains: dict[tuple[Subject, ...], list[float]] = {}

    def alone(self, subject: Subject) -> Alone:
        """One subject; what nobody knows is assumed, and says so."""
        if subject not in self._alone:
            self._alone[subject] = self._of_one(subject)
        return self._alone[subject]

    def together(self, subjects: Sequence[Subject]) -> Together:
        """All of them at once. The same twice counts once, and a service beside a part of it not at all.

        :raises ValueError: there are none.
        """
        chain = _apart(subjects)
        each = [self.alone(s) for s in chain]
        pairs = [
            (self._kin(*p), self._table.pair(*p) is not None, self._seen_together(p) is not None)
            for p in combinations(chain, 2)
        ]
        basis, says = grounds_together(each, pairs)
        return Together(
            subjects=chain,
            hours=hours_of(self.possible_together(chain)),
            independent=HOURS_A_YEAR * prod(a.hours.mid / HOURS_A_YEAR for a in each),
            basis=basis,
            provenance=says,
        )

    def saved(self, subjects: Sequence[Subject], more: Subject) -> Hours:
        """Hours a year that one more takes off a chain, from the same possible truths with it and without it.

        :raises ValueError: there are no subjects.
        """
        before, after = self.possible_together(subjects), self.possible_together([*subjects, more])
        return hours_of([max(0.0, a - b) for a, b in zip(before, after, strict=True)])

    def possible(self, subject: Subject) -> list[Draw]:
        """What may be true of one subject, each as likely as the next: what ``alone`` is made of."""
        if subject not in self._draws:
            record = self._seen.get(subject, Seen())
            self._draws[subject] = draws(self._before(subject), record, _random("alone", subject))
        return self._draws[subject]

    def _of_one(self, subject: Subject) -> Alone:
        possible = self.possible(subject)
        known = grounds(subject, self._table, self._seen.get(subject, Seen()))
        rates = sorted(d.rate * (1 - d.share) for d in possible)
        return Alone(
            subject=subject,
            hours=hours_of([d.share for d in possible]),
            basis=known.basis,
            incidents_a_year=rates[len(rates) // 2],
            days=known.days,
            provenance=known.says,
            degraded=self._degraded(subject),
        )

    def possible_shares(self, subject: Subject) -> list[float]:
        """The shares of the time in which one may be down, each as likely as the next; of all subjects in one order."""
        return [d.share for d in self.possible(subject)]

    def possible_together(self, subjects: Sequence[Subject]) -> list[float]:
        """The shares of the time in which all of them may be down, likewise.

        :raises ValueError: there are none.
        """
        return self._shares(self._best(subjects))

    def _best(self, subjects: Sequence[Subject]) -> tuple[Subject, ...]:
        """The chain without what adds nothing, in an order of its own: the best first, and no more than counts."""
        return tuple(sorted(_apart(subjects), key=lambda s: (self.alone(s).hours.mid, str(s)))[:MOST])

    def _shares(self, chain: tuple[Subject, ...]) -> list[float]:
        """The shares of the time in which all of them may be down, one for each draw."""
        if chain not in self._chains:
            causes = {group: self._cause(tuple(chain[i] for i in group)) for group in groups_of(len(chain))}
            self._chains[chain] = self._summed(chain, causes)
        return self._chains[chain]

    def _summed(self, chain: Sequence[Subject], causes: Mapping[Group, Sequence[float]]) -> list[float]:
        alone = [self.possible_shares(s) for s in chain]
        return [all_down_share([p[n] for p in alone], {g: b[n] for g, b in causes.items()}) for n in range(DRAWS)]

    def _cause(self, group: tuple[Subject, ...]) -> list[float]:
        """Possible shares of the rarest one's downtime that have one cause for all of the group, one for each draw."""
        group = tuple(sorted(group, key=str))
        if group not in self._causes:
            grid, met = self._believed(group), self._met(group)
            if met:
                smaller = {g: self._cause(tuple(group[i] for i in g)) for g in groups_of(len(group))[:-1]}
                alone = [self.possible_shares(s) for s in group]
                rarest = [min(p[n] for p in alone) for n in range(DRAWS)]
                grid = after_meeting(grid, met, self._summed(group, smaller), rarest)
            self._causes[group] = drawn(grid, self._common, _random("cause", *group))
        return self._causes[group]

    def _believed(self, group: Sequence[Subject]) -> Grid:
        """What they are believed to share before they were watched."""
        least = min((self._shared(*pair) for pair in combinations(group, 2)), key=mean_shared)
        apart = max(len({s.service for s in group}), 2)
        more = [self._table.near] * (len(group) - apart) + [self._table.third] * (apart - 2)
        return taking_more(possible_shared(least), more)

    def _met(self, which: Sequence[Subject]) -> Met | None:
        """What was seen of them at once; None: they were not watched at the same time."""
        together = self._seen_together(which)
        if together is None or not together.up_years:
            return None
        lengths = together_lengths([self.possible(s) for s in which], together, _random("lengths", *which))
        return Met(together.begun, [HOURS_A_YEAR * together.up_years / h for h in lengths])

    def _shared(self, one: Subject, other: Subject) -> Shared:
        known = self._table.pair(one, other)
        return known.shared if known else self._table.kin[self._kin(one, other)]

    def _degraded(self, subject: Subject) -> Hours | None:
        found = self._table.figure(subject)
        if found is None or found[1].degraded is None:
            return None
        belief = found[1].degraded.no_surer_than(*_SHIPPED)
        return hours_of([d.share for d in draws(belief, Seen(), _random("degraded", subject))])

    def _before(self, subject: Subject) -> Prior:
        if subject.service == LOCAL:
            return _LOCAL
        found = self._table.figure(subject)
        return found[1].belief.no_surer_than(*_SHIPPED) if found else self._table.peers

    def _seen_together(self, chain: Sequence[Subject]) -> Seen | None:
        records = [self._own[s] for s in chain if s in self._own]
        return seen(all_down(records)) if len(records) == len(chain) else None


def _apart(subjects: Sequence[Subject]) -> tuple[Subject, ...]:
    """A whole service is down when a part of it is, so beside the part it adds nothing.

    :raises ValueError: there are none.
    """
    if not subjects:
        raise ValueError(_NOBODY)
    parts = {s.service for s in subjects if s.component is not None}
    return tuple(dict.fromkeys(s for s in subjects if s.component is not None or s.service not in parts))


def _random(what: str, *subjects: Subject) -> Random:
    return Random("|".join((what, *map(str, subjects))))  # noqa: S311 - a seed, so that the same asks the same
