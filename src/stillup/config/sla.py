"""What was promised, and what is paid for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from stillup.catalog.load import catalogue
from stillup.config.types import Name, Service, says
from stillup.config.words import Complaint, KeyPath, near, show

Percent: TypeAlias = Annotated[float, Meta(ge=50, le=100)]
Money: TypeAlias = Annotated[float, Meta(gt=0, le=1e9)]


class Agreement(Struct, frozen=True, kw_only=True):
    """What one service, or one component of it, is held to."""

    service: Annotated[Service, says("Which service")]
    component: Annotated[Name | None, says("Which component of it. Default: the service as a whole")] = None
    target: Annotated[
        Percent | None, says("The target in per cent of a month. Default: that of the `plan`, else `sla.target`")
    ] = None
    plan: Annotated[
        Name | None,
        says("The plan you have, as `stillup sla SERVICE` names those with published terms; credits are by its terms"),
    ] = None
    bill: Annotated[
        Money | None,
        says("What you pay for it in the period of the terms (a month, for some a quarter), for the credit in money"),
    ] = None
    currency: Annotated[
        Literal["USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR", "CAD", "AUD"], says("In which currency")
    ] = "USD"


class Sla(Struct, frozen=True, kw_only=True):
    """What availability is held against."""

    target: Annotated[Percent, says("The target in per cent of a month, for whatever has none of its own")] = 99.9
    agreements: Annotated[tuple[Agreement, ...], says("Targets, plans and bills of single services")] = ()

    def of(self, service: str, component: str | None) -> Agreement | None:
        """What is said of exactly this one; None where nothing is."""
        return next((a for a in self.agreements if (a.service, a.component) == (service, component)), None)


def complaints(sla: Sla) -> Iterator[Complaint]:
    """What the catalogue knows better, and what is said twice."""
    seen: dict[tuple[str, str | None], int] = {}
    for number, one in enumerate(sla.agreements):
        path: KeyPath = ("sla", "agreements", number)
        first = seen.setdefault((one.service, one.component), number)
        if first != number:
            yield Complaint(path, f"is about the same as sla.agreements[{first}]; allowed: one for each")
        yield from _component(one, path)
        yield from _plan(one, path)


def _component(one: Agreement, path: KeyPath) -> Iterator[Complaint]:
    known = [c.id for c in catalogue()[one.service].components]
    if one.component is not None and one.component not in known:
        says = f"{one.service} has no component {show(one.component)}{near(one.component, known)}"
        yield Complaint((*path, "component"), f"{says}; allowed: {', '.join(known)}")


def _plan(one: Agreement, path: KeyPath) -> Iterator[Complaint]:
    if one.bill is not None and one.plan is None:
        yield Complaint(
            (*path, "bill"), "has no `plan` beside it, by whose terms there could be a credit; allowed: with"
        )
    if one.plan is None:
        return
    known = [p.plan for p in catalogue()[one.service].promises if p.component in ("", one.component or "")]
    if one.plan not in known:
        says = f"{show(one.plan)} is no plan of {one.service} with published terms{near(one.plan, known)}"
        yield Complaint((*path, "plan"), f"{says}; allowed: {' | '.join(known) or 'none; leave it out'}")
