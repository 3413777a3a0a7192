"""Which sources are read for which services, as the catalogue and the config say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, catalogue
from stillup.config import Config
from stillup.registry import load_source, usable_sources
from stillup.sources.base import Context
from stillup.sources.poller import Job
from stillup.verdict.settings import DAY_S, Profile, Settings

if TYPE_CHECKING:
    from stillup.verdict.forecast.forecaster import Forecaster


def jobs_for(config: Config, services: Sequence[Service], environ: Mapping[str, str], now: datetime) -> list[Job]:
    """One job for each source that is switched on and has something to ask about the service.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    jobs = []
    for service in services:
        for spec in usable_sources():
            setting = config.setting(spec.id, service.id, environ)
            if not setting.enabled:
                continue
            source = load_source(spec.id)
            if source.covers(Context(now=now, service=service, setting=setting)):
                jobs.append(Job(source=source, spec=spec, service=service, setting=setting))
    return jobs


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


def settings_of(config: Config) -> Settings:
    """How careful the user wants the judgement to be."""
    return Settings(arl_s=config.judgement.arl_days * DAY_S)
