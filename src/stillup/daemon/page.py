"""The page of a process, put together: the same in ``stillup up`` and as a role of a cluster.

What can be known from the configuration and what was kept is here. What only one of the two has (a gateway of its own,
a desk, alerts) it hands over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, catalogue
from stillup.config.keys import key_at
from stillup.daemon.archive import StoreArchive
from stillup.daemon.board import first_board
from stillup.daemon.drill.practice import Practising
from stillup.daemon.risk.assess import Assessor
from stillup.daemon.sla.measure import Measuring
from stillup.daemon.sla.switch import compare
from stillup.daemon.vault import often_opened
from stillup.daemon.web import Serving
from stillup.web.token import find_metrics_token

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.daemon.gateways import Gateways
    from stillup.daemon.past import Past
    from stillup.gateway.faults.drill import DrillStatus
    from stillup.hub.values import Desk, PoolDesk
    from stillup.secret import Secret


def page_of(
    config: Config,
    environ: Mapping[str, str],
    clock: Clock,
    services: Sequence[Service],
    past: Past,
    *,
    say: Callable[[str], None],
    token: Secret | None,
    desk: Desk | None = None,
    kept: Callable[[], Awaitable[bool]] | None = None,
    pool: PoolDesk | None = None,
    gateway: str | None = None,
    faults: Callable[[], Sequence[DrillStatus]] = tuple,
    gateways: Gateways | None = None,
    metrics: Sequence[Callable[[], bytes]] = (),
) -> Serving:
    """All of it, not served yet. ``gateway`` is where this process's own listens; ``faults`` what that one plays.

    ``gateways`` are those of a cluster.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    assessor = Assessor(config, environ, clock, past, gateways)
    return Serving(
        config.web,
        clock,
        first_board(services, clock.now()),
        say=say,
        archive=StoreArchive(past, clock),
        desk=desk,
        kept=kept,
        pool=pool,
        gateway=gateway or config.web.gateway_url,
        gateway_token=_gateway_token(config, environ, is_own=gateway is not None),
        vault=often_opened(config, environ),
        practice=Practising(config, environ, clock, faults, assessor, gateways),
        risk=assessor,
        sla=Measuring(config, past, clock),
        switch=lambda service, incident: compare(
            config, environ, catalogue()[service], clock.now(), incident=incident, past=past
        ),
        token=token,
        metrics_token=find_metrics_token(config.web, environ),
        more_metrics=metrics,
    )


def _gateway_token(config: Config, environ: Mapping[str, str], *, is_own: bool) -> Secret | None:
    """What lets the chat in: at a gateway of our own where it has users, at another wherever there is one."""
    if is_own and not config.gateway.users:
        return None
    return key_at(config.web.gateway_token_env, config.web.gateway_token_file, environ)
