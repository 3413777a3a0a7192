"""What the verdict got right and wrong, judged by what the official page said of it in the end. Pure.

The page is not always right; it is what everyone can check. What was named here only after the page had named it counts
for nothing: it may be the page's own word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from stillup.catalog.load import outage_classes
from stillup.model.incident import Incident
from stillup.model.service import Family, OutageClass, State, worst
from stillup.model.verdict import Verdict
from stillup.verdict.diagnosis.diagnose import Scene, explain, observe
from stillup.verdict.official.chronicle import PageIncident
from stillup.verdict.telling.explain import STATE_WORDS
from stillup.verdict.telling.units import span

_MINUTE_S = 60.0
_SURE = 0.5
"""A class less likely than this was not called."""

Naming = Callable[[str], str]


class Page(Struct, frozen=True, kw_only=True):
    """What the official page said: its own incidents, when it first spoke, what it named, how bad it was at worst."""

    incidents: tuple[PageIncident, ...] = ()
    spoke_at: datetime | None = None
    components: frozenset[str] = frozenset()
    worst: State = State.UNKNOWN

    @property
    def text(self) -> str:
        """Everything it wrote."""
        return "\n".join(i.text for i in self.incidents)

    @property
    def ended_at(self) -> datetime | None:
        """When it closed the last of its incidents; None where one is open, or none was kept."""
        ends = [i.ended_s for i in self.incidents]
        known = [e for e in ends if e is not None]
        return datetime.fromtimestamp(max(known), UTC) if known and len(known) == len(ends) else None


class Hindsight(Struct, frozen=True):
    """The findings, each one sentence; ``unjudged`` says why there are none."""

    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    unjudged: str = ""


def judge(
    incident: Incident, changes: Sequence[Verdict], page: Page, naming: Naming, own_names: tuple[str, ...] = ()
) -> Hindsight:
    """Compare. ``changes`` are those of the service and its components during the incident, oldest first."""
    if page.spoke_at is None:
        return Hindsight(unjudged="The official page said nothing of it, so there is nothing to compare with.")
    spoke_at = page.spoke_at
    before = [c for c in changes if c.at < spoke_at and c.state.is_fault and c.component is None]
    at_worst = worst([incident.state, *(c.state for c in changes)])
    findings = [
        *_onset(incident, spoke_at),
        *_parts(before, page, naming),
        *_badness(at_worst, page.worst),
        *_kind(before, page, own_names),
        *_end(incident, page),
    ]
    return Hindsight(tuple(s for good, s in findings if good), tuple(s for good, s in findings if not good))


Finding = tuple[bool, str]


def _onset(incident: Incident, spoke_at: datetime) -> Iterable[Finding]:
    others = [at for family, at in incident.first_seen if family is not Family.OFFICIAL]
    if not others:
        yield False, "Nobody but the official page saw it here."
        return
    lead_s = (spoke_at - min(others)).total_seconds()
    if lead_s >= _MINUTE_S:
        yield True, f"It was seen {span(lead_s)} before the official page spoke."
    elif lead_s <= -_MINUTE_S:
        yield False, f"The official page spoke {span(-lead_s)} before anyone else here saw it."
    else:
        yield True, "It was seen in the minute in which the official page spoke."
    if (
        incident.confirmed_at is not None
        and (sure_s := (spoke_at - incident.confirmed_at).total_seconds()) >= _MINUTE_S
    ):
        yield True, f"It was confirmed by independent sides alone, {span(sure_s)} before the official page spoke."


def _parts(before: Sequence[Verdict], page: Page, naming: Naming) -> Iterable[Finding]:
    if not before or not page.components:
        return
    named = {c for change in before for c in change.components}
    both, missed, stray = named & page.components, page.components - named, named - page.components
    if both:
        yield True, f"Named before the page named them: {_list(both, naming)}."
    if missed:
        yield False, f"Named only once the page had: {_list(missed, naming)}."
    if stray:
        yield False, f"Named here, and never by the page: {_list(stray, naming)}."


def _badness(ours: State, theirs: State) -> Iterable[Finding]:
    """Part by part: a page that calls one part out does not call the whole service so."""
    if not theirs.is_fault:
        return
    if ours is theirs:
        yield True, f"Both called the part that was hit worst: {STATE_WORDS[ours]}."
    else:
        yield (
            False,
            f"The part that was hit worst was called {STATE_WORDS[ours]} here, {STATE_WORDS[theirs]} by the page.",
        )


def _kind(before: Sequence[Verdict], page: Page, own_names: tuple[str, ...]) -> Iterable[Finding]:
    if not page.text.strip():
        return
    theirs = next(iter(explain(observe([], Scene(own_names=own_names, text=page.text)))), None)
    ours = next((c.diagnosis[0] for c in reversed(before) if c.diagnosis), None)
    unclear = theirs is None or theirs.class_ is OutageClass.UNKNOWN or theirs.p < _SURE
    if theirs is None or unclear or ours is None or ours.p < _SURE:
        return
    titles = outage_classes()
    if ours.class_ is theirs.class_:
        yield True, f"The kind was called before the page spoke: {titles[ours.class_].title}."
    else:
        yield (
            False,
            f"It looked like {titles[ours.class_].title}; by the page's words it was {titles[theirs.class_].title}.",
        )


def _end(incident: Incident, page: Page) -> Iterable[Finding]:
    ours, theirs = incident.recovered_at, page.ended_at
    if ours is None or theirs is None:
        return
    gap_s = (theirs - ours).total_seconds()
    if gap_s >= _MINUTE_S:
        yield True, f"It was called over {span(gap_s)} before the page closed it."
    elif gap_s <= -_MINUTE_S:
        yield False, f"The page closed it {span(-gap_s)} before it was called over here."
    else:
        yield True, "It was called over in the minute in which the page closed it."


def _list(components: Iterable[str], naming: Naming) -> str:
    return ", ".join(sorted(naming(c) for c in components))
