"""The entries of a status feed, Atom or RSS, in our words: which incident, where it stands, and what it is about.

Every feed says in its own way where an incident stands:

- Statuspage, incident.io, OnlineOrNot: a stage in bold (``<strong>Investigating</strong>``, newest first);
- incident.io, xAI, Flashduty: ``Status: …`` before the text, of which ``ACTIVE`` is no stage but open;
- xAI: the same again as ``<category>``, and ``Severity: outage`` or ``degraded``;
- Better Stack: ``NAME went down`` and ``NAME recovered``, two items of one monitor;
- AWS: ``Service disruption: …``, ``Service is operating normally: …``, each update an item of its own, with the service
  and its region in the guid.

What is said of a component stands in a list below the text (incident.io), in brackets before the title (xAI), or in
the monitor's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from stillup.errors import Malformed
from stillup.model.service import Stage, State
from stillup.sources.decode import clean, http_url, moment, parse_xml, strip_html
from stillup.sources.pages.incident import BODY_LIMIT, TITLE_LIMIT
from stillup.sources.pages.regions import of_aws
from stillup.sources.pages.words import slug, stage_of

if TYPE_CHECKING:
    from lxml.etree import _Element

ATOM = "{http://www.w3.org/2005/Atom}"
# Bounded and without neighbours that match the same: whatever stands in the feed, they take linear time.
_BOLD = re.compile(r"<(?:strong|b|h[34])>([^<>]{3,60})</(?:strong|b|h[34])>", re.IGNORECASE)
_STATUS = re.compile(r"(?:^|\s)Status: ?([A-Za-z_]{3,20})(?: ([A-Za-z]{3,20}))?", re.IGNORECASE)
_SEVERITY = re.compile(r"(?:^|\s)Severity: ?([A-Za-z_]{3,20})", re.IGNORECASE)
_LABELS = re.compile(r"^Status: ?[A-Za-z_]{3,20} ?(?:Severity: ?[A-Za-z_]{3,20} ?)?(?:Updates: ?)?", re.IGNORECASE)
_ITEM = re.compile(r"<li>([^<>]{1,200})</li>", re.IGNORECASE)
_ROW = re.compile(r"(.{1,100}) \(([A-Za-z ]{3,30})\)")
_LABEL = re.compile(r"\[([^\[\]]{2,60})\] ?(.*)")
_MONITOR = re.compile(r"(.{1,80}) (went down|recovered|is back up)", re.IGNORECASE)
_AWS = re.compile(
    r"(Service is operating normally|Informational message|Service (?:disruption|degradation|impact))\s?:\s?(.*)",
    re.IGNORECASE,
)
_AWS_KEY = re.compile(r"(([a-z0-9-]{2,60}?)(?:-([a-z]{2,4}-(?:[a-z]{3,5}-)?[a-z]{4,10}-\d))?)_\d{9,11}")
_HEADED = "affected components"
_OPEN_WORDS = frozenset(("active", "open", "ongoing", "down"))
_SEVERITIES = {
    "outage": State.MAJOR_OUTAGE,
    "degraded": State.DEGRADED,
    "maintenance": State.MAINTENANCE,
    "degraded performance": State.DEGRADED,
    "partial outage": State.PARTIAL_OUTAGE,
    "major outage": State.MAJOR_OUTAGE,
    "full outage": State.MAJOR_OUTAGE,
    "under maintenance": State.MAINTENANCE,
    "operational": State.OPERATIONAL,
}
_AWS_STATES = {"service disruption": State.PARTIAL_OUTAGE, "service degradation": State.DEGRADED}
_MOST_ENTRIES, _MOST_HTML, _MOST_AFFECTED, _HEAD = 200, 100_000, 20, 400


class Part(Struct, frozen=True):
    """Something on the page: its name there, its id where the feed has one, and its state where it says one."""

    name: str
    id: str = ""
    state: State | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """One incident as its newest entry has it. ``is_over`` is None where it does not say where it stands."""

    id: str
    title: str
    updated: datetime | None
    is_over: bool | None = None
    stage: Stage | None = None
    state: State | None = None
    body: str = ""
    link: str = ""
    parts: tuple[Part, ...] = ()
    region: str | None = None
    categories: tuple[str, ...] = ()


def entries_of(body: bytes, root: str) -> tuple[str, list[Entry]]:
    """The feed's title and its incidents; ``root`` is ``feed`` for Atom and ``rss`` for RSS.

    :raises Malformed: not such a feed.
    """
    top = parse_xml(body, root)
    head, nodes = (top, top.findall(f"{ATOM}entry")) if root == "feed" else _channel(top)
    title = _text(head, "title")
    if (root == "feed" and top.tag != f"{ATOM}feed") or head is None or not title:
        msg = f"the XML is no {'Atom' if root == 'feed' else 'RSS'} feed with a title"
        raise Malformed(msg)
    return title, _newest(_entry(node) for node in nodes[:_MOST_ENTRIES])


def _channel(top: _Element) -> tuple[_Element | None, list[_Element]]:
    channel = top.find("channel")
    return channel, [] if channel is None else channel.findall("item")


def _newest(entries: Iterator[Entry]) -> list[Entry]:
    """One entry an incident: the newest, and of two of one second the first that says it is over."""
    found: dict[str, Entry] = {}
    for entry in entries:
        before = found.get(entry.id)
        if before is None or _order(entry) > _order(before):
            found[entry.id] = entry
    return list(found.values())


def _order(entry: Entry) -> tuple[float, bool]:
    return entry.updated.timestamp() if entry.updated else 0.0, bool(entry.is_over)


def _entry(node: _Element) -> Entry:
    """One entry or item."""
    content = (_text(node, "content") or _text(node, "description") or _text(node, "summary"))[:_MOST_HTML]
    title = strip_html(_text(node, "title"), TITLE_LIMIT)
    href = next((n.get("href") or "" for n in node.findall(f"{ATOM}link")), "") or _text(node, "link")
    entry = Entry(
        id=_id(node, href, title),
        title=title,
        updated=_updated(node, content),
        body=strip_html(content, BODY_LIMIT),
        link=http_url(href if "://" in href else f"https://{href}" if "/" in href else ""),
        parts=_listed(content) or _listed(_text(node, "summary")[:_MOST_HTML]),
        categories=tuple(clean(c.text or "", 60) for c in node.findall("category")[:_MOST_AFFECTED]),
    )
    return _of_title(_of_text(entry, content))


def _id(node: _Element, href: str, title: str) -> str:
    """What stays the same of an incident: its address or guid, else its title. Azure's all link the page itself."""
    names = (href, _text(node, "id")) if node.tag == f"{ATOM}entry" else (_text(node, "guid"), href)
    for number, name in enumerate(names):
        last = clean(name.rstrip("/").rpartition("/")[2], 80)
        if last and ((number == 0 and name) or any(c.isdigit() for c in last)):
            return last
    return slug(title, "entry")


def _updated(node: _Element, content: str) -> datetime | None:
    """When it was last touched: xAI's items are dated by their beginning, their updates in the text."""
    said = moment(_text(node, "updated")) or moment(_text(node, "published")) or _mail_date(_text(node, "pubDate"))
    if node.tag != "item":
        return said
    inside = (_mail_date(found[1]) for found in _BOLD.finditer(content))
    return max((at for at in (said, *inside) if at is not None), default=None)


def _mail_date(text: str) -> datetime | None:
    """A date as mail has it (``Mon, 17 Aug 2026 21:01:19 PDT``); None without a zone that is known."""
    if not 10 <= len(text) <= 60:
        return None
    try:
        at = parsedate_to_datetime(text)
        if at.tzinfo is None:
            return at.replace(tzinfo=UTC) if text.endswith("-0000") else None
        return at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _of_text(entry: Entry, content: str) -> Entry:
    """With where it stands and how bad it is, as its text or its categories say."""
    said = _STATUS.search(entry.body[:_HEAD])
    severity = _SEVERITY.search(entry.body[:_HEAD])
    words = [f"{said[1]} {said[2] or ''}", said[1]] if said else []
    bold = [found[1].strip().lower().removeprefix("status:").strip() for found in _BOLD.finditer(content)]
    stages = [stage_of(word) for word in (*words, *bold, *entry.categories)]
    stage = next((s for s in stages if s is not None), None)
    told = [word.strip().lower() for word in (*words, *entry.categories)]
    is_open = any(word in _OPEN_WORDS for word in told)
    if is_open and (stage is None or stage.is_over):
        # The newest update's heading ("Investigating outage"); one that says it is over was overtaken.
        heads = (stage_of(text.split(" ")[0]) for text in bold[::-1] if text)
        stage = next((s for s in heads if s is not None and not s.is_over), None)
    states = (_SEVERITIES.get(word) for word in ([severity[1].lower()] if severity else []) + told)
    return replace(
        entry,
        body=_LABELS.sub("", entry.body),
        stage=stage,
        is_over=False if is_open else None if stage is None else stage.is_over,
        state=next((s for s in states if s is not None), None),
    )


def _of_title(entry: Entry) -> Entry:
    """With what its title alone says: a monitor that went down, AWS's words, a component in brackets."""
    monitor, aws, label = (p.fullmatch(entry.title) for p in (_MONITOR, _AWS, _LABEL))
    if monitor is not None:
        # Two items and no common id: a monitor has one outage at a time.
        return replace(
            entry,
            id=f"monitor-{slug(monitor[1], entry.id)}"[:80],
            is_over=monitor[2].lower() != "went down",
            stage=Stage.RESOLVED if monitor[2].lower() != "went down" else None,
            state=State.MAJOR_OUTAGE,
            parts=(Part(monitor[1]),),
        )
    if aws is not None:
        return _of_aws(entry, aws[1].lower(), aws[2])
    if label is None or entry.parts:
        return entry
    stage = stage_of(label[1])
    if stage is not None:
        is_news = stage.is_over or entry.is_over is None
        return replace(entry, stage=stage, is_over=stage.is_over) if is_news else entry
    place = entry.link.rstrip("/").split("/")
    return replace(entry, parts=(Part(label[1], place[-2] if len(place) > 4 else ""),))


def _of_aws(entry: Entry, word: str, rest: str) -> Entry:
    key = _AWS_KEY.fullmatch(entry.id.rpartition("#")[2])
    is_over = word.startswith("service is operating") or rest.upper().startswith("[RESOLVED]")
    return replace(
        entry,
        id=key[1] if key else entry.id,
        parts=(Part(key[2], key[2]),) if key else (),
        region=of_aws(key[3] or "") if key else None,
        is_over=is_over,
        stage=Stage.RESOLVED if is_over else None,
        state=_AWS_STATES.get(word, State.DEGRADED),
    )


def _listed(html: str) -> tuple[Part, ...]:
    """The components listed below the text, each with its state."""
    start = html.lower().find(_HEADED)
    if start < 0:
        return ()
    rows = (clean(found[1], 140) for found in _ITEM.finditer(html[start : start + 10_000]))
    parts = (
        Part(found[1], state=_SEVERITIES.get(found[2].lower(), State.UNKNOWN)) if found else Part(row)
        for row in rows
        for found in [_ROW.fullmatch(row)]
    )
    return tuple(parts)[:_MOST_AFFECTED]


def _text(node: _Element | None, name: str) -> str:
    """The text of a child, Atom's or RSS's."""
    if node is None:
        return ""
    return (node.findtext(f"{ATOM}{name}") or node.findtext(name) or "").strip()
