"""What depends on what here, and what that means: from configuration, environment, toolkit, journal and database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from stillup.daemon.past import AGAIN_S, Past
from stillup.daemon.risk_candidates import for_route, for_task
from stillup.daemon.risk_needs import MOST_CHAINS, routes_needed, subject_of, tasks_here, tasks_needed
from stillup.daemon.risk_record import own_record_or_none
from stillup.daemon.risk_used import Usage, read_usage
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
) -> Risk:
    """Everything that is needed here, with its figures: those tasks, else those that are; and the gateway's chains.

    It blocks for a second or so. ``past`` is for who has the database open.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    :raises stillup.errors.BadDataError: the toolkit's file cannot be used.
    """
    local = find_local(environ)
    plan = resolve(config, environ, () if config.gateway.upstreams else local)
    toolkit = load_toolkit(config.data_folder / "toolkit.json")
    usage = read_usage(config.data_folder / "journal", now)
    wanted = tasks or tasks_here(config.services, toolkit)
    routes = routes_needed(plan, usage, config.services) if chains and config.gateway.enabled else []
    needs = [*tasks_needed(wanted, config.services, toolkit, local, plan, now), *routes[:MOST_CHAINS]]
    offered = {need.id: _candidates(need, config, plan, environ, local, usage) for need in needs}
    of = {s for need in needs for s in need.services} | {c.subject.service for cs in offered.values() for c in cs}
    downtimes, trouble = downtimes_for(config, environ, sorted(of), now, past)
    surveyed = tuple(survey(need, offered[need.id], downtimes) for need in needs)
    unknown = list(_unknown(config, plan, toolkit, usage, surveyed, _of_record(config, environ, trouble)))
    if len(routes) > MOST_CHAINS:
        unknown.insert(
            0, f"Of {len(routes)} chains the {MOST_CHAINS} most used are shown; `stillup gateway plan` has all."
        )
    return Risk(at=now, surveyed=surveyed, unknown=tuple(unknown))


def downtimes_for(
    config: Config, environ: Mapping[str, str], services: Iterable[str], now: datetime, past: Past | None = None
) -> tuple[Downtimes, str]:
    """Figures of downtime, from what was seen here and what comes with stillup. Blocks.

    Beside them a sentence where there is a database that cannot be read: then the first is missing.
    """
    own, trouble = own_record_or_none(config, environ, services, now, past)
    return Figures(own), trouble


def _candidates(
    need: Need,
    config: Config,
    plan: GatewayPlan,
    environ: Mapping[str, str],
    local: Sequence[Local],
    usage: Usage,
) -> list[Candidate]:
    if need.kind is Kind.TASK:
        task = Capability(need.id.removeprefix("task:"))
        return list(for_task(task, config.services, environ, local))
    return for_route(need, plan, environ, local, [name for _, name in usage.most_asked(100)])


def _unknown(
    config: Config, plan: GatewayPlan, toolkit: Toolkit, usage: Usage, surveyed: Sequence[Surveyed], record: str
) -> Iterator[str]:
    """What could not be known, and what to do about it."""
    if config.cluster.bus and not config.gateway.upstreams:
        yield "This cluster's gateways have a configuration of their own: what their chains are is not known here."
    if config.path is None:
        yield "There is no configuration file: what the gateway would do from the environment is shown."
    if record:
        yield record
    yield from _of_usage(usage)
    if not toolkit.tasks:
        yield "No backups are chosen for any task: `stillup alternatives --task TASK --choose NAME,NAME`."
    for known in plan.known:
        if subject_of(known).service.startswith(("upstream:", "provider:")):
            yield f"Nobody watches {known.spec.id}: `service` in its upstream says whose downtime is its own."
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

    def __init__(self, config: Config, environ: Mapping[str, str], clock: Clock, past: Past | None = None) -> None:
        self._config, self._environ, self._clock, self._past = config, environ, clock, past
        self._lock = Lock()
        self._answers: dict[Capability | None, tuple[float, Risk]] = {}

    def __call__(self, task: Capability | None = None) -> Risk:
        """Of one task, else of everything that is needed here. Blocks.

        :raises stillup.errors.StillupError: a key's file, or the toolkit's, cannot be used.
        """
        with self._lock:
            at_s = self._clock.monotonic_s()
            kept = self._answers.get(task)
            if kept is None or at_s >= kept[0]:
                tasks = (task,) if task is not None else ()
                now = self._clock.now()
                risk = assess(self._config, self._environ, now, tasks, chains=task is None, past=self._past)
                lacks = self._past is not None and self._past.is_away  # what was left out is not left out for long
                kept = self._answers[task] = (at_s + (AGAIN_S if lacks else STANDS_S), risk)
            return kept[1]
