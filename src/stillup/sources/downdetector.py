"""Downdetector's partner API v2. The public pages are never scraped: its terms forbid it.

The answers as its documentation and client libraries describe them; none was seen live:

- ``/companies/search?slug=`` → ``[{id, name, slug, country_iso}]``, one company for each country;
- ``/companies/{id}?fields=`` → ``{id, status, stats_24, baseline}``: two lists of 96 numbers, a quarter of an hour
  each, oldest first, the last one still open; ``baseline`` is usual for that time of day; ``status`` is
  ``success``, ``warning`` or ``danger``;
- ``/companies/{id}/indicators?startdate=&enddate=`` → ``[{indicator, slug, amount}]``, what people say is wrong;
- an error is ``{error: true, message}``.

``{reports: [{date, value}], baseline: [{date, value}]}``, as the unofficial client gives it, is read as well.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from stillup.errors import Malformed, NotConfigured, SourceError
from stillup.net import Answer, Net, Request
from stillup.sources._downdetector_series import (
    Company,
    Indicator,
    Match,
    problem_shares,
    reading_of,
)
from stillup.sources.base import Context, HttpSource, Reading
from stillup.sources.decode import decode_json

_API = "https://downdetectorapi.com/v2"
_FIELDS = "id,name,slug,country_iso,status,stats_24,baseline"
_RECENT = timedelta(hours=1)
"""How far back problem types are asked for."""


class Downdetector(HttpSource):
    """Reports of one company, in one country's edition: that of the option ``company``, else the American one."""

    id = "downdetector"

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        """The company and its problem types; while its number is not known, the search for it."""
        company = ctx.setting.options.get("company")
        if company:
            return _about(ctx, str(company))
        slug = ctx.hint(self.id).slug
        if not slug:
            msg = f"no Downdetector company is known for {ctx.service.name}"
            raise NotConfigured(msg)
        params = (("slug", slug), ("fields", "id,name,slug,country_iso"), ("page_size", "100"))
        return (_request(ctx, "/companies/search", "search", params),)

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:
        """Read an answer by its tag: ``company`` (the default), ``indicators`` or ``search``."""
        if tag == "search":
            return Reading(says=f"Downdetector: company {_chosen(body, ctx)}")
        if tag == "indicators":
            named = ", ".join(p.value.replace("_", " ") for p in problem_shares(_indicators(body)))
            return Reading(says=f"Downdetector: people name {named or 'nothing in particular'}")
        return reading_of(decode_json(body, Company), ctx)

    async def read(self, ctx: Context, net: Net) -> Reading:
        wanted = self.requests(ctx)
        if wanted[0].tag == "search":
            found = await net.fetch(wanted[0])
            wanted = _about(ctx, _chosen(found.body, ctx))
        extra = asyncio.create_task(_problems(wanted[1], net))
        try:
            answer = await net.fetch(wanted[0])
            company = decode_json(answer.body, Company)
            return reading_of(company, ctx, await extra, _clock_of(answer))
        finally:
            extra.cancel()
            await asyncio.gather(extra, return_exceptions=True)


def _clock_of(answer: Answer) -> datetime | None:
    """What the site's clock said; None for an answer that was kept, or where it says nothing readable."""
    if answer.from_cache:
        return None
    try:
        at = parsedate_to_datetime(answer.headers.get("date", "")[:60])
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _problems(wanted: Request, net: Net) -> tuple[Indicator, ...]:
    """The problem types, or none: the counts are the evidence and stand alone where these cannot be had."""
    try:
        return _indicators((await net.fetch(wanted)).body)
    except SourceError:
        return ()


def _about(ctx: Context, company: str) -> tuple[Request, ...]:
    path = f"/companies/{quote(company, safe='')}"
    span = (("startdate", (ctx.now - _RECENT).isoformat()), ("enddate", ctx.now.isoformat()))
    return (
        _request(ctx, path, "company", (("fields", _FIELDS),)),
        _request(ctx, f"{path}/indicators", "indicators", span),
    )


def _request(ctx: Context, path: str, tag: str, params: tuple[tuple[str, str], ...]) -> Request:
    key = ctx.setting.key
    if key is None:
        msg = "Downdetector needs a key of its partner API (DOWNDETECTOR_TOKEN)"
        raise NotConfigured(msg)
    return Request(
        url=f"{(ctx.setting.base_url or _API).rstrip('/')}{path}",
        params=params,
        headers=(("Authorization", key.bearer()), ("Accept", "application/json")),
        tag=tag,
    )


def _chosen(body: bytes, ctx: Context) -> str:
    slug = ctx.hint("downdetector").slug
    found = [m for m in decode_json(body, tuple[Match, ...]) if m.slug == slug]
    if not found:
        msg = f"Downdetector knows no company {slug!r}"
        raise Malformed(msg)
    american = next((m for m in found if m.country_iso == "US"), found[0])
    return str(american.id)


def _indicators(body: bytes) -> tuple[Indicator, ...]:
    return decode_json(body, tuple[Indicator, ...])


SOURCE = Downdetector()
