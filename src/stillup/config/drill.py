"""Drills: how often one is reminded of them, and where."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from stillup.config.kinds import Kind
from stillup.config.types import says


class Drill(Struct, frozen=True, kw_only=True):
    """Practising an outage before the next one comes (`stillup drill`)."""

    remind_days: Annotated[
        int,
        Meta(ge=0, le=366),
        says("How many days after a drill `stillup up` reminds of the next one; 0: never"),
    ] = 30
    remind_to: Annotated[
        tuple[Annotated[str, Meta(extra={"kind": Kind.ID})], ...],
        says("Ids of `[[alerts.channels]]` that are reminded. Default: a notification on this machine's desktop"),
    ] = ()
    minutes: Annotated[
        int, Meta(ge=10, le=240), says("How long a drill that `stillup drill plan` proposes may take")
    ] = 30
