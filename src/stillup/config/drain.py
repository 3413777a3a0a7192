"""How a gateway ends without losing a request."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stillup.config.deferral import Deferral
from stillup.config.types import says


class Drain(Deferral, frozen=True, kw_only=True):
    """What happens between being told to stop and the end."""

    drain_s: Annotated[
        Annotated[float, Meta(ge=0, le=600)] | None,
        says(
            "Seconds for which a gateway that was told to stop still takes requests while `/readyz` says 503: as long "
            "as a load balancer needs to notice. Default: 0; with `stillup run gateway` 5"
        ),
    ] = None
    grace_s: Annotated[
        Annotated[float, Meta(ge=0, le=86_400)] | None,
        says(
            "Seconds for which answers that are under way may then go on; what is not done by then ends with an error "
            "that clients try again after. Default: 10; with `stillup run gateway` 120"
        ),
    ] = None
