"""All services' stories of one scenario: the ones it tells, and an uneventful day for every other."""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import datetime

from msgspec.structs import fields, replace

from stillup.catalog.load import Service, catalogue
from stillup.model.service import Problem
from stillup.sim.draw import chance
from stillup.sim.modes import Mode
from stillup.sim.scenario import (
    CONTROLS,
    EVERYTHING,
    SOURCES,
    STAND_IN,
    News,
    Part,
    Scenario,
    SourceFault,
    Trend,
    Usual,
)
from stillup.sim.story import Story

_CLAUDE = "claude"
_SHARED = frozenset({SOURCES, STAND_IN})
_REPORTS_A_DAY = 10.0
"""Where the catalogue says nothing of a service's usual reports."""
_POSTS_A_REPORT = 0.2
_CHATTER_A_DAY = 200.0
_STORIES_A_DAY = 0.03
_HOURS = (
    0.9, 0.8, 0.7, 0.6, 0.5, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
    1.1, 1.3, 1.4, 1.5, 1.5, 1.5, 1.4, 1.3, 1.2, 1.1, 1.0, 0.9,
)  # fmt: skip
"""A day of people in America and Europe, by UTC hours."""
_REGIONS = {"US": 40.0, "CA": 4.0, "GB": 9.0, "FR": 6.0, "DE": 8.0, "IN": 12.0, "JP": 7.0, "AU": 5.0, "BR": 4.0}
_PROBLEMS = {
    Problem.NO_RESPONSE: 3.0,
    Problem.SLOW: 2.0,
    Problem.SIGN_IN: 2.0,
    Problem.SERVER_ERROR: 2.0,
    Problem.OTHER: 2.0,
}


class Stories:
    """One scenario being told, of every service.

    ``services`` are more whose servers stand in the world, beside the ones the scenario tells of; the sites of sources
    know every service of the catalogue.
    """

    def __init__(self, lead: Story, services: Iterable[str] = ()) -> None:
        self.lead = lead
        named = dict.fromkeys((*self.scenario.services, *services))
        self.services: tuple[Service, ...] = tuple(catalogue()[name] for name in named)
        self._told = {part.service: part for part in self.scenario.also}
        self._stories = {self.scenario.service: lead}

    @property
    def scenario(self) -> Scenario:
        """What is told."""
        return self.lead.scenario

    def of(self, service_id: str) -> Story:
        """What happens to one service.

        :raises KeyError: the catalogue has no such service.
        """
        found = self._stories.get(service_id)
        if found is None:
            part = self._told.get(service_id) or Part(service=service_id)
            found = self._stories[service_id] = Story(_about(self.scenario, part, catalogue()[service_id]))
        return found

    @property
    def coder(self) -> Story:
        """Whose requests Claude Code's transcripts tell of."""
        return self.of(_CLAUDE) if any(s.id == _CLAUDE for s in self.services) else self.lead

    def is_cut_off(self, now: datetime) -> bool:
        """Whether everything fails from here: then nothing of this machine reaches the outside."""
        return self.lead.mode(EVERYTHING, now) is not Mode.OK

    def mode(self, service_id: str, target: str, now: datetime, model: str = "") -> Mode:
        """How a target of one service answers now. What is no service's own is the scenario's own matter."""
        own = self.lead if target in _SHARED or target.startswith(CONTROLS) else self.of(service_id)
        mode = own.mode(target, now, model)
        return mode if mode is not Mode.OK or own is self.lead else self.lead.mode(EVERYTHING, now)

    def source_fault(self, source: str, concerns: Container[str], now: datetime) -> SourceFault | None:
        """What is wrong now with a source's site, for whoever asks about any of these services."""
        return next(
            (
                f
                for f in self.scenario.sources
                if f.source == source and f.from_ <= now < f.to and (f.service is None or f.service in concerns)
            ),
            None,
        )

    def trending(self, geo: str, now: datetime) -> list[tuple[Trend, list[News]]]:
        """Every told service's queries among a country's trending searches, each with the articles about it."""
        told = (self.of(service_id) for service_id in self.scenario.services)
        return [(trend, story.news(now)) for story in told for trend in story.trending(geo, now)]


def _about(scenario: Scenario, part: Part, service: Service) -> Scenario:
    """A service's part as a scenario of its own; its chances are its own too, or all services would swing alike."""
    told = {f.name: getattr(part, f.name) for f in fields(Part)}
    seed = chance(scenario.seed, part.service).getrandbits(48)
    return replace(scenario, **(told | {"usual": part.usual or calm(service), "also": (), "sources": (), "seed": seed}))


def calm(service: Service) -> Usual:
    """The level of a service of which a scenario does not tell, from what the catalogue knows of its usual reports."""
    hint = service.sources.get("downdetector")
    reports = (hint and hint.usual_per_day) or _REPORTS_A_DAY
    return Usual(
        reports_per_day=reports,
        posts_per_day=reports * _POSTS_A_REPORT,
        chatter_per_day=_CHATTER_A_DAY,
        stories_per_day=_STORIES_A_DAY,
        by_hour=_HOURS,
        dispersion=0.1,
        components={c.id: 1.0 for c in service.components},
        regions=_REGIONS,
        problems=_PROBLEMS,
    )
