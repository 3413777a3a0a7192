"""Gateway replicas on the bus: what each tells the others, and what it takes in, within half a second.

Two tables. ``gateways`` is in memory and lets a replica's word go when it falls silent: how it finds its upstreams, and
who asked how often in the last minute. ``gateway-spent`` is on the disk for two days: who spent how much on which day.
Each replica writes under keys of its own only. Without the bus nothing is told and nothing heard, and it goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

from stillup.daemon.cluster.together import together
from stillup.errors import BadDataError, BusError
from stillup.gateway.shared.health import Neighbours, seen
from stillup.gateway.shared.usage import OthersUse, divided, parts_of
from stillup.gateway.shared.words import Asked, Health, Spent, Told, pack, unpack
from stillup.gateway.statuspage import ReplicaStatus

if TYPE_CHECKING:
    from stillup.bus.base import Bus, Entry, Table
    from stillup.clock import Clock
    from stillup.gateway.app import Gateway
    from stillup.gateway.plan import GatewayPlan

TOLD, SPENT = "gateways", "gateway-spent"
EVERY_S = 0.25
"""Between two looks at what users did; news of upstreams, and of who comes near a limit, is told at once."""
RENEW_S = 10.0
STANDS_S = 30.0
"""Who said nothing for so long is gone."""
KEPT_S = 2 * 86_400.0
AGAIN_S = 2.0
LOOK_S = 2.0
_SOON_S = 0.01
"""News of one moment is told in one word."""
_GOOD_BYE_S = 2.0
_HEARD, _AGE = "stillup_gateway_replicas_heard", "stillup_gateway_shared_age_seconds"


class Replicas:
    """Joins one gateway to the others. ``life`` is the name of this run, its own in the cluster."""

    def __init__(self, gateway: Gateway, bus: Bus, life: str, say: Callable[[str], None]) -> None:
        self._gateway, self._bus, self._life, self._say = gateway, bus, life, say
        self._clock: Clock = gateway.clock
        self._keys = fingerprints(gateway.plan)
        self._neighbours = Neighbours(gateway.desk.book, [u.id for u in gateway.plan.upstreams], self._keys)
        self._use = OthersUse()
        gateway.allowance.others = gateway.whom.purse.others = self._use
        self._parts = parts_of(gateway.allowance.users)
        self._news = asyncio.Event()
        gateway.desk.news = gateway.allowance.news = self._news.set
        self._told = _Telling(bus.table(TOLD, stands_s=STANDS_S, in_memory=True), self._clock)
        self._spent = _Telling(bus.table(SPENT, stands_s=KEPT_S), self._clock)
        self._heard_s: dict[str, float] = {}
        self._said = ""

    def status(self, judged_at: Mapping[str, datetime]) -> ReplicaStatus:
        """How it stands among the others; ``judged_at`` is what it heard of verdicts."""
        return ReplicaStatus(
            name=self._life,
            others=self._neighbours.names,
            hears=self._bus.is_there,
            judged_at=dict(judged_at),
            leaving=self._gateway.is_leaving,
        )

    def metrics(self) -> bytes:
        """Who is heard of, and how old the words are that go to and fro, in Prometheus' text format.

        Each is renewed every ten seconds: one that is much older does not get through.
        """
        now_s = self._clock.monotonic_s()
        ages = {"told": self._told.age_s(f"{self._life}/health")}
        if self._heard_s:
            ages["heard"] = now_s - min(self._heard_s.values())
        lines = [
            f"# HELP {_HEARD} Other gateways whose word stands here",
            f"# TYPE {_HEARD} gauge",
            f"{_HEARD} {len(self._neighbours.names)}",
            f"# HELP {_AGE} Since our last word was told, and since the oldest of the others' was heard",
            f"# TYPE {_AGE} gauge",
            *(f'{_AGE}{{word="{word}"}} {age_s:.1f}' for word, age_s in ages.items()),
        ]
        return "\n".join([*lines, ""]).encode()

    async def look(self) -> None:
        """Take in what the others said already; a bus that does not answer soon is not waited for."""
        with suppress(BusError, TimeoutError):
            async with asyncio.timeout(LOOK_S):
                for table, take in ((self._told.table, self._heard), (self._spent.table, self._heard_spent)):
                    for entry in await table.entries():
                        self._take(entry, take)

    async def go_on(self) -> None:
        """Tell and hear until cancelled, whatever the bus does."""
        await together(
            self._tell(),
            self._hear(self._told.table, self._heard),
            self._hear(self._spent.table, self._heard_spent),
        )

    async def leave(self) -> None:
        """The last word: what was spent; and that it is gone."""
        with suppress(BusError, TimeoutError):
            async with asyncio.timeout(_GOOD_BYE_S):
                await self._tell_spent()
                for key in self._told.keys:
                    await self._told.table.delete(key)

    # --- telling

    async def _tell(self) -> None:
        while True:
            has_news = await self._wait()
            if not self._bus.is_there:
                self._told.forget()
                self._spent.forget()
                continue
            try:
                await self._tell_health(has_news=has_news)
                await self._tell_asked()
                await self._tell_spent()
            except BusError as exc:
                self._trouble(f"other gateways cannot be told anything for now: {exc}")
                self._news.set()
                await self._clock.sleep(EVERY_S)

    async def _wait(self) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await self._news.wait()
                await asyncio.sleep(_SOON_S)
        has_news = self._news.is_set()
        self._news.clear()
        return has_news

    async def _tell_health(self, *, has_news: bool) -> None:
        key = f"{self._life}/health"
        if has_news or self._told.is_due(key):
            gateway = self._gateway
            health = seen(gateway.desk.book, self._keys, gateway.now())
            await self._told.put(key, health, _essence(health))

    async def _tell_asked(self) -> None:
        asked = self._gateway.allowance.asked(self._gateway.now())
        for n, users in enumerate(divided(asked, self._parts)):
            key = f"{self._life}/asked/{n}"
            if users or key in self._told.keys:
                await self._told.put(key, Asked(users=users), users)

    async def _tell_spent(self) -> None:
        today = self._clock.now().astimezone(UTC).date()
        for n, users in enumerate(divided(self._spent_on(today), self._parts)):
            if users:
                await self._spent.put(f"{today}/{self._life}/{n}", Spent(day=today.isoformat(), users=users), users)

    def _spent_on(self, day: date) -> dict[str, float]:
        return self._gateway.allowance.spent(day) | self._gateway.whom.purse.spent(day)

    # --- hearing

    async def _hear(self, table: Table, take: Callable[[Entry], None]) -> None:
        while True:
            try:
                async for entry in table.watch():
                    self._take(entry, take)
            except BusError as exc:
                for life in self._neighbours.names:  # who went meanwhile is not among those heard of next
                    self._gone(life)
                self._trouble(f"other gateways cannot be heard of, and are asked for again: {exc}")
            await self._clock.sleep(AGAIN_S)

    def _take(self, entry: Entry, take: Callable[[Entry], None]) -> None:
        try:
            take(entry)
        except BadDataError as exc:
            self._trouble(f"{entry.key}: {exc}")

    def _heard(self, entry: Entry) -> None:
        life, _, rest = entry.key.partition("/")
        kind = rest.partition("/")[0]
        now = self._gateway.now()
        if life == self._life:
            return
        if kind == "asked":
            asked = None if entry.value is None else unpack(entry.value, Asked)
            self._use.hear_asked(entry.key, asked, now)
        elif kind == "health" and entry.value is None:
            self._gone(life)
        elif kind == "health" and entry.value is not None:
            self._neighbours.hear(life, unpack(entry.value, Health), now)
            self._heard_s[life] = self._clock.monotonic_s()

    def _gone(self, life: str) -> None:
        self._neighbours.gone(life)
        self._heard_s.pop(life, None)

    def _heard_spent(self, entry: Entry) -> None:
        if entry.key.split("/")[1:2] != [self._life]:
            self._use.hear_spent(entry.key, None if entry.value is None else unpack(entry.value, Spent))

    def _trouble(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self._say(words)


class _Telling:
    """Puts under its own keys what is not there yet, and again before it is let go."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self.table = table
        self._clock = clock
        self._began_s = clock.monotonic_s()
        self._said: dict[str, tuple[float, object]] = {}
        self._told_s: dict[str, float] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        """Under which anything was said."""
        return tuple(self._said)

    def age_s(self, key: str) -> float:
        """Since it was said last; since this began where it never was."""
        return self._clock.monotonic_s() - self._told_s.get(key, self._began_s)

    def is_due(self, key: str) -> bool:
        """Whether it is to be said again, changed or not."""
        return self._clock.monotonic_s() - self._said.get(key, (float("-inf"), None))[0] >= RENEW_S

    def forget(self) -> None:
        """What was said may be gone with the bus: say all of it again."""
        self._said = {key: (float("-inf"), essence) for key, (_, essence) in self._said.items()}

    async def put(self, key: str, told: Told, essence: object) -> None:
        """Say it, unless what matters of it is what was said a moment ago.

        :raises BusError: the bus cannot take it now.
        """
        if self.is_due(key) or self._said[key][1] != essence:
            at_s = self._clock.monotonic_s()
            await self.table.put(key, pack(told))
            self._said[key] = at_s, essence
            self._told_s[key] = at_s


def _essence(health: Health) -> object:
    """All of it but for the seconds that are left: those run by themselves."""
    opened = [(each.upstream, each.model, each.operation, each.number) for each in health.open]
    shut = [(each.upstream, each.model, each.operation, each.number) for each in health.shut]
    return opened, shut


def fingerprints(plan: GatewayPlan) -> dict[str, str]:
    """Tells the configured keys apart without telling them, by upstream: 64 bits of a hash of a random key."""
    return {u.id: blake2b(u.key.reveal().encode(), digest_size=8).hexdigest() for u in plan.upstreams if u.key}
