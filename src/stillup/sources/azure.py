"""Azure's status: its feed of incidents with broad impact, or the table of its page.

The feed (``/feed/``, RSS) is usually empty, and says so little that a quiet one is *alive* and no more. Its entries
name no stage: one is open until its title says that it is resolved, and it is gone from the feed when it is over. The
address matters. ``rssfeed.azure.status.microsoft`` is the feed itself; ``status.azure.com`` leads to a copy nearby,
which in July 2026 stood empty for hours while the region it stood in was down.

With ``table = true`` the page itself is read: a row for each service with a cell for each region, ``data-label`` of
which is ``Good``, ``Information``, ``Warning`` or ``Critical``. ``Not available`` means not offered there and says
nothing. A service stands in several tables, one for each part of the world; it is in a *major outage* only when every
cell is critical. The page has several MiB, so it is read every five minutes at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from stillup.errors import Malformed, TooLarge
from stillup.model.service import State
from stillup.net import MIB, Request
from stillup.sources.base import Context, Reading
from stillup.sources.decode import clean
from stillup.sources.pages.feed import Dialect, read_feed
from stillup.sources.pages.feed_entry import Entry
from stillup.sources.pages.page import Page, Row
from stillup.sources.pages.reading import reading_of
from stillup.sources.pages.regions import of_azure
from stillup.sources.pages.source import PageSource

if TYPE_CHECKING:
    from lxml.etree import _Element

_MAX_HTML, _TABLE_EVERY_S = 16 * MIB, 300.0
_TABLE_AT = "https://azure.status.microsoft/en-us/status"
_NOT_OFFERED = "not available"
_CLAUSE = re.compile(r"\s[-:;\u2013\u2014]\s|\.\s")
_OVER = re.compile(r"\b(?:resolved|mitigated|recovered)\b")
_NOT_OVER = re.compile(
    r"\b(?:not|no|never|awaiting|pending|unresolved|partial\w*|investigat\w*|ongoing|continu\w*|remain\w*|mitigating|some)\b"
)


class _Label(StrEnum):
    """How a service is in one region; any other word makes the whole answer malformed."""

    GOOD = "good"
    INFORMATION = "information"
    WARNING = "warning"
    CRITICAL = "critical"


class Azure(PageSource):
    """The one page of Azure."""

    id = "azure"
    own_page = True

    def page_requests(self, base: str) -> tuple[Request, ...]:
        return (Request(url=f"{base}/feed/", tag="feed"),)

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        if not ctx.setting.options.get("table", False):
            return super().requests(ctx)
        at = ctx.setting.base_url.rstrip("/") or _TABLE_AT
        return (Request(url=f"{at}/", tag="table", max_bytes=_MAX_HTML, min_interval_s=_TABLE_EVERY_S),)

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:  # noqa: ARG002 - it dates nothing itself
        """The table of the page. The feed has no rows."""
        return Page(name="Azure", rows=tuple(_rows(next(iter(answers.values())))))

    def answered(self, answers: Mapping[str, bytes], ctx: Context) -> Reading:
        """Read an answer by its tag: ``table``, or ``feed`` (the default for XML)."""
        tag, body = next(iter(answers.items()))
        if tag == "table":
            return reading_of(self.id, self.page_of(answers, ctx.now), ctx)
        return read_feed(self.id, body, ctx, _FEED)


def is_over(title: str) -> bool:
    """Whether the title's last clause (or a tag before it) says so; in doubt an incident is open."""
    low = title.lower().strip()
    if low.startswith(("[resolved]", "(resolved)", "resolved:", "resolved -", "mitigated:", "mitigated -")):
        return _NOT_OVER.search(low) is None
    last = _CLAUSE.split(low)[-1]
    return _OVER.search(last) is not None and _NOT_OVER.search(last) is None


def _region(entry: Entry) -> str | None:
    """Of title and categories alone: texts also name regions that are fine."""
    return of_azure(f"{entry.title} {' '.join(entry.categories)}")


def _rows(body: bytes) -> Iterator[Row]:
    """Each service once, by the labels of all its cells.

    :raises Malformed: no whole page with such a table, or a label nobody knows.
    """
    cells: dict[str, list[_Label]] = {}
    for row in _page(body).iter("tr"):
        if row.find(".//tr") is not None:
            continue  # a table in a cell: its own rows are read, and no cell twice
        name, labels = _row(row)
        if name and labels:
            cells.setdefault(name, []).extend(_Label(label) for label in labels if label != _NOT_OFFERED)
    if not cells:
        msg = "the page has no table of services"
        raise Malformed(msg)
    for name, found in cells.items():
        if found:
            yield Row(id=name, name=name, state=_state(found))


def _row(row: _Element) -> tuple[str, list[str]]:
    """A row's service and the labels of its cells."""
    first = row.find("td")
    name = "" if first is None else clean("".join(str(t) for t in first.itertext()), 80)
    labels = [clean(str(n.get("data-label")), 40).lower() for n in row.iter() if n.get("data-label") is not None]
    unknown = [label for label in labels if label != _NOT_OFFERED and label not in _KNOWN]
    if name and unknown:
        msg = "a service is in a state that is not known"
        raise Malformed(msg)
    return name, labels


_KNOWN = frozenset(label.value for label in _Label)


def _state(labels: list[_Label]) -> State:
    if all(label is _Label.CRITICAL for label in labels):
        return State.MAJOR_OUTAGE
    if _Label.CRITICAL in labels:
        return State.PARTIAL_OUTAGE
    return State.DEGRADED if _Label.WARNING in labels else State.OPERATIONAL


def _page(body: bytes) -> _Element:
    """The page's root element, of a whole page in UTF-8; nothing is fetched for it.

    :raises TooLarge: more than 16 MiB.
    :raises Malformed: cut short, in another encoding, or nothing at all.
    """
    from lxml import etree

    if len(body) > _MAX_HTML:
        msg = f"the answer is larger than {_MAX_HTML // MIB} MiB"
        raise TooLarge(msg)
    root = None
    try:
        body.decode()
        if body.rstrip()[-7:].lower() == b"</html>":
            parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True)
            root = etree.fromstring(body, parser)
    except (etree.LxmlError, ValueError):
        pass
    if root is None:
        msg = "the answer is no whole page"
        raise Malformed(msg)
    return root


_FEED = Dialect(root="rss", title="azure status", is_over=is_over, region=_region)
SOURCE = Azure()
