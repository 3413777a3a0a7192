"""The shape of ``[hub]`` and ``[pool]``: crowd reports of our own, and counts that installations share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from stillup.config.kinds import Kind


class Hub(Struct, frozen=True, kw_only=True):
    """Crowd reports that are handed in here."""

    enabled: Annotated[bool, Meta(description="`false` takes no reports")] = True
    own_networks: Annotated[
        tuple[Annotated[str, Meta(extra={"kind": Kind.NETWORK})], ...],
        Meta(
            description="Networks whose senders each count for themselves, as your company's own. "
            "Default: one network says little, however many report from it"
        ),
    ] = ()


class Pool(Struct, frozen=True, kw_only=True):
    """Counts of worked and failed requests that installations share."""

    share: Annotated[
        bool,
        Meta(
            description="`true` sends to `url`, every five minutes, how many of the gateway's requests worked and "
            "failed, by provider and public model name: counts only, under a random name of the day"
        ),
    ] = False
    url: Annotated[
        Annotated[str, Meta(extra={"kind": Kind.BASE_URL})] | None,
        Meta(description="The stillup that takes the counts. To read its sums: `sources.pool.base_url`"),
    ] = None
    accept: Annotated[
        bool,
        Meta(description="`true` takes such counts of others here, and gives out sums of ten installations and more"),
    ] = False
