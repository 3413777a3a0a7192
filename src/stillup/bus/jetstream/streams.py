"""The streams of one installation: made when first needed, and never somebody else's."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from stillup.bus.jetstream.connection import Connection
from stillup.bus.jetstream.faults import ANSWER_S, NAME_IN_USE, NO_PEERS, NOT_CLUSTERED, OVERLAPS, translated
from stillup.bus.jetstream.link import Link
from stillup.bus.names import stream_part
from stillup.errors import BusError, BusRefused

if TYPE_CHECKING:
    from nats.js import JetStreamContext
    from nats.js.api import StreamConfig, StreamInfo

SCHEMA = 1  # of what is kept on the bus; raised when an older stillup could not read it
CLUSTER_REPLICAS = 3
AGAIN_S = 0.1
_log = logging.getLogger("stillup.bus")


class _Stamp(Struct):
    ts: datetime


class Streams:
    """What log, table and shelf share: the connection, and which streams stand."""

    def __init__(self, link: Link, prefix: str, replicas: int | None) -> None:
        self._link = link
        self._prefix = prefix
        self._replicas = replicas
        self._stand: dict[str, Connection] = {}  # made sure of over this connection

    def name(self, kind: str, name: str) -> str:
        """The stream's own name; the prefix has no ``_``, so no two installations share one."""
        return f"{self._prefix}_{kind}_{stream_part(name)}"

    def subject(self, kind: str, name: str) -> str:
        return f"{self._prefix}.{kind}.{name}"

    async def client(self, within_s: float | None = ANSWER_S) -> Connection:
        return await self._link.client(within_s)

    async def js(self, config: StreamConfig, within_s: float | None = ANSWER_S) -> JetStreamContext:
        """JetStream, with this stream there.

        :raises BusRefused: there is a stream of that name or subject that is not ours, or a newer stillup's.
        """
        client = await self._link.client(within_s)
        js = client.jetstream(timeout=ANSWER_S)
        if self._stand.get(str(config.name)) is not client:
            await self._make_sure(js, config)
            self._stand[str(config.name)] = client
        return js

    def forget(self, name: str) -> None:
        """Look again whether a stream stands before it is used next: somebody may have taken it away."""
        self._stand.pop(name, None)

    async def publish(
        self,
        config: StreamConfig,
        subject: str,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        ttl_s: float | None = None,
    ) -> int:
        """Put a message into a stream; its number. While nobody is there who would take it, it is offered again.

        :raises nats.errors.Error: it was not taken, or that is not known. :raises BusError: there is no connection.
        """
        js = await self.js(config)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + ANSWER_S
        while True:
            try:
                ack = await js.publish(
                    subject, body, timeout=ANSWER_S, stream=config.name, headers=headers, msg_ttl=ttl_s
                )
                return int(ack.seq)
            except NoStreamResponseError:
                if loop.time() > until_s:
                    self.forget(str(config.name))
                    raise
                await asyncio.sleep(AGAIN_S)  # a stream of several servers that was just made, or chooses its leader

    async def look(self, name: str) -> StreamInfo | None:
        """What stands of a stream; makes none."""
        client = await self._link.client()
        with translated():
            try:
                return await client.jetstream(timeout=ANSWER_S).stream_info(name)
            except NotFoundError:
                return None

    async def server_time(self, name: str) -> datetime:
        """The clock of the server that leads a stream; the client's library leaves it out of what it gives.

        :raises BusError: it does not answer.
        """
        client = await self._link.client()
        with translated():
            answer = await client.request(f"$JS.API.STREAM.INFO.{name}", timeout=ANSWER_S)
        try:
            return msgspec.json.decode(answer.data, type=_Stamp).ts
        except msgspec.MsgspecError:
            msg = "NATS does not say its time (2.10 or newer does)"
            raise BusError(msg) from None

    async def _make_sure(self, js: JetStreamContext, config: StreamConfig) -> None:
        config.metadata = {"stillup": str(SCHEMA)}
        with translated():
            try:
                info = await js.stream_info(str(config.name))
            except NotFoundError:
                await self._make(js, config)
                return
        self._must_be_ours(info, config)
        await self._grow(js, info, config)

    async def _make(self, js: JetStreamContext, config: StreamConfig) -> None:
        config.num_replicas = self._replicas or CLUSTER_REPLICAS
        try:
            await js.add_stream(config)
        except APIError as error:
            if error.err_code == NOT_CLUSTERED and self._replicas is None and config.num_replicas > 1:
                await Streams(self._link, self._prefix, 1)._make(js, config)
            elif error.err_code == NAME_IN_USE:  # another replica was quicker
                self._must_be_ours(await js.stream_info(str(config.name)), config)
            else:
                raise _unmade(config, error) or error from error

    def _must_be_ours(self, info: StreamInfo, config: StreamConfig) -> None:
        schema = (info.config.metadata or {}).get("stillup", "")
        if not schema.isdecimal() or info.config.subjects != config.subjects:
            msg = (
                f"the stream {config.name} on NATS belongs to something else: give this installation a prefix of its"
                " own ([cluster] prefix)"
            )
            raise BusRefused(msg)
        if int(schema) > SCHEMA:
            msg = f"the stream {config.name} was made by a newer stillup: this one must be upgraded first"
            raise BusRefused(msg)

    async def _grow(self, js: JetStreamContext, info: StreamInfo, config: StreamConfig) -> None:
        """Other limits, or a number of copies that was asked for; what cannot be changed now stays as it is."""
        had = info.config
        had_limits = (had.max_bytes, had.max_age, had.num_replicas)
        had.max_bytes = config.max_bytes if config.max_bytes is not None else had.max_bytes
        had.max_age = config.max_age if config.max_age is not None else had.max_age
        had.num_replicas = self._replicas or had.num_replicas
        if (had.max_bytes, had.max_age, had.num_replicas) == had_limits:
            return
        try:
            with translated():
                await js.update_stream(had)
        except BusError as error:
            _log.warning("the stream %s keeps its old limits: %s", config.name, error)


def _unmade(config: StreamConfig, error: APIError) -> BusError | None:
    """Why a stream could not be made, where there is more to say than NATS does."""
    if error.err_code == OVERLAPS:
        return BusRefused(
            f"a stream of somebody else already takes {', '.join(config.subjects or ())}: give this installation a"
            " prefix of its own ([cluster] prefix)"
        )
    if error.err_code in (NO_PEERS, NOT_CLUSTERED):
        return BusError(
            f"NATS has too few servers up to keep {config.num_replicas} copies: start the others, or say fewer"
            " ([cluster] copies)"
        )
    return None
