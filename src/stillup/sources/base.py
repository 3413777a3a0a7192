"""What a source is.

Most sources speak HTTP: they *decide* (:meth:`HttpSource.requests`, pure), :mod:`stillup.net` *does*, and they *read*
(:meth:`HttpSource.parse`, pure). The two that do not (the ladder probe and the local transcripts) implement
:meth:`Source.read` themselves.

Whatever a source cannot vouch for it leaves out: an answer in the wrong format raises
:class:`~stillup.errors.Malformed`, it never becomes "calm" or "operational".
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from stillup.board import Maintenance
from stillup.catalog.load import Service, SourceHint
from stillup.config.setting import Setting
from stillup.model.signal import Signal
from stillup.net import Net, Request
from stillup.response.workarounds import Tip

# Setting is the config's; sources take it from here, beside everything else they need.
__all__ = ["Context", "HttpSource", "Link", "Reading", "Setting", "Source", "merge"]


class Context(Struct, frozen=True, kw_only=True):
    """What a source is told for one reading.

    ``now`` stamps what is read; ``since`` is when this source was last read for this service (None: never), so that
    a list of posts is counted once.
    """

    now: datetime
    service: Service
    setting: Setting
    since: datetime | None = None

    def hint(self, source_id: str) -> SourceHint:
        """The catalogue's hint of this source for this service, empty where it has none."""
        return self.service.sources.get(source_id) or SourceHint()


class Link(Struct, frozen=True):
    """A page a person can open for more, with what it is."""

    url: str
    title: str = ""


class Reading(Struct, frozen=True, kw_only=True):
    """What one reading gave: the signals, a sentence for a person, and links.

    ``tips`` are other people's posts that offer a way round the trouble. ``maintenances`` are all the work that an
    official page announces or is at, which is no evidence of a fault. ``notes`` are for whoever keeps this
    installation: the source answers, but not as the catalogue has it.
    """

    signals: tuple[Signal, ...] = ()
    says: str = ""
    links: tuple[Link, ...] = ()
    notes: tuple[str, ...] = ()
    tips: tuple[Tip, ...] = ()
    maintenances: tuple[Maintenance, ...] = ()


class Source(Protocol):
    """Anything that can be read for signals."""

    @property
    def id(self) -> str:
        """The id in the registry."""
        ...

    def covers(self, ctx: Context) -> bool:
        """Whether the catalogue and the config give this source anything to ask about the service."""
        ...

    async def read(self, ctx: Context, net: Net) -> Reading:
        """Ask once.

        :raises stillup.errors.SourceError: no data, and why.
        """
        ...


class HttpSource:
    """A source read by HTTP requests. Subclasses give ``id``, :meth:`requests` and :meth:`parse`."""

    id: str

    def covers(self, ctx: Context) -> bool:
        """By default: the catalogue has a hint of this source for the service."""
        return self.id in ctx.service.sources

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        """Which requests to make. Pure.

        :raises stillup.errors.NotConfigured: a key is missing.
        """
        raise NotImplementedError

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:
        """Read one answer's body. Pure.

        :raises stillup.errors.Malformed: not in this source's format.
        """
        raise NotImplementedError

    async def read(self, ctx: Context, net: Net) -> Reading:
        """Make the requests side by side and put the readings together; any failure fails the reading."""
        wanted = self.requests(ctx)
        answers = await net.fetch_all(wanted)
        parts = [self.parse(a.body, ctx, r.tag) for r, a in zip(wanted, answers, strict=True)]
        return merge(parts)


def merge(parts: list[Reading]) -> Reading:
    """Several readings of one source as one; identical signals (an ``alive`` from each part) are kept once."""
    return Reading(
        signals=tuple(dict.fromkeys(s for p in parts for s in p.signals)),
        says="; ".join(dict.fromkeys(p.says for p in parts if p.says)),
        links=tuple(dict.fromkeys(link for p in parts for link in p.links)),
        notes=tuple(dict.fromkeys(note for p in parts for note in p.notes)),
        tips=tuple(dict.fromkeys(tip for p in parts for tip in p.tips)),
        maintenances=tuple(dict.fromkeys(work for p in parts for work in p.maintenances)),
    )
