"""Atlassian Statuspage, and whatever speaks its format: ``/api/v2/summary.json`` or ``/history.atom``.

``api = false`` (in the config, else in the catalogue) reads the feed alone: some pages ask crawlers to leave ``/api/``
be, which binds a public hub, not a person who asks once. The feed names no components and no impact.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice

from stillup.errors import NotConfigured
from stillup.model.service import State
from stillup.model.signal import Alive
from stillup.net import Request
from stillup.sources._statuspage_board import SOURCE_ID, Board, board_of
from stillup.sources._statuspage_incident import PAST, Case, case_of, declared, newest, posted
from stillup.sources._statuspage_page import Incident, Incidents, Summary
from stillup.sources.base import Context, HttpSource, Link, Reading
from stillup.sources.decode import clean, decode_json, http_url

_MOST_INCIDENTS, _MOST_LINKS, _MOST_NAMED, _MOST_SAID = 100, 5, 3, 300


class Statuspage(HttpSource):
    """The official page of one service."""

    id = SOURCE_ID

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        hint = ctx.hint(self.id)
        base = (ctx.setting.base_url or hint.url).rstrip("/")
        if not base:
            msg = f"no status page is known for {ctx.service.name}"
            raise NotConfigured(msg)
        if ctx.setting.options.get("api", hint.api):
            return (Request(url=f"{base}/api/v2/summary.json", tag="summary"),)
        return (Request(url=f"{base}/history.atom", tag="atom"),)

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:
        """Read an answer by its tag: ``summary`` (the default for JSON), ``incidents`` or ``atom`` (for XML)."""
        if tag == "atom" or (not tag and body.lstrip()[:1] == b"<"):
            from stillup.sources._statuspage_feed import read_feed

            return read_feed(body, ctx)
        if tag == "incidents":
            return _read_incidents(decode_json(body, Incidents), ctx)
        return _read_summary(decode_json(body, Summary), ctx)


def _read_summary(summary: Summary, ctx: Context) -> Reading:
    board = board_of(summary.components, ctx)
    listed = (*(summary.incidents or ()), *(summary.scheduled_maintenances or ()))
    cases = _cases((i for i in listed if i.is_open), board, ctx)
    alive = Alive(at=ctx.now, service=ctx.service.id, source=SOURCE_ID)
    told = cases if ctx.since is None else []
    past = (line for c in told for line in posted(c, board, ctx, ctx.now - PAST))
    now = chain(board.declared(ctx), *(declared(c, board, ctx) for c in cases))
    return Reading(signals=(*newest(past, now), alive), says=_says(board, cases), links=_links(cases))


def _read_incidents(listed: Incidents, ctx: Context) -> Reading:
    """The record of the page: what each post said at its time. It says nothing of now."""
    rows = {c.id: c for i in listed.incidents for c in i.components or ()}
    # Compatible pages name no components in their incidents; then each speaks for the service as a whole.
    board = board_of(tuple(rows.values()), ctx) if rows else Board(shared=bool(ctx.hint(SOURCE_ID).component))
    cases = _cases(listed.incidents, board, ctx)
    signals = newest(line for c in cases for line in posted(c, board, ctx))
    return Reading(signals=signals, says=f"page: {len(cases)} incidents on record", links=_links(cases))


def _cases(incidents: Iterable[Incident], board: Board, ctx: Context) -> list[Case]:
    found = (case_of(i, board, ctx) for i in islice(incidents, _MOST_INCIDENTS))
    return [c for c in found if c is not None]


def _says(board: Board, cases: list[Case]) -> str:
    parts = []
    for state in (State.MAJOR_OUTAGE, State.PARTIAL_OUTAGE, State.DEGRADED, State.MAINTENANCE):
        names = [board.titles[c] for c, s in board.states.items() if s is state]
        if names:
            rest = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            parts.append(f"{', '.join(names[:_MOST_NAMED])}{rest} {state.value.replace('_', ' ')}")
    told = "; ".join(parts) or "all operational"
    if cases:
        stages = dict.fromkeys(c.incident.stage.value.replace("_", " ") for c in cases if c.incident.stage)
        many = "incident" if len(cases) == 1 else "incidents"
        told += f", {len(cases)} {many} open" + (f" ({', '.join(stages)})" if stages else "")
    return clean(f"page: {told}", _MOST_SAID)


def _links(cases: list[Case]) -> tuple[Link, ...]:
    found = (Link(http_url(c.incident.shortlink or ""), clean(c.incident.name, 120)) for c in cases)
    return tuple(link for link in found if link.url)[:_MOST_LINKS]


SOURCE = Statuspage()
