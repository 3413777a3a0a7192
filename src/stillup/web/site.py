"""What the page stands on: given once, when it is put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from stillup.board import Archive, Board
from stillup.clock import Clock
from stillup.config.schema import Web
from stillup.hub.values import Desk, PoolDesk
from stillup.model.service import Capability
from stillup.secret import Secret

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.drill.book import Practice
    from stillup.risk.sla_report import Report as SlaReport
    from stillup.risk.survey import Risk
    from stillup.risk.switch import Comparison
    from stillup.vault.store import Vault


@dataclass(frozen=True, kw_only=True)
class Site:
    """Everything a route may use. Nothing else reaches it: no globals, no database, no monitor."""

    settings: Web
    clock: Clock
    board: Callable[[], Board]
    """The newest board. It is replaced as a whole; hold on to one for the length of a request."""
    archive: Archive | None = None
    """What was kept; None where nothing is. Its calls block: use them through ``asyncio.to_thread``."""
    desk: Desk | None = None
    """Where reports are handed in; None where none are taken."""
    kept: Callable[[], Awaitable[bool]] | None = None
    """Waits until what was handed in cannot be lost with this process; False: it may be. None where nothing waits."""
    pool: PoolDesk | None = None
    """Where other installations share their counts; None where none are taken."""
    gateway: str | None = None
    """The gateway's address, as ``http://127.0.0.1:8790``; None where there is none, and then no chat."""
    gateway_token: Secret | None = None
    """What lets the chat in at a gateway that has users; None where everybody on this machine may ask it."""
    vault: Callable[[], Vault] | None = None
    """Opens the store of conversations, for one request; None where its pages have no place. It blocks."""
    risk: Callable[[Capability | None], Risk] | None = None
    """What is depended on, for one task or (None) for all that is used; None where its page has no place. It blocks."""
    sla: Callable[[str, str], SlaReport] | None = None
    """What was promised and measured of a service in a month; None where its page has no place. It blocks."""
    switch: Callable[[str, str | None], Comparison] | None = None
    """Stay or switch, of a service after an incident (None: the newest); None where it has no place. It blocks."""
    practice: Practice | None = None
    """The drills that were run, and what is next; None where their pages have no place."""
    is_leaving: Callable[[], bool] = lambda: False
    """Whether it is about to end: then nobody should be sent here any more, though everybody is answered."""
    token: Secret | None = None
    """What opens the private parts (chat, vault), and everything where the page is not public and not on loopback."""
    metrics_token: Secret | None = None
    """What opens ``/metrics`` and nothing else; None where only ``token`` does."""
    more_metrics: Sequence[Callable[[], bytes]] = field(default_factory=tuple)
    """Other expositions (Prometheus text) that ``/metrics`` ends with."""


class Routes(Protocol):
    """A module of routes has a function of this shape, ``routes``, and a line in :mod:`stillup.web.app`."""

    def __call__(self, site: Site) -> Sequence[ControllerRouterHandler]:
        """Its handlers."""
