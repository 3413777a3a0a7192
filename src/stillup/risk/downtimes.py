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

from stillup.risk.joint import MOST, all_down_share, chain_weights, groups_of, shared_after, together_lengths
from stillup.risk.kin import Kin, kin
from stillup.risk.posterior import DRAWS, Draw, Prior, draws, hours_of
from stillup.risk.shipped import Table, shipped
from stillup.risk.stretches import Seen, all_down, seen
from stillup.risk.values import HOURS_A_YEAR, LOCAL, Alone, Basis, Hours, Subject, Together, Watched

OWN_DAYS = 30.0
"""From so many days on a figure is called one's own; with fewer it says that it has them, beside its first basis."""
_SHIPPED = (4.0, 4.0, 10.0)
"""A shipped record weighs as no more than so many incidents, lengths, and lengths for their spread."""
_LOCAL = Prior(shape=1.5, years=0.25, log_hours=0.0, lengths=1.0, spread2=1.0, freedom=6.0)
"""A model on one's own machine: about six times a year, for about an hour. A guess."""


class Figures:
    """All figures of downtime (see ``values.Downtimes``); what was answered once is kept."""

    def __init__(
        self,
        own: Mapping[Subject, Watched] | None = None,
        table: Table | None = None,
        related: Callable[[Subject, Subject], Kin] = kin,
    ) -> None:
        self._kin = related
        self._own = dict(own or {})
        self._table = table or shipped()
        self._seen = {subject: seen(record) for subject, record in self._own.items()}
        self._near = _betas(self._random("near"), self._table.near)
        self._third = _betas(self._random("third"), self._table.third)
        self._chains: dict[tuple[Subject, ...], tuple[list[float], list[float] | None]] = {}
        self._draws: dict[Subject, list[Draw]] = {}
        self._shared: dict[tuple[Subject, Subject], list[float]] = {}

    def alone(self, subject: Subject) -> Alone:
        """One subject; what nobody knows is assumed, and says so."""
        possible = self._possible(subject)
        record = self._seen.get(subject, Seen())
        basis, days, where = self._grounds(subject, record)
        rates = sorted(d.rate * (1 - d.share) for d in possible)
        return Alone(
            subject=subject,
            hours=hours_of([d.share for d in possible]),
            basis=basis,
            incidents_a_year=rates[len(rates) // 2],
            days=days,
            provenance=where,
        )

    def together(self, subjects: Sequence[Subject]) -> Together:
        """All of them at once. The same twice counts once, and a service beside a part of it not at all.

        :raises ValueError: there are none.
        """
        chain = _apart(subjects)
        if not chain:
            msg = "downtime together needs at least one subject"
            raise ValueError(msg)
        each = [self.alone(s) for s in chain]
        independent = HOURS_A_YEAR * prod(a.hours.mid / HOURS_A_YEAR for a in each)
        if len(chain) == 1:
            return Together(
                subjects=chain,
                hours=each[0].hours,
                independent=independent,
                basis=each[0].basis,
                provenance=each[0].provenance,
            )
        shares, weights = self._chain(self._best(chain))
        basis, where = self._grounds_together(chain, each)
        return Together(
            subjects=chain,
            hours=hours_of(shares, weights),
            independent=independent,
            basis=basis,
            provenance=where,
        )

    def saved(self, subjects: Sequence[Subject], more: Subject) -> Hours:
        """Hours a year that one more takes off a chain, from the same draws as ``together``, so that they fit.

        :raises ValueError: there are no subjects.
        """
        before, after = self._best(subjects), self._best([*subjects, more])
        if before == after:
            return Hours(0.0, 0.0, 0.0)
        first, weigh = self._chain(before)
        then, weights = self._chain(after)
        weights = weights or weigh
        return hours_of([max(0.0, a - b) for a, b in zip(first, then, strict=True)], weights)

    def _best(self, subjects: Sequence[Subject]) -> tuple[Subject, ...]:
        """The chain without what adds nothing, in an order of its own: the best first, and no more than counts."""
        return tuple(sorted(_apart(subjects), key=lambda s: (self.alone(s).hours.mid, str(s)))[:MOST])

    def _chain(self, chain: tuple[Subject, ...]) -> tuple[list[float], list[float] | None]:
        """Possible shares of the time in which all are down, and their weights where these are not all the same."""
        if chain not in self._chains:
            self._chains[chain] = self._of_chain(chain)
        return self._chains[chain]

    def _of_chain(self, chain: tuple[Subject, ...]) -> tuple[list[float], list[float] | None]:
        possible = [self._possible(s) for s in chain]
        if len(chain) == 1:
            return [d.share for d in possible[0]], None
        shared = {(i, j): self._common(chain[i], chain[j]) for i, j in combinations(range(len(chain)), 2)}
        groups = groups_of([s.service for s in chain])
        shares = [
            all_down_share(
                [p[n].share for p in possible],
                {pair: values[n] for pair, values in shared.items()},
                groups,
                self._near[n],
                self._third[n],
            )
            for n in range(DRAWS)
        ]
        together = self._seen_together(chain)
        if len(chain) == 2 or together is None:
            return shares, None
        lengths = together_lengths(possible, together, self._random("lengths", *chain), DRAWS)
        weights = chain_weights(shares, together, lengths)
        return shares, weights if sum(weights) else None

    def _possible(self, subject: Subject) -> list[Draw]:
        if subject not in self._draws:
            record = self._seen.get(subject, Seen())
            self._draws[subject] = draws(self._before(subject), record, self._random("alone", subject))
        return self._draws[subject]

    def _before(self, subject: Subject) -> Prior:
        if subject.service == LOCAL:
            return _LOCAL
        found = self._table.figure(subject)
        return found[1].belief.no_surer_than(*_SHIPPED) if found else self._table.peers

    def _common(self, one: Subject, other: Subject) -> list[float]:
        """Possible shares of a common cause, one for each draw."""
        pair = (one, other) if str(one) <= str(other) else (other, one)
        if pair not in self._shared:
            random = self._random("shared", *pair)
            known = self._table.pair(*pair)
            belief = known.shared if known else self._table.kin[self._kin(*pair)]
            together = self._seen_together(pair)
            if together is None:
                self._shared[pair] = _betas(random, belief)
            else:
                possible = self._possible(pair[0]), self._possible(pair[1])
                lengths = together_lengths(possible, together, random, DRAWS)
                values, weights = shared_after(belief, together, possible, lengths)
                self._shared[pair] = random.choices(values, weights, k=DRAWS)
        return self._shared[pair]

    def _seen_together(self, chain: Sequence[Subject]) -> Seen | None:
        records = [self._own[s] for s in chain if s in self._own]
        return seen(all_down(records)) if len(records) == len(chain) else None

    def _grounds(self, subject: Subject, record: Seen) -> tuple[Basis, float, str]:
        found = self._table.figure(subject)
        if record.days >= OWN_DAYS:
            where = f"{record.days:.0f} days of what was seen from here, {record.begun} outages"
            first = f"the shipped record of {found[0]}" if found else "the spread of its peers"
            return Basis.OWN, record.days, f"{where}; {first} as the starting point"
        also = f"; {record.days:.0f} days of one's own" if record.days else ""
        if found:
            name, figure = found
            exact = "" if name == str(subject) else " as a whole"
            days = f"{figure.days:.0f} days to {figure.until}"
            says = f"public incident history of {name}{exact}, {days}, {figure.incidents} outages{also}"
            return Basis.SHIPPED, figure.days, says
        if subject.service == LOCAL:
            return Basis.ASSUMED, record.days, f"assumed: a machine that is now and then off or at its limits{also}"
        return Basis.ASSUMED, record.days, f"assumed: between the services whose history is known{also}"

    def _grounds_together(self, chain: Sequence[Subject], each: Sequence[Alone]) -> tuple[Basis, str]:
        order = list(Basis)
        basis = max((a.basis for a in each), key=order.index)
        pairs = list(combinations(chain, 2))
        known = sum(self._table.pair(*p) is not None for p in pairs)
        seen_both = sum(self._seen_together(p) is not None for p in pairs)
        kinds = [self._kin(*p) for p in pairs]
        if known < len(pairs) and seen_both < len(pairs) and basis is Basis.OWN:
            basis = Basis.SHIPPED
        words = {
            Kin.SAME: "parts of one service",
            Kin.STANDS_ON: "one stands on the other",
            Kin.SHARED: "a cloud in common",
            Kin.NONE: "nothing known in common",
            Kin.LOCAL: "one on this machine",
        }
        says = ", ".join(f"{kinds.count(k)} with {words[k]}" for k in Kin if k in kinds)
        pair = "pair" if len(pairs) == 1 else "pairs"
        on = f"{known} with a shipped record of both, {seen_both} seen from here"
        return basis, f"common shocks: {len(pairs)} {pair} ({says}), {on}"

    def _random(self, what: str, *subjects: Subject) -> Random:
        return Random("|".join((what, *map(str, subjects))))  # noqa: S311 - a seed, so that the same asks the same


def _apart(subjects: Sequence[Subject]) -> tuple[Subject, ...]:
    """A whole service is down when a part of it is, so beside the part it adds nothing."""
    parts = {s.service for s in subjects if s.component is not None}
    return tuple(dict.fromkeys(s for s in subjects if s.component is not None or s.service not in parts))


def _betas(random: Random, belief: tuple[float, float]) -> list[float]:
    return [random.betavariate(*belief) for _ in range(DRAWS)]
