"""Receivers that do as they are told: take, refuse, fail, ask for rest, hang, or break off after taking."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

from aiohttp import web
from aiosmtpd.smtp import SMTP

KINDS = ("webhook", "smtp", "apprise", "desktop")
TAKE, REFUSE, FAIL, REST, HANG, BREAK = "take", "refuse", "fail", "rest", "hang", "break"


class Receiver:
    """What a receiver got; ``mood`` is what it does, of several the next one each time, the last one for ever."""

    def __init__(self, *moods: str) -> None:
        self.moods = list(moods) or [TAKE]
        self.got: list[dict] = []
        self.address = ""
        self.ended = asyncio.Event()

    def mood(self) -> str:
        return self.moods.pop(0) if len(self.moods) > 1 else self.moods[0]


_STATUS = {TAKE: 204, REFUSE: 403, FAIL: 502, REST: 429}


@asynccontextmanager
async def http_receiver(*moods: str):
    """An HTTP server; ``got`` has path, headers (lower case) and JSON of every request that it took."""
    receiver = Receiver(*moods)

    async def handle(request: web.Request) -> web.StreamResponse:
        body, mood = await request.read(), receiver.mood()
        if mood in (TAKE, BREAK):
            headers = {k.lower(): v for k, v in request.headers.items()}
            receiver.got.append({"path": request.path, "headers": headers, "body": body, "json": json.loads(body)})
        if mood == HANG:
            await receiver.ended.wait()
        if mood == BREAK:
            request.transport.abort()
        rest = {"Retry-After": "120"} if mood == REST else {}
        return web.Response(status=_STATUS.get(mood, 204), headers=rest, text="" if mood == TAKE else "hush: no")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.address = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        receiver.ended.set()
        await runner.cleanup()


_REPLY = {REFUSE: "550 hush", FAIL: "554 hush", REST: "451 hush"}


class _Handler:
    def __init__(self, receiver: Receiver, goodbye: str) -> None:
        self.receiver = receiver
        self.goodbye = goodbye

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        return self.goodbye

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        mood = self.receiver.mood()
        if mood in (TAKE, BREAK):
            self.receiver.got.append(
                {"from": envelope.mail_from, "to": envelope.rcpt_tos, "mail": envelope.content, "tls": session.ssl}
            )
        if mood == HANG:
            await self.receiver.ended.wait()
        if mood == BREAK:
            server.transport.abort()
        return _REPLY.get(mood, "250 taken")


@asynccontextmanager
async def smtp_receiver(*moods: str, implicit_tls=None, goodbye="221 bye", **options):
    """A mail server; ``got`` has envelope and mail of everything that it took. ``goodbye`` is its answer to QUIT."""
    receiver, loop = Receiver(*moods), asyncio.get_running_loop()
    talks = []

    def talk():
        talks.append(SMTP(_Handler(receiver, goodbye), loop=loop, **options))
        return talks[-1]

    server = await loop.create_server(talk, "127.0.0.1", 0, ssl=implicit_tls)
    receiver.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.close()
        for one in talks:
            if one.transport is not None:
                one.transport.abort()
            if one._handler_coroutine is not None:
                one._handler_coroutine.cancel()
        await asyncio.gather(*(t._handler_coroutine for t in talks if t._handler_coroutine), return_exceptions=True)
        await server.wait_closed()
