"""What the gateway does with a request that nobody can answer now."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from stillup.config.kinds import Kind
from stillup.config.types import says


class Drills(Struct, frozen=True, kw_only=True):
    """Who may make an upstream fail on purpose."""

    drill_users: Annotated[
        tuple[Annotated[str, Meta(extra={"kind": Kind.ID})], ...],
        says(
            "The users who may begin and end drills (`stillup gateway fault`). "
            "Default: none, where there are users; without users anyone on this machine may"
        ),
    ] = ()


class Deferral(Drills, frozen=True, kw_only=True):
    """Requests that are kept until an upstream is well again."""

    defer: Annotated[
        bool | None,
        says(
            "Whether a request that no upstream can answer now is kept and asked again later: `true` keeps every one, "
            "`false` none. Default: those whose client asks for it with the header `x-stillup-defer: 1`"
        ),
    ] = None
    defer_again: Annotated[
        bool | None,
        says(
            "Whether such a request is asked again after a crash when nobody can know whether it was answered: `true` "
            "always, `false` never before you say so. Default: yes, unless its provider runs tools of its own for it"
        ),
    ] = None
    defer_days: Annotated[
        int, Meta(ge=1, le=365), says("How long such a request, and then its answer, is kept at most")
    ] = 7
    defer_max: Annotated[
        int,
        Meta(ge=1, le=10_000),
        says("How many of them are kept at most; answers give way, oldest first, requests that wait never do"),
    ] = 200
    defer_max_mb: Annotated[int, Meta(ge=1, le=65_536), says("How much space they may take")] = 256
    defer_pause_s: Annotated[
        float, Meta(ge=0, le=3_600), says("Seconds between two of them when they are asked again")
    ] = 2.0
    defer_notify: Annotated[bool, says("`false` shows no notification on this desktop when an answer is there")] = True
