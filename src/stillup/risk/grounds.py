"""What a figure of downtime rests on, and how that is said."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from stillup.risk.kin import Kin
from stillup.risk.shipped import Table
from stillup.risk.stretches import Seen
from stillup.risk.values import LOCAL, Alone, Basis, Subject

OWN_DAYS = 30.0
"""From so many days on a figure is called one's own; with fewer it says that it has them, beside its first basis."""
_WORDS = {
    Kin.SAME: "parts of one service",
    Kin.STANDS_ON: "one stands on the other",
    Kin.SHARED: "a cloud in common",
    Kin.NONE: "nothing known in common",
    Kin.LOCAL: "one on this machine",
}


class Grounds(Struct, frozen=True):
    """What a figure rests on: ``days`` of record, and where from in a short sentence."""

    basis: Basis
    days: float
    says: str


def grounds(subject: Subject, table: Table, record: Seen) -> Grounds:
    """Of one subject."""
    found = table.figure(subject)
    if record.days >= OWN_DAYS:
        first = f"the public history of {found[0]}" if found else "what its peers are like"
        outages = f"{record.begun} outage{'' if record.begun == 1 else 's'}"
        says = f"{record.days:.0f} days of what was seen from here, {outages}; begun with {first}"
        return Grounds(Basis.OWN, record.days, says)
    also = f"; and {record.days:.0f} days of one's own" if record.days else ""
    if found:
        name, figure = found
        whole = "" if name == str(subject) else " as a whole"
        covers = f" ({figure.covers})" if figure.covers else ""
        says = f"public incident history of {name}{whole}{covers}, {figure.days:.0f} days to {figure.until}"
        return Grounds(Basis.SHIPPED, figure.days, f"{says}, {figure.incidents} outages{also}")
    if subject.service == LOCAL:
        return Grounds(Basis.ASSUMED, 0.0, f"assumed: a machine that is now and then off or at its limits{also}")
    return Grounds(Basis.ASSUMED, 0.0, f"assumed: like the services whose history is known{also}")


def grounds_together(each: Sequence[Alone], pairs: Sequence[tuple[Kin, bool, bool]]) -> tuple[Basis, str]:
    """Of several: the weakest basis of any, and of what any two share.

    ``pairs`` says of every two what they are to each other, whether what they share is shipped, and whether both were
    watched from here at the same time.
    """
    order = list(Basis)
    basis = max((a.basis for a in each), key=order.index)
    if not pairs:
        return basis, each[0].provenance
    kinds = [kin for kin, _, _ in pairs]
    if any(not here for _, _, here in pairs):
        shipped = all(known or here for _, known, here in pairs)
        basis = max(basis, Basis.SHIPPED if shipped else Basis.ASSUMED, key=order.index)
    says = ", ".join(f"{kinds.count(kin)} with {_WORDS[kin]}" for kin in Kin if kin in kinds)
    known, here = sum(known for _, known, _ in pairs), sum(here for _, _, here in pairs)
    many = f"{len(pairs)} pair{'' if len(pairs) == 1 else 's'} ({says})"
    return basis, f"common causes of {many}: {known} with a public history of both, {here} watched from here"
