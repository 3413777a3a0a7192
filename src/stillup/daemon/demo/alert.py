"""The demo's alert: sent over a real connection to a webhook on loopback, which says it on the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stillup.sources.decode import clean

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.daemon.alerts.alerting import Alerting

_MOST_BYTES = 256 * 1024
_PATIENCE_S = 5.0
_DONE = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class _Told(Struct, frozen=True):
    """What of an alert is shown."""

    title: str = ""


class _Posted(Struct, frozen=True):
    """What a webhook is sent."""

    data: _Told = _Told()


class DemoAlerts:
    """Alerts of one play; ``tell`` is given the title of each."""

    def __init__(self, tell: Callable[[str], None], say: Callable[[str], None]) -> None:
        self._tell = tell
        self._say = say
        self._server: asyncio.Server | None = None

    async def open(self, config: Config, clock: Clock) -> Alerting:
        """Listen for alerts, and give who sends them; it is to be started and stopped by the caller."""
        from stillup.daemon.alerts.alerting import Alerting
        from stillup.daemon.alerts.rules import alerts_to

        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        alerts = alerts_to([f"http://127.0.0.1:{port}/"], config.services)
        return Alerting(replace(config, alerts=alerts), {}, clock, self._say)

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = await reader.readexactly(min(length, _MOST_BYTES))
                writer.write(_DONE)
                await writer.drain()
            title = clean(msgspec.json.decode(body, type=_Posted).data.title, 200)
            if title:
                self._tell(title)
        writer.close()
