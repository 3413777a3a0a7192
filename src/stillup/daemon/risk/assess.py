"""What depends on what here, and what that means: from configuration, environment, toolkit, journal and database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.daemon.gateways import Gateways, chains_of, says
from stillup.daemon.past import AGAIN_S, Past
from stillup.daemon.risk.candidates import Standing, for_route, for_task, standing
from stillup.daemon.risk.needs import MOST_CHAINS, is_unwatched, routes_needed, subject_of, tasks_here, tasks_needed
from stillup.daemon.risk.record import own_record_or_none
from stillup.daemon.risk.used import Usage, read_usage
from stillup.gateway.local import find_local
from stillup.gateway.plan import GatewayPlan, resolve
from stillup.gateway.upstreams import Local
from stillup.kit.toolkit import Toolkit, load_toolkit
from stillup.model.service import Capability
from stillup.risk.downtimes import Figures
from stillup.risk.gain import LEAST_HOURS, Candidate
from stillup.risk.need import Kind, Need
from stillup.risk.points import name_of
from stillup.risk.survey import Risk, Surveyed, survey
from stillup.risk.values import LOCAL, Basis, Downtimes

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config

STANDS_S = 300.0
"""So long an answer of the page stands."""

_HISTORY = (
    "Public history counts what official pages called an outage, of any part: much of it you would not have noticed, "
    "and some that you did was never posted."
)
NOT_IN_IT = (
    "Your own network, your machine, sign-ins, limits and unpaid bills are in none of these hours: nobody has figures.",
    _HISTORY,
)


def assess(
    config: Config,
    environ: Mapping[str, str],
    now: datetime,
    tasks: Sequence[Capability] = (),
    *,
    chains: bool = True,
    past: Past | None = None,
    gateways: Gateways | None = None,
) -> Risk:
    """Everything that is needed here, with its figures: those tasks, else those that are; and the gateway's chains.

    It blocks for a second or so. ``past`` is for who has the database open. With ``gateways`` the chains are those of
    a cluster: what keys and model servers this process would find is then nobody's.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    :raises stillup.errors.BadDataError: the toolkit's file cannot be used.
    """
    toolkit = load_toolkit(config.data_folder / "toolkit.json")
    known = _here(config, environ, now) if gateways is None else _of_cluster(gateways)
    wanted = tasks or tasks_here(config.services, toolkit)
    routes = known.routes() if chains else []
    needs = [*tasks_needed(wanted, config.services, toolkit, known.local, known.plan, now), *routes[:MOST_CHAINS]]
    offered = {need.id: _candidates(need, config, known) for need in needs}
    of = {s for need in needs for s in need.services} | {c.subject.service for cs in offered.values() for c in cs}
    downtimes, trouble = downtimes_for(config, environ, sorted(of), now, past)
    surveyed = tuple(survey(need, offered[need.id], downtimes) for need in needs)
    unknown = [*known.unknown, *_unknown(known, toolkit, surveyed, _of_record(config, environ, trouble))]
    if len(routes) > MOST_CHAINS:
        unknown.insert(
            0, f"Of {len(routes)} chains the {MOST_CHAINS} most used are shown; `stillup gateway plan` has all."
        )
    return Risk(at=now, surveyed=surveyed, unknown=tuple(unknown))


class _Known(Struct, frozen=True, kw_only=True):
    """What is known of gateways: of the one that this configuration makes, or of a cluster's."""

    routes: Callable[[], list[Need]]
    there: Sequence[Standing]
    asked: Sequence[str]
    """Names of models, the most asked first."""
    unwatched: Sequence[str]
    """Upstreams whose downtime is nobody's."""
    unknown: Sequence[str]
    plan: GatewayPlan = GatewayPlan(known=())
    local: Sequence[Local] = ()
    environ: Mapping[str, str] = {}
    """Where keys of providers may be."""


def _here(config: Config, environ: Mapping[str, str], now: datetime) -> _Known:
    local = find_local(environ)
    plan = resolve(config, environ, () if config.gateway.upstreams else local)
    usage = read_usage(config.data_folder / "journal", now)
    others = (
        "This cluster's gateways have a configuration of their own: the cluster's page, at /risk, has their chains."
    )
    no_file = "There is no configuration file: what the gateway would do from the environment is shown."
    return _Known(
        routes=lambda: routes_needed(plan, usage, config.services) if config.gateway.enabled else [],
        there=standing(plan),
        asked=[name for _, name in usage.most_asked(100)],
        unwatched=[k.spec.id for k in plan.known if is_unwatched(subject_of(k))],
        unknown=[
            *([others] if config.cluster.bus and not config.gateway.upstreams else []),
            *([no_file] if config.path is None else []),
            *_of_usage(usage),
        ],
        plan=plan,
        local=local,
        environ=environ,
    )


def _of_cluster(gateways: Gateways) -> _Known:
    is_there, heard = gateways.is_there, gateways.heard()
    ups = {up.subject: up for one in heard for up in one.facts.upstreams}
    return _Known(
        routes=lambda: chains_of(heard),
        there=list(ups.values()),
        asked=list(dict.fromkeys(name for one in heard for name in one.facts.asked)),
        unwatched=[up.id for subject, up in ups.items() if is_unwatched(subject)],
        unknown=list(says(heard, is_there=is_there)),
    )


def downtimes_for(
    config: Config, environ: Mapping[str, str], services: Iterable[str], now: datetime, past: Past | None = None
) -> tuple[Downtimes, str]:
    """Figures of downtime, from what was seen here and what comes with stillup. Blocks.

    Beside them a sentence where there is a database that cannot be read: then the first is missing.
    """
    own, trouble = own_record_or_none(config, environ, services, now, past)
    return Figures(own), trouble


def _candidates(need: Need, config: Config, known: _Known) -> list[Candidate]:
    if need.kind is Kind.TASK:
        task = Capability(need.id.removeprefix("task:"))
        return list(for_task(task, config.services, known.environ, known.local))
    return for_route(need, known.there, known.environ, known.local, known.asked)


def _unknown(known: _Known, toolkit: Toolkit, surveyed: Sequence[Surveyed], record: str) -> Iterator[str]:
    """What could not be known beside gateways, and what to do about it."""
    if record:
        yield record
    if not toolkit.tasks:
        yield "No backups are chosen for any task: `stillup alternatives --task TASK --choose NAME,NAME`."
    for name in known.unwatched:
        yield f"Nobody watches {name}: `service` in its upstream says whose downtime is its own."
    guessed = {a.subject.service for one in surveyed for a in one.alone if a.basis is Basis.ASSUMED} - {LOCAL}
    if guessed:
        yield f"No record of {', '.join(map(name_of, sorted(guessed)))}: a wide guess stands in."
    yield from NOT_IN_IT


def _of_record(config: Config, environ: Mapping[str, str], trouble: str) -> str:
    """What is to be said of what was seen from here; empty where it was read."""
    from stillup.store import is_kept

    if trouble:
        return f"What was seen from here is left out: {trouble}"
    if is_kept(config.store_at(environ)):
        return ""
    return "Nothing was watched from here yet (`stillup up` does it): figures are those that come with stillup."


def _of_usage(usage: Usage) -> Iterator[str]:
    if usage.trouble:
        yield usage.trouble
    elif not usage.heaps:
        yield "The gateway's journal has nothing: how much each is used, and what a stand-in would cost, is not known."
    elif usage.hours < LEAST_HOURS:
        yield "The gateway's journal has less than a day: what a stand-in would cost in a year is not known."
    elif usage.is_cut:
        yield f"Of the journal the newest {usage.hours / 24:.0f} days were read."


class Assessor:
    """What the page asks: each answer stands for some minutes, and one is made at a time."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        clock: Clock,
        past: Past | None = None,
        gateways: Gateways | None = None,
    ) -> None:
        self._config, self._environ, self._clock, self._past = config, environ, clock, past
        self._gateways = gateways
        self._lock = Lock()
        self._answers: dict[Capability | None, tuple[float, Risk]] = {}
        self._of: object = None

    def __call__(self, task: Capability | None = None) -> Risk:
        """Of one task, else of everything that is needed here. Blocks.

        :raises stillup.errors.StillupError: a key's file, or the toolkit's, cannot be used.
        """
        with self._lock:
            at_s = self._clock.monotonic_s()
            self._forget_if_others()
            kept = self._answers.get(task)
            if kept is None or at_s >= kept[0]:
                tasks = (task,) if task is not None else ()
                now = self._clock.now()
                risk = assess(
                    self._config,
                    self._environ,
                    now,
                    tasks,
                    chains=task is None,
                    past=self._past,
                    gateways=self._gateways,
                )
                lacks = self._past is not None and self._past.is_away  # what was left out is not left out for long
                kept = self._answers[task] = (at_s + (AGAIN_S if lacks else STANDS_S), risk)
            return kept[1]

    def _forget_if_others(self) -> None:
        """What was answered of gateways that came, went or changed meanwhile is not answered again."""
        if self._gateways is not None:
            said = [(one.name, one.facts.layout, one.facts.asked != ()) for one in self._gateways.heard()]
            of = self._gateways.is_there, said
            if of != self._of:
                self._answers.clear()
            self._of = of
