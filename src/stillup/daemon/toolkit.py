"""The backup toolkit put to the test: how each service is now, and whether the gateway can reach it with your key.

A key is tried by asking its provider for the list of models, which costs nothing and sends no prompt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.catalog.load import Service, catalogue
from stillup.clock import Clock
from stillup.daemon.ask import FirstAnswer, ask_many
from stillup.errors import Refused, SourceError
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import DEFAULT_BASES, UpstreamSpec
from stillup.gateway.local import find_local
from stillup.gateway.plan import GatewayPlan, resolve
from stillup.kit.toolkit import LOCAL, Toolkit, Trial
from stillup.model.service import State
from stillup.net import Net
from stillup.net.values import Request
from stillup.secret import Secret

if TYPE_CHECKING:
    from stillup.config import Config

_CLOSED = (401, 403)
_VERSION = "2023-06-01"
"""Anthropic's, which its requests have to name: https://docs.claude.com/en/api/versioning"""


_SUBSCRIPTION = "sk-ant-oat"
"""How the token of a Claude subscription begins: it is for that program alone, and never used for a test."""


class Way(Struct, frozen=True, kw_only=True):
    """How the gateway reaches a service: ``works`` None where that was not tried."""

    works: bool | None
    says: str


async def try_backups(toolkit: Toolkit, config: Config, environ: Mapping[str, str], clock: Clock) -> Toolkit:
    """The toolkit with each of its services tested now.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    services = [catalogue()[name] for name in toolkit.services if name in catalogue()]
    local = await asyncio.to_thread(find_local, environ)
    plan = resolve(config, environ, () if config.gateway.upstreams else local)
    answers = await ask_many(services, config, environ, clock) if services else []
    ways = await _ways(services, plan, clock)
    now = clock.now()
    trials = {}
    for service, answer, way in zip(services, answers, ways, strict=True):
        trials[service.id] = _trial(answer, way)
    for name in toolkit.services:
        if name == LOCAL:
            models = [model for found in local for model in found.models]
            says = f"answers here with {', '.join(models[:3])}" if models else "no model answers here"
            trials[name] = Trial(at=now, works=bool(models), says=says)
        elif name not in trials:
            trials[name] = Trial(at=now, works=None, says="the catalogue does not have it any more")
    return toolkit.with_trials(trials)


def _trial(answer: FirstAnswer, way: Way) -> Trial:
    state = answer.verdict.state
    is_up = None if state is State.UNKNOWN else state is State.OPERATIONAL
    works = False if False in (is_up, way.works) else is_up if way.works is None else True
    return Trial(at=answer.at, works=works, says=f"{state.value.replace('_', ' ')}; {way.says}")


async def _ways(services: list[Service], plan: GatewayPlan, clock: Clock) -> list[Way]:
    async with Net(clock) as net:
        return list(await asyncio.gather(*(_way(service, plan, net) for service in services)))


async def _way(service: Service, plan: GatewayPlan, net: Net) -> Way:
    specs = [known.spec for known in plan.known if known.spec.service == service.id]
    if not specs:
        link = next((ability.link for ability in service.abilities), service.home)
        return Way(works=None, says=f"not in the gateway's plan, reached by hand at {link}")
    keyed = next((spec for spec in specs if spec.key is not None), None)
    if keyed is None:
        return Way(works=None, says=f"in the gateway's plan as {specs[0].id}, without a key of yours")
    request = _models_of(keyed)
    if request is None:
        return Way(works=None, says=f"in the gateway's plan as {keyed.id}; its key is not tried")
    return await _tried(keyed.id, request, net)


async def _tried(name: str, request: Request, net: Net) -> Way:
    try:
        await net.fetch(request)
    except Refused as exc:
        if exc.status in _CLOSED:
            return Way(works=False, says=f"{name} refuses your key ({exc.status})")
        return Way(works=None, says=f"{name} answers with status {exc.status}")
    except SourceError:
        return Way(works=False, says=f"{name} cannot be reached from here")
    return Way(works=True, says=f"{name} takes your key")


def _models_of(spec: UpstreamSpec) -> Request | None:
    """The question for the list of models; None for protocols that sign their requests, and for a subscription's."""
    if spec.key is None or spec.protocol not in DEFAULT_BASES or spec.key.reveal().startswith(_SUBSCRIPTION):
        return None
    base = (spec.base_url or DEFAULT_BASES[spec.protocol]).rstrip("/")
    headers: tuple[tuple[str, str | Secret], ...] = (("authorization", spec.key.bearer()),)
    path = "/models"
    if spec.protocol is Protocol.ANTHROPIC:
        headers, path = (("x-api-key", spec.key), ("anthropic-version", _VERSION)), "/v1/models"
    elif spec.protocol is Protocol.GEMINI:
        headers, path = (("x-goog-api-key", spec.key),), "/v1beta/models"
    return Request(url=base + path, headers=headers, min_interval_s=0.0)
