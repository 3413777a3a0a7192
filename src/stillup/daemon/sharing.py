"""Sharing with a pool: how many of the gateway's requests worked and failed, by provider and public model, no more.

Nothing is sent unless ``pool.share`` says so. What is sent: the five minutes, the counts, and a random name that is
made up anew each day, so that the pool can tell installations apart without knowing any. What is not: names of models
or services that are this installation's own, errors, times of single requests. It is sent at a random moment within two
minutes of the end, so that the moment says nothing either. What cannot be delivered is dropped: it is old in a moment.

The gateways of a cluster are one installation, and share as one: see :mod:`stillup.daemon.sharing_together`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, NoReturn, Protocol

import msgspec

from stillup.catalog.models import find_model
from stillup.clock import Clock
from stillup.errors import BadDataError, BusError, SourceError
from stillup.hub.pooling import WINDOW_S
from stillup.hub.values import MOST_TALLIES, Batch, Tally
from stillup.model.service import Layer
from stillup.model.signal import Outcome, Signal
from stillup.net import Net, Request
from stillup.verdict.outcomes.stream import ErrorKind, kind_of

if TYPE_CHECKING:
    from stillup.daemon.live import Feed

_SOON_S, _WITHIN_S = 5.0, 120.0
_KINDS = 512
_DAY = timedelta(days=1)


class Installation(Protocol):
    """Whose counts they are: all gateways that share as one, under one name of the day."""

    async def told(self, end: datetime, tallies: tuple[Tally, ...]) -> None:
        """What one gateway counted in the five minutes that ended then.

        :raises BusError: the others cannot be told.
        """

    async def batch(self, end: datetime) -> Batch | None:
        """What this process is to send of them; None: nothing was counted, or another sends it. Raises as above."""


class Alone:
    """One gateway; ``entropy`` gives random bytes for the name of the day."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._name, self._named_at = "", datetime.min.replace(tzinfo=UTC)
        self._tallies: tuple[Tally, ...] = ()

    async def told(self, end: datetime, tallies: tuple[Tally, ...]) -> None:  # noqa: ARG002 - as every installation's
        """It is what is sent."""
        self._tallies = tallies

    async def batch(self, end: datetime) -> Batch | None:
        """What was told last."""
        if not timedelta() <= end - self._named_at < _DAY:
            self._name, self._named_at = self._entropy(16).hex(), end
        return Batch(installation=self._name, end=end, tallies=self._tallies) if self._tallies else None


class Sharing:
    """Counts what the gateway tells the judgement, and sends it on; :meth:`run` is its own task.

    ``entropy`` gives random bytes: for the moment at which it is sent, and for the name of one that is ``Alone``.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        entropy: Callable[[int], bytes],
        say: Callable[[str], None] = lambda _: None,
        *,
        of: Installation | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._clock = clock
        self._say = say
        self._of: Installation = of or Alone(entropy)
        self._dice = Random(entropy(16))  # noqa: S311 - when to send, no secret
        self._lock = Lock()
        self._tries: dict[tuple[str, str | None, Layer], list[int]] = {}
        self._is_refused = False

    def beside(self, due: Feed) -> Feed:
        """The same feed, of which this takes note too."""

        def noted(now: datetime) -> Iterable[Signal]:
            told = list(due(now))
            self.note(told)
            return told

        return noted

    def note(self, signals: Iterable[Signal]) -> None:
        """Count what worked, and what failed by the provider's fault."""
        with self._lock:
            for line in signals:
                if (
                    isinstance(line, Outcome)
                    and line.service in shipped()
                    and kind_of(line.error) is not ErrorKind.YOURS
                ):
                    self._count(line)

    def _count(self, line: Outcome) -> None:
        model = find_model(line.model) if line.model else None
        if line.model and model is None:
            return  # a name of this installation's own
        kind = line.service, model.id if model else None, line.layer
        if kind in self._tries or len(self._tries) < _KINDS:
            tries = self._tries.setdefault(kind, [0, 0])
            ok, failed = line.tally
            tries[0] += ok
            tries[1] += failed

    def counted(self) -> tuple[Tally, ...]:
        """What was counted since the last call."""
        with self._lock:
            counted, self._tries = self._tries, {}
        # A request that worked is told of every layer that failed before: the layer with most of them has each once.
        each: dict[tuple[str, str | None], list[int]] = {}
        for (service, model, _), tries in counted.items():
            each[service, model] = max(each.get((service, model), [0, 0]), tries, key=sum)
        tallies = [Tally(service=s, model=m, ok=n[0], failed=n[1]) for (s, m), n in each.items() if sum(n)]
        return busiest(tallies)

    async def go_on(self) -> None:
        """:meth:`run` with a network of its own."""
        async with Net(self._clock) as net:
            await self.run(net)

    async def run(self, net: Net) -> NoReturn:
        """Send after each five minutes, until cancelled."""
        while True:
            now_s = self._clock.now().timestamp()
            end_s = (now_s // WINDOW_S + 1) * WINDOW_S  # a clock that is set meanwhile must not name another window
            await self._clock.sleep(end_s - now_s)
            await self._share(net, datetime.fromtimestamp(end_s, UTC))

    async def _share(self, net: Net, end: datetime) -> None:
        try:
            await self._of.told(end, self.counted())
            await self._clock.sleep(self._dice.uniform(_SOON_S, _WITHIN_S))
            batch = await self._of.batch(end)
            if batch is None:
                return
            await net.fetch(Request(url=f"{self._url}/api/v1/pool", json=msgspec.json.encode(batch), max_bytes=65_536))
        except (SourceError, BusError, BadDataError) as exc:
            if not self._is_refused:  # said once, until it works again
                self._say(f"counts could not be shared: {exc}")
            self._is_refused = True
        else:
            self._is_refused = False

    def __repr__(self) -> str:
        return f"Sharing({self._url!r})"


def busiest(tallies: Iterable[Tally]) -> tuple[Tally, ...]:
    """As many as may be shared at once."""
    return tuple(sorted(tallies, key=lambda t: -(t.ok + t.failed))[:MOST_TALLIES])


@cache
def shipped() -> frozenset[str]:
    """The services that every installation knows; those of a user's own files are nobody else's business."""
    folder = files("stillup.catalog") / "services"
    return frozenset(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))
