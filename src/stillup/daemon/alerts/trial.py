"""A test message to the channels of the configuration, past the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stillup.channels.make import address_of, make
from stillup.clock import SystemClock
from stillup.config.words import near, show
from stillup.errors import UsageError
from stillup.net import Net
from stillup.response.alerts.delivery import Delivery
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import Message

if TYPE_CHECKING:
    from stillup.config import Config

_LONG = """A test from stillup

You asked for it with `stillup alert test`. When something breaks, this is where you are told:
- what is broken, since when, who is hit and how sure that is
- what each side says
- how long it will probably take
- what to do now, and what to use instead"""


async def try_channels(config: Config, environ: Mapping[str, str], name: str | None) -> list[tuple[str, str, Delivery]]:
    """Send it to one channel or all; each channel with its kind and how it went.

    :raises UsageError: there is no such channel, or none at all.
    :raises stillup.errors.ConfigError: a channel's address or secret cannot be had.
    """
    known = [c.id for c in config.alerts.channels]
    if not known:
        msg = "there are no channels: `[[alerts.channels]]` in the configuration makes one"
        raise UsageError(msg)
    if name is not None and name not in known:
        msg = f"no channel is called {show(name)}{near(name, known)}; there are {', '.join(known)}"
        raise UsageError(msg)
    clock, tried = SystemClock(), []
    async with Net(clock, timeout_s=15.0) as net:
        for configured in config.alerts.channels:
            if name in (None, configured.id):
                channel = make(address_of(configured, environ), net)
                tried.append((channel.id, channel.kind, await channel.send(_message(channel.id, clock))))
    return tried


def _message(channel: str, clock: SystemClock) -> Message:
    now = clock.now()
    return Message(
        key=f"msg_test{now:%Y%m%d%H%M%S%f}",
        channel=channel,
        kind=Kind.TEST,
        reason=Reason.TEST,
        rule="test",
        service="",
        incident=f"test-{now:%Y%m%d-%H%M%S}",
        revision=1,
        at=now,
        title="A test from stillup",
        short="This is where you are told when something breaks.",
        long=_LONG,
    )
