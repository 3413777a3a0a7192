"""What each source would tell of one step of the story, as signals, without a network.

Where a source reads bytes its own parser reads the very bytes the world would serve. Two differ: reports carry
component and region, which Downdetector knows and its API does not tell; and the probe's findings are derived from the
targets' modes, since there is nothing to climb.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import cast

from msgspec import Struct

from stillup.catalog.load import Endpoint, Service, catalogue
from stillup.model.service import Layer
from stillup.model.signal import Alive, Counted, Outcome, Signal
from stillup.registry import load_source
from stillup.sim.modes import ONLY_APIS, STATUS, Mode
from stillup.sim.provider.behaviour import Reason
from stillup.sim.provider.call import Dialect
from stillup.sim.provider.errors import error_body
from stillup.sim.scenario import CONTROLS, SOURCES, Stream
from stillup.sim.stories import Stories
from stillup.sim.story import Story
from stillup.sim.texts import post_of
from stillup.sim.wire import claude_code, google_trends, hackernews, reddit, statuspage
from stillup.sim.wire.provider import REASONS
from stillup.sim.wire.reply import Reply
from stillup.sim.wire.routes import Desk, Visit
from stillup.sim.wire.statusgator import MONITORS
from stillup.sources.base import Context, HttpSource, Setting
from stillup.sources.claude_code import ClaudeCode
from stillup.sources.ladder.faults import Fault
from stillup.sources.ladder.kinds import own_fault, provider_fault

_NOWHERE = "http://127.0.0.1"
_ERRORS = {
    Mode.DNS: "dns",
    Mode.TLS: "tls: wrong version number",
    Mode.REFUSED: "refused",
    Mode.RESET: "reset",
    Mode.HANG: "timeout",
    Mode.SLOW_HEADERS: "timeout",
    Mode.HTML: "wrong_content",
    Mode.CAPTIVE: "wrong_content",
    Mode.WRONG_TYPE: "wrong_content",
    Mode.EMPTY: "stream_cut",
    Mode.ERROR_FIRST: "overloaded",
    Mode.BROKEN_JSON: "wrong_content",
    Mode.SLOW_FIRST_TOKEN: "timeout",
    Mode.PINGS: "timeout",
    Mode.STREAM_CUT: "stream_cut",
    Mode.STREAM_RESET: "stream_cut",
    Mode.STREAM_STALL: "timeout",
    Mode.STREAM_ERROR: "overloaded",
    Mode.STREAM_SHORT: "stream_cut",
    Mode.STREAM_NO_END: "stream_cut",
}
"""What the probe would call each failure that is more than a status."""
_TOLD_BY_API = frozenset({Mode.NOT_FOUND, Mode.TOO_LARGE})
"""Errors whose body proves that an API answered, though their status alone would not."""
_BELOW_EDGE = frozenset({Mode.DNS, Mode.TLS, Mode.REFUSED})
_NEEDS_API = frozenset({Mode.HTML, Mode.CAPTIVE})


class Step(Struct, frozen=True):
    """The stretch ``after < t <= until`` of a story, as one poll of every source would see it."""

    story: Story
    after: datetime
    until: datetime

    @property
    def service(self) -> Service:
        """The scenario's service."""
        return catalogue()[self.story.scenario.service]

    @property
    def window_s(self) -> int:
        """How long it is."""
        return int((self.until - self.after).total_seconds())

    @property
    def context(self) -> Context:
        """What a source is told when it reads this step."""
        setting = Setting(interval_s=self.window_s)
        return Context(now=self.until, service=self.service, setting=setting, since=self.after)


def _parsed(step: Step, source: str, reply: Reply, tag: str = "") -> tuple[Signal, ...]:
    return cast("HttpSource", load_source(source)).parse(reply.body, step.context, tag).signals


def crowd(step: Step) -> Iterator[Signal]:
    """Downdetector's reports, counted by component, region and problem."""
    service = step.service.id
    reports = step.story.happened(Stream.REPORTS, step.after, step.until)
    counts = Counter((h.component, h.region, h.problem) for h in reports)
    for (component, region, problem), count in sorted(counts.items(), key=str):
        yield Counted(
            at=step.until,
            service=service,
            source="downdetector",
            window_s=step.window_s,
            count=count,
            component=component,
            region=region,
            problem=problem,
        )
    yield Alive(at=step.until, service=service, source="downdetector")


def social(step: Step) -> Iterable[Signal]:
    """Reddit's new posts."""
    seed, service = step.story.scenario.seed, step.service
    streams = (Stream.POSTS, Stream.CHATTER)
    new = [post_of(h, service, seed) for s in streams for h in step.story.happened(s, step.after, step.until)]
    return _parsed(step, "reddit", reddit.listed(new))


def stories(step: Step) -> Iterable[Signal]:
    """Hacker News' stories of the step that name the service."""
    params = {"query": step.service.name, "numericFilters": f"created_at_i>{int(step.after.timestamp())}"}
    return _parsed(step, "hackernews", hackernews.reply(Stories(step.story), step.until, params))


def search(step: Step) -> Iterator[Signal]:
    """Google Trends, in the countries the scenario speaks of."""
    for geo in sorted({t.geo for t in step.story.scenario.trends}) or ["US"]:
        yield from _parsed(step, "google_trends", google_trends.reply(Stories(step.story), geo, step.until), geo)


def official(step: Step) -> Iterable[Signal]:
    """The status page."""
    site = Desk(step.story).page_site(step.service, _NOWHERE, step.until)
    return _parsed(step, "statuspage", statuspage.page("/api/v2/summary.json", site, step.until), "summary")


def mirror(step: Step) -> Iterable[Signal]:
    """StatusGator."""
    visit = Visit(
        path=f"/statusgator/api/v3{MONITORS}",
        params={},
        headers={"authorization": "Bearer simulated"},
        base_url=_NOWHERE,
        now=step.until,
    )
    return _parsed(step, "statusgator", Desk(step.story).reply(visit), "monitors")


def traffic(step: Step) -> Iterable[Signal]:
    """Claude Code's own requests."""
    lines = b"".join(claude_code.rows(step.story, step.after, step.until))
    return cast("ClaudeCode", load_source("claude_code")).parse(lines, step.context).signals


def probe(step: Step) -> Iterator[Signal]:
    """The ladder: one outcome a rung, or what is wrong with this machine's own network."""
    controls = step.story.mode(CONTROLS, step.until)
    if controls is not Mode.OK:
        is_portal = controls in (Mode.CAPTIVE, Mode.HTML)
        yield _outcome(step, *((Layer.NETWORK, "captive_portal") if is_portal else (Layer.LOCAL, "offline")))
        return
    yield _outcome(step, Layer.LOCAL)
    yield _outcome(step, Layer.NETWORK)
    for endpoint in step.service.endpoints:
        mode = step.story.mode(endpoint.id, step.until)
        error = _found(endpoint, mode)
        if error == Fault.INVALID_REQUEST.value:
            continue  # the probe blames itself, and says nothing
        yield _outcome(step, Layer.EDGE if mode in _BELOW_EDGE else endpoint.layer, error, endpoint.component)
    yield Alive(at=step.until, service=step.service.id, source="probe")


def _found(endpoint: Endpoint, mode: Mode) -> str | None:
    """What the probe would find wrong with an endpoint in a mode."""
    is_keyed = endpoint.layer is Layer.INFERENCE
    is_api = is_keyed or endpoint.layer is Layer.API_GATEWAY
    status = STATUS.get(mode)
    if status is None:
        is_hidden = (mode in ONLY_APIS and not is_keyed) or (mode in _NEEDS_API and not is_api)
        return None if is_hidden else _ERRORS.get(mode)
    if is_keyed:
        dialect = Dialect.CHAT if endpoint.protocol == "openai" else Dialect.ANTHROPIC
        body = error_body(dialect, status, REASONS.get(mode, Reason.PLAIN))
        ours = own_fault(status, body)
        return ours.value if ours else provider_fault(status, body)
    if status in endpoint.up or (is_api and mode in _TOLD_BY_API):
        return None
    return Fault.SERVER_ERROR.value if status >= 500 else f"http_{status}"


def _outcome(step: Step, layer: Layer, error: str | None = None, component: str | None = None) -> Outcome:
    return Outcome(
        at=step.until,
        service=step.service.id,
        source="probe",
        component=component,
        layer=layer,
        ok=error is None,
        latency_ms=None if error else 80.0,
        error=error,
    )


def all_of(step: Step) -> Iterator[Signal]:
    """Every source's word; of what lies behind a failing network, none."""
    if step.story.mode(SOURCES, step.until) is Mode.OK:
        for source in (crowd, social, stories, search, official, mirror):
            yield from source(step)
    yield from probe(step)
    yield from traffic(step)
