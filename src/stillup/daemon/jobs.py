"""Which sources are read for which services, as the catalogue and the config say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, catalogue
from stillup.config import Config
from stillup.errors import StoreError
from stillup.model.service import State
from stillup.net import host_of, is_loopback
from stillup.registry import SourceSpec, load_source, usable_sources
from stillup.sources.base import Context
from stillup.sources.poller import Job
from stillup.verdict.settings import DAY_S, Profile, Settings

if TYPE_CHECKING:
    from stillup.model.incident import Incident
    from stillup.store.store import Store
    from stillup.verdict.forecast.forecaster import Forecaster
    from stillup.verdict.monitor import Monitor


_REMEMBERED = 200
"""Past incidents of a service on which forecasts rest."""
_LATELY, _CHANGES = timedelta(days=1), 100
MOST_KEYLESS = {"reddit": 4}
"""For how many services one look asks a source that has no key: Reddit's open feed turns away who asks more at once."""


def jobs_for(
    config: Config,
    services: Sequence[Service],
    environ: Mapping[str, str],
    now: datetime,
    *,
    only: Callable[[SourceSpec], bool] = lambda _: True,
) -> list[Job]:
    """One job for each source that is switched on and has something to ask about the service.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    specs = [spec for spec in usable_sources() if only(spec)]
    jobs = []
    for service in services:
        for spec in specs:
            setting = config.setting(spec.id, service.id, environ)
            if not setting.enabled:
                continue
            source = load_source(spec.id)
            if source.covers(Context(now=now, service=service, setting=setting)):
                jobs.append(Job(source=source, spec=spec, service=service, setting=setting))
    return jobs


def is_one_look(spec: SourceSpec) -> bool:
    """Whether the source answers within a person's patience."""
    return spec.one_look


def is_page(spec: SourceSpec) -> bool:
    """Whether it is an official status page that answers within a person's patience."""
    return spec.page and spec.one_look


def spared(jobs: Sequence[Job]) -> list[Job]:
    """The jobs that one look may not do, for its sources' sake: more of a kind than :data:`MOST_KEYLESS` allows."""
    asked: dict[str, int] = {}
    out = []
    for job in jobs:
        most = MOST_KEYLESS.get(job.spec.id)
        if most is None or job.setting.key is not None or is_loopback(host_of(job.setting.base_url)):
            continue
        asked[job.spec.id] = asked.get(job.spec.id, 0) + 1
        if asked[job.spec.id] > most:
            out.append(job)
    return out


def profile_of(service_id: str) -> Profile:
    """What the catalogue knows of a service, for the judgement; an unknown service has an empty profile."""
    service = catalogue().get(service_id)
    if service is None:
        return Profile(service=service_id)
    return Profile(
        service=service_id,
        components=tuple(c.id for c in service.components),
        models=service.models,
        names=(service.name.lower(), service.vendor.lower()),
        dependencies=tuple((d.service, d.confidence) for d in service.dependencies),
    )


def forecaster() -> Forecaster:
    """The shipped forecast, ready to be asked."""
    from stillup.catalog.forecast import forecast_table
    from stillup.verdict.forecast.forecaster import Forecaster

    return Forecaster(forecast_table())


def monitor_of(config: Config, services: Iterable[Service], store: Store | None, now: datetime) -> Monitor:
    """A monitor that is as careful as the user wants, and knows the newest past incidents that were kept.

    One that is open goes on as the same one: what was learned may be gone, or of another version, and the fault not.
    """
    from stillup.verdict.monitor import Monitor  # brings numpy, which whoever only asks for jobs has no use for

    monitor = Monitor(profile_of, settings_of(config), forecaster())
    if store is not None:
        # A server that does not answer now costs the forecast its memory, not the watch; it is said each minute.
        with suppress(StoreError):
            for service in services:
                known = past_of(store, service.id, now)
                monitor.remember(known)
                monitor.take_up(i for i in known if i.recovered_at is None)
    return monitor


def past_of(store: Store, service: str, now: datetime) -> list[Incident]:
    """A service's newest incidents, oldest first; of those that are open only one that can be gone on with.

    That is what the newest verdict was about (*unknown* ends nothing), where somebody has looked within a day. Another
    has ended nobody knows when: it is neither gone on with nor closed, and pages say that its end was not seen. Blocks.

    :raises StoreError: the database cannot be read.
    """
    known = store.incidents(service, limit=_REMEMBERED)
    standing = ""
    if any(i.recovered_at is None for i in known) and store.watched(service, now - _LATELY, 1):
        newest = (v for v in store.changes_before(service, None, _CHANGES) if v.component is None)
        standing = next((v.incident or "" for v in newest if v.state is not State.UNKNOWN), "")
    return [i for i in known if i.recovered_at is not None or i.id == standing]


def settings_of(config: Config) -> Settings:
    """How careful the user wants the judgement to be."""
    return Settings(arl_s=config.judgement.arl_days * DAY_S)
