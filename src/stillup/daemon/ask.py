"""The first answer: ask every source once, side by side, and judge what came back within the deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from math import ceil
from random import Random

from msgspec import Struct

from stillup.catalog.load import Service, catalogue
from stillup.clock import Clock
from stillup.config import Config
from stillup.daemon.jobs import forecaster, jobs_for, profile_of
from stillup.model.evidence import Evidence
from stillup.model.service import Family, State
from stillup.model.verdict import Verdict
from stillup.net import Net
from stillup.registry import SOURCES
from stillup.sources.poller import Job, Poller, Report
from stillup.verdict.claim import Claim, as_evidence, with_claims
from stillup.verdict.settings import ONE_LOOK, TICK_S

DEADLINE_S = 2.2
"""Sources that have not answered by then are named as late; start-up and printing have the rest of three seconds."""


class FirstAnswer(Struct, frozen=True, kw_only=True):
    """Everything one look gave: the verdict, what it rests on, and how each source fared."""

    service: Service
    at: datetime
    verdict: Verdict
    components: dict[str, Verdict]
    evidence: tuple[Evidence, ...]
    reports: tuple[Report, ...]
    claims: tuple[tuple[Claim, Evidence], ...] = ()
    elsewhere: dict[str, State] = {}
    """How the services that could stand in are, by their official pages."""


async def ask(
    service: Service,
    config: Config,
    environ: Mapping[str, str],
    clock: Clock,
    claims: Sequence[Claim] = (),
    deadline_s: float = DEADLINE_S,
) -> FirstAnswer:
    """Look once.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    now = clock.now()
    jobs = [*jobs_for(config, [service], environ, now), *_page_jobs(config, stand_ins(service), environ, now)]
    async with Net(clock, cache_dir=config.data_folder / "cache") as net:
        # The judgement brings numpy, a quarter of a second to load: time that is free while sources are waited for.
        ready = asyncio.create_task(asyncio.to_thread(import_module, "stillup.verdict.monitor"))
        reports = await Poller(jobs, net, clock, Random()).once(deadline_s)  # noqa: S311 - jitter, not secrets
        await ready
    return judge(service, reports, claims, now)


def stand_ins(service: Service) -> list[Service]:
    """Every other service that can do something this one can."""
    abilities = {a.capability for a in service.abilities}
    others = (s for s in catalogue().values() if s.id != service.id)
    return [s for s in others if abilities & {a.capability for a in s.abilities}]


def _page_jobs(config: Config, others: Sequence[Service], environ: Mapping[str, str], now: datetime) -> list[Job]:
    """Only the official pages of the services to offer instead: enough to leave out those that are down."""
    return [j for j in jobs_for(config, others, environ, now) if j.spec.id == "statuspage"]


def judge(service: Service, reports: Sequence[Report], claims: Sequence[Claim], now: datetime) -> FirstAnswer:
    """Judge the readings of one look as of ``now``. Pure."""
    from stillup.verdict.monitor import Monitor

    monitor = Monitor(profile_of, ONE_LOOK, forecaster())
    signals = [signal for report in reports if report.reading for signal in report.reading.signals]
    newest = max([now, *(signal.at for signal in signals)])  # the minute may have ended while the sources answered
    monitor.step(datetime.fromtimestamp(ceil(newest.timestamp() / TICK_S) * TICK_S, UTC), signals)
    said = monitor.verdicts(service.id)
    weighed = [(claim, as_evidence(claim, _family(claim), now)) for claim in claims]
    verdict = said.get(None) or Verdict(at=now, service=service.id)
    return FirstAnswer(
        service=service,
        at=now,
        verdict=with_claims(verdict, [evidence for _, evidence in weighed]),
        components={c: v for c, v in said.items() if c is not None},
        evidence=tuple(monitor.evidence(service.id)),
        reports=tuple(r for r in reports if r.service == service.id),
        elsewhere={s: v.state for s in _others(service, reports) if (v := monitor.verdicts(s).get(None))},
        claims=tuple(weighed),
    )


def _others(service: Service, reports: Sequence[Report]) -> set[str]:
    return {r.service for r in reports} - {service.id}


def _family(claim: Claim) -> Family:
    return SOURCES[claim.source].family
