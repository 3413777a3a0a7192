"""``--notify ADDRESS``: alerts without a configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from stillup.cli.say import warn

if TYPE_CHECKING:
    from stillup.catalog.load import Service
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.daemon.alerts.alerting import Alerting
    from stillup.daemon.live import Listener
    from stillup.verdict.monitor import Monitor

notify_option = click.option(
    "--notify",
    multiple=True,
    metavar="ADDRESS",
    help="Send a message there when it breaks and when it is back, none between: `https://…` (a webhook), "
    "`mailto:…`, `desktop`, or an Apprise address, as `ntfy://topic`. May be given several times.",
)


@contextmanager
def notified(
    addresses: Sequence[str], wanted: Sequence[Service], config: Config, clock: Clock
) -> Iterator[Alerting | None]:
    """Alerts to these addresses while inside; None without any.

    :raises stillup.errors.UsageError: one cannot be told.
    """
    if not addresses:
        yield None
        return
    from msgspec.structs import replace

    from stillup.daemon.alerts.alerting import Alerting
    from stillup.daemon.alerts.rules import alerts_to, party_of
    from stillup.errors import ConfigError, UsageError

    services = [s.id for s in wanted]
    told = replace(config, alerts=alerts_to(addresses, services))
    try:
        alerting = Alerting(told, os.environ, clock, warn, party=party_of(addresses, services))
    except ConfigError as exc:
        raise UsageError(f"--notify: {exc}") from None  # noqa: EM102
    alerting.start()
    try:
        yield alerting
    finally:
        alerting.stop()


def told_too(
    listener: Listener, alerting: Alerting, monitor: Monitor, wanted: Sequence[Service], *, resumed: bool
) -> Listener:
    """The listener, and beside it the alerts, which see what the page would show; see :class:`BoardMaker`."""
    from stillup.daemon.board import BoardMaker
    from stillup.daemon.live import Listeners
    from stillup.daemon.playbook import Helpers

    helpers = Helpers(alerts=True, told_at=alerting.told_at)
    maker = BoardMaker(monitor, wanted, [alerting], helpers=helpers, resumed=resumed, say=warn)
    return Listeners(listener, maker)
