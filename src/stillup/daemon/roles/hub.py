"""The hub as a role of a cluster: any number of desks take reports, and none that was acknowledged is lost with one."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING

from stillup.daemon.board import first_board
from stillup.daemon.reports.desk import SharedDesk
from stillup.daemon.reports.pool import SharedPool
from stillup.daemon.roles.showing import serve_page
from stillup.daemon.web import Serving
from stillup.web.token import find_metrics_token

if TYPE_CHECKING:
    from stillup.daemon.roles.role import Here
    from stillup.secret import Secret

_TELL_S = 3.0


def desk_of(here: Here) -> SharedDesk:
    """A desk of this process."""
    hub = here.config.hub
    return SharedDesk(
        here.bus, here.clock, here.services, here.life, here.say, urandom, own=hub.own_networks, is_open=hub.enabled
    )


def pool_of(here: Here) -> SharedPool | None:
    """Where other installations share their counts, where that is switched on."""
    if not here.config.pool.accept:
        return None
    return SharedPool(here.bus, here.clock, here.say, urandom, own=here.config.hub.own_networks)


async def serve(here: Here) -> None:
    """Take reports until told to stop; those that are under way are said and answered."""
    desk, pool = desk_of(here), pool_of(here)

    def make(token: Secret) -> Serving:
        first = first_board(here.services, here.clock.now())
        return Serving(
            here.config.web, here.clock, first, say=here.say, desk=desk, kept=desk.kept, pool=pool, token=token,
            metrics_token=find_metrics_token(here.config.web, here.environ), more_metrics=[desk.metrics],
        )  # fmt: skip

    works = [lambda: _tell(here, desk), *([pool.go_on] if pool is not None else [])]
    await serve_page(here, "reports", make, desk=desk, beside=works)


async def _tell(here: Here, desk: SharedDesk) -> None:
    """What this desk says of itself to whoever looks after the cluster."""
    while True:
        here.beats["reports"] = str(desk.replica.reasons.total())
        here.beats["waiting"] = str(desk.replica.handed - desk.replica.said)
        await here.clock.sleep(_TELL_S)
