"""Jetstream: ``/subscribe``, a WebSocket on which every post of the network is told as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
from aiohttp import web

from stillup.catalog.load import catalogue
from stillup.clock import Clock
from stillup.sim.modes import Mode
from stillup.sim.scenario import SOURCES
from stillup.sim.stories import Stories
from stillup.sim.wire.reply import millis
from stillup.sim.wire.routes import Desk
from stillup.sim.wire.short import shorts

_TICK_S = 0.1
_ONE_IN = 2
_LONGEST = timedelta(hours=24)
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_COLLECTION = "app.bsky.feed.post"


async def serve(desk: Desk, request: web.BaseRequest, clock: Clock) -> web.StreamResponse:
    """Tell what is written from now on, or from ``cursor`` (microseconds) on, until the other side leaves."""
    socket = web.WebSocketResponse(heartbeat=30.0)
    if request.path.rstrip("/") != "/bluesky/subscribe" or not socket.can_prepare(request).ok:
        return web.Response(status=400, text="not a WebSocket handshake")
    now = clock.now()
    after = _from(request.query.get("cursor", ""), now)
    await socket.prepare(request)
    leaving = asyncio.create_task(_leave(socket))
    try:
        while not socket.closed and desk.stories.of(desk.service.id).mode(SOURCES, now) is Mode.OK:
            for frame in frames(desk.stories, after, now):
                await socket.send_str(frame.decode())
            after = now
            await asyncio.sleep(_TICK_S)
            now = clock.now()
    except ConnectionError:
        pass  # the other side left in the middle of a word
    finally:
        leaving.cancel()
        await socket.close()
    return socket


async def _leave(socket: web.WebSocketResponse) -> None:
    """Read on, so that a goodbye is noticed."""
    async for _ in socket:
        pass


def _from(cursor: str, now: datetime) -> datetime:
    if not cursor.isdigit() or len(cursor) > 16:
        return now
    return min(now, max(now - _LONGEST, datetime.fromtimestamp(int(cursor) / 1e6, UTC)))


def frames(stories: Stories, after: datetime, until: datetime) -> Iterator[bytes]:
    """Every post of the network with ``after < at <= until``, oldest first, and one more about nothing at its end."""
    found = [
        (short.at, short.key, short.text)
        for service in catalogue().values()
        for short in shorts(stories, service, after, until, one_in=_ONE_IN, chatter=True)
    ]
    for at, key, text in sorted(found):
        yield _frame(at, key, text)
    yield _frame(until, int(until.timestamp() * 1000), "good morning, the kettle is on")


def _frame(at: datetime, key: int, text: str) -> bytes:
    record = {"$type": _COLLECTION, "createdAt": millis(at), "langs": ["en"], "text": text}
    name = _base32(key)
    commit = {
        "rev": name,
        "operation": "create",
        "collection": _COLLECTION,
        "rkey": name,
        "record": record,
        "cid": f"bafyrei{name:a>52}",
    }
    did = f"did:plc:{_base32(key % 10_000):a>24}"
    return msgspec.json.encode({"did": did, "time_us": int(at.timestamp() * 1e6), "kind": "commit", "commit": commit})


def _base32(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 32)
        digits = _ALPHABET[rest] + digits
    return digits or "2"
