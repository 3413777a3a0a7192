"""Any status page's feed, Atom or RSS: for pages whose software is not known here, or that are best read so.

The hint's ``url`` is the feed's own address (``https://status.x.ai/feed.xml``); of a page's address without one the
usual ``/history.atom`` or ``/history.rss`` is asked. What feeds say, and how, is in :mod:`.pages.feed_entry`; what is
made of it in :mod:`.pages.feed`. What they leave out is guessed from titles, so where a page has a better way to be
read, that is the better way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from stillup.errors import Malformed
from stillup.model.service import State, worst
from stillup.net import Request
from stillup.sources.base import Context, Reading
from stillup.sources.pages.feed import Dialect, is_open, read_feed
from stillup.sources.pages.feed_entry import Entry, entries_of
from stillup.sources.pages.page import Incident, Page, Post
from stillup.sources.pages.source import PageSource

_IS_FEED = re.compile(r"(?:feed|rss|atom|\.xml)[^/]{0,20}$", re.IGNORECASE)


class Feed(PageSource):
    """One kind of feed."""

    is_feed = True

    def __init__(self, source_id: str, root: str, usual: str) -> None:
        self.id = source_id
        self._dialect = Dialect(root=root)
        self._usual = usual

    def page_requests(self, base: str) -> tuple[Request, ...]:
        return (Request(url=base if _IS_FEED.search(base) else f"{base}{self._usual}", tag="feed"),)

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:
        """The page as a feed shows it: whose it is and what is on it, without rows.

        :raises Malformed: no entry says where it stands, so it is no status page's feed.
        """
        title, entries = entries_of(next(iter(answers.values())), self._dialect.root)
        if entries and all(e.is_over is None for e in entries):
            msg = "no entry of the feed says at what stage its incident is"
            raise Malformed(msg)
        incidents = tuple(_incident(e) for e in entries if e.is_over or is_open(e, now))
        # That nothing is open is no word on how anything is: feeds stay behind when a page moves away from them.
        whole = worst(i.implies for i in incidents if i.is_open)
        return Page(name=title, incidents=incidents, whole=whole if entries else None)

    def answered(self, answers: Mapping[str, bytes], ctx: Context) -> Reading:
        return read_feed(self.id, next(iter(answers.values())), ctx, self._dialect)


def _incident(entry: Entry) -> Incident:
    return Incident(
        id=entry.id,
        title=entry.title,
        stage=entry.stage,
        implies=entry.state or State.DEGRADED,
        link=entry.link,
        posts=(Post(at=entry.updated, stage=entry.stage, body=entry.body),),
    )


ATOM = Feed("atom", "feed", "/history.atom")
RSS = Feed("rss", "rss", "/history.rss")
