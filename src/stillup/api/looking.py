"""One look at a service, as the command line makes it: every source asked once, side by side, within three seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from stillup.api.here import Here, PathLike, here, no_loop
from stillup.api.results import Alternative, Alternatives, Back, Check, Part
from stillup.catalog.load import Service, catalogue, find_service
from stillup.clock import Clock
from stillup.errors import UsageError
from stillup.model.service import Capability, State

if TYPE_CHECKING:
    from stillup.daemon.ask import FirstAnswer

T = TypeVar("T")
_LONGEST_S = 60.0


async def check(
    service: str,
    *,
    config: PathLike = None,
    environ: Mapping[str, str] | None = None,
    deadline_s: float | None = None,
    clock: Clock | None = None,
) -> Check:
    """How a service is now.

    Takes up to three seconds and asks other people's servers: what was answered less than a minute ago is not asked
    for again, and a program that wants to know all the time runs ``stillup up`` and asks that.
    ``service`` is a name of the catalogue or an alias. ``config`` is a configuration file, by default the one that
    the command line uses; ``environ`` stands in the place of ``os.environ``. Sources that have not answered within
    ``deadline_s`` (2.2) are left out.

    :raises stillup.errors.UsageError: no such service.
    :raises stillup.errors.ConfigError: something in the configuration is wrong.
    """
    from stillup.daemon.advice import other_parts
    from stillup.daemon.yours import headline_for
    from stillup.verdict.telling.explain import because

    found = find_service(service)
    answer = await _look(found, None, here(config, environ, clock), deadline_s)
    verdict, forecast = answer.verdict, answer.verdict.forecast
    return Check(
        service=found.id,
        name=found.name,
        at=answer.at,
        state=verdict.state,
        confidence=verdict.confidence,
        probability=verdict.probability,
        scope=verdict.scope,
        since=verdict.since,
        headline=headline_for(found.name, verdict, answer.reports, answer.at),
        reason=because(verdict),
        parts=tuple(_parts(found, answer)),
        works=other_parts(found, verdict, answer.components, answer.reports).up,
        problems=verdict.problems,
        models=verdict.models,
        back=Back(
            median=timedelta(seconds=forecast.p50_s),
            soonest=timedelta(seconds=forecast.p10_s),
            latest=timedelta(seconds=forecast.p90_s),
        )
        if forecast
        else None,
    )


async def alternatives(
    service: str,
    *,
    task: Capability | str | None = None,
    config: PathLike = None,
    environ: Mapping[str, str] | None = None,
    deadline_s: float | None = None,
    clock: Clock | None = None,
) -> Alternatives:
    """What to use instead of a service, of what is up now; ``task`` is what it is needed for, by default conversation.

    Costs a look at the service and at the pages of those that could stand in; see :func:`check`, of which the other
    arguments are too.

    :raises stillup.errors.UsageError: no such service or task, or the service does nothing that others could do.
    :raises stillup.errors.ConfigError: something in the configuration is wrong.
    :raises stillup.errors.BadDataError: the toolkit's file cannot be used.
    """
    from stillup.catalog.offers import alternatives as offered
    from stillup.daemon.advice import other_parts

    found = find_service(service)
    need = _need(found, task)
    at = here(config, environ, clock)
    chosen = _chosen(need, at)
    answer = await _look(found, need, at, deadline_s)
    return Alternatives(
        service=found.id,
        at=answer.at,
        state=answer.verdict.state,
        task=need,
        works=other_parts(found, answer.verdict, answer.components, answer.reports).up,
        choices=tuple(
            Alternative(
                service=choice.offer.service,
                name=choice.offer.name,
                state=choice.state,
                why=choice.why,
                advantage=choice.offer.advantage,
                access=choice.offer.access,
                free=choice.offer.free,
                link=choice.offer.link,
                shares=_shares(found, choice.offer.service),
                chosen=choice.offer.service in chosen,
            )
            for choice in offered(found, need, answer.elsewhere, answer.by_page)
        ),
    )


def check_sync(
    service: str,
    *,
    config: PathLike = None,
    environ: Mapping[str, str] | None = None,
    deadline_s: float | None = None,
    clock: Clock | None = None,
) -> Check:
    """:func:`check` for code without an event loop.

    :raises stillup.errors.UsageError: an event loop runs in this thread; or as :func:`check`.
    """
    no_loop("`await stillup.check(…)`")
    return _run(check(service, config=config, environ=environ, deadline_s=deadline_s, clock=clock))


def alternatives_sync(
    service: str,
    *,
    task: Capability | str | None = None,
    config: PathLike = None,
    environ: Mapping[str, str] | None = None,
    deadline_s: float | None = None,
    clock: Clock | None = None,
) -> Alternatives:
    """:func:`alternatives` for code without an event loop.

    :raises stillup.errors.UsageError: an event loop runs in this thread; or as :func:`alternatives`.
    """
    no_loop("`await stillup.alternatives(…)`")
    return _run(alternatives(service, task=task, config=config, environ=environ, deadline_s=deadline_s, clock=clock))


def _run(look: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(look)


def _need(service: Service, task: Capability | str | None) -> Capability:
    from stillup.daemon.advice import usual_task

    if task is None:
        need = usual_task(service)
        if need is None:
            msg = f"{service.name} does nothing that another service could do in its place"
            raise UsageError(msg)
        return need
    try:
        return Capability(task)
    except ValueError:
        msg = f"no task called {str(task)[:40]!r}; allowed: {', '.join(Capability)}"
        raise UsageError(msg) from None


async def _look(service: Service, task: Capability | None, at: Here, deadline_s: float | None) -> FirstAnswer:
    from stillup.daemon import ask

    if deadline_s is not None and not 0 < deadline_s <= _LONGEST_S:
        msg = f"deadline_s is {deadline_s}; allowed: more than 0, at most {_LONGEST_S}"
        raise UsageError(msg)
    within_s = ask.DEADLINE_S if deadline_s is None else deadline_s
    if task is None:
        return await ask.ask(service, at.config, at.environ, at.clock, deadline_s=within_s, task=None)
    asked = _asked(service, task)
    return (await ask.ask_many(asked, at.config, at.environ, at.clock, deadline_s=within_s, task=task))[0]


def _asked(service: Service, task: Capability) -> list[Service]:
    from stillup.catalog.offers import stand_ins
    from stillup.daemon.ask import MOST_PAGES

    return [service, *stand_ins(service, task)[:MOST_PAGES]]


def _parts(service: Service, answer: FirstAnswer) -> list[Part]:
    states = {part: verdict.state for part, verdict in answer.components.items()}
    return [Part(id=c.id, name=c.name, state=states.get(c.id, State.UNKNOWN)) for c in service.components]


def _shares(service: Service, other: str) -> tuple[str, ...]:
    from stillup.kit.toolkit import in_common

    return in_common(service, catalogue()[other]) if other in catalogue() else ()


def _chosen(task: Capability, at: Here) -> frozenset[str]:
    from stillup.kit.toolkit import load_toolkit

    toolkit = load_toolkit(at.config.data_folder / "toolkit.json")
    return frozenset(backup.service for backup in toolkit.tasks.get(task, ()))
