"""Values the store has beside the model's own."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from stillup.model.verdict import Verdict


class Key(NamedTuple):
    """What makes a verdict change one and the same: its tick and its subject."""

    at: datetime
    service: str
    component: str | None = None

    @classmethod
    def of(cls, verdict: Verdict) -> Key:
        """The key of this change."""
        return cls(verdict.at, verdict.service, verdict.component)


class Report(Struct, frozen=True, kw_only=True):
    """How the last reading of one source for one service went, for ``stillup doctor``; ``why`` when not ``ok``."""

    source: str
    service: str
    at: datetime
    ok: bool
    why: str = ""
