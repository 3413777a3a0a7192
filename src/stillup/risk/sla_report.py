"""What was promised beside what was measured, as it is shown: values only."""

from __future__ import annotations

from msgspec import Struct

from stillup.catalog.load import Service
from stillup.risk.credit import Credit
from stillup.risk.sla import Budget, Burn, Measured, Period
from stillup.risk.values import Subject


class Row(Struct, frozen=True, kw_only=True):
    """One side's word on one part of a service."""

    measured: Measured
    budget: Budget
    burns: tuple[Burn, ...] = ()
    """Only of a period that is going on, and only where tries or declarations are counted as they come."""
    credit: Credit | None = None
    lost: tuple[float | None, ...] = ()
    """Seconds lost, day by day of the period; None where nothing was seen."""


class Held(Struct, frozen=True, kw_only=True):
    """One part of a service and what it is held to."""

    subject: Subject
    name: str
    target: float
    because: str
    """Where the target comes from."""
    rows: tuple[Row, ...]
    agreement: str = ""
    """The plan whose terms the credits are by."""
    bill: float | None = None
    currency: str = "USD"


class Report(Struct, frozen=True, kw_only=True):
    """One service over one period."""

    service: Service
    period: Period
    now_s: float
    parts: tuple[Held, ...]
    trouble: tuple[str, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether the period has ended."""
        return self.period.end_s <= self.now_s
