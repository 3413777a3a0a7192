"""A drill run from its first scene to its last, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from os import urandom
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stillup import __version__
from stillup.catalog.load import catalogue
from stillup.clock import SystemClock
from stillup.daemon.drill.gateway import Switch, Watched
from stillup.daemon.drill.green import GreenPage
from stillup.daemon.drill.layout import layout_of
from stillup.daemon.drill.people import People, asked_of, steps_of, verdicts_of
from stillup.daemon.drill.stage import Ground, Stage, either
from stillup.daemon.drill.under_way import UnderWay, drills_folder, running, until_aborted
from stillup.daemon.rerouting import neighbour
from stillup.drill.faults import fault_of
from stillup.drill.history import id_of, keep
from stillup.drill.scenes import every_play, hit_by
from stillup.drill.values import Asked, Drill, Kind, Moment, Play, Scene, Wanted, What, Where
from stillup.errors import UsageError

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.daemon.drill.people import ByHand
    from stillup.daemon.drill.stage import Tell

_MOST_PLAYS = 100
_MOST_S = 3_600.0
_PATIENCE_S = 2.0
_PEOPLE = (Kind.PROVIDER, Kind.REGION, Kind.ALL)
"""Scenes that somebody is told of, and has steps for."""

Told = Callable[[Moment], None]
"""Hears of a drill as it goes on. Called in the event loop; must not block."""


def possible(config: Config, environ: Mapping[str, str]) -> tuple[Play, ...]:
    """Every scene that can be played with this configuration, with its title. Blocks for a look at this machine."""
    layout = layout_of(config, environ)
    return every_play(layout.seats, layout.first, name_of)


def name_of(service: str) -> str:
    """A service as people call it; its id where the catalogue does not know it."""
    facts = catalogue().get(service)
    return facts.name if facts else service


async def run_drill(
    wanted: Wanted,
    config: Config,
    *,
    environ: Mapping[str, str],
    told: Told,
    by_hand: ByHand | None = None,
    aborted: asyncio.Event,
    clock: Clock | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Drill:
    """Run a drill and keep it in the history, as far as it came where somebody ends it.

    ``by_hand`` asks a person of a step that only people can do. ``aborted`` ends it within a second; so does
    :func:`stillup.daemon.drill.under_way.abort` from another process. ``say`` is told of trouble that ends nothing.

    :raises UsageError: another drill runs, no gateway answers or it refuses, or a scene cannot be played.
    :raises StoreError: the folder of drills cannot be written to.
    """
    clock = clock or SystemClock()
    at, began_s = clock.now(), clock.monotonic_s()
    layout = await asyncio.to_thread(layout_of, config, environ)
    ground = Ground(layout=layout, config=config, clock=clock, wanted=wanted, aborted=aborted, say=say)
    _check(ground)
    id_, folder = id_of(at, urandom(2)), drills_folder(config)
    run = _Run(ground, environ, told, by_hand)
    with running(folder, UnderWay(id=id_, since=at, where=wanted.where, says=_in_short(wanted.plays))):
        watching = asyncio.create_task(_watch(ground, id_))
        try:
            await run.play()
        finally:
            watching.cancel()
            drill = Drill(
                id=id_,
                at=at,
                where=wanted.where,
                scenes=run.scenes,
                took_s=clock.monotonic_s() - began_s,
                aborted=aborted.is_set() or len(run.scenes) < len(wanted.plays),
                simulated=wanted.where is Where.MIRROR,
                version=__version__,
            )
            if run.scenes:
                keep(folder, drill)
    return drill


class _Run:
    """The scenes of one drill."""

    def __init__(self, ground: Ground, environ: Mapping[str, str], told: Told, by_hand: ByHand | None) -> None:
        self._ground, self._environ, self._told, self._by_hand = ground, environ, told, by_hand
        self._began_s = ground.clock.monotonic_s()
        self._played: dict[int, Scene] = {}
        self._asking = asyncio.Lock()

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """Those that were played, in the order in which they were wanted."""
        return tuple(self._played[number] for number in sorted(self._played))

    async def play(self) -> None:
        """Play them, some of them side by side."""
        wanted = self._ground.wanted
        together = wanted.together if wanted.where is Where.MIRROR else 1
        places = asyncio.Semaphore(max(1, together))
        try:
            async with asyncio.TaskGroup() as group:
                for number, play in enumerate(wanted.plays):
                    group.create_task(self._in_turn(places, number, play))
        except* UsageError as group_of:
            raise group_of.exceptions[0] from None

    async def _in_turn(self, places: asyncio.Semaphore, number: int, play: Play) -> None:
        async with places:
            if self._ground.aborted.is_set():
                return
            tell = self._teller(number, play)
            self._played[number] = await self._scene(play, tell)
            scene = self._played[number] = await self._by_hand_too(self._played[number])
            tell(What.OVER, scene=scene)

    async def _scene(self, play: Play, tell: Tell) -> Scene:
        ground = self._ground
        if ground.wanted.where is Where.GATEWAY:
            return await self._on_gateway(play, tell)
        if play.kind is Kind.GREEN_PAGE:
            return await GreenPage(ground, play, tell).run()
        if play.kind not in _PEOPLE:
            return await Stage(ground, play, tell).run()
        people = People()
        scene = await Stage(ground, play, tell).run(people.beside)
        return replace(scene, alerts=people.alerts, steps=people.steps)

    async def _on_gateway(self, play: Play, tell: Tell) -> Scene:
        """No alerts are part of it: of tries that a drill touched the monitor is told nothing."""
        ground = self._ground
        scene = await Watched(ground, play, tell, Switch.of(ground.config, self._environ)).run()
        if play.kind not in _PEOPLE:
            return scene
        gateway = await neighbour(ground.config, self._environ, _PATIENCE_S)
        return replace(scene, steps=steps_of(ground, verdicts_of(ground, scene.hit), gateway, {}))

    async def _by_hand_too(self, scene: Scene) -> Scene:
        """One scene's steps are asked at a time; nobody is asked once the drill is aborted."""
        if self._by_hand is None or not scene.steps:
            return scene
        async with self._asking:
            asking = asyncio.create_task(asked_of(scene, self._by_hand))
            try:
                return asking.result() if await either(asking, self._ground.aborted) else scene
            finally:
                asking.cancel()

    def _teller(self, number: int, play: Play) -> Tell:
        of = len(self._ground.wanted.plays)

        def tell(
            what: What, *, says: str = "", lane: str = "", asked: Asked | None = None, scene: Scene | None = None
        ) -> None:
            at_s = self._ground.clock.monotonic_s() - self._began_s
            self._told(
                Moment(
                    what=what, at_s=at_s, number=number, of=of, play=play,
                    says=says, lane=lane, asked=asked, scene=scene,
                )
            )  # fmt: skip

        return tell


async def _watch(ground: Ground, id_: str) -> None:
    await until_aborted(drills_folder(ground.config), id_, ground.clock)
    ground.aborted.set()


def _check(ground: Ground) -> None:
    """Refuse before anything begins.

    :raises UsageError: there is nothing to play, too much, for too long, or a scene that nobody is hit by.
    """
    wanted, layout = ground.wanted, ground.layout
    if not 0 < len(wanted.plays) <= _MOST_PLAYS:
        msg = f"a drill has 1 to {_MOST_PLAYS} scenes"
        raise UsageError(msg)
    least = 1.0 if wanted.where is Where.GATEWAY else 0.0
    if not least <= wanted.for_s <= _MOST_S:
        msg = f"a failure stands for {least:g} to {_MOST_S:g} seconds, not {wanted.for_s:g}"
        raise UsageError(msg)
    for play in wanted.plays:
        if play.kind is Kind.GREEN_PAGE and wanted.where is Where.MIRROR:
            continue
        if play.kind is Kind.MODE:
            fault_of(play)
        if play.kind is Kind.GREEN_PAGE or not hit_by(play, layout.seats, layout.first):
            if play.upstream:
                ids = ", ".join(seat.id for seat in layout.seats)
                msg = f"the scene {play.key} cannot hit {play.upstream[:60]!r}; your routes have: {ids}"
                raise UsageError(msg)
            where = "on the gateway that runs" if play.kind is Kind.GREEN_PAGE else "over your routes"
            there = ", ".join(each.key for each in every_play(layout.seats, layout.first, name_of))
            msg = f"the scene {play.key} cannot be played {where}; there are: {there}"
            raise UsageError(msg)


def _in_short(plays: Sequence[Play]) -> str:
    first = plays[0].title or plays[0].key
    return first if len(plays) == 1 else f"{first}, and {len(plays) - 1} more"
