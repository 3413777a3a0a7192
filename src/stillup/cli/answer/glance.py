"""One service in one line, in words that fit a column: for a look at many, and for the live table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from stillup.catalog.load import Service
from stillup.cli.common import MARKS, STYLES, span
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Confidence, Family, Layer, Scope, State
from stillup.model.verdict import Verdict
from stillup.sources.decode import clean
from stillup.verdict.telling.explain import STATE_WORDS
from stillup.web.regions import region_name

SIDES = {
    Family.OFFICIAL: "page",
    Family.CROWD: "crowd",
    Family.SOCIAL: "social",
    Family.SEARCH: "searches",
    Family.PROBE: "probe",
    Family.TRAFFIC: "requests",
}
LAYERS = {
    Layer.NETWORK: "connects",
    Layer.EDGE: "edge",
    Layer.AUTH: "sign-in",
    Layer.PRESENTATION: "site",
    Layer.API_GATEWAY: "API",
    Layer.INFERENCE: "model",
    Layer.DATABASE: "database",
}
"""What answered, in a word that fits a column."""
_OWN = {Scope.YOU: "it is you", Scope.YOUR_QUOTA: "your limit"}
_MOST = 300


class Glance(Struct, frozen=True, kw_only=True):
    """The words of one line; empty where there is nothing to say."""

    service: str
    name: str
    mark: str
    style: str
    state: str
    """With the confidence: ``major outage, suspected``."""
    since: datetime | None
    broken: str
    """The parts, models or regions that are hit."""
    sides: str
    """Who says so: the sides in alarm, else those that are calm."""

    @property
    def name_style(self) -> str:
        """How its name is written: it stands out where there is something to see."""
        return "" if self.style in ("green", "dim") else f"bold {self.style}"


def glance(service: Service, verdict: Verdict, evidence: Sequence[Evidence], own_words: str = "") -> Glance:
    """The line of one service; ``own_words`` say more closely what it is, where it is the user's own."""
    own = own_words or _OWN.get(verdict.scope) if verdict.scope and not verdict.state.is_fault else None
    state = own or STATE_WORDS[verdict.state]
    return Glance(
        service=service.id,
        name=service.name,
        mark="•" if own else MARKS[verdict.state],
        style="yellow" if own else STYLES[verdict.state],
        state=f"{state}, {verdict.confidence.value}" if verdict.confidence and not own else state,
        since=verdict.since if verdict.state.is_fault else None,
        broken=_broken(service, verdict),
        sides=_sides(verdict, evidence),
    )


def _broken(service: Service, verdict: Verdict) -> str:
    if not verdict.state.is_fault:
        return ""
    names = {c.id: c.name for c in service.components}
    parts = [names.get(c, c) for c in verdict.components]
    if len(parts) > 1 and len(parts) == len(service.components):
        parts = ["all of it"]
    hit = [*parts, *verdict.models]
    where = f" ({', '.join(region_name(r) for r in verdict.regions)})" if verdict.regions else ""
    what = ", ".join(hit) or ", ".join(p.replace("_", " ") for p in verdict.problems) or "no part named"
    return clean(f"{what}{where}", _MOST)  # names may come from the network


def _sides(verdict: Verdict, evidence: Sequence[Evidence]) -> str:
    calm = [SIDES[e.family] for e in evidence if e.standing is Standing.CALM]
    if not verdict.state.is_fault:
        return f"calm: {', '.join(calm)}" if calm else ""
    told = ", ".join(SIDES[f] for f in verdict.families)
    return f"{told}; page calm" if SIDES[Family.OFFICIAL] in calm else told


def fewer(sides: str) -> str:
    """``3 sides calm`` for the names of those that are."""
    names = sides.removeprefix("calm: ")
    number = names.count(",") + 1
    return sides if names == sides else f"{number} side{'s' if number > 1 else ''} calm"


def shortened(state: str) -> str:
    """``major outage?`` for a suspected one, ``major outage`` for one that is confirmed."""
    return state.replace(", suspected", "?").replace(", confirmed", "")


def rank(verdict: Verdict) -> tuple[int, int, int, float]:
    """Order of badness, worst first: faults, then what is only yours, what is not known, maintenance, what works."""
    if verdict.state.is_fault:
        return 0, -verdict.state.severity, verdict.confidence is not Confidence.CONFIRMED, -(verdict.probability or 0.0)
    if verdict.scope in _OWN:
        return 1, 0, 0, 0.0
    calm = {State.UNKNOWN: 2, State.MAINTENANCE: 3}
    return calm.get(verdict.state, 4), 0, 0, 0.0


def worst_code(codes: Sequence[int]) -> int:
    """The exit code of many: an outage before a suspicion, that before what is only yours, that before unknown.

    Of none it is unknown.
    """
    return next((code for code in (2, 1, 4, 3) if code in codes), 0 if codes else 3)


def just_seen(since: datetime, now: datetime) -> bool:
    """Whether one look cannot say since when: many sources know of no past, and their word begins with the look."""
    return now - since < timedelta(minutes=2)


def onset(since: datetime | None, now: datetime, *, short: bool) -> str:
    """Since when: ``14:30 (11 min)``, or ``11 min`` where that has to do."""
    if since is None:
        return ""
    ago = span((now - since).total_seconds())
    at = since.astimezone(UTC)
    clock = f"{at:%H:%M}" if at.date() == now.date() else f"{at:%d %b %H:%M}"
    return ago if short else f"{clock} ({ago})"
