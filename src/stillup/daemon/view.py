"""What the judgement tells the gateway: a verdict, turned into what is known of one component for one model.

Every limit of a verdict binds here: the models it names, the regions, who may steer, and that what the gateway saw
itself is no news to it. Rules and formulas: ``docs/closed-loop.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from stillup.catalog.load import catalogue
from stillup.clock import Clock
from stillup.gateway.core.views import Prior
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Confidence, Family, Scope, State
from stillup.model.verdict import Verdict
from stillup.verdict.chance.probability import steers

if TYPE_CHECKING:
    from stillup.verdict.monitor import Monitor  # brings numpy, which a gateway alone has no use for

OWN = "gateway"
"""The source of the gateway's own requests."""

STANDS_S = 300.0
"""A judgement that is not renewed for so long is nobody's word any more."""

_CANNOT_TELL_MODELS = frozenset({Family.CROWD, Family.SOCIAL, Family.SEARCH})
_REMEMBERED = 4_096

Said = Mapping[str, tuple[Mapping[str | None, Verdict], Sequence[Evidence]]]
"""For each service its verdicts, and what the newest of them rests on."""

_NOTHING = Prior()
_DASHED = re.compile(r"[^a-z0-9]+")


class Known:
    """What was said of some services at one moment, and what has been made of it for those who asked.

    ``own`` is as in :func:`prior_of`.
    """

    __slots__ = ("_made", "_own", "_said")

    def __init__(self, said: Said, own: str = "") -> None:
        self._said = said
        self._own = own
        self._made: dict[tuple[str, str, str], Prior] = {}

    def __len__(self) -> int:
        return len(self._made)

    def prior(self, service: str, component: str, model: str) -> Prior:
        """See :func:`prior_of`; a second time it is a look-up."""
        key = (service, component, model)
        return self._made.get(key) or self._make(key)

    def _make(self, key: tuple[str, str, str]) -> Prior:
        service, component, model = key
        if service not in self._said:
            return _NOTHING
        if len(self._made) >= _REMEMBERED:  # models' names are the clients' to choose
            self._made.clear()
        verdicts, evidence = self._said[service]
        prior = prior_of(verdicts, evidence, component, model, models_of(service), own=self._own)
        self._made[key] = prior
        return prior


class MonitorView:
    """A :class:`~stillup.gateway.core.views.HealthView` of a monitor in this process, of so many services.

    It listens to the :class:`~stillup.daemon.live.Live` that drives the monitor: each judged minute renews its word,
    and without one for five minutes it has none. It may be asked from another thread; that costs a look-up in a
    dictionary.
    """

    def __init__(self, monitor: Monitor, clock: Clock, services: Iterable[str]) -> None:
        self._monitor = monitor
        self._clock = clock
        self._services = tuple(services)
        self._judged_s = float("-inf")
        self._known = Known({})

    def prior(self, service: str, component: str, model: str) -> Prior:
        """What is known of one component of a service, for one model; see :func:`prior_of`."""
        if self._clock.monotonic_s() - self._judged_s > STANDS_S:
            return _NOTHING
        return self._known.prior(service, component, model)

    @property
    def size(self) -> int:
        """Answers kept for those who ask again."""
        return len(self._known)

    def heard(self, report: object) -> None:
        """A reading alone changes no verdict."""

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:  # noqa: ARG002 - the monitor is asked itself
        """A minute was judged: take over what is said now."""
        said = {s: (self._monitor.verdicts(s), self._monitor.evidence(s)) for s in self._services}
        self._known = Known(said, OWN)
        self._judged_s = self._clock.monotonic_s()

    def trouble(self, why: str) -> None:
        """What cannot be kept is known all the same."""


def prior_of(
    verdicts: Mapping[str | None, Verdict],
    evidence: Sequence[Evidence],
    component: str,
    model: str,
    models: Sequence[str] = (),
    *,
    own: str = "",
) -> Prior:
    """What a service's verdicts say of one component (empty: the whole service) for one model. Pure.

    ``evidence`` is what the service's verdict rests on, ``models`` the names of its models as people write them.
    ``own`` is the source through which the asker has told the judgement what it saw itself: that alone is no news.
    """
    verdict, is_sure = _bearing(verdicts, component)
    if verdict is None or verdict.is_yours:
        return _NOTHING
    if not verdict.state.is_fault:
        return Prior(state=verdict.state, probability=verdict.probability, says=_says(verdict))
    alarms = [e for e in evidence if e.standing is Standing.ALARM and _speaks_of(e, component)]
    if not steers(alarms):
        return Prior(says=f"{_says(verdict)}; told only by sources that anyone can feed")
    if own and _is_echo(alarms, own):
        return Prior(says=f"{_says(verdict)}; seen by this gateway alone")
    if _is_spared(verdict, alarms, model, models):
        return Prior(says=f"{_says(verdict)}; only {', '.join(verdict.models)}")
    sure = is_sure and not verdict.regions
    return Prior(
        state=verdict.state,
        confidence=verdict.confidence if sure else Confidence.SUSPECTED,
        probability=verdict.probability,
        says=_says(verdict),
    )


def _bearing(verdicts: Mapping[str | None, Verdict], component: str) -> tuple[Verdict | None, bool]:
    """The verdict that speaks of the component, and whether it does so without a doubt.

    The component's own, else the service's when that names the component, or no part. Where the component was called
    well and the service as a whole has a fault that nobody can place, the fault may be there: suspected at most. So
    may it be when the asker does not say which part it stands on and only some parts fail.
    """
    whole = verdicts.get(None)
    if not component:
        return whole, whole is None or whole.scope is not Scope.COMPONENT
    part = verdicts.get(component)
    if whole is None or not whole.state.is_fault:  # then no part fails: what says so is of an earlier run
        return (whole if part is None or part.state.is_fault else part), True
    if part is not None and part.state.is_fault:
        return part, True
    if not whole.components:
        return whole, part is None or part.state is State.UNKNOWN
    return (whole if part is None and component in whole.components else part), True


def _speaks_of(e: Evidence, component: str) -> bool:
    return not component or not e.components or any(component == c for c, _ in e.components)


def _is_echo(alarms: Sequence[Evidence], own: str) -> bool:
    """Whether the alarms rest on the asker's own requests and on nothing else."""
    return all(e.family is Family.TRAFFIC and _sources(e) <= {own} for e in alarms)


def _sources(e: Evidence) -> set[str]:
    """Who alarms within a family, as far as it tells; else everyone it was ever heard from."""
    return {n.source for n in e.numbers} or set(e.sources)


# -- models -----------------------------------------------------------------------------------------------------------


@cache
def models_of(service: str) -> tuple[str, ...]:
    """The models of a service by the names people use, longest first where one contains another."""
    known = catalogue().get(service)
    return known.models if known else ()


def _is_spared(verdict: Verdict, alarms: Sequence[Evidence], model: str, models: Sequence[str]) -> bool:
    """Whether every side that can tell models apart names some, and not this one."""
    can_tell = [e for e in alarms if e.models or e.family not in _CANNOT_TELL_MODELS]
    if not verdict.models or not all(e.models for e in can_tell):
        return False
    return not any(names(named, model, tuple(models)) for named in verdict.models)


@lru_cache(maxsize=_REMEMBERED)
def names(named: str, model: str, models: tuple[str, ...] = ()) -> bool:
    """Whether a name that people use means this model: ``opus`` and ``Opus 4.5`` mean ``claude-opus-4-5-20251101``.

    ``opus 4`` does not, nor does ``gpt-5`` mean ``gpt-5-mini`` where that is one of the ``models`` that have a name of
    their own.
    """
    short, long = _dashed(named), _dashed(model)
    if not _holds(long, short):
        return False
    longer = (_dashed(other) for other in models if len(other) > len(named))
    return not any(_holds(long, other) and _holds(other, short) for other in longer)


def _holds(long: str, short: str) -> bool:
    """Whether the words of ``short`` stand in ``long`` one after the other, a version number whole."""
    at = f"-{long}-".find(f"-{short}-")
    if not short or at < 0:
        return False
    after = long[at + len(short) + 1 :].partition("-")[0]
    return not (short[-1].isdigit() and after.isdigit() and len(after) < 3)  # a longer number is a date


def _dashed(name: str) -> str:
    return _DASHED.sub("-", name.lower()).strip("-")


# -- words ------------------------------------------------------------------------------------------------------------


def _says(verdict: Verdict) -> str:
    """``claude api: major outage, confirmed since 14:05 UTC by official and crowd``."""
    subject = f"{verdict.service} {verdict.component}" if verdict.component else verdict.service
    said = f"{subject}: {verdict.state.value.replace('_', ' ')}"
    if verdict.confidence:
        said += f", {verdict.confidence.value}"
    if verdict.state.is_fault and verdict.since:
        said += f" since {verdict.since:%H:%M} UTC"
    families = " and ".join(f.value for f in verdict.families)
    return f"{said} by {families}" if families else said
