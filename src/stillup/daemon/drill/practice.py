"""Drills as the page and the command line see them: the past, what is under way, and what is proposed and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from stillup.catalog.load import catalogue
from stillup.daemon.drill.layout import layout_of
from stillup.daemon.drill.under_way import drills_folder, under_way
from stillup.daemon.gateways import Seating, listed, seating_of
from stillup.daemon.plan.steps import Level, plans_folder, read_plans, steps_at
from stillup.daemon.team import TeamSteps, team_folder
from stillup.drill.book import Book
from stillup.drill.due import due, words
from stillup.drill.history import find, read
from stillup.drill.plan import Plan, Weak, propose
from stillup.drill.scenes import every_play
from stillup.drill.values import Drill, Kind, Play, Step, Where
from stillup.drill.words import line, seconds
from stillup.errors import BadDataError, StillupError
from stillup.gateway.faults.drill import MOST_S
from stillup.kit.toolkit import FRESH, LOCAL, Toolkit, load_toolkit
from stillup.risk.points import LIKELY, Point, What

if TYPE_CHECKING:
    from datetime import datetime

    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.daemon.gateways import Gateways, Heard
    from stillup.gateway.faults.drill import DrillStatus
    from stillup.risk.survey import Risk

_SHOWN = 60
_MOST_PLAYED = 5
_POINTS = {What.NETWORK: Kind.ALL, What.SERVICE: Kind.PROVIDER, What.CLOUD: Kind.REGION}


class Practising:
    """Implements :class:`stillup.drill.book.Practice`. ``faults`` gives what the gateway of this process plays.

    ``gateways`` are those of a cluster, whose upstreams are then what is practised with.
    ``risk`` is asked for what is weak; it takes a second, and its answer had better be kept for a while.
    """

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        clock: Clock,
        faults: Callable[[], Sequence[DrillStatus]] = tuple,
        risk: Callable[[], Risk] | None = None,
        gateways: Gateways | None = None,
    ) -> None:
        self._gateways = gateways
        self._config, self._environ, self._clock, self._faults, self._risk = config, environ, clock, faults, risk
        self._folder = drills_folder(config)

    def book(self) -> Book:
        """The newest drills, and what is next. Blocks.

        :raises StoreError: the folder cannot be read.
        """
        kept, now, config = read(self._folder, _SHOWN), self._clock.now(), self._config
        stands = due(kept.drills, now, config.drill.remind_days)
        plan, unread = None, list(kept.unread)
        try:
            heard = self._gateways.heard() if self._gateways is not None else ()
            seating = seating_of(heard) or layout_of(config, self._environ)
            plan = proposal(
                config, self._environ, now, kept.drills, config.drill.minutes, risk=self._risk, seating=seating
            )
        except StillupError as exc:
            unread.append(str(exc))
        return Book(
            drills=kept.drills, unread=tuple(unread), is_due=stands.is_due, stands=words(stands, now), plan=plan
        )

    def find(self, id: str) -> Drill | None:  # noqa: A002
        """The drill of that very id. Blocks.

        :raises StoreError: the folder cannot be read.
        """
        found = find(self._folder, id) if id else None
        return found if found is not None and found.id == id else None

    def now(self) -> str:
        """What is under way: a drill of a command line, or a fault that somebody put into this gateway."""
        told = under_way(self._folder)
        try:
            faults = [_fault(status.upstream, status.mode, status.left_s) for status in self._faults()]
        except RuntimeError:  # another thread began or ended one at this moment
            faults = []
        if self._gateways is not None:
            faults += _played(self._gateways.heard(), self._clock.now())
        there = " there" if self._gateways is not None else ""
        if told is not None:
            real = "Real requests meet it" if told.where is Where.GATEWAY else "No real request meets it"
            return f"{line(told.says)}. {real}; `stillup drill abort` ends it."
        return (
            f"{'; '.join(faults)}. Real requests meet it; `stillup gateway fault --off`{there} ends it."
            if faults
            else ""
        )


def _played(heard: Sequence[Heard], now: datetime) -> list[str]:
    """What gateways of a cluster play, by what it is; one whose end has passed is over, whatever was heard last."""
    found: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for one in heard:
        for fault in one.facts.faults:
            left_s = min((fault.until - now).total_seconds(), MOST_S)
            if left_s > 0:
                found.setdefault((fault.upstream, fault.mode), []).append((line(one.name, 60), left_s))
    return [
        f"At {listed([name for name, _ in at])}, {_fault(upstream, mode, max(left_s for _, left_s in at))}"
        for (upstream, mode), at in found.items()
    ][:_MOST_PLAYED]


def _fault(upstream: str, mode: str, left_s: float) -> str:
    return f"{line(upstream, 60)} fails with {line(mode, 30)} for {seconds(left_s)} more"


# -- what is next -----------------------------------------------------------------------------------------------------


def proposal(
    config: Config,
    environ: Mapping[str, str],
    now: datetime,
    history: Sequence[Drill],
    minutes: int,
    *,
    risk: Callable[[], Risk] | None = None,
    seating: Seating | None = None,
) -> Plan:
    """A drill of so many minutes, by what was practised, what is weak, and the steps that people do. Blocks.

    ``seating`` is whom it can hit, else the upstreams of this configuration.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    from stillup.daemon.drill.run import name_of
    from stillup.daemon.risk.assess import assess

    seating = seating or layout_of(config, environ)
    plays = every_play(seating.seats, seating.first, name_of)
    found = _risks(risk or (lambda: assess(config, environ, now)), plays)
    weak = (*weaknesses(config, now), *found)
    return propose(plays, history, now, minutes, weak=weak, by_hand=steps_by_hand(config, seating, plays))


def weaknesses(config: Config, now: datetime) -> Iterator[Weak]:
    """What the toolkit says is to be mended before anything is practised."""
    try:
        toolkit = load_toolkit(config.data_folder / "toolkit.json")
    except BadDataError as exc:
        yield Weak(says=str(exc))
        return
    if not toolkit.tasks:
        yield Weak(
            says="no backups are chosen for any task", todo="`stillup alternatives --task TASK --choose NAME,NAME`"
        )
        return
    yield from _untested(toolkit, now)


def _untested(toolkit: Toolkit, now: datetime) -> Iterator[Weak]:
    stale = [
        task.value
        for task, backups in toolkit.tasks.items()
        if any(b.trial is None or now - b.trial.at >= FRESH for b in backups)
    ]
    if stale:
        yield Weak(
            says=f"the backups for {', '.join(stale)} were not tested of late", todo="`stillup alternatives --test`"
        )
    failed = {b.service: b.trial for backups in toolkit.tasks.values() for b in backups if b.trial and not stale}
    for service, trial in failed.items():
        if trial.works is False:
            yield Weak(says=f"{_name(service)} did not work when it was tested: {line(trial.says)}")


def _risks(risk: Callable[[], Risk], plays: Sequence[Play]) -> Iterator[Weak]:
    """Single points of failure, each with the practice that is about it; one of a practice, the surest."""
    try:
        surveyed = risk().surveyed
    except StillupError:  # the map says so itself where it is asked for; what is practised does not hang on it
        return
    known = {play.key for play in plays}
    points = [(point, one.need.title) for one in surveyed for point in one.points]
    for point, need in sorted(points, key=lambda pair: -pair[0].sure):
        key = _key_of(point)
        if key in known:
            known.discard(key)
            yield Weak(key=key, says=f"{need}: {point.says}")


def _key_of(point: Point) -> str:
    kind = _POINTS.get(point.what)
    if kind is None or point.sure < LIKELY:
        return ""
    return Play(kind=kind, name="" if kind is Kind.ALL else point.id).key


def steps_by_hand(config: Config, layout: Seating, plays: Sequence[Play]) -> dict[str, list[Step]]:
    """The steps of plans and of the team's own playbook that belong to each practice, by its key. Blocks."""
    plans = read_plans(plans_folder(config), _unsaid)
    team = TeamSteps(team_folder(config), _unsaid)
    team.refresh()
    found: dict[str, list[Step]] = {}
    for play in plays:
        services = _services(play, layout)
        level = Level.ALL if play.kind is Kind.ALL else Level.DOWN
        steps = [step for service in services for step in steps_at(plans, service, level)]
        steps += [step for service in services if service is not None for step in team.of(service, None)]
        each = {s.says: Step(says=line(s.says, 300), by_hand=True, done=None, note=line(s.note)) for s in steps}
        found[play.key] = list(each.values())
    return found


def _services(play: Play, layout: Seating) -> Sequence[str | None]:
    """Whose outage it is; None stands for everybody's."""
    match play.kind:
        case Kind.MODE:
            return ()
        case Kind.PROVIDER:
            return (play.name,)
        case Kind.REGION:
            return tuple(dict.fromkeys(seat.service for seat in layout.seats if play.name in seat.clouds))
        case Kind.ALL:
            return (None,)
        case Kind.GREEN_PAGE:
            return tuple(seat.service for seat in layout.seats if seat.id == layout.first)


def _name(service: str) -> str:
    if service == LOCAL:
        return "the model on this machine"
    found = catalogue().get(service)
    return found.name if found else service


def _unsaid(text: str) -> None:
    """What is wrong with a file of steps is said where it is used: by `stillup up` and by the drill."""
