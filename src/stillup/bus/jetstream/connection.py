"""To connect once, to know when a connection is dead, and to leave it: what nats-py does otherwise than we need.

Its private parts are touched here and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import nats.errors
from nats.aio.client import Client

from stillup.bus.jetstream.faults import ANSWER_S, NO_JETSTREAM_SAYS, NOBODY_SAYS, fault, translated
from stillup.bus.where import Where
from stillup.errors import BusError, BusRefused

if TYPE_CHECKING:
    from nats.aio.msg import Msg

OLDEST = (2, 11)  # the first that says when something has gone by itself
LOOK_S = 1.0  # between looks whether the server still answers: a paused one is left after three seconds at most
LEADERLESS_S = 10.0  # three servers choose a leader within 9 s mostly: one that knows of none for longer is cut off
ASK_AGAIN_S = 1.0
_CLOSE_S = 2.0
QUESTIONS = tuple(f"$JS.API.{what}" for what in ("INFO", "STREAM.INFO.", "STREAM.MSG.GET.", "CONSUMER.CREATE."))
_log = logging.getLogger("stillup.bus")
# What nats-py logs of a connection that breaks is a traceback; what is to be known of it is said here in a sentence.
logging.getLogger("nats").addHandler(logging.NullHandler())


class Connection(Client):
    """One connection; ``gone`` is set when it has ended or is given up."""

    def __init__(self, server: str, *, only_tls: bool) -> None:
        super().__init__()
        self.server = server
        self.gone = asyncio.Event()
        self._only_tls = only_tls

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        timeout: float = 0.5,  # noqa: ASYNC109 - nats-py's own
        old_style: bool = False,  # noqa: FBT001, FBT002 - likewise
        headers: dict[str, Any] | None = None,
    ) -> Msg:
        """What may be asked twice is asked again each second, and the first answer counts.

        While a leader is chosen nobody hears it: who only waits for the answer learns of the new one seconds late.
        """
        if not subject.startswith(QUESTIONS):
            return await super().request(subject, payload, timeout, old_style, headers)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + timeout
        asked: set[asyncio.Task[Msg]] = set()
        done: set[asyncio.Task[Msg]] = set()
        while not done:
            if not asked or until_s - loop.time() > ASK_AGAIN_S / 2:
                within_s = max(0.0, until_s - loop.time())
                asking = asyncio.create_task(super().request(subject, payload, within_s, old_style, headers))
                asking.add_done_callback(_looked_at)  # one that is left goes on until its time is up: that tidies up
                asked.add(asking)
            done, _ = await asyncio.wait(asked, timeout=ASK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002 - nats-py's own
        """Before anything is said: nats-py lets the server choose whether there is TLS, and tells it the password."""
        if initial_connection and self._only_tls and not info.get("tls_required"):
            raise nats.errors.SecureConnWantedError
        await super()._process_info(info, initial_connection)


def _looked_at(asked: asyncio.Task[Any]) -> None:
    if not asked.cancelled():
        asked.exception()


async def connect(server: str, where: Where) -> Connection:
    """A connection to one server that has JetStream.

    :raises BusError: there is none; :class:`BusRefused`: nor will there be.
    """
    only_tls = bool(where.ca or where.cert) or urlsplit(server).scheme == "tls"
    client = Connection(server, only_tls=only_tls)
    options = _options(where, only_tls=only_tls)
    why: list[Exception] = []

    async def note(error: Exception) -> None:
        why.append(error)
        del why[:-1]
        _log.debug("NATS: %r", error)

    async def ended() -> None:
        client.gone.set()

    try:
        with translated():
            try:
                async with asyncio.timeout(ANSWER_S):
                    await client.connect(servers=[server], error_cb=note, closed_cb=ended, **options)  # type: ignore[arg-type]
            except nats.errors.NoServersError:
                raise fault(why[-1]) from None  # that is what it says after whatever it was
        await _must_have_jetstream(client)
    except BaseException as error:
        await leave(client)
        if isinstance(error, BusError) and why and "permissions violation" in str(why[-1]).casefold():
            msg = f"NATS does not let this user do what stillup needs: {why[-1]}"
            raise BusRefused(msg) from error
        if isinstance(error, (ImportError, ValueError)):  # a credentials file that is none, or no NATS at all
            msg = f"the bus of [cluster] cannot be used: {type(error).__name__}: {str(error)[:200]}"
            raise BusRefused(msg) from error
        if isinstance(error, Exception) and not isinstance(error, BusError):
            raise fault(error) from error  # what nats-py trips over when something else answers
        raise
    return client


def _options(where: Where, *, only_tls: bool) -> dict[str, object]:
    options: dict[str, object] = {
        "allow_reconnect": False,
        "connect_timeout": ANSWER_S,
        "max_reconnect_attempts": 1,  # else connect() itself goes on for ever
        "reconnect_time_wait": 0,
        "flush_timeout": ANSWER_S,  # else what a stuck server does not take is waited for without an end
        "name": where.name,
        "ping_interval": 60,  # we look more often than that
    }
    if where.user is not None and where.password is not None:
        options |= {"user": where.user, "password": where.password.reveal()}
    if where.token is not None:
        options["token"] = where.token.reveal()
    if where.credentials is not None:
        options["user_credentials"] = str(where.credentials)
    if only_tls:
        options["tls"] = _tls(where)
    return options


def _tls(where: Where) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=where.ca)
        if where.cert:
            context.load_cert_chain(where.cert, where.key)
    except (OSError, ssl.SSLError) as error:
        msg = f"the TLS files of [cluster] cannot be used: {error}"
        raise BusRefused(msg) from error
    return context


async def _must_have_jetstream(client: Client) -> None:
    version = client.connected_server_version
    if (version.major, version.minor) < OLDEST:
        msg = f"NATS {version.major}.{version.minor} is too old: stillup needs {OLDEST[0]}.{OLDEST[1]} or newer"
        raise BusRefused(msg)
    with translated():
        try:
            await client.jetstream(timeout=ANSWER_S).account_info()
        except Exception as error:
            if str(fault(error)) == NOBODY_SAYS and not client._server_info.get("jetstream"):  # noqa: SLF001
                raise BusRefused(NO_JETSTREAM_SAYS) from error
            raise


async def until_gone(client: Connection) -> bool:
    """Until the connection ended, or the server at its other end does not answer any more; False then.

    True: it answers, but has not known for long who leads: the other servers may be out of its reach, and not of ours.

    Ended by setting ``gone``, not by cancelling: a flush that is cancelled leaves nats-py a future it trips over, and
    its own waiting can swallow that it was.
    """
    loop = asyncio.get_running_loop()
    led_s = loop.time()
    looking: asyncio.Task[bool] | None = None
    try:
        while not client.is_closed and not client.gone.is_set():
            try:
                await client.flush(timeout=2)
            except Exception as error:  # noqa: BLE001 - whatever it is, this connection is of no use
                _log.debug("NATS does not answer: %r", error)
                return False
            reading = client._reading_task  # noqa: SLF001
            if reading is None or reading.done():
                return False  # nobody reads the answers; flush() does not say so
            if looking is not None and looking.done():
                led_s = loop.time() if looking.result() else led_s
                looking = None
            if looking is None and loop.time() - led_s > ANSWER_S:
                looking = asyncio.create_task(_is_led(client))
            if loop.time() - led_s > LEADERLESS_S:
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await client.gone.wait()
        return False
    finally:
        if looking is not None:
            looking.cancel()


async def _is_led(client: Connection) -> bool:
    """Whether JetStream answers at this server."""
    try:
        await client.jetstream(timeout=ANSWER_S).account_info()
    except Exception:  # noqa: BLE001 - whatever it is, it is no answer
        return False
    return True


async def leave(client: Connection) -> None:
    """Close it; who waits for an answer over it is told at once that none will come."""
    client.gone.set()
    with contextlib.suppress(Exception):
        for answer in list(client._resp_map.values()):  # noqa: SLF001
            if not answer.done():
                answer.set_exception(nats.errors.ConnectionClosedError())
    # In a task: it waits for what a stuck server does not take, and swallows that it is cancelled.
    closing = asyncio.create_task(client.close())
    closing.add_done_callback(_looked_at)
    await asyncio.wait((closing,), timeout=_CLOSE_S)
    with contextlib.suppress(Exception):
        _drop(client)
    if not closing.done():
        closing.cancel()
        await asyncio.wait((closing,), timeout=_CLOSE_S)


def _drop(client: Connection) -> None:
    """What close() leaves: the socket, and the tasks of which asyncio says, some time, that they were destroyed."""
    writer = getattr(client._transport, "_io_writer", None)  # noqa: SLF001 - of a websocket there is none
    if writer is not None:
        writer.transport.abort()
    for sub in list(client._subs.values()):  # noqa: SLF001
        sub._stop_processing()  # noqa: SLF001
    client._subs.clear()  # noqa: SLF001
    for task in (client._reading_task, client._ping_interval_task, client._flusher_task):  # noqa: SLF001
        if task is not None:
            task.cancel()
