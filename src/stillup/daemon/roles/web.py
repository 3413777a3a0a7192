"""The page as a role of a cluster: it shows what the judges say on the bus, and tells browsers within a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from stillup.daemon.page import page_of
from stillup.daemon.past import Past
from stillup.daemon.roles.facts import GatewaysHeard
from stillup.daemon.roles.health import NOT_READY
from stillup.daemon.roles.hub import desk_of, pool_of
from stillup.daemon.roles.showing import NOT_JUDGED, serve_page

if TYPE_CHECKING:
    from stillup.daemon.roles.role import Here
    from stillup.daemon.web import Serving
    from stillup.secret import Secret


async def serve(here: Here) -> None:
    """Show the page, and take reports at it, until told to stop; what is under way is answered.

    The database may be away, at the start too: then what was is not shown, which the pages say.
    """
    past = Past(here.open_store, here.clock)
    desk, pool = desk_of(here) if here.config.hub.enabled else None, pool_of(here)
    gateways = GatewaysHeard(here.bus, here.say)
    here.beats[NOT_READY] = NOT_JUDGED

    def make(token: Secret) -> Serving:
        return page_of(
            here.config,
            here.environ,
            here.clock,
            here.services,
            past,
            say=here.say,
            token=token,
            desk=desk,
            kept=desk.kept if desk is not None else None,
            pool=pool,
            gateways=gateways,
            metrics=[desk.metrics] if desk is not None else [],
        )

    beside = [gateways.go_on, *([pool.go_on] if pool is not None else [])]
    try:
        await serve_page(here, "page", make, desk=desk, beside=beside)
    finally:
        await asyncio.to_thread(past.close)
