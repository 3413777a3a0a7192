"""The probe's own settings: ``[sources.probe]`` beyond what every source has."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from stillup.errors import NotConfigured

DEADLINE_ONCE_S = 2.0
"""A person is waiting. It must lie before the end of the whole look (2.2 s): what hangs is a finding, not a silence."""
DEADLINE_WATCH_S = 10.0
"""Nobody waits, and a slow answer must not be called none."""
MAX_USD_PER_DAY = 0.05


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every one optional.

    ``deadline_s`` bounds one reading (2 s when a person asks, 10 s when watching). ``controls`` replaces the control
    hosts (``"dns:NAME"`` only resolves a name; an empty list switches them off). ``endpoints`` replaces the address of
    single rungs by id; ids of other services are passed over. ``model`` is what the inference rung asks.
    ``max_usd_per_day`` caps what it spends (0 switches it off): per service, and kept in memory, so it starts anew with
    every process and at midnight UTC.
    """

    deadline_s: Annotated[float, Meta(gt=0, le=60)] | None = None
    max_usd_per_day: Annotated[float, Meta(ge=0, le=1000)] = MAX_USD_PER_DAY
    controls: tuple[str, ...] | None = None
    endpoints: dict[str, str] = {}
    model: Annotated[str, Meta(max_length=200)] = ""


def read_options(options: dict[str, object]) -> Options:
    """The typed options.

    :raises NotConfigured: an unknown option or a bad value; says which and what is allowed.
    """
    try:
        return msgspec.convert(options, Options)
    except msgspec.ValidationError as exc:
        msg = f"probe: {exc}"
        raise NotConfigured(msg) from exc
