"""One connection to the bus, replaced when it breaks.

nats-py can connect again by itself, but then sends what was given to it in the meantime: a word minutes old would come
to a table as if it were new. Here every connection is a new one, and what could not be sent was not sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from itertools import count
from urllib.parse import urlsplit
from zlib import crc32

from nats.aio.client import Client

from stillup.bus.jetstream.faults import NO_JETSTREAM_SAYS, NOBODY_SAYS, fault, translated
from stillup.bus.local import Signal
from stillup.bus.where import Where
from stillup.errors import BusError, BusRefused

ANSWER_S = 3.0  # to an answer; and to wait for a connection that is just being made again
LOOK_S = 1.0  # between looks whether the server still answers: a paused one is left after three seconds at most
_log = logging.getLogger("stillup.bus")


class Link:
    """Always reaching for the bus; at most one connection at a time."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._client: Client | None = None
        self._changed = Signal()
        self._keeper: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._refused = False
        self.trouble: str | None = f"NATS at {self.place} has not been reached yet"

    @property
    def place(self) -> str:
        """The servers without what may be in front of an @."""
        return ", ".join(urlsplit(server).netloc.rpartition("@")[2] or "?" for server in self._where.servers)

    @property
    def is_there(self) -> bool:
        return self._client is not None and not self._client.is_closed

    async def reach(self, within_s: float) -> None:
        """Begin to reach for the bus, and wait so long for it.

        :raises BusRefused: it was reached and cannot serve.
        """
        self._keeper = asyncio.create_task(self._keep(), name="bus: keep the connection")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not self.is_there and not self._refused:
                    await self._changed.wait()
        if self._refused:
            await self.close()
            raise BusRefused(self.trouble or "refused")

    async def client(self, within_s: float | None = ANSWER_S) -> Client:
        """The connection; waits for one that is being made.

        :raises BusError: there is none in that time. None: waits without an end.
        """
        try:
            async with asyncio.timeout(within_s):
                while (client := self._client) is None or client.is_closed:
                    if self._keeper is None or self._keeper.done():
                        msg = "the bus was closed"
                        raise BusRefused(msg)
                    await self._changed.wait(LOOK_S)
                return client
        except TimeoutError:
            raise BusError(self.trouble or f"NATS at {self.place} does not answer") from None

    async def _keep(self) -> None:
        # Each process begins with another server, so that they share the load.
        for attempt in count():
            server = self._where.servers[(attempt + crc32(self._where.name.encode())) % len(self._where.servers)]
            try:
                client = await self._connect(server)
            except BusError as error:
                self.trouble, self._refused = f"NATS at {self.place}: {error}", isinstance(error, BusRefused)
                self._changed.fire()
                _log.debug("%s", self.trouble)
                await asyncio.sleep(0.25 if attempt < 2 * len(self._where.servers) else 1.0)
                continue
            self._client, self.trouble, self._refused = client, None, False
            self._changed.fire()
            await self._until_lost(client)
            self._client, self.trouble = None, f"the connection to NATS at {self.place} is lost and being made again"
            self._changed.fire()
            _log.warning("%s", self.trouble)
            self._leave(client)

    async def _connect(self, server: str) -> Client:
        client = Client()
        try:
            with translated():
                async with asyncio.timeout(ANSWER_S):
                    await client.connect(servers=[server], **self._options())  # type: ignore[arg-type]
            await self._must_have_jetstream(client)
        except BaseException:
            self._leave(client)
            raise
        return client

    def _options(self) -> dict[str, object]:
        where = self._where
        options: dict[str, object] = {
            "allow_reconnect": False,
            "connect_timeout": ANSWER_S,
            "error_cb": _note,
            "name": where.name,
            "ping_interval": 60,  # we look more often than that
        }
        if where.user is not None and where.password is not None:
            options |= {"user": where.user, "password": where.password.reveal()}
        if where.token is not None:
            options["token"] = where.token.reveal()
        if where.credentials is not None:
            options["user_credentials"] = str(where.credentials)
        if where.ca or where.cert or any(urlsplit(server).scheme == "tls" for server in where.servers):
            options["tls"] = _tls(where)
        return options

    async def _must_have_jetstream(self, client: Client) -> None:
        with translated():
            try:
                await client.jetstream(timeout=ANSWER_S).account_info()
            except Exception as error:
                found = fault(error)
                if str(found) == NOBODY_SAYS and not client._server_info.get("jetstream"):  # noqa: SLF001
                    raise BusRefused(NO_JETSTREAM_SAYS) from error
                raise

    async def _until_lost(self, client: Client) -> None:
        while not client.is_closed:
            try:
                await client.flush(timeout=2)
            except Exception as error:  # noqa: BLE001 - whatever it is, this connection is of no use
                _log.debug("NATS does not answer: %r", error)
                return
            await asyncio.sleep(LOOK_S)

    def _leave(self, client: Client) -> None:
        """Close it in the background: with a server that is stuck that can take its time."""
        task = asyncio.create_task(_close(client), name="bus: leave a connection")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        if self._keeper:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        client, self._client = self._client, None
        self.trouble = "the bus was closed"
        self._changed.fire()
        if client:
            with contextlib.suppress(Exception):
                await client.flush(timeout=2)
            self._leave(client)
        if self._leaving:
            await asyncio.wait(self._leaving)


async def _close(client: Client) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(2):
            await client.close()
    if transport := client._transport:  # noqa: SLF001 - close() waits for what a stuck server does not take
        with contextlib.suppress(Exception):
            transport.close()  # type: ignore[no-untyped-call]


async def _note(error: Exception) -> None:
    _log.debug("NATS: %r", error)


def _tls(where: Where) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=where.ca)
        if where.cert:
            context.load_cert_chain(where.cert, where.key)
    except (OSError, ssl.SSLError) as error:
        msg = f"the TLS files of [cluster] cannot be used: {error}"
        raise BusRefused(msg) from error
    return context
