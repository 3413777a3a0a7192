"""The whole set on loopback: three NATS servers, PostgreSQL, two of each role, and wires between that can be cut."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from alerts.receiver import Receiver

from cluster.disks import SlowDisk, SmallDisk
from cluster.networks import Networks
from cluster.proxy import Wire
from stillup.registry import usable_sources
from stillup.sim.provider_server import ProviderServer
from stillup.testing import free_port
from tests.cluster.nats_server import NatsServer
from tests.store.pgserver import PgServer

ROOT = Path(__file__).parents[2]
PREFIX = "trial"
SERVICES = ("claude", "chatgpt")
EACH, NATS = 2, 3
ENVIRON = {"A_KEY": "dummy-key-of-a", "B_KEY": "dummy-key-of-b"}
_COMMON = """
data = "{data}"
services = ["claude", "chatgpt"]
[cluster]
bus = [{bus}]
prefix = "{prefix}"
drain_s = 2.0
name = "{name}"
[store]
url_env = "TRIAL_DATABASE"
[web]
listen = "127.0.0.1:{port}"
trusted_proxies = ["127.0.0.1"]
[alerts.flapping]
changes = 0
[[alerts.channels]]
id = "hook"
url = "http://{hook}/hook"
[[alerts.rules]]
id = "all"
channels = ["hook"]
[gateway]
listen = "127.0.0.1:{port}"
drain_s = 2.0
grace_s = 20.0
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{a}"
key_env = "A_KEY"
service = "claude"
component = "api"
[[gateway.upstreams]]
id = "b"
protocol = "anthropic"
base_url = "{b}"
key_env = "B_KEY"
service = "chatgpt"
component = "api"
[[gateway.routes]]
match = "*"
chain = ["a/claude-sonnet-4-5", "b/claude-sonnet-4-5"]
"""


def role_config(data: Path, buses: Sequence[str], name: str, port: int, *, a: str, b: str, hook: str) -> str:
    """The configuration of a process; nothing here leaves the machine: judged is what gateways and people say."""
    quoted = ", ".join(f'"{bus}"' for bus in buses)
    text = _COMMON.format(data=data, bus=quoted, prefix=PREFIX, name=name, port=port, hook=hook, a=a, b=b)
    return text + "".join(f"[sources.{spec.id}]\nenabled = false\n" for spec in usable_sources())


class Part:
    """One process of the set, at the same address after each start."""

    def __init__(self, name: str, words: list[str], log: Path, environ: dict[str, str], port: int = 0) -> None:
        self.name, self.role, self.port, self.log = name, name.rpartition("-")[0], port, log
        self.wires: list[Wire] = []
        self._words, self.environ = words, environ
        self._child: subprocess.Popen[bytes] | None = None
        self.is_paused = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self, skew_s: float = 0.0) -> None:
        """Start it, with a clock that is so far ahead."""
        front = ["-m", "bench.cluster.skewed", str(skew_s)] if skew_s else ["-m"]
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, *front, *self._words], stdout=log, stderr=log, cwd=ROOT, env=self.environ
            )
        self.is_paused = False

    def send(self, number: signal.Signals) -> None:
        """A signal to it, if it is there."""
        if self._child is not None and self._child.poll() is None:
            os.kill(self._child.pid, number)
            self.is_paused = number is signal.SIGSTOP or (self.is_paused and number is not signal.SIGCONT)

    async def kill(self) -> None:
        """As a machine that loses power."""
        self.send(signal.SIGKILL)
        await self.ended()

    async def ended(self) -> int:
        """Wait for its end."""
        assert self._child is not None
        return await asyncio.to_thread(self._child.wait, 60)

    async def end(self) -> None:
        """In order within 20 s, else at once."""
        if self._child is not None:
            try:
                await asyncio.to_thread(self._child.wait, 20)
            except subprocess.TimeoutExpired:
                await self.kill()

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None


class Stage:
    """An async context manager; everything it starts is ended, by id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts: dict[str, Part] = {}
        self.networks = Networks(NATS)
        self.networks.make()
        self.nats = nats_servers(folder / "nats", self.networks)
        self.database = PgServer()
        self.disk = SmallDisk(folder / "nats" / "n0" / "js", 512)
        """Of the first NATS server."""
        self.database_disk = SmallDisk(self.database.folder / "data", 320)
        self.can_slow_disks = SlowDisk.is_possible()
        self.hook = Receiver(7, is_moody=False)
        self.a, self.b = ProviderServer("A"), ProviderServer("B")
        self.wires: list[Wire] = []
        self.store = self.story_store = ""
        self.holding: dict[str, str] = {}
        """Which part of a role was last seen to own something."""

    @property
    def buses(self) -> tuple[str, ...]:
        return tuple(server.url for server in self.nats)

    def of(self, role: str) -> list[Part]:
        """The processes of a role."""
        return [part for part in self.parts.values() if part.role == role]

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _start(self) -> None:
        for server in self.nats:
            await asyncio.to_thread(server.start)
        await asyncio.to_thread(self.start_database)
        self.store = await asyncio.to_thread(self.database.new_database, "trial")
        self.story_store = await asyncio.to_thread(self.database.new_database, "story")
        self.hook.__enter__()
        await self.a.__aenter__()
        await self.b.__aenter__()
        for role in ("monitor", "hub", "gateway", "web"):
            for n in range(1, EACH + 1):
                await self._add(role, f"{role}-{n}")

    def start_database(self) -> None:
        """Start it; what it writes ahead stays well within its disk."""
        self.database.start(max_wal_size="96MB", min_wal_size="48MB")

    async def _add(self, role: str, name: str) -> None:
        buses, store, wires = await self.wired(self.store)
        port = free_port()
        text = role_config(self.folder / name, buses, name, port, a=self.a.url, b=self.b.url, hook=self.hook.address)
        config = self.folder / f"{name}.toml"
        config.write_text(text)
        words = ["stillup", "run", role, "--config", str(config)]
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        part = Part(name, words, self.folder / f"{name}.log", environ | ENVIRON | {"TRIAL_DATABASE": store}, port)
        part.wires = wires
        self.parts[name] = part
        part.start()

    async def wired(self, store: str) -> tuple[tuple[str, ...], str, list[Wire]]:
        """Wires of a part's own to each server: the buses' addresses, the database's, the wires (the last is its)."""
        wires = [await Wire(server.port, server.host).open() for server in self.nats]
        wires.append(await Wire(self.database.port).open())
        self.wires += wires
        buses = tuple(f"nats://127.0.0.1:{wire.port}" for wire in wires[:-1])
        return buses, store.replace(f":{self.database.port}/", f":{wires[-1].port}/"), wires

    async def __aexit__(self, *_: object) -> None:
        for part in self.parts.values():
            part.send(signal.SIGCONT)
            part.send(signal.SIGTERM)
        await asyncio.gather(*(part.end() for part in self.parts.values()))
        for wire in self.wires:
            await wire.close()
        await asyncio.to_thread(self.database.stop, signal.SIGQUIT)
        self.database_disk.remove()
        await asyncio.to_thread(self.database.remove)
        for server in self.nats:
            await asyncio.to_thread(server.stop)
        self.disk.remove()
        self.networks.remove()
        await self.a.__aexit__(None, None, None)
        await self.b.__aexit__(None, None, None)
        self.hook.__exit__()


def nats_servers(folder: Path, networks: Networks) -> list[NatsServer]:
    """Servers that keep copies of each other's streams, and tell clients of none but the one they came to."""
    at = [f"{networks.host(n)}:{free_port()}" for n in range(NATS)]
    routes = ", ".join(f'"nats://{address}"' for address in at)
    return [
        NatsServer(
            folder / f"n{n}",
            name=f"n{n}",
            config=f'cluster {{ name: trial, listen: "{address}", no_advertise: true, routes: [{routes}] }}',
            host=networks.host(n),
            front=networks.front(n),
            looked_at=free_port(),
        )
        for n, address in enumerate(at)
    ]
