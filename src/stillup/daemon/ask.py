"""The first answer: ask every source once, side by side, and judge what came back within the deadline.

One service or all of them: it is one look either way, through one client, judged by one monitor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from math import ceil
from random import Random

from msgspec import Struct, structs

from stillup.catalog.load import Service
from stillup.catalog.offers import stand_ins
from stillup.clock import Clock
from stillup.config import Config
from stillup.daemon.advice import bases
from stillup.daemon.jobs import forecaster, is_one_look, is_page, jobs_for, profile_of, spared
from stillup.daemon.plan.steps import team_steps
from stillup.daemon.rerouting import Neighbour, neighbour
from stillup.daemon.team import TeamSteps
from stillup.errors import Blame
from stillup.model.evidence import Evidence
from stillup.model.service import Capability, Family, State
from stillup.model.signal import Alive, Signal
from stillup.model.verdict import Verdict
from stillup.net import Net
from stillup.registry import SOURCES
from stillup.sources.poller import Failure, FailureKind, Job, Poller, Report
from stillup.sources.schedule import Why
from stillup.verdict.claim import Claim, as_evidence, with_claims
from stillup.verdict.settings import ONE_LOOK, TICK_S

DEADLINE_S = 2.2
"""Sources that have not answered by then are named as late; start-up and printing have the rest of three seconds."""

_MANY_AT_ONCE, _MANY_PER_HOST = 128, 6
"""Requests that run together where many services are asked: they go to some hundred hosts, a few of which are asked
about every service. Six to one host at a time is what any browser does."""

MOST_PAGES = 6
"""So many stand-ins are looked up on their pages, the catalogue's first ones: more would cost strangers for nothing."""

MOST_BASES = 3
"""So many of what one service stands on are looked up likewise, the surest first."""

_SILENCE_S = 3 * TICK_S
"""So many minutes without a count are taken as one: as many as the judgement takes for silence and not for a gap."""

_HEAD_START_S = 0.4

_WHOLE, _MANY_LINES = timedelta(hours=1), 100

_GRACE_S = 0.3
"""For so long after the last word on what was asked for, the pages of other services are waited for."""

_PROBE_GRACE_S = 1.0
"""For so long after the deadline a probe is waited for. It ends itself before; only a busy machine makes it late."""


class FirstAnswer(Struct, frozen=True, kw_only=True):
    """Everything one look gave: the verdict, what it rests on, and how each source fared."""

    service: Service
    at: datetime
    verdict: Verdict
    components: dict[str, Verdict]
    evidence: tuple[Evidence, ...]
    reports: tuple[Report, ...]
    claims: tuple[tuple[Claim, Evidence], ...] = ()
    by_page: frozenset[str] = frozenset()
    """Those of ``elsewhere`` of which only the official page was read."""
    gateway: Neighbour | None = None
    """The gateway that runs beside on this machine."""
    team: TeamSteps | None = None
    """The team's own steps and those of plans, read where something is wrong."""
    elsewhere: dict[str, State] = {}
    """How others are, that could stand in or that it stands on: those asked for beside it by all sources, the rest by
    their pages."""


async def ask(
    service: Service,
    config: Config,
    environ: Mapping[str, str],
    clock: Clock,
    claims: Sequence[Claim] = (),
    deadline_s: float = DEADLINE_S,
    task: Capability | None = Capability.CHAT,
) -> FirstAnswer:
    """Look once at one service; ``task`` is what a stand-in would be needed for (None: nothing could stand in).

    The pages of what it stands on are looked up as well: a fault of theirs may be its cause.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    now = clock.now()
    pages = _beside(config, [service], stand_ins(service, task) if task else [], environ, now)
    jobs = jobs_for(config, [service], environ, now, only=is_one_look)
    beside = asyncio.create_task(neighbour(config, environ))
    try:
        async with Net(clock, cache_dir=config.data_folder / "cache") as net:
            reports = await _probes_beside(jobs, pages, net, clock, deadline_s)
    finally:
        gateway = await beside  # it has ended long ago
    answer = judge(service, reports, claims, now)
    team = await asyncio.to_thread(team_steps, config) if answer.verdict.state.is_fault else None
    return structs.replace(answer, gateway=gateway, team=team)


async def ask_many(
    services: Sequence[Service],
    config: Config,
    environ: Mapping[str, str],
    clock: Clock,
    deadline_s: float = DEADLINE_S,
    task: Capability | None = None,
) -> list[FirstAnswer]:
    """Look once at several services, answers in their order.

    Stand-ins and what they stand on are looked up on their pages as well, where they are not among them.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    now = clock.now()
    jobs = jobs_for(config, services, environ, now, only=is_one_look)
    left_out = spared(jobs)
    others = [s for service in services for s in stand_ins(service, task or Capability.CHAT)]
    pages = _beside(config, services, others, environ, now)
    cache = config.data_folder / "cache"
    async with Net(clock, cache_dir=cache, at_once=_MANY_AT_ONCE, per_host=_MANY_PER_HOST) as net:
        asked = [job for job in jobs if job not in left_out]
        reports = await _probes_beside(asked, pages, net, clock, deadline_s, head_start_s=_HEAD_START_S)
    return judge_many(services, [*reports, *(_not_asked(job, now) for job in left_out)], now)


async def _reports(
    jobs: Sequence[Job], pages: Sequence[Job], net: Net, clock: Clock, deadline_s: float
) -> list[Report]:
    """What the sources say; ``pages`` of other services as far as they are there by the time the rest is."""
    beside: list[Report] = []
    # The judgement brings numpy, a quarter of a second to load: time that is free while sources are waited for.
    ready = asyncio.create_task(asyncio.to_thread(import_module, "stillup.verdict.monitor"))
    luck = Random()  # noqa: S311 - jitter, not secrets
    others = asyncio.create_task(Poller(pages, net, clock, luck, beside.append).once(deadline_s))
    try:
        reports = await Poller(jobs, net, clock, luck).once(deadline_s)
        await asyncio.wait({others}, timeout=_GRACE_S)
    finally:
        others.cancel()
        await asyncio.gather(others, return_exceptions=True)
    await ready
    return [*reports, *beside]


async def _probes_beside(
    jobs: Sequence[Job], pages: Sequence[Job], net: Net, clock: Clock, deadline_s: float, *, head_start_s: float = 0.0
) -> list[Report]:
    """The same with the probes by themselves, and before the rest where that is much.

    A hundred answers read at once take this machine's time, and a probe would call that slow. It ends by itself before
    the deadline; where the machine is so busy that it does not, it is waited for a little: what fails is worth it.
    """
    probes = [job for job in jobs if job.spec.family is Family.PROBE]
    rest = [job for job in jobs if job.spec.family is not Family.PROBE]
    real_s = asyncio.get_running_loop().time
    end_s = real_s() + deadline_s
    luck = Random()  # noqa: S311 - as above
    climbing = asyncio.create_task(Poller(probes, net, clock, luck).once(deadline_s + _PROBE_GRACE_S))
    try:
        if head_start_s:
            await asyncio.wait({climbing}, timeout=head_start_s)
        reports = await _reports(rest, pages, net, clock, round(max(0.1, end_s - real_s()), 1))
        return [*reports, *await climbing]
    finally:
        climbing.cancel()
        await asyncio.gather(climbing, return_exceptions=True)


def _beside(
    config: Config, services: Sequence[Service], others: Sequence[Service], environ: Mapping[str, str], now: datetime
) -> list[Job]:
    """The official pages of what the services stand on, and of the first of the others, none of them twice."""
    there = {s.id for s in services}
    below: dict[str, list[Job]] = {}
    for service in services:
        below |= _page_jobs(config, [b for b in bases(service) if b.id not in there], environ, now, MOST_BASES)
    there |= below.keys()
    rest = {s.id: s for s in others if s.id not in there}
    above = _page_jobs(config, rest.values(), environ, now, MOST_PAGES)
    return [job for jobs in (below | above).values() for job in jobs]


def _page_jobs(
    config: Config, others: Iterable[Service], environ: Mapping[str, str], now: datetime, most: int
) -> dict[str, list[Job]]:
    """How the first services that have an official page are asked for it, by service."""
    jobs: dict[str, list[Job]] = {}
    for other in others:
        if len(jobs) == most:
            break
        found = jobs_for(config, [other], environ, now, only=is_page)
        if found:
            jobs[other.id] = found
    return jobs


def _not_asked(job: Job, now: datetime) -> Report:
    says = f"not asked: {job.spec.title} turns away who asks for so many services at once"
    failure = Failure(kind=FailureKind.RATE_LIMITED, says=says, blame=Blame.US)
    return Report(
        source=job.spec.id,
        service=job.service.id,
        started_at=now,
        elapsed_ms=0.0,
        next_at=now,
        why_next=Why.FLOOR,
        error=failure,
    )


def judge(service: Service, reports: Sequence[Report], claims: Sequence[Claim], now: datetime) -> FirstAnswer:
    """Judge the readings of one look at one service as of ``now``. Pure."""
    return judge_many([service], reports, now, claims)[0]


def judge_many(
    services: Sequence[Service], reports: Sequence[Report], now: datetime, claims: Sequence[Claim] = ()
) -> list[FirstAnswer]:
    """Judge the readings of one look as of ``now``, answers in the services' order. Pure.

    ``claims`` are numbers the user read about the one service asked for.
    """
    from stillup.verdict.monitor import Monitor

    monitor = Monitor(profile_of, ONE_LOOK, forecaster())
    signals = [s for report in reports if report.reading for s in thinned(report.reading.signals)]
    newest = max([now, *(signal.at for signal in signals)])  # the minute may have ended while the sources answered
    monitor.step(datetime.fromtimestamp(ceil(newest.timestamp() / TICK_S) * TICK_S, UTC), signals)
    weighed = [(claim, as_evidence(claim, _family(claim), now)) for claim in claims]
    read = dict.fromkeys(r.service for r in reports)
    states = {s: v.state for s in read if (v := monitor.verdicts(s).get(None))}
    beyond_page = {r.service for r in reports if not is_page(SOURCES[r.source])}
    answers = []
    for service in services:
        said = monitor.verdicts(service.id)
        verdict = said.get(None) or Verdict(at=now, service=service.id)
        answers.append(
            FirstAnswer(
                service=service,
                at=now,
                verdict=with_claims(verdict, [evidence for _, evidence in weighed]),
                components={c: v for c, v in said.items() if c is not None},
                evidence=tuple(monitor.evidence(service.id)),
                reports=tuple(r for r in reports if r.service == service.id),
                elsewhere={s: state for s, state in states.items() if s != service.id},
                by_page=frozenset(states.keys() - beyond_page - {service.id}),
                claims=tuple(weighed),
            )
        )
    return answers


def thinned(lines: Sequence[Signal]) -> list[Signal]:
    """One reading's lines without most of those that only say, of a past window, that nothing was counted in it.

    A source read every minute tells a day as 1,440 such windows, each a minute to be judged. Three of them in a row
    are one stretch of silence for the judgement, so the last of each three is enough; the last hour, the beginning,
    and what stands beside a count stay whole.
    """
    if len(lines) < _MANY_LINES:
        return list(lines)
    placed = [(line, int(-line.at.timestamp() // _SILENCE_S)) for line in lines]
    spoken = {stretch for line, stretch in placed if not isinstance(line, Alive)}
    last: dict[int, Signal] = {}
    for line, stretch in placed:
        if stretch not in last or last[stretch].at < line.at:
            last[stretch] = line
    recent, first = max(line.at for line in lines) - _WHOLE, min(line.at for line in lines)
    return [
        line
        for line, stretch in placed
        if not isinstance(line, Alive)
        or line.at > recent
        or line.at == first
        or stretch in spoken
        or line.at == last[stretch].at
    ]


def _family(claim: Claim) -> Family:
    return SOURCES[claim.source].family
