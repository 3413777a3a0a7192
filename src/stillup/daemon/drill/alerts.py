"""Alerts in a drill: the user's own rules and the real outbox, with a receiver here in each channel's place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stillup.board import Board
from stillup.catalog.load import catalogue
from stillup.config.alerts import AlertRule, Alerts, Channel
from stillup.daemon.alerts.alerting import Alerting
from stillup.daemon.alerts.rules import alerts_to, settings_of
from stillup.drill.values import Alert
from stillup.response.alerts.reasons import Kind
from stillup.secret import Secret
from stillup.store import open_store

if TYPE_CHECKING:
    from datetime import datetime

    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.model.verdict import Verdict

PLAYED = "a drill of stillup's: nothing is really wrong"
_MOST_BYTES = 256 * 1024
_PATIENCE_S = 5.0
_LOOK_S = 0.02
_PARTY = "main"
_DONE = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class _Data(Struct, frozen=True):
    service: str = ""
    kind: str = ""


class _Posted(Struct, frozen=True):
    data: _Data = _Data()


class Receiver:
    """Takes what the channels are sent; ``now`` tells seconds since the scene began."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.got: dict[tuple[str, str], float] = {}
        """When the first word of a service's trouble came over a channel."""
        self._now = now
        self._server: asyncio.Server | None = None
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()

    @property
    def url(self) -> str:
        """Its address, without a path."""
        port = self._server.sockets[0].getsockname()[1] if self._server is not None else 0
        return f"http://127.0.0.1:{port}"

    async def until(self, wanted: Sequence[tuple[str, str]], within_s: float) -> None:
        """Wait until all of these came, but no longer than that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not set(wanted) <= set(self.got):
                    self._news.clear()
                    await self._news.wait()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(min(length, _MOST_BYTES))
                writer.write(_DONE)
                await writer.drain()
            channel = unquote(head.split(b" ", 2)[1].decode("latin-1").strip("/"))
            told = msgspec.json.decode(body, type=_Posted).data
            if told.kind == Kind.BROKE.value:
                self.got.setdefault((told.service, channel), self._now())
                self._news.set()
        writer.close()


class Rehearsal:
    """The alerts of one scene: made of the user's rules, sent to the receiver.

    ``at_once`` lets no rule wait for trouble to last. Where there are no rules and ``anyhow``, one of the drill's own
    has the receiver told.
    """

    def __init__(
        self,
        config: Config,
        receiver: Receiver,
        clock: Clock,
        say: Callable[[str], None],
        *,
        folder: Path,
        services: Sequence[str],
        anyhow: bool = False,
    ) -> None:
        alerts = rehearsed(config.alerts, receiver.url)
        if not alerts.rules and anyhow:
            alerts = alerts_to([f"{receiver.url}/drill"], services)
            alerts = replace(
                alerts,
                channels=(Channel(id="drill", kind="webhook", url=Secret(f"{receiver.url}/drill")),),
                rules=(replace(alerts.rules[0], channels=("drill",)),),
            )
        self.is_wanted = bool(alerts.rules) and alerts.enabled
        self._receiver = receiver
        self._alerts = alerts
        self._clock = clock
        kept = replace(config.store, url_file=None)  # a drill's alerts are no business of the cluster's database
        self._config = replace(config, data=str(folder), alerts=alerts, store=kept)
        self.alerting = Alerting(self._config, {}, clock, say)

    async def commit(self, verdicts: Sequence[Verdict]) -> None:
        """Keep verdicts as the monitor does, once alerts have begun: what was there before is nobody's news."""
        with open_store(self._config.database) as store:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    while store.outbox.state(_PARTY) is None:
                        await self._clock.sleep(_LOOK_S)
            store.commit_step(verdicts, [], {})

    def expected(self, services: Sequence[str], state: str) -> tuple[tuple[str, str], ...]:
        """Which service has to be told over which channel."""
        return tuple(dict.fromkeys(self._expected(services, state)))

    def _expected(self, services: Sequence[str], state: str) -> Iterator[tuple[str, str]]:
        for rule in settings_of(self._alerts).rules:
            for service in services:
                if service in rule.services and state in rule.states and not rule.digest:
                    yield from ((service, channel) for channel in rule.channels)

    def told(self, services: Sequence[str], state: str) -> tuple[Alert, ...]:
        """What had to be told, and when it came; a service of whose trouble no rule tells anybody is in it too."""
        wanted = self.expected(services, state)
        alerts = [Alert(says=_says(s), channel=c, at_s=self._receiver.got.get((s, c))) for s, c in wanted]
        heard = {service for service, _ in wanted}
        alerts += [
            Alert(says=f"{_says(s)}: no rule of [alerts] tells anybody", channel="", at_s=None)
            for s in services
            if s not in heard
        ]
        return tuple(alerts)


def rehearsed(alerts: Alerts, url: str) -> Alerts:
    """The same rules, told at once, with the receiver in the place of every channel. No secret is read."""
    channels = tuple(
        Channel(id=c.id, kind="webhook", url=Secret(f"{url}/{c.id}"), repeat_in_doubt=c.repeat_in_doubt)
        for c in alerts.channels
    )
    return replace(alerts, channels=channels, rules=tuple(map(_at_once, alerts.rules)))


async def rehearse(
    config: Config, clock: Clock, now: Callable[[], float], verdicts: Sequence[Verdict], say: Callable[[str], None]
) -> tuple[tuple[Alert, ...], dict[str, datetime]]:
    """Tell the user's rules of these verdicts; what came over which channel, and when which incident was told."""
    services = [verdict.service for verdict in verdicts]
    with TemporaryDirectory(prefix="stillup-drill-") as folder:
        async with Receiver(now) as receiver:
            made = Rehearsal(config, receiver, clock, say, folder=Path(folder), services=services)
            if not made.is_wanted:
                return (), {}
            made.alerting.start()
            await made.commit(verdicts)
            made.alerting.show(Board(at=clock.now(), seq=1, simulated=PLAYED), verdicts)
            await receiver.until(made.expected(services, verdicts[0].state.value), _PATIENCE_S)
            # Its thread waits for what it sends to us.
            await asyncio.to_thread(made.alerting.stop)
            known = {v.incident: made.alerting.told_at(v.incident) for v in verdicts if v.incident}
            return made.told(services, verdicts[0].state.value), {i: at for i, at in known.items() if at is not None}


def _at_once(rule: AlertRule) -> AlertRule:
    return replace(rule, for_s=0.0, escalate_after_s=None, escalate_to=())


def _says(service: str) -> str:
    facts = catalogue().get(service)
    return f"{facts.name if facts else service} is down"
