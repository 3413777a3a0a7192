"""Shell commands that wait until a service is well again."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from stillup.config.types import says


class Later(Struct, frozen=True, kw_only=True):
    """What `stillup later add -- COMMAND` has put in line."""

    run: Annotated[
        bool,
        says("`false` keeps `stillup up` from running them: only `stillup later run --wait` does then"),
    ] = True
    well_for_s: Annotated[
        float,
        Meta(ge=0, le=86_400),
        says("How long a service must have been operational, seconds, before a command that waits for it runs"),
    ] = 120.0
    pause_s: Annotated[float, Meta(ge=0, le=3_600), says("Seconds between two of them")] = 5.0
    max_commands: Annotated[
        int, Meta(ge=1, le=10_000), says("How many are kept at most; results give way, oldest first")
    ] = 200
    keep_days: Annotated[int, Meta(ge=1, le=365), says("How long a result is kept")] = 30
    output_mb: Annotated[
        int, Meta(ge=1, le=1_024), says("How much of a command's output is kept: its beginning and its end")
    ] = 4
    notify: Annotated[bool, says("`false` shows no notification on this desktop when one is done")] = True
