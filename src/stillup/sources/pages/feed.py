"""Statuspage's ``/history.atom``: thirty incidents with their updates as HTML, newest first.

The feed names neither components nor impact: both are guessed from the words of the title. Every post in it carries
its stage in bold; a recent entry without one is another platform's feed or a changed format, never calm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.errors import Malformed
from stillup.model.service import Stage, State
from stillup.model.signal import Alive, Declared
from stillup.sources.base import Context, Link, Reading
from stillup.sources.decode import clean, http_url, moment, parse_xml, strip_html
from stillup.sources.pages.incident import BODY_LIMIT, TITLE_LIMIT, newest
from stillup.sources.pages.words import is_beside, names_service, stage_of

if TYPE_CHECKING:
    from lxml.etree import _Element

    from stillup.sources.text import TitleFacts

FRESH = timedelta(hours=24)
"""An unresolved entry counts as open for so long after its last update; pages forget to close some."""
FORGET = timedelta(days=3)
"""For so long an entry that is no longer open is named as closed, so that whoever heard of it hears its end."""
_ATOM = "{http://www.w3.org/2005/Atom}"
# Bounded and without neighbours that match the same: whatever stands in the feed, it takes linear time.
_BOLD = re.compile(r"<(?:strong|b)>([^<>]{3,60})</(?:strong|b)>", re.IGNORECASE)
_LABEL = "status:"
_MOST_ENTRIES, _MOST_LINKS, _MOST_HTML = 100, 5, 100_000
_DOING_WORK = (Stage.IN_PROGRESS, Stage.VERIFYING)


class _Entry(Struct, frozen=True):
    id: str
    title: str
    updated: datetime | None
    stage: Stage | None
    body: str
    link: str


def read_feed(source: str, body: bytes, ctx: Context) -> Reading:
    """What the feed declares now.

    :raises Malformed: not such a feed, or a recent entry does not say where it stands.
    """
    root = parse_xml(body, "feed")
    if root.tag != f"{_ATOM}feed" or not _text(root, "title"):
        msg = "the XML is not an Atom feed with a title"
        raise Malformed(msg)
    entries = [_entry(e) for e in root.findall(f"{_ATOM}entry")[:_MOST_ENTRIES]]
    _check(entries, ctx.now)
    if ctx.hint(source).component:
        entries = [e for e in entries if names_service(f"{e.title} {e.body}", ctx.service)]
    entries = [e for e in entries if not (_is_open(e, ctx.now) and _is_beside(e, ctx))]
    open_ones = [e for e in entries if _is_open(e, ctx.now)]
    alive = Alive(at=ctx.now, service=ctx.service.id, source=source)
    signals = (*newest((), (line for e in entries for line in _declared(source, e, ctx))), alive)
    links = tuple(Link(e.link, clean(e.title, 120)) for e in open_ones if e.link)[:_MOST_LINKS]
    return Reading(signals=signals, says=_says(open_ones), links=links)


def _check(entries: list[_Entry], now: datetime) -> None:
    if any(e.stage is None and _age(e, now) < FRESH for e in entries):
        msg = "a recent entry of the feed does not say at what stage its incident is"
        raise Malformed(msg)
    if entries and not any(e.stage and e.updated for e in entries):
        msg = "no entry of the feed says when it was updated and at what stage its incident is"
        raise Malformed(msg)


def _entry(node: _Element) -> _Entry:
    html = (_text(node, "content") or _text(node, "summary"))[:_MOST_HTML]
    href = next((n.get("href") or "" for n in node.findall(f"{_ATOM}link")), "")
    stages = (_stage_in(found[1]) for found in _BOLD.finditer(html))
    title = strip_html(_text(node, "title"), TITLE_LIMIT)
    return _Entry(
        id=clean(href.rstrip("/").rpartition("/")[2] or _text(node, "id"), 80),
        title=title,
        updated=moment(_text(node, "updated")) or moment(_text(node, "published")),
        stage=next((s for s in stages if s is not None), None),
        body=strip_html(html, BODY_LIMIT),
        link=http_url(href),
    )


def _stage_in(bold: str) -> Stage | None:
    """The stage a bold text names, with or without "Status:" before it."""
    text = bold.strip()
    return stage_of(text[len(_LABEL) :] if text.lower().startswith(_LABEL) else text)


def _text(node: _Element, name: str) -> str:
    return (node.findtext(f"{_ATOM}{name}") or "").strip()


def _age(entry: _Entry, now: datetime) -> timedelta:
    """Since its last update; nothing for one from the future, for ever for one without a time."""
    return max(timedelta(0), now - entry.updated) if entry.updated else timedelta.max


def _is_open(entry: _Entry, now: datetime) -> bool:
    ended = entry.stage is None or entry.stage.is_over or entry.stage is Stage.SCHEDULED
    return not ended and _age(entry, now) < FRESH


def _declared(source: str, entry: _Entry, ctx: Context) -> Iterator[Declared]:
    """An open entry as a fault, one that ended of late as ended, one left open too long as unknown."""
    if _age(entry, ctx.now) >= FORGET or entry.stage in (None, Stage.SCHEDULED) or not entry.id:
        return
    body = entry.body or None  # on the first line alone, see the incidents'
    facts = _closed() if entry.stage.is_over else _facts(entry, ctx)
    for component in facts.components or (None,):
        for model in facts.models or (None,):
            yield Declared(
                at=ctx.now,
                service=ctx.service.id,
                source=source,
                state=facts.state,
                component=component,
                stage=entry.stage,
                incident=entry.id,
                title=entry.title or None,
                body=body,
                model=model,
            )
            body = None


def _facts(entry: _Entry, ctx: Context) -> TitleFacts:
    from stillup.sources.text import title_facts

    # Of the title alone: texts also name what is not affected.
    facts = title_facts(entry.title, "", ctx.service)
    if not _is_open(entry, ctx.now):
        return facts._replace(state=State.UNKNOWN)
    if entry.stage in _DOING_WORK:
        return facts._replace(state=State.MAINTENANCE)
    return facts if facts.state.is_fault else facts._replace(state=State.DEGRADED)


def _is_beside(entry: _Entry, ctx: Context) -> bool:
    from stillup.sources.text import title_facts

    return is_beside(entry.title) and not title_facts(entry.title, "", ctx.service).components


def _closed() -> TitleFacts:
    """Of the whole service, for the end of an incident of the whole ends it for every component."""
    from stillup.sources.text import TitleFacts

    return TitleFacts((), (), State.OPERATIONAL)


def _says(entries: list[_Entry]) -> str:
    if not entries:
        return "page: nothing open in its feed"
    last = max(entries, key=lambda e: e.updated.timestamp() if e.updated else 0.0)
    many = "incident" if len(entries) == 1 else "incidents"
    stage = last.stage.value.replace("_", " ") if last.stage else "open"
    return f"page: {len(entries)} {many} open ({stage}): {clean(last.title, 80)}"
