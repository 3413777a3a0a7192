"""A webhook receiver that honours the key: what it has seen it takes again and counts once."""

from __future__ import annotations

import asyncio
import json
import threading
from random import Random
from typing import Any, Self

from aiohttp import web


class Receiver:
    """Of a thousand requests one is answered 503, and one breaks off after it was taken. Runs in a thread."""

    def __init__(self, seed: int, *, is_moody: bool = True) -> None:
        self.address = ""
        self.taken: dict[str, dict[str, Any]] = {}
        """By key, in the order they first came."""
        self.again = 0
        """Requests with a key that was known: the doubles that the key makes harmless."""
        self.turned_away = 0
        self._chance = Random(seed)
        self._is_moody = is_moody
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_post("/hook", self._hear)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
        self.address = f"127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        mood = self._chance.random() if self._is_moody else 1.0
        if mood < 0.001:
            self.turned_away += 1
            return web.Response(status=503)
        key = request.headers["webhook-id"]
        if key in self.taken:
            self.again += 1
        else:
            self.taken[key] = json.loads(body)["data"]
        if mood < 0.002 and request.transport is not None:
            request.transport.abort()
        return web.Response(status=204)
