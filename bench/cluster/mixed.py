"""A day's mixed load: sources that speak, people who report, programs that ask, browsers that look and listen."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import aiohttp

from cluster.sizes import KINDS, network, signals
from stillup.catalog.load import catalogue
from stillup.daemon.cluster.partitions import partition_of, partitions_of
from stillup.daemon.cluster.records import Heard, id_of, pack
from stillup.errors import BusError

if TYPE_CHECKING:
    from kept import Volume

    from cluster.day import Cluster
    from stillup.bus.base import Log

ASK = '{"model":"claude-sonnet-4-5","max_tokens":64,"stream":%s,"messages":[{"role":"user","content":"hello"}]}'
PAGES = ("/", "/claude", "/chatgpt", "/mistral", "/incidents", "/claude/history", "/claude/feed.atom", "/metrics")
SERVICES = ("claude", "chatgpt", "mistral")
Act = Callable[[aiohttp.ClientSession], Awaitable[None]]
_AT_ONCE = 256
_STAY_S = 8.0


class Mixed:
    """As much in each minute of the shared clock as is planned, as far as the machine bears it; counted."""

    def __init__(self, cluster: Cluster, volume: Volume) -> None:
        self._cluster, self.volume, self._clock = cluster, volume, cluster.clock
        self._dice = Random(3)
        self._partitions = partitions_of([catalogue()[name] for name in SERVICES])
        self.done: Counter[str] = Counter(reports=0, asked=0, pages=0, events=0)
        self.wrong: Counter[str] = Counter()
        """What was not as it should be, by sort."""
        self.is_over = False

    async def run(self) -> None:
        """Until it is over."""
        # Two minutes, after which a gateway closes what idles, are a second here: so nothing idles as long.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=0.5)
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            works = [self._sources(), *(self._listen(session, n) for n in range(self.volume.readers))]
            v = self.volume
            works.append(self._paced(session, self._report, lambda at: v.loud if v.is_loud(at.hour) else v.quiet))
            works.append(self._paced(session, self._ask, lambda _: v.asks))
            works.append(self._paced(session, self._look, lambda _: v.looks))
            async with asyncio.TaskGroup() as group:
                for work in works:
                    group.create_task(work)

    async def _paced(self, session: aiohttp.ClientSession, act: Act, rate: Callable[[datetime], float]) -> None:
        """So many a minute of the shared clock; what the machine cannot do is left out."""
        free, due, last = asyncio.Semaphore(_AT_ONCE), 0.0, self._clock.now()
        async with asyncio.TaskGroup() as group:
            while not self.is_over:
                await asyncio.sleep(0.01)
                now = self._clock.now()
                due += (now - last) / timedelta(minutes=1) * rate(now)
                last = now
                while due >= 1:
                    due -= 1
                    if not free.locked():
                        await free.acquire()
                        group.create_task(self._once(session, act, free))

    async def _once(self, session: aiohttp.ClientSession, act: Act, free: asyncio.Semaphore) -> None:
        try:
            await act(session)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            self.wrong[type(exc).__name__] += 1
        finally:
            free.release()

    def _count(self, what: str, is_well: bool, told: object) -> None:  # noqa: FBT001 - whether it was as it should be
        if is_well:
            self.done[what] += 1
        else:
            self.wrong[f"{what} {told}"] += 1

    def _url(self, role: str) -> str:
        return self._dice.choice(self._cluster.of(role)).url

    async def _report(self, session: aiohttp.ClientSession) -> None:
        said = {"service": "claude", "problem": self._dice.choice(KINDS).value, "component": "web"}
        headers = {"X-Forwarded-For": network(self._dice)}
        async with session.post(f"{self._url('hub')}/api/v1/reports", json=said, headers=headers) as answer:
            await answer.read()
            self._count("reports", answer.status == 202, answer.status)

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        headers = {"Content-Type": "application/json", "x-api-key": "dummy", "anthropic-version": "2023-06-01"}
        body = ASK % self._dice.choice(("true", "false"))
        async with session.post(f"{self._url('gateway')}/v1/messages", data=body, headers=headers) as answer:
            told = await answer.read()
            is_whole = answer.status == 200 and (b"message_stop" in told or b"end_turn" in told)
            self._count("asked", is_whole, answer.status)

    async def _look(self, session: aiohttp.ClientSession) -> None:
        headers = {"X-Forwarded-For": network(self._dice)}
        path = self._dice.choice(PAGES)
        async with session.get(self._url("web") + path, headers=headers) as answer:
            await answer.read()
            self._count("pages", answer.status == 200, f"{answer.status} {path}")

    async def _listen(self, session: aiohttp.ClientSession, n: int) -> None:
        """A page that stays open for some seconds, then another."""
        forever = aiohttp.ClientTimeout(total=None, sock_read=30)
        await asyncio.sleep(n * _STAY_S / self.volume.readers)
        while not self.is_over:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                headers = {"X-Forwarded-For": network(self._dice)}
                async with session.get(f"{self._url('web')}/events", headers=headers, timeout=forever) as answer:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_STAY_S):
                            async for line in answer.content:
                                self.done["events"] += line.startswith(b"event:")
            await asyncio.sleep(0.05)

    async def _sources(self) -> None:
        """What each service's page, probes and programs say, each turn."""
        logs = {p.name: self._cluster.bus.log(p.log) for p in self._partitions}
        began = due = self._clock.now()
        while not self.is_over:
            now, saying = self._clock.now(), []
            for service in SERVICES:
                passed = (now - began) / timedelta(minutes=1)
                heard = Heard(signals=signals(service, now, is_out(service, passed, self.volume)), by="sources")
                partition = partition_of(self._partitions, service)
                assert partition is not None
                saying.append(self._say(logs[partition.name], heard))
            await asyncio.gather(*saying)
            due += timedelta(seconds=self.volume.turn_s)
            left_s = (due - self._clock.now()).total_seconds()
            if left_s > 0:  # else a machine with too much to do: the turn that is late is said at once
                await self._clock.sleep(left_s)

    async def _say(self, log: Log, heard: Heard) -> None:
        with suppress(BusError):
            await log.append(id_of(heard), pack(heard))
            self.done["said"] += len(heard.signals)


def is_out(service: str, minute: float, volume: Volume) -> bool:
    """An outage of twenty minutes in each so many hours, of one service after the other."""
    period = volume.outage_each_h * 60
    return minute >= period / 2 and (minute + 17 * SERVICES.index(service)) % period < 20
