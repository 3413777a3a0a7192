"""What a status page platform is to the rest of stillup: where its pages answer, and how an answer is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from stillup.errors import NotConfigured
from stillup.net import Net, Request
from stillup.sources.base import Context, HttpSource, Reading
from stillup.sources.pages.page import Page
from stillup.sources.pages.reading import reading_of


class PageSource(HttpSource):
    """A platform. Subclasses give ``id``, :meth:`page_requests` and :meth:`page_of`; hints give the address.

    Neither method knows of any service: the page is read whole, and :mod:`stillup.sources.pages` looks for the service
    on it. So the same code recognises a platform, and drafts a new service from its page.

    A page that is no longer in its platform's format is looked at again: vendors change their software, some twice a
    year. What is found then is read in its place, under the old source's name, and said in the reading's notes.
    """

    marks: ClassVar[tuple[bytes, ...]] = ()
    """Lower-case texts in the HTML of its pages that name it."""
    own_page: ClassVar[bool] = False
    """It makes one vendor's page and nobody else's."""
    is_copied: ClassVar[bool] = False
    """Other platforms answer in its format too, so it is recognised last."""
    is_feed: ClassVar[bool] = False
    """Its address is that of a feed, not of a page."""

    def page_requests(self, base: str) -> tuple[Request, ...]:
        """Which requests read the page at that address (without a slash at its end), each with a tag. Pure."""
        raise NotImplementedError

    def page_of(self, answers: Mapping[str, bytes], now: datetime) -> Page:
        """The page from its answers' bodies by tag. Pure. A body alone is enough where the others add nothing to it.

        :raises Malformed: not this platform's format.
        """
        raise NotImplementedError

    def address(self, base: str, html: bytes) -> str:  # noqa: ARG002 - most platforms answer below the page itself
        """Where :meth:`page_requests` asks, for a page at that address with that HTML. Pure."""
        return base

    def base(self, ctx: Context) -> str:
        """The page's address for this service.

        :raises NotConfigured: neither the config nor the catalogue knows one.
        """
        base = (ctx.setting.base_url or ctx.hint(self.id).url).rstrip("/")
        if not base:
            msg = f"no status page is known for {ctx.service.name}"
            raise NotConfigured(msg)
        return base

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        return self.page_requests(self.base(ctx))

    def answered(self, answers: Mapping[str, bytes], ctx: Context) -> Reading:
        """What the answers say of the service. Pure."""
        return reading_of(self.id, self.page_of(answers, ctx.now), ctx)

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:
        """Read one answer; without a tag it is taken for the platform's main one."""
        return self.answered({tag: body}, ctx)

    async def read(self, ctx: Context, net: Net) -> Reading:
        """Fetch the page and read it, by whichever platform makes it now."""
        from stillup.sources.pages.drift import read_wherever

        return await read_wherever(self, ctx, net)

    async def read_here(self, ctx: Context, net: Net) -> Reading:
        """Fetch the page and read it as this platform's."""
        return self.answered(await _bodies(self.requests(ctx), net), ctx)

    async def page_at(self, base: str, net: Net, now: datetime) -> Page:
        """The page at an address, whosever it is, read as this platform's.

        :raises SourceError: it cannot be had, or is not in the platform's format.
        """
        return self.page_of(await _bodies(self.page_requests(base), net), now)


async def _bodies(wanted: tuple[Request, ...], net: Net) -> dict[str, bytes]:
    answers = await net.fetch_all(wanted)
    return {request.tag: answer.body for request, answer in zip(wanted, answers, strict=True)}
