"""The playbook put together: the steps of :mod:`stillup.response.playbook` by what this installation knows and does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from msgspec import structs

from stillup.catalog.load import Service
from stillup.daemon.advice import likely_class
from stillup.daemon.team import TeamSteps
from stillup.daemon.yours import Own, own_trouble, way_out
from stillup.model.service import Scope, State
from stillup.model.verdict import Verdict
from stillup.response.alternatives import Choice
from stillup.response.playbook import Rerouting, Situation, Step, playbook
from stillup.sources.report import Report


class Gateway(Protocol):
    """A gateway of ours, in this process or beside it."""

    def rerouting(self, service: str, state_of: Callable[[str], State]) -> Rerouting:
        """How it stands to a service in trouble; ``state_of`` says how others are."""


@dataclass(frozen=True, kw_only=True)
class Helpers:
    """What of stillup's own helps in an outage, and the team's steps; None for what does not run here."""

    gateway: Gateway | None = None
    may_reroute: bool = False
    """A gateway could be of use here, so that one without is worth a word."""
    alerts: bool = False
    told_at: Callable[[str], datetime | None] | None = None
    """When somebody was told of the incident of that id."""
    team: TeamSteps | None = None


def steps_for(
    service: Service,
    verdict: Verdict,
    now: datetime,
    *,
    reports: Sequence[Report] = (),
    parts_up: Sequence[str] = (),
    choices: Sequence[Choice] = (),
    back_in_s: float | None = None,
    helpers: Helpers | None = None,
    state_of: Callable[[str], State] = lambda _: State.UNKNOWN,
) -> tuple[Step, ...]:
    """What to do now, in order; ``choices`` are services that could stand in, ``state_of`` says how others are."""
    facts = likely_class(verdict)
    situation = Situation(
        verdict=verdict,
        now=now,
        usual=facts.todo if facts else (),
        parts_up=tuple(parts_up),
        reached=way_out(reports),
        instead=tuple(c.offer.name for c in choices if c.state is State.OPERATIONAL),
        back_in_s=back_in_s,
        refused_key=verdict.scope is Scope.YOUR_QUOTA and own_trouble(reports, now) is Own.KEY,
    )
    return playbook(situation if helpers is None else _helped(situation, service, helpers, state_of))


def _helped(s: Situation, service: Service, helpers: Helpers, state_of: Callable[[str], State]) -> Situation:
    incident, likeliest = s.verdict.incident, s.verdict.diagnosis[0].class_ if s.verdict.diagnosis else None
    return structs.replace(
        s,
        gateway=helpers.gateway.rerouting(service.id, state_of) if helpers.gateway else None,
        may_reroute=helpers.may_reroute,
        alerts=helpers.alerts,
        told_at=helpers.told_at(incident) if helpers.told_at and incident else None,
        team=helpers.team.of(service.id, likeliest, s.verdict.state, state_of) if helpers.team else (),
    )
