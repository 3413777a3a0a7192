"""Evidence: what one family says now, with the numbers it rests on."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stillup.model.service import Family, Stage, State
from stillup.model.signal import At


class Standing(StrEnum):
    """What a family says."""

    CALM = "calm"
    ALARM = "alarm"
    NO_DATA = "no_data"


class Numbers(Struct, frozen=True, kw_only=True):
    """What one source of a family counted: ``observed`` of ``what`` in ``window_s`` seconds where ``usual`` is usual.

    For tries ``what`` is ``failures``, ``tries`` says of how many, and ``part`` of what: component, layer, model and
    region, as far as they are known.
    """

    source: str
    observed: float
    usual: float
    window_s: float
    what: str = "reports"
    tries: int | None = None
    part: tuple[str, ...] = ()
    log_e: float = 0.0


class Evidence(Struct, frozen=True, kw_only=True):
    """One family's word on one service.

    ``log_e`` is the largest log e-value among its tests (natural logarithm; 0 says nothing, 13.8 is a million to
    one); ``observed`` and ``usual`` are the rates behind it, ``unit`` says of what.
    """

    family: Family
    standing: Standing
    sources: tuple[str, ...] = ()
    since: At | None = None
    heard_at: At | None = None
    state: State = State.UNKNOWN
    log_e: float = 0.0
    observed: float | None = None
    usual: float | None = None
    unit: str = ""
    components: tuple[tuple[str, State], ...] = ()
    """How each component is that this family names; empty in an alarm means: no component named."""
    regions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    note: str = ""
    numbers: tuple[Numbers, ...] = ()
    """Source by source, where that is known."""
    window_s: float | None = None
    """The stretch that ``observed`` and ``usual`` speak of, where it is known."""
    stage: Stage | None = None
    """Of a page's newest open incident: where it stands, and since when."""
    stage_since: At | None = None
