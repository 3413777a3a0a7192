"""How soon every gateway replica acts on what one knows. ``python bench/cluster/reroute.py [REPLICAS [ROUNDS [NATS]]]``

Replicas are processes (``stillup run gateway``) on three NATS servers (or one), providers answer at once, all on this
machine: the network costs nothing, and everything shares its cores. Each round is measured by requests, one after the
other to each replica, that clients could have made:

- ``verdict``: from the moment a judge has written a confirmed outage until a replica's first request that goes to the
  next upstream without asking the first; then likewise back.
- ``breaker``: from the answer of the one request that found the first upstream failing until every other replica's
  status has it open.
- ``limit``: a user of 60 requests a minute asks each replica as often: one request after the other, as fast as they are
  answered, each replica in turn; and another user all at once, of which nobody can tell the others in time.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

import aiohttp

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2])]

from cluster.verdicts import word  # noqa: E402
from stillup.bus.open import Where, open_bus  # noqa: E402
from stillup.clock import SystemClock  # noqa: E402
from stillup.daemon.cluster.publish import VERDICTS  # noqa: E402
from stillup.model.service import State  # noqa: E402
from stillup.sim.provider.behaviour import Behaviour, Failure  # noqa: E402
from stillup.sim.provider_server import ProviderServer  # noqa: E402
from stillup.testing import free_port  # noqa: E402
from tests.cluster.nats_server import NatsCluster, NatsServer  # noqa: E402

MODEL = "claude-sonnet-4-5"
LIMIT = 60
TOKENS = {
    "ANN": "dummy-token-of-ann-0123456789",
    "BEN": "dummy-token-of-ben-0123456789",
    "CID": "dummy-token-of-cid-0123456789",
}
CONFIG = """
services = ["claude", "chatgpt"]
data = "{folder}"
[cluster]
bus = [{nats}]
name = "{name}"
[gateway]
listen = "127.0.0.1:{port}"
hedge_after_s = 30.0
drain_s = 0.0
[[gateway.users]]
id = "ann"
token_env = "ANN"
[[gateway.users]]
id = "ben"
token_env = "BEN"
requests_per_minute = 60
[[gateway.users]]
id = "cid"
token_env = "CID"
requests_per_minute = 60
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{a}"
service = "claude"
component = "api"
[[gateway.upstreams]]
id = "b"
protocol = "anthropic"
base_url = "{b}"
service = "chatgpt"
component = "api"
[[gateway.routes]]
match = "*"
chain = ["a", "b"]
"""
DOWN = Behaviour(failure=Failure.STATUS, status=529)


class Replica:
    def __init__(
        self, name: str, folder: Path, nats: Sequence[str], a: str, b: str, http: aiohttp.ClientSession
    ) -> None:
        self._port, self._folder, self._http = free_port(), folder, http
        self._config = folder / f"{name}.toml"
        own = folder / name
        buses = ", ".join(f'"{server}"' for server in nats)
        self._config.write_text(CONFIG.format(folder=own, nats=buses, name=name, port=self._port, a=a, b=b))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        plain = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "stillup", "run", "gateway", "--config", str(self._config),
                stdout=log, stderr=log, env={**plain, **TOKENS},
            )  # fmt: skip
        while not await self._is_ready():  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)

    async def _is_ready(self) -> bool:
        try:
            async with self._http.get(f"{self._url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def ask(self, user: str = "ANN", model: str = MODEL) -> tuple[int, str, str]:
        body = {"model": model, "max_tokens": 8, "messages": [{"role": "user", "content": "hello"}]}
        headers = {"x-stillup-token": TOKENS[user]}
        async with self._http.post(f"{self._url}/v1/messages", json=body, headers=headers) as answer:
            await answer.read()
            told = answer.headers
            return answer.status, told.get("x-stillup-upstream", ""), told.get("x-stillup-attempts", "")

    async def status(self) -> dict[str, object]:
        headers = {"x-stillup-token": TOKENS["ANN"]}
        async with self._http.get(f"{self._url}/stillup/status", headers=headers) as answer:
            found: dict[str, object] = json.loads(await answer.read())
            return found

    async def leaves_alone(self, model: str, since: float) -> float:
        while True:
            targets = (await self.status())["targets"]
            assert isinstance(targets, list)
            found = [t["condition"] for t in targets if (t["upstream"], t["model"]) == ("a", model)]
            if found and found[0] in ("open", "trickle"):
                return monotonic() - since
            await asyncio.sleep(0.002)

    async def others(self) -> int:
        replica = (await self.status())["replica"]
        assert isinstance(replica, dict)
        return len(replica["others"])

    async def goes_to(self, upstream: str, since: float) -> float:
        while await self.ask() != (200, upstream, "1"):  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.002)
        return monotonic() - since

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()


async def main(count: int, rounds: int, servers: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        bus = NatsCluster(folder / "nats", servers) if servers > 1 else NatsServer(folder / "nats")
        bus.start()
        connector = aiohttp.TCPConnector(limit=0)
        try:
            async with (
                ProviderServer("A") as a,
                ProviderServer("B") as b,
                aiohttp.ClientSession(connector=connector) as http,
            ):
                replicas = [Replica(f"gw-{n}", folder, bus.urls, a.url, b.url, http) for n in range(count)]
                try:
                    await asyncio.gather(*(each.start() for each in replicas))
                    await _until_all_know(replicas)
                    await measure(replicas, a, bus.urls, rounds)
                finally:
                    await asyncio.gather(*(each.stop() for each in replicas))
        finally:
            bus.stop()


async def measure(replicas: list[Replica], a: ProviderServer, nats: Sequence[str], rounds: int) -> None:
    load = f"load average {os.getloadavg()[0]:.1f}"
    print(f"{len(replicas)} replicas, {len(nats)} NATS servers, {rounds} rounds, {os.cpu_count()} cores, {load}")
    bus = await open_bus(Where(servers=tuple(nats), name="judge"), SystemClock())
    table = bus.table(VERDICTS)
    at = datetime.now(UTC)
    there: list[float] = []
    back: list[float] = []
    for n in range(rounds):
        for state, upstream, times in ((State.MAJOR_OUTAGE, "b", there), (State.OPERATIONAL, "a", back)):
            at += timedelta(seconds=1)
            await table.put("claude", word(at, state))
            since = monotonic()
            times.extend(await asyncio.gather(*(each.goes_to(upstream, since) for each in replicas)))
        print(f"\r{n + 1} rounds", end="", flush=True)
    print()
    report("verdict, every replica goes to the next upstream", there)
    report("verdict, every replica is back at the first", back)
    report("breaker, every other replica leaves it alone", await breakers(replicas, a, rounds))
    in_turn = [await each.ask("CID") for each in replicas * LIMIT]
    at_once = await asyncio.gather(*(each.ask("BEN") for each in replicas * LIMIT))
    for how, found in (("one after the other, each replica in turn", in_turn), ("all at once", at_once)):
        let_in = sum(status == 200 for status, *_ in found)
        print(f"limit, {LIMIT} a minute for all together, {len(found)} asked {how}: {let_in} let in")
    await bus.close()


async def breakers(replicas: list[Replica], a: ProviderServer, rounds: int) -> list[float]:
    """Each round with a model of its own: one that fails again soon is left alone for longer each time."""
    took: list[float] = []
    a.set(DOWN)
    for n in range(rounds):
        one, *others = replicas[n % len(replicas) :] + replicas[: n % len(replicas)]
        model = f"{MODEL}-{n}"
        await one.ask(model=model)
        since = monotonic()
        took += await asyncio.gather(*(each.leaves_alone(model, since) for each in others))
    a.set()
    return took


async def _until_all_know(replicas: list[Replica]) -> None:
    while min(await asyncio.gather(*(each.others() for each in replicas))) < len(replicas) - 1:  # noqa: ASYNC110
        await asyncio.sleep(0.05)


def report(what: str, took_s: list[float]) -> None:
    ms = sorted(1000 * s for s in took_s)
    print(f"{what}: median {median(ms):.0f} ms, 95 % {ms[int(0.95 * (len(ms) - 1))]:.0f} ms, longest {ms[-1]:.0f} ms")


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:4]]
    asyncio.run(main(*given, *(3, 30, 3)[len(given) :]))
