"""Gateways as processes: one that dies, seen by clients behind a balancer; upgrades are in ``test_upgrade.py``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest

from stillup.sim.provider_server import ProviderServer
from stillup.testing import free_port
from tests.cluster.gateways import CONFIG, ENVIRON, WITHIN_S, until
from tests.gateway.app.conftest import MESSAGES, Client

CLIENTS = 6


class Process:
    """``stillup run gateway``, at the same address after each start."""

    def __init__(self, name: str, folder, a, b, nats) -> None:
        self.name, self.port = name, free_port()
        self._config = folder / f"{name}.toml"
        text = CONFIG.format(data=folder / name, more="", a=a.url, b=b.url, drain_s=0.5)
        text = text.replace("127.0.0.1:0", f"127.0.0.1:{self.port}").replace("grace_s = 15.0", "grace_s = 60.0")
        bus = f'[cluster]\nbus = ["{nats.servers[0]}"]\nprefix = "{nats.prefix}"\nname = "{name}"\n'
        self._config.write_text(f"{text}\n{bus}")
        self._log = folder / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "stillup", "run", "gateway", "--config", str(self._config),
                stdout=log, stderr=log, env={**_plain(), **ENVIRON},
            )  # fmt: skip
        await until(self.is_ready)

    async def is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self._log.read_text()
        with suppress(OSError):
            return (await Client(self).send("GET", "/readyz")).status == 200
        return False

    async def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        async with asyncio.timeout(60.0):
            return await self._process.wait()


def _plain() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}


class Balancer:
    """Clients that ask whoever is ready, and another when nobody is at the first's address."""

    def __init__(self, processes: list[Process]) -> None:
        self._processes, self._turn = processes, 0
        self.answers: list[str] = []
        self.lost: list[object] = []
        self.is_over = False

    async def more(self, answers: int) -> None:
        n = len(self.answers) + answers
        await until(lambda: len(self.answers) >= n)

    async def client(self, speech) -> None:
        while not self.is_over:
            self._turn += 1
            at = self._turn % len(self._processes)
            for process in (*self._processes[at:], *self._processes[:at]):
                try:
                    reply = await Client(SimpleNamespace(port=process.port)).ask(speech)
                except ConnectionRefusedError:
                    continue
                except OSError as exc:
                    self.lost.append(exc)
                    break
                whole = reply.status == 200 and not reply.broken and speech.ended(reply)
                (self.answers if whole else self.lost).append(process.name if whole else reply)
                break
            else:
                self.lost.append("nobody was there")


@pytest.fixture
async def cluster(tmp_path, nats):
    async with ProviderServer("A") as a, ProviderServer("B") as b:
        processes = [Process(name, tmp_path, a, b, nats) for name in ("one", "two")]
        try:
            await asyncio.gather(*(process.start() for process in processes))
            yield processes
        finally:
            await asyncio.gather(*(process.end(signal.SIGKILL) for process in processes), return_exceptions=True)


async def test_while_one_replica_lives_clients_get_answers_though_the_other_was_killed(cluster):
    """What the dead one had in hand breaks; whoever asks again, or asks anew, is answered."""
    one, two = cluster
    balancer = Balancer(cluster)
    clients = [asyncio.create_task(balancer.client(MESSAGES)) for _ in range(CLIENTS)]
    await until(lambda: {"one", "two"} <= set(balancer.answers))
    await one.end(signal.SIGKILL)
    n = len(balancer.answers)
    await balancer.more(50)
    balancer.is_over = True
    async with asyncio.timeout(WITHIN_S):
        await asyncio.gather(*clients)
    assert len(balancer.lost) <= CLIENTS
    assert set(balancer.answers[n + CLIENTS :]) == {"two"}
    assert await two.end(signal.SIGTERM) == 0
