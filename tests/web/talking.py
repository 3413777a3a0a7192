"""Somebody to talk to: a real gateway with its journal before two scripted providers, in a thread of their own."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.gateway.app import Gateway
from stillup.gateway.core.actions import Patience
from stillup.gateway.journal import Journal
from stillup.gateway.journal import Settings as JournalSettings
from stillup.gateway.plan import resolve
from stillup.gateway.seen.facade import Seen
from stillup.sim.provider_server import ProviderServer

TEXT = """\
[gateway]
listen = "127.0.0.1:0"
{more}
[[gateway.upstreams]]
id = "first"
protocol = "{protocol}"
base_url = "{a}"
key_env = "A_KEY"
[[gateway.upstreams]]
id = "second"
protocol = "{protocol}"
base_url = "{b}"
key_env = "B_KEY"
[[gateway.routes]]
match = "claude-opus-5-5"
chain = ["first", "second/claude-opus-5"]
[[gateway.routes]]
match = "*"
chain = ["first/small-talk"]
"""
KEYS = {"A_KEY": "dummy-key-of-first", "B_KEY": "dummy-key-of-second", "ANN": "a-token-of-ann-here"}
PATHS = {"anthropic": "", "openai": "/v1", "gemini": ""}
PATIENT = Patience(deadline_s=20.0)


class Talking:
    """Entered, it runs. ``a`` and ``b`` are the providers; ``do`` calls something of theirs in their own loop."""

    def __init__(self, folder, protocol="anthropic", more="", keys=KEYS, text=TEXT):
        self._folder, self._protocol, self._more, self._keys, self._text = folder, protocol, more, keys, text
        self._ready, self._over = threading.Event(), None
        self.a = self.b = self.gateway = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(20), "nobody to talk to"
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    async def _run(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with ProviderServer("A") as self.a, ProviderServer("B") as self.b:
            path = PATHS[self._protocol]
            config = parse_config(
                self._text.format(protocol=self._protocol, a=self.a.url + path, b=self.b.url + path, more=self._more)
            )
            clock = SystemClock()
            journal = Journal.open(self._folder, clock.wall_s(), JournalSettings(), print)
            self.gateway = Gateway(
                resolve(config, self._keys), config.gateway, seen=Seen(clock), clock=clock, journal=journal,
                patience=PATIENT,
            )  # fmt: skip
            await self.gateway.start()
            self._ready.set()
            await self._over.wait()
            await self.gateway.stop(0.0)

    @property
    def url(self):
        return self.gateway.address

    def do(self, what, *args, **kwargs):
        """Call it in the loop and wait for it."""

        async def call():
            done = what(*args, **kwargs)
            return await done if asyncio.iscoroutine(done) else done

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(20)

    def asked(self, server=None):
        """The newest request's body that a provider got."""
        return json.loads((server or self.a).requests[-1].body)

    def release(self):
        with suppress(RuntimeError):
            self.do(self.a.release)
