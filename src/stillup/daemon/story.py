"""An incident told from its beginning: what happened when, and how it looks afterwards. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from msgspec import Struct

from stillup.board import Bar, Moment, Story
from stillup.catalog.load import Service
from stillup.daemon.hindsight import Page, judge
from stillup.daemon.recent import WINDOW_S, Recent
from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, State, worst
from stillup.model.signal import Declared, Signal
from stillup.model.verdict import Verdict
from stillup.sources.decode import clean, strip_html
from stillup.verdict.official.chronicle import Chronicle, PageIncident
from stillup.verdict.telling.explain import FAMILY_WORDS, STATE_WORDS, headline, moved
from stillup.verdict.telling.units import span
from stillup.web.discreet import discreet_verdict
from stillup.web.regions import region_name

MOST_MOMENTS = 500
_FIRST = 300
_LINE = 300
AROUND = timedelta(hours=2)
"""So long before it and after it the reports are shown, and the page's word counts as being about it."""
_MOST_WINDOWS = 96
_ORDER = ("onset", "seen", "verdict", "official", "recovered")


class Kept(Struct, frozen=True, kw_only=True):
    """What was kept of an incident; ``declared`` are the page's lines that name an incident of its own."""

    incident: Incident
    changes: tuple[Verdict, ...] = ()
    """Of the service and its components, from the opening on, oldest first."""
    declared: tuple[Signal, ...] = ()
    counted: tuple[Signal, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    """The grounds of the minute in which it was worst."""
    evidence_at: datetime | None = None
    official: tuple[Evidence, ...] = ()
    """The page's word at every change."""


def tell(kept: Kept, service: Service | None, now: datetime) -> Story:
    """The story of one incident; ``service`` is the catalogue's word on it, None for one it does not know."""
    incident = kept.incident
    naming = naming_of(service)
    pages = _pages(kept.declared, incident, now)
    page = _page(incident, pages, kept)
    names = (service.name.lower(), service.vendor.lower()) if service is not None else ()
    found = judge(incident, [c for c in kept.changes if c.incident == incident.id], page, naming, names)
    return Story(
        incident=incident,
        timeline=_bounded(
            sorted(
                _moments(kept, pages, naming, service.name if service else clean(incident.service, 80)),
                key=lambda m: (m.at, _ORDER.index(m.kind)),
            )
        ),
        leads=_leads(incident, page.spoke_at),
        right=found.right,
        wrong=found.wrong,
        unjudged=found.unjudged,
        reports=bars(kept.counted, kept.evidence, *window(incident, now)),
        grounds=kept.evidence,
        grounds_at=kept.evidence_at,
    )


def naming_of(service: Service | None) -> Callable[[str], str]:
    """What a component is called."""

    def name(component: str) -> str:
        known = service.component(component) if service is not None else None
        return known.name if known is not None else clean(component, 80)

    return name


def window(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """What the chart of its reports shows: two hours around it, a day at most."""
    first = incident.since - AROUND
    last = min(now, (incident.recovered_at or now) + AROUND, first + timedelta(seconds=WINDOW_S * _MOST_WINDOWS))
    return first, max(last, first + timedelta(seconds=WINDOW_S))


def bars(counted: Iterable[Signal], grounds: Iterable[Evidence], first: datetime, last: datetime) -> tuple[Bar, ...]:
    """The reports in quarters of an hour, with what was usual when it was worst; none where nobody counted."""
    recent = Recent()
    recent.recall(counted, last)
    windows = max(1, min(_MOST_WINDOWS, round((last - first).total_seconds() / WINDOW_S)))
    counts = recent.counts(last, windows)
    if all(count is None for count in counts):
        return ()
    numbers = [n for e in grounds if e.family in (Family.CROWD, Family.SOCIAL) for n in e.numbers if n.window_s > 0]
    usual = sum(n.usual / n.window_s for n in numbers) * WINDOW_S if numbers else None
    end_s = -(-last.timestamp() // WINDOW_S) * WINDOW_S
    ends = [datetime.fromtimestamp(end_s - WINDOW_S * n, UTC) for n in range(windows - 1, -1, -1)]
    return tuple(Bar(at=at, count=count, usual=usual) for at, count in zip(ends, counts, strict=True))


def _pages(declared: Iterable[Signal], incident: Incident, now: datetime) -> list[PageIncident]:
    """The page's own incidents that are about this one by their time."""
    told = Chronicle()
    for line in declared:
        if isinstance(line, Declared):
            told.note(line, line.at.timestamp())
    first, last = incident.since - AROUND, (incident.recovered_at or now) + AROUND
    found = [*told.open(lambda _source, _id: True), *told.ended()]
    near = [
        p
        for p in found
        if not p.born_resolved
        and first.timestamp() <= p.first_posted_s <= last.timestamp()
        and (p.ended_s is None or p.ended_s >= incident.since.timestamp())
    ]
    return sorted(near, key=lambda p: (p.first_posted_s, p.id))


def _page(incident: Incident, pages: Sequence[PageIncident], kept: Kept) -> Page:
    posted = [datetime.fromtimestamp(p.first_posted_s, UTC) for p in pages]
    seen = dict(incident.first_seen).get(Family.OFFICIAL)
    faults = [(c, s) for e in kept.official for c, s in e.components if s.is_fault]
    ours = {(p.source, p.id) for p in pages}
    posts = [
        line.state for line in kept.declared if isinstance(line, Declared) and (line.source, line.incident) in ours
    ]
    return Page(
        incidents=tuple(pages),
        spoke_at=min([*posted, *([seen] if seen else [])], default=None),
        components=frozenset([*(c for p in pages for c in p.components), *(c for c, _ in faults)]),
        worst=worst([*posts, *(e.state for e in kept.official), *(s for _, s in faults)]),
    )


def _leads(incident: Incident, spoke_at: datetime | None) -> tuple[tuple[Family, float], ...]:
    if spoke_at is None:
        return ()
    return tuple((f, (spoke_at - at).total_seconds()) for f, at in incident.first_seen if f is not Family.OFFICIAL)


def _moments(kept: Kept, pages: Sequence[PageIncident], naming: Callable[[str], str], name: str) -> Iterator[Moment]:
    incident = kept.incident
    yield Moment(at=incident.since, kind="onset", says="It began, as far as the numbers show.")
    for family, at in incident.first_seen:
        if family is not Family.OFFICIAL:
            yield Moment(at=at, kind="seen", says=_capital(f"{FAMILY_WORDS[family]} in alarm."), family=family)
        elif not pages:
            says = f"The official page speaks of it: {clean(incident.title, _LINE)}" if incident.title else ""
            yield Moment(at=at, kind="official", says=says or "The official page speaks of it.", family=family)
    yield from _verdicts(kept.changes, naming, name)
    for page in pages:
        yield from _posts(page)
    if incident.recovered_at is not None:
        lasted = span((incident.recovered_at - incident.since).total_seconds())
        yield Moment(at=incident.recovered_at, kind="recovered", says=f"Over, after {lasted}.")


def _verdicts(changes: Sequence[Verdict], naming: Callable[[str], str], name: str) -> Iterator[Moment]:
    before: Verdict | None = None
    for change in changes:
        if change.component is not None:
            continue
        # Of the service: that whoever watched was then hit alone is no part of its story, and no stranger's business.
        words = (before and moved(before, change, naming, region_name)) or headline(discreet_verdict(change), name)
        yield Moment(at=change.at, kind="verdict", says=_capital(words), state=change.state)
        before = change
    for (at, state), group in groupby(_turns(changes), key=lambda c: (c.at, c.state)):
        names = ", ".join(naming(c.component or "") for c in group)
        yield Moment(at=at, kind="verdict", says=f"{names}: {STATE_WORDS[state]}", state=state)


def _turns(changes: Sequence[Verdict]) -> list[Verdict]:
    """The changes of components by which their state became another, those alike of a minute beside each other."""
    before: dict[str, State] = {}
    out = []
    for change in changes:
        if change.component is not None and before.get(change.component) is not change.state:
            before[change.component] = change.state
            out.append(change)
    return sorted(out, key=lambda c: (c.at, c.state.severity, c.state, c.component or ""))


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def _posts(page: PageIncident) -> Iterator[Moment]:
    """What the page wrote, one moment a post; the title stands before the first."""
    title = clean(page.title, 120)
    for n, update in enumerate(page.updates):
        stage = _capital(update.stage.value.replace("_", " ")) if update.stage else ""
        parts = [stage, title if n == 0 or not update.body else "", strip_html(update.body, _LINE)]
        yield Moment(
            at=datetime.fromtimestamp(update.posted_s, UTC),
            kind="official",
            says=": ".join(p for p in parts if p) or "The official page speaks of it.",
            family=Family.OFFICIAL,
        )


def _bounded(moments: Sequence[Moment]) -> tuple[Moment, ...]:
    """At most :data:`MOST_MOMENTS`; of a longer story the middle is left out, and that is said."""
    left_out = len(moments) - MOST_MOMENTS + 1
    if left_out <= 1:
        return tuple(moments)
    ends = moments[_FIRST + left_out :]
    gap = Moment(at=moments[_FIRST].at, kind="verdict", says=f"{left_out} more moments are left out here.")
    return (*moments[:_FIRST], gap, *ends)


def worst_of(changes: Sequence[Verdict]) -> Verdict | None:
    """The change of the service at which it was worst, surest and on most sides; of equals the first."""
    faults = [c for c in changes if c.component is None and c.state.is_fault]
    sure = Confidence.CONFIRMED
    return max(faults, key=lambda c: (c.state.severity, c.confidence is sure, len(c.families)), default=None)
