"""One scene of a drill, played in the mirror: all well, then the failure, and two lanes of requests that meet it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stillup.daemon.drill.mirror import MirrorLane, mirror
from stillup.drill.asking import Came, Client, clients
from stillup.drill.faults import SLOW_PACE, Fault, fault_of
from stillup.drill.scenes import hit_by
from stillup.drill.values import Asked, Happened, Lane, Play, Scene, Shape, What
from stillup.drill.workload import WELL, Question, questions
from stillup.errors import UsageError
from stillup.sim.provider.behaviour import Behaviour, Failure

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.daemon.drill.layout import Layout
    from stillup.drill.values import Wanted

_AGAIN_WITHIN_S = 5.0
"""All is asked a second time where the first took no longer: then breakers have their part."""
_WARM_ROUNDS = 2
"""From so many answers the gateway learns how long these providers usually keep silent, as one in use has."""
_PAUSE_S = 1.0
_LEAST_PATIENCE_S, _PATIENCE = 30.0, 1.5
_FOR_S = 3_600.0
_MOST_ASKED = 600
"""Of one lane: a scene that stands for long is no load test."""


class Tell(Protocol):
    """Tells a moment of a scene; the members are those of :class:`~stillup.drill.values.Moment`."""

    def __call__(
        self, what: What, *, says: str = "", lane: str = "", asked: Asked | None = None, scene: Scene | None = None
    ) -> None: ...


class Ground(Struct, frozen=True, kw_only=True):
    """What a scene is played on."""

    layout: Layout
    config: Config
    clock: Clock
    wanted: Wanted
    aborted: asyncio.Event
    say: Callable[[str], None]

    @property
    def patience_s(self) -> float:
        """How long a scripted client waits for the next piece."""
        if self.wanted.patience_s is not None:
            return self.wanted.patience_s
        return max(_LEAST_PATIENCE_S, self.config.gateway.stall_after_s * _PATIENCE)


Beside = Callable[["Stage"], Awaitable[None]]
"""What goes on beside the requests while the failure stands: alerts, the playbook."""


class Stage:
    """A scene as it is played."""

    def __init__(self, ground: Ground, play: Play, tell: Tell) -> None:
        self.ground = ground
        self.play = play
        self.hit = hit_by(play, ground.layout.seats, ground.layout.first)
        self.tell = tell
        self.scene = Scene(
            kind=play.kind, name=play.name, title=play.title or play.key, hit=self.hit,
            begins_s=0.0, ends_s=0.0, lanes=(),
        )  # fmt: skip
        self.happened: list[Happened] = []
        self._began_s = ground.clock.monotonic_s()
        self._came: dict[str, list[Came]] = {}
        self._open = 0
        self.answered = asyncio.Event()
        """Everything was asked once while the failure stands, with the backups."""

    def now(self) -> float:
        """Seconds since the scene began."""
        return self.ground.clock.monotonic_s() - self._began_s

    def happens(self, says: str) -> None:
        """A line of the timeline."""
        self.happened.append(Happened(self.now(), says))
        self.tell(What.HAPPENED, says=says)

    async def run(self, beside: Beside | None = None) -> Scene:
        """Play it; what was seen so far where it is aborted.

        :raises UsageError: nobody is hit by it.
        """
        if not self.hit:
            msg = f"the scene {self.play.key} hits none of your upstreams: {_named(self.ground.layout)}"
            raise UsageError(msg)
        layout, ground = self.ground.layout, self.ground
        fault, models = fault_of(self.play), layout.models(frozenset(self.hit))
        self.tell(What.BEGINS, says=self.scene.title)
        asks = questions(models)
        async with (
            mirror(layout, ground.config, ground.clock, models, _nobody) as world,
            clients(self.now, ground.patience_s) as client,
        ):
            self.world = world
            self._asking = {lane.name: client(lane.gateway.address) for lane in world.lanes}
            self._came = {lane.name: [] for lane in world.lanes}
            whole = await self._unless_aborted(self._play(fault, asks, beside))
            self._mend(whole=whole)
            lanes = tuple(self._lane(lane) for lane in world.lanes)
        return replace(self.scene, lanes=lanes, happened=tuple(self.happened), injected=fault.says, aborted=not whole)

    async def _play(self, fault: Fault, asks: Sequence[Question], beside: Beside | None) -> None:
        if self.ground.layout.made_up:
            self.happens("No provider is configured: two of the drill's own stand in, as they would be set up.")
        for _ in range(_WARM_ROUNDS):
            await asyncio.gather(*(self._ask_all(lane, asks) for lane in self.world.lanes))
        begun = await self._under_way(fault, asks)
        self._break(fault)
        others = [] if beside is None else [beside(self)]
        await asyncio.gather(*begun, *(self._rounds(lane, asks) for lane in self.world.lanes), *others)

    async def _under_way(self, fault: Fault, asks: Sequence[Question]) -> list[asyncio.Task[None]]:
        """Answers that have begun and go on, where the failure is one that cuts them off."""
        if not fault.cuts:
            return []
        for server in self.world.servers.values():
            server.set(SLOW_PACE)
        tasks = []
        for lane in self.world.lanes:
            for each in asks:
                if each.shape is Shape.STREAM:
                    begun = asyncio.Event()
                    task = asyncio.create_task(self._ask(lane, each, begun.set))
                    tasks.append(task)
                    await either(task, begun)
        return tasks

    def _break(self, fault: Fault) -> None:
        self.scene = replace(self.scene, begins_s=self.now())
        self.tell(What.FAILS, says=f"{', '.join(self.hit)} {'fails' if len(self.hit) == 1 else 'fail'}")
        for upstream in self.hit:
            server = self.world.servers[upstream]
            if fault.cuts:
                server.set(Behaviour(failure=Failure.REFUSED))  # whatever is under way is reset
            if fault.behaviour is not None:
                server.set(fault.at(server.vendor))
            if fault.switch:
                for lane in self.world.lanes:
                    wanted = {"upstream": upstream, "mode": fault.switch, "for_s": _FOR_S}
                    lane.gateway.faults.begin(msgspec.json.encode(wanted))
        if fault.cuts:
            for upstream, server in self.world.servers.items():
                if upstream not in self.hit:
                    server.set(WELL)

    def _mend(self, *, whole: bool) -> None:
        self.world.well()
        for lane in self.world.lanes:
            lane.gateway.faults.end()
        now = self.now()
        self.scene = replace(self.scene, begins_s=self.scene.begins_s or now, ends_s=now)
        if not whole:
            self.happens(f"Broken off; {self._open} requests were still waiting, and count as nothing.")
        self.tell(What.MENDED)

    async def _rounds(self, lane: MirrorLane, asks: Sequence[Question]) -> None:
        """Ask all, again where that was quick, and go on for as long as the failure is to stand."""
        begins_s, rounds = self.now(), 0
        while True:
            await self._ask_all(lane, asks)
            rounds += 1
            if lane.backed:
                self.answered.set()
            stood_s = self.now() - begins_s
            is_enough = stood_s >= self.ground.wanted.for_s or len(self._came[lane.name]) >= _MOST_ASKED
            if is_enough and (rounds > 1 or stood_s > _AGAIN_WITHIN_S):
                return
            if rounds > 1:
                await self.ground.clock.sleep(_PAUSE_S)

    async def _ask_all(self, lane: MirrorLane, asks: Sequence[Question]) -> None:
        await asyncio.gather(*(self._ask(lane, each) for each in asks))

    async def _ask(self, lane: MirrorLane, question: Question, begun: Callable[[], None] = lambda: None) -> None:
        client: Client = self._asking[lane.name]
        self._open += 1
        came = await client.ask(question, begun)
        self._open -= 1
        self._came[lane.name].append(came)
        self.tell(What.ASKED, lane=lane.name, asked=came.asked)

    def _lane(self, lane: MirrorLane) -> Lane:
        """The lane with what its gateway's journal knows of who went on with which answer."""
        kept = lane.exchanges()
        asked = []
        for came in sorted(self._came[lane.name], key=lambda each: each.asked.at_s):
            exchange = kept.get(came.id)
            seams = exchange.seams if exchange is not None else ()
            asked.append(_continued(came.asked, seams[-1].upstream) if seams else came.asked)
        return Lane(name=lane.name, backed=lane.backed, asked=tuple(asked))

    async def _unless_aborted(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether it came to its end."""
        task = asyncio.create_task(work)
        try:
            return await either(task, self.ground.aborted)
        finally:
            task.cancel()
            await asyncio.wait((task,))


_T = TypeVar("_T")


async def either(task: asyncio.Task[_T], event: asyncio.Event) -> bool:
    """Wait for one of them; whether the task is done, whose error is raised here."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if task.done():
        task.result()
        return True
    return False


def _continued(asked: Asked, upstream: str) -> Asked:
    return replace(asked, continued=True, upstream=upstream)


def _nobody(_: str) -> None:
    """What the mirror's gateways say is for nobody: there the drill is all there is."""


def _named(layout: Layout) -> str:
    return ", ".join(seat.id for seat in layout.seats) or "there are none"
