"""The figures of downtime that come with stillup: from public incident histories, each with its provenance."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from stillup.errors import CatalogError
from stillup.risk.kin import Kin
from stillup.risk.posterior import Prior
from stillup.risk.values import Subject


class Figure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the record of one subject says.

    Down is what its page called a partial or major outage; what it called degraded is kept apart, as its page kept it.
    """

    days: float
    until: str
    incidents: int
    covers: str = ""
    """What of it the record is of, where that is not plain."""
    belief: Prior
    """After the record, from ``Table.peers``."""
    degraded: Prior | None = None
    hours: dict[str, float] = {}
    """Hours a year on the page, by its own word for the impact; they may overlap."""
    lengths_h: tuple[float, float, float] | None = None
    """Hours that a tenth, half and nine tenths of the outages stayed below, as the page tells them."""


class Shared(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What share of the rarer one's downtime two have for one cause: none at all, or else a beta distribution."""

    none: float
    """How likely it is that they share no cause."""
    share: tuple[float, float]


class Pair(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much two of them fail together."""

    days: float
    together: int
    """So many times both were down at once."""
    times: tuple[float, float, float]
    """So many times as often as independence says: estimate, and an interval of 90 %."""
    shared: Shared


class Provenance(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the table was made."""

    script: str
    until: str
    note: str


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All shipped figures."""

    provenance: Provenance
    peers: Prior
    """A service of which nothing is known: between the services of the record."""
    figures: dict[str, Figure]
    pairs: dict[str, Pair]
    """By both names in order, with a ``+`` between."""
    kin: dict[Kin, Shared]
    """``Pair.shared`` of two of which only their relation is known."""
    near: tuple[float, float]
    """A cause that takes a part of a service takes one more part of it as well: a beta distribution of that chance."""
    third: tuple[float, float]
    """A cause that two services share takes down a third that shares causes with both: likewise."""

    def figure(self, subject: Subject) -> tuple[str, Figure] | None:
        """The subject's own figure, else that of its service as a whole; with the name that it goes by."""
        for name in (str(subject), subject.service):
            if name in self.figures:
                return name, self.figures[name]
        return None

    def pair(self, one: Subject, other: Subject) -> Pair | None:
        """What is known of the two, exactly."""
        return self.pairs.get("+".join(sorted((str(one), str(other)))))


@cache
def shipped() -> Table:
    """The table in the package.

    :raises CatalogError: the shipped file is damaged.
    """
    try:
        return msgspec.json.decode((files("stillup.catalog") / "downtime.json").read_bytes(), type=Table)
    except msgspec.MsgspecError as exc:
        msg = f"downtime.json: {exc}"
        raise CatalogError(msg) from exc
