"""The hub as a role of a cluster: any number of desks take reports, and none that was acknowledged is lost with one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from os import urandom
from typing import TYPE_CHECKING

from stillup.daemon.board import first_board
from stillup.daemon.reports.desk import SharedDesk
from stillup.daemon.roles.boards import Boards
from stillup.daemon.roles.web import Showing
from stillup.daemon.web import Serving
from stillup.web.token import find_token

if TYPE_CHECKING:
    from stillup.daemon.roles.role import Here

_TELL_S = 3.0


def desk_of(here: Here) -> SharedDesk:
    """A desk of this process."""
    hub = here.config.hub
    return SharedDesk(
        here.bus, here.clock, here.services, here.life, here.say, urandom, own=hub.own_networks, is_open=hub.enabled
    )


async def serve(here: Here) -> None:
    """Take reports until told to stop; those that are under way are said and answered."""
    token = await asyncio.to_thread(find_token, here.config.web, here.config.data_folder, here.environ)
    desk, first = desk_of(here), first_board(here.services, here.clock.now())
    page = Serving(
        here.config.web,
        here.clock,
        first,
        say=here.say,
        desk=desk,
        kept=desk.kept,
        token=token,
        more_metrics=[desk.metrics],
    )
    await asyncio.to_thread(page.start)
    here.say(f"reports: {page.address}")
    here.beats["page"] = page.address
    boards = Boards(here.services, here.clock.now())
    works = [asyncio.ensure_future(w) for w in (desk.go_on(), Showing(here, boards, page).go_on(), _tell(here, desk))]
    told = asyncio.ensure_future(here.stop.until(1))
    try:
        await asyncio.wait((*works, told), return_when=asyncio.FIRST_COMPLETED)
        for work in works:
            if work.done():
                work.result()
        # What is under way is answered by the desk, which goes on until nobody is there any more.
        await asyncio.to_thread(page.stop)
        if not await desk.finish():
            here.say("the bus did not take the last reports; nobody was told that they were kept")
    finally:
        for work in (*works, told):
            work.cancel()
        for work in works:
            with suppress(asyncio.CancelledError, Exception):
                await work
        await asyncio.to_thread(page.stop)


async def _tell(here: Here, desk: SharedDesk) -> None:
    """What this desk says of itself to whoever looks after the cluster."""
    while True:
        here.beats["reports"] = str(desk.replica.reasons.total())
        here.beats["waiting"] = str(desk.replica.handed - desk.replica.said)
        await here.clock.sleep(_TELL_S)
