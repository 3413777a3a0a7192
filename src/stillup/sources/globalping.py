"""Globalping: does the service's edge answer people in other countries? Volunteers' machines are asked to look.

``POST /v1/measurements`` → ``202 {id, probesCount}``, then ``GET /v1/measurements/{id}`` until its ``status`` is no
longer ``in-progress`` → ``{id, status, results: [{probe: {country, …}, result: {status, statusCode, timings}}]}``. A
result is ``finished``, ``failed`` (no answer), ``offline`` (the probe went away: no data) or still ``in-progress``.

What is sent: the public host name and path of the service's front page, and the countries to look from. Nothing of the
user's. Free for all: 250 tests an hour from one address without a token, 500 with one; a reading takes one test for
each country. It is too slow for a person who waits and is read when watching only.
"""

from __future__ import annotations

import asyncio
from typing import Annotated
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta, Struct

from stillup.catalog.load import Endpoint
from stillup.errors import Malformed, NotConfigured, SourceError
from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome
from stillup.model.verdict import iso
from stillup.net import MIB, Net, Request
from stillup.net.route import is_closed
from stillup.sources.base import Context, HttpSource, Link, Reading
from stillup.sources.decode import decode_json

_ID = "globalping"
_API = "https://api.globalping.io"
COUNTRIES = ("US", "DE", "IN", "BR", "JP")
"""One on each continent that many people ask from; a country whose own network is troubled stands out among five."""
_PATIENCE_S = 20.0
"""Real seconds a measurement is waited for; what has come in by then is read. Globalping itself gives up after 30."""
_PAUSE_S = 0.5
"""Between two looks at a measurement, as its documentation asks."""
_MOST_LOOKS, _MAX_BYTES = 20, MIB
"""As many looks as countries may be named; and a measurement is fetched up to forty times."""
_AT_HOME = frozenset(("local", "localhost", "internal", "intranet", "lan", "home", "corp", "private", "arpa"))
"""Endings of names that mean nothing on the public internet, and something in a network of one's own."""
_LOOKED_LIKE_AN_ANSWER = frozenset(range(200, 500))
"""Where the catalogue does not say which statuses are an answer."""

_Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]


class _Job(Struct, frozen=True):
    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,600}\Z")]


class _Probe(Struct, frozen=True):
    country: _Country


class _Timings(Struct, frozen=True, rename="camel"):
    first_byte: Annotated[float, Meta(ge=0, le=1e7)] | None = None
    total: Annotated[float, Meta(ge=0, le=1e7)] | None = None


class _Result(Struct, frozen=True, rename="camel"):
    status: str
    status_code: Annotated[int, Meta(ge=0, le=999)] | None = None
    timings: _Timings | None = None


class _Look(Struct, frozen=True):
    probe: _Probe
    result: _Result


class _Measurement(Struct, frozen=True):
    id: str
    type: str
    status: str
    results: tuple[_Look, ...]


class Globalping(HttpSource):
    """One front page of a service, looked at from a few countries."""

    id = _ID

    def covers(self, ctx: Context) -> bool:
        """Where the catalogue has a front page to look at."""
        return super().covers(ctx) and _front(ctx) is not None

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        """The order for one measurement."""
        front = _front(ctx)
        url = urlsplit(front.url if front else ctx.service.home)
        host = url.hostname or ""
        if "." not in host or is_closed(host) or host.rsplit(".", 1)[-1] in _AT_HOME:
            msg = "its front page is on no public host, whose name is nobody else's business"
            raise NotConfigured(msg)
        countries = ctx.setting.options.get("countries") or COUNTRIES
        order = {
            "type": "http",
            "target": host,
            "locations": [{"country": str(c), "limit": 1} for c in countries],  # type: ignore[attr-defined]
            "measurementOptions": {"protocol": "HTTPS", "request": {"method": "HEAD", "path": url.path or "/"}},
        }
        return (_request(ctx, "/v1/measurements", json=msgspec.json.encode(order)),)

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:  # noqa: ARG002 - results only
        """Read a measurement's results; those that are not in yet are left out.

        :raises Malformed: no probe has a result, or it is no measurement.
        """
        measured = decode_json(body, _Measurement)
        if measured.type != "http":
            msg = "Globalping answered with another kind of measurement"
            raise Malformed(msg)
        front = _front(ctx)
        up = (front and front.up) or _LOOKED_LIKE_AN_ANSWER
        looks = [(look, _is_up(look.result, up)) for look in measured.results[:_MOST_LOOKS]]
        told = [(look, ok) for look, ok in looks if ok is not None]
        if not told:
            msg = "no probe of Globalping could look"
            raise Malformed(msg)
        component = front.component if front else ""
        outcomes = (
            Outcome(
                at=ctx.now,
                service=ctx.service.id,
                source=_ID,
                layer=Layer.EDGE,
                component=component or None,
                region=look.probe.country,
                ok=ok,
                latency_ms=_latency(look.result) if ok else None,
                error=None if ok else _error(look.result),
                id=f"{_ID}:{iso(ctx.now)}:{look.probe.country}:{number}",
            )
            for number, (look, ok) in enumerate(told)
        )
        alive = Alive(at=ctx.now, service=ctx.service.id, source=_ID)
        return Reading(signals=(*outcomes, alive), says=_says(told), links=_links(ctx))

    async def read(self, ctx: Context, net: Net) -> Reading:
        """Order a measurement and wait for it, half a second at a time."""
        (order,) = self.requests(ctx)
        job = decode_json((await net.fetch(order)).body, _Job)
        wanted = _request(ctx, f"/v1/measurements/{quote(job.id, safe='')}")
        body = b""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while True:
                    body = (await net.fetch(wanted)).body
                    if decode_json(body, _Measurement).status != "in-progress":
                        break
                    await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            if not body:
                msg = "Globalping did not measure in time"
                raise SourceError(msg) from None
        return self.parse(body, ctx)


def _front(ctx: Context) -> Endpoint | None:
    """The page that stands for the service's edge."""
    return next((e for e in ctx.service.endpoints if e.layer is Layer.EDGE), None)


def _request(ctx: Context, path: str, json: bytes | None = None) -> Request:
    key = ctx.setting.key
    secret = (("Authorization", key.bearer()),) if key else ()
    url = f"{(ctx.setting.base_url or _API).rstrip('/')}{path}"
    return Request(
        url=url, headers=(*secret, ("Accept", "application/json")), json=json, ours=True, max_bytes=_MAX_BYTES
    )


def _is_up(result: _Result, up: tuple[int, ...] | frozenset[int]) -> bool | None:
    """Whether the edge answered; None when the probe has nothing to say."""
    if result.status == "finished" and result.status_code is not None:
        return result.status_code in up
    return False if result.status == "failed" else None


def _error(result: _Result) -> str:
    return f"http {result.status_code}" if result.status == "finished" else "no answer"


def _latency(result: _Result) -> float | None:
    return result.timings.total if result.timings else None


def _says(told: list[tuple[_Look, bool]]) -> str:
    countries = {look.probe.country for look, _ in told}
    bad = sorted(countries - {look.probe.country for look, ok in told if ok})
    if not bad:
        return f"answers from {len(countries)} of {len(countries)} countries"
    names = ", ".join(bad[:5]) + ("…" if len(bad) > 5 else "")
    return f"answers from {len(countries) - len(bad)} of {len(countries)} countries, not from {names}"


def _links(ctx: Context) -> tuple[Link, ...]:
    link = ctx.hint(_ID).link
    return (Link(link, "Globalping"),) if link else ()


SOURCE = Globalping()
