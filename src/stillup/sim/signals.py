"""What each source would tell of a stretch of time, as signals, without a network.

Where a source reads bytes its own parser reads the very bytes the world would serve. Two differ: reports carry
component and region, which Downdetector knows and its API does not tell; and the probe's findings are derived from the
targets' modes, since there is nothing to climb. Left out are sources that one question and one answer do not make, and
those that are read only where the user asks for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from stillup.catalog.load import Service, catalogue
from stillup.model.signal import Alive, Counted, Signal
from stillup.net import Request
from stillup.registry import load_source, usable_sources
from stillup.secret import Secret
from stillup.sim.climbed import climbed
from stillup.sim.configure import DUMMY_KEY, HERE
from stillup.sim.modes import Mode
from stillup.sim.scenario import SOURCES, Stream
from stillup.sim.stories import Stories
from stillup.sim.story import Story
from stillup.sim.texts import post_of
from stillup.sim.wire import claude_code, codex, gemini_cli, google_trends, hackernews, reddit, statusgator
from stillup.sim.wire.routes import Desk, Visit, site_of
from stillup.sources.base import Context, HttpSource, Setting, merge

if TYPE_CHECKING:
    from stillup.sources.claude_code import ClaudeCode
    from stillup.sources.pages.source import PageSource

_NOWHERE = "http://127.0.0.1"
_QUIET_AT = datetime(2024, 1, 2, tzinfo=UTC)


class Step(Struct, frozen=True):
    """The stretch ``after < t <= until``, as one poll of a source would see one service in it."""

    stories: Stories
    service: Service
    after: datetime
    until: datetime

    @property
    def story(self) -> Story:
        """What happens to the service."""
        return self.stories.of(self.service.id)

    @property
    def window_s(self) -> int:
        """How long it is."""
        return int((self.until - self.after).total_seconds())

    def context(self, base_url: str = "") -> Context:
        """What a source is told when it reads this step."""
        setting = Setting(base_url=base_url, interval_s=self.window_s, key=Secret(DUMMY_KEY))
        return Context(now=self.until, service=self.service, setting=setting, since=self.after)


Told = Callable[[Step, str, datetime], Iterable[Signal]]
"""A step and a source in; its signals out, from what its site knows of the time up to the third."""


def crowd(step: Step, source: str, known: datetime) -> Iterator[Signal]:
    """Downdetector's reports, counted by component, region and problem."""
    reports = step.story.happened(Stream.REPORTS, step.after, known)
    counts = Counter((h.component, h.region, h.problem) for h in reports)
    for (component, region, problem), count in sorted(counts.items(), key=str):
        yield Counted(
            at=step.until,
            service=step.service.id,
            source=source,
            window_s=step.window_s,
            count=count,
            component=component,
            region=region,
            problem=problem,
        )
    yield Alive(at=step.until, service=step.service.id, source=source)


def social(step: Step, source: str, known: datetime) -> Iterable[Signal]:
    """Reddit's new posts."""
    seed, service = step.story.scenario.seed, step.service
    streams = (Stream.POSTS, Stream.CHATTER)
    new = [post_of(h, service, seed) for s in streams for h in step.story.happened(s, step.after, known)]
    if not new:
        return (Alive(at=step.until, service=service.id, source=source),)
    return _http(source).parse(reddit.listed(new).body, step.context()).signals


def told_stories(step: Step, source: str, known: datetime) -> Iterable[Signal]:
    """Hacker News' stories of the step that name the service."""
    if next(step.story.happened(Stream.STORIES, step.after, known), None) is None:
        return (Alive(at=step.until, service=step.service.id, source=source),)
    params = {"query": step.service.name, "numericFilters": f"created_at_i>{int(step.after.timestamp())}"}
    body = hackernews.reply(step.stories, known, params).body
    return _http(source).parse(body, step.context()).signals


def search(step: Step, source: str, known: datetime) -> Iterator[Signal]:
    """Google Trends, in the countries the scenario speaks of."""
    geos = sorted({t.geo for part in step.stories.scenario.parts for t in part.trends}) or ["US"]
    for geo in geos:
        if step.stories.trending(geo, known):
            body = google_trends.reply(step.stories, geo, known).body
            yield from _http(source).parse(body, step.context(), geo).signals
        else:
            yield Alive(at=step.until, service=step.service.id, source=source)


def official(step: Step, source: str, known: datetime) -> Iterable[Signal]:
    """The service's page on one platform."""
    if any(o.posted_at <= known for o in step.story.scenario.official):
        return _page(step, source, known)
    return _stamped(_quiet_page(step.service.id, source), step.until)


@lru_cache(maxsize=256)
def _quiet_page(service_id: str, source: str) -> tuple[Signal, ...]:
    """What a page on which nothing was ever posted tells: the same each time, but for the time."""
    from stillup.sim.scenario import Scenario

    nothing = Scenario(id="quiet", title="quiet", service=service_id, starts=_QUIET_AT, ends=_QUIET_AT + _MINUTE)
    step = Step(Stories(Story(nothing)), catalogue()[service_id], _QUIET_AT - _MINUTE, _QUIET_AT)
    return _page(step, source, _QUIET_AT)


_MINUTE = timedelta(minutes=1)


def _stamped(signals: Iterable[Signal], now: datetime) -> Iterator[Signal]:
    return (replace(s, at=now) for s in signals)


def _page(step: Step, source: str, known: datetime) -> tuple[Signal, ...]:
    platform = cast("PageSource", load_source(source))
    context = step.context(f"{_NOWHERE}/{source}/{step.service.id}")
    bodies = {r.tag: _answered(step, r, known) for r in platform.requests(context)}
    return platform.answered(bodies, context).signals


def mirror(step: Step, source: str, known: datetime) -> Iterable[Signal]:
    """StatusGator."""
    body = statusgator.mirrored(Desk(step.stories), [step.service], _NOWHERE, known).body
    return _http(source).parse(body, step.context(), "monitors").signals


def traffic(step: Step, source: str, known: datetime) -> Iterable[Signal]:
    """A command line's own requests."""
    lines = b"".join(_ROWS[source](step.stories, step.after, known))
    return cast("ClaudeCode", load_source(source)).parse(lines, step.context()).signals


def probe(step: Step, source: str, known: datetime) -> Iterable[Signal]:  # noqa: ARG001 - it is its own site
    """The ladder."""
    return climbed(step.stories, step.service, known)


def asked(step: Step, source: str, known: datetime) -> Iterable[Signal]:
    """Any other source of questions and answers."""
    site = _http(source)
    context = step.context(f"{_NOWHERE}/{source}")
    parts = [site.parse(_answered(step, r, known), context, r.tag) for r in site.requests(context)]
    return merge(parts).signals


def _http(source: str) -> HttpSource:
    return cast("HttpSource", load_source(source))


def _answered(step: Step, request: Request, known: datetime) -> bytes:
    headers = {k.lower(): v.reveal() if isinstance(v, Secret) else v for k, v in request.headers}
    path = urlsplit(request.url).path
    visit = Visit(path=path, params=dict(request.params), headers=headers, base_url=_NOWHERE, now=known)
    return Desk(step.stories).reply(visit).body


_OWN: dict[str, Told] = {
    "downdetector": crowd,
    "reddit": social,
    "hackernews": told_stories,
    "google_trends": search,
    "statusgator": mirror,
    "probe": probe,
    "claude_code": traffic,
    "codex": traffic,
    "gemini_cli": traffic,
}
_ROWS = {"claude_code": claude_code.rows, "codex": codex.rows, "gemini_cli": gemini_cli.rows}


@lru_cache(maxsize=256)
def sources_of(service_id: str) -> tuple[tuple[str, Told], ...]:
    """The sources that tell of a service in a record, and how."""
    found = []
    for spec in usable_sources():
        if spec.id not in catalogue()[service_id].sources or spec.opt_in:
            continue
        told = _OWN.get(spec.id) or (official if spec.page else asked)
        if told is asked and not _is_plain(spec.id):
            continue
        found.append((spec.id, told))
    return tuple(found)


def _is_plain(source: str) -> bool:
    """Whether a source is read by questions that its site answers each at once."""
    site, reader = site_of(source), load_source(source)
    return hasattr(site, "answer") and isinstance(reader, HttpSource) and type(reader).read is HttpSource.read


def told_by(step: Step, source: str, told: Told) -> Iterable[Signal]:
    """A source's word of a step: none while its site fails or lies behind a network that does."""
    if source in HERE:
        return told(step, source, step.until)
    if step.stories.mode(step.service.id, SOURCES, step.until) is not Mode.OK:
        return ()
    fault = step.stories.source_fault(source, (step.service.id,), step.until)
    if fault is None:
        return told(step, source, step.until)
    return told(step, source, fault.from_) if fault.mode is Mode.STALE else ()
