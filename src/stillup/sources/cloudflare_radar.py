"""Cloudflare Radar: where the internet itself is in trouble, and whether a cloud answers Cloudflare.

- ``/radar/annotations/outages`` → ``{success, result: {annotations: [{id, startDate, endDate, locations, origins,
  eventType, outage: {outageCause, outageType}}]}}``, written by people, hours after it began;
- ``/radar/traffic_anomalies`` → ``{success, result: {trafficAnomalies: [{uuid, type, status, startDate, endDate,
  locationDetails, asnDetails, originDetails}]}}``, found by machines; ``VERIFIED`` once a person has looked. One that
  is not is a hint to a reader and no signal.

What it means. A country without network is no fault of a service: it is told as tries that failed in that region at the
layer *network*, which no judgement on the service counts, and a person sees it beside the evidence. Only where the
catalogue says that a service *is* a cloud of Radar's (``slug``: amazon, google, microsoft, oracle) does a verified
anomaly of that origin speak of the service: as degraded, for Radar says where requests fail and not what fails.

Radar's own series (``/radar/origins/timeseries``) are not read: they are scaled to their own largest value, so a quiet
day and an outage look alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Layer, State
from stillup.model.signal import Alive, Declared, Outcome, Signal
from stillup.net import Net, Request
from stillup.sources.base import Context, HttpSource, Link, Reading, merge
from stillup.sources.decode import clean, decode_json, moment

_ID = "cloudflare_radar"
_API = "https://api.cloudflare.com/client/v4"
_RANGE = "1d"
_MOST = "100"
_LONGEST = timedelta(days=1)
"""What has no end stands so long: some are never closed."""
_CALM, _TROUBLE = "no network in trouble", "networks in trouble: "
_Code = Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")]


class _Cause(Struct, frozen=True, rename="camel"):
    outage_cause: str = ""


class _Annotation(Struct, frozen=True, rename="camel"):
    id: str
    start_date: str
    locations: tuple[_Code, ...]
    origins: tuple[str, ...] = ()
    end_date: str | None = None
    event_type: str = "OUTAGE"
    outage: _Cause | None = None


class _Annotations(Struct, frozen=True):
    annotations: tuple[_Annotation, ...]


class _Outages(Struct, frozen=True):
    success: bool
    result: _Annotations


class _Place(Struct, frozen=True):
    code: _Code


class _Origin(Struct, frozen=True):
    origin: str
    name: str = ""


class _Anomaly(Struct, frozen=True, rename="camel"):
    uuid: str
    type: str
    status: str
    start_date: str
    end_date: str | None = None
    location_details: _Place | None = None
    origin_details: _Origin | None = None


class _Found(Struct, frozen=True, rename="camel"):
    traffic_anomalies: tuple[_Anomaly, ...]


class _Anomalies(Struct, frozen=True):
    success: bool
    result: _Found


class CloudflareRadar(HttpSource):
    """The internet's outages, and a cloud's as Cloudflare meets them."""

    id = _ID

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        """What people noted, and what machines found."""
        key = ctx.setting.key
        if key is None:
            msg = "Cloudflare Radar needs an API token (CLOUDFLARE_RADAR_TOKEN)"
            raise NotConfigured(msg)
        base = (ctx.setting.base_url or _API).rstrip("/")
        headers = (("Authorization", key.bearer()), ("Accept", "application/json"))
        params = (("dateRange", _RANGE), ("limit", _MOST), ("format", "json"))
        return tuple(
            Request(url=f"{base}/radar/{path}", params=params, headers=headers, tag=tag)
            for path, tag in (("annotations/outages", "outages"), ("traffic_anomalies", "anomalies"))
        )

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:
        """Read one of the two lists by its tag; ``outages`` by default.

        :raises Malformed: Radar says that the request failed.
        """
        if tag == "anomalies":
            found = decode_json(body, _Anomalies)
            _check(success=found.success)
            return _anomalies(found.result.traffic_anomalies, ctx)
        noted = decode_json(body, _Outages)
        _check(success=noted.success)
        return _outages(noted.result.annotations, ctx)

    async def read(self, ctx: Context, net: Net) -> Reading:
        wanted = self.requests(ctx)
        answers = await net.fetch_all(wanted)
        parts = [self.parse(a.body, ctx, r.tag) for r, a in zip(wanted, answers, strict=True)]
        whole = merge(parts)
        speaks = ctx.hint(_ID).slug and not any(isinstance(s, Declared) for s in whole.signals)
        # What was declared has no end of its own: that nothing is open any more must be said.
        clear = (Declared(at=ctx.now, service=ctx.service.id, source=_ID, state=State.OPERATIONAL),) if speaks else ()
        return replace(whole, signals=(*clear, *whole.signals), says=_together(parts))


def _check(*, success: bool) -> None:
    if not success:
        msg = "Cloudflare Radar says that the request failed"
        raise Malformed(msg)


def _is_open(start: str, end: str | None, now: datetime) -> bool:
    """Whether something stands now; a time that cannot be read makes it stand no longer."""
    began, ended = moment(start), moment(end)
    if began is None or (end and ended is None) or not now - _LONGEST <= began <= now:
        # What began before yesterday and is said to go on is left out too: nobody has looked after it since.
        return False
    return ended is None or ended > now


def _outages(noted: Iterable[_Annotation], ctx: Context) -> Reading:
    standing = [n for n in noted if n.event_type == "OUTAGE" and _is_open(n.start_date, n.end_date, ctx.now)]
    causes = {code: n.outage.outage_cause if n.outage else "" for n in standing for code in n.locations}
    ours = [n for n in standing if _is_ours(n.origins, ctx)]
    return _reading(
        causes, [clean(f"Cloudflare Radar notes an outage of {o}", 200) for n in ours for o in n.origins], ctx
    )


def _anomalies(found: Iterable[_Anomaly], ctx: Context) -> Reading:
    standing = [f for f in found if _is_open(f.start_date, f.end_date, ctx.now)]
    sure = [f for f in standing if f.status == "VERIFIED"]
    places = {f.location_details.code: "traffic anomaly" for f in sure if f.type == "LOCATION" and f.location_details}
    ours = [f.origin_details for f in sure if f.origin_details and _is_ours((f.origin_details.origin,), ctx)]
    titles = [clean(f"requests to {o.name or o.origin} fail more than usual, as Cloudflare sees it", 200) for o in ours]
    return _reading(places, titles, ctx, unsure=len(standing) - len(sure))


def _is_ours(origins: Iterable[str], ctx: Context) -> bool:
    slug = ctx.hint(_ID).slug.lower()
    return bool(slug) and slug in {origin.lower() for origin in origins}


def _reading(causes: dict[str, str], titles: list[str], ctx: Context, unsure: int = 0) -> Reading:
    service, now = ctx.service.id, ctx.now
    signals: list[Signal] = [
        Outcome(
            at=now,
            service=service,
            source=_ID,
            layer=Layer.NETWORK,
            region=code,
            ok=False,
            error=clean(cause.lower().replace("_", " "), 40) or "outage",
        )
        for code, cause in sorted(causes.items())
    ]
    if titles:
        signals.append(Declared(at=now, service=service, source=_ID, state=State.DEGRADED, title=titles[0]))
    signals.append(Alive(at=now, service=service, source=_ID))
    link = ctx.hint(_ID).link
    return Reading(
        signals=tuple(signals),
        says=_says(sorted(causes), titles, unsure),
        links=(Link(link, "Cloudflare Radar"),) if link else (),
    )


def _together(parts: Sequence[Reading]) -> str:
    """What the lists say, without that none of one list's networks is in trouble where the other names some."""
    said = list(dict.fromkeys(words for part in parts for words in part.says.split("; ")))
    calm = [words for words in said if words != _CALM]
    return "; ".join(calm if any(words.startswith(_TROUBLE) for words in calm) else said)


def _says(codes: list[str], titles: list[str], unsure: int) -> str:
    named = ", ".join(codes[:6]) + ("…" if len(codes) > 6 else "")
    parts = [*titles[:1], f"{_TROUBLE}{named}" if codes else _CALM]
    return "; ".join([*parts, *([f"{unsure} unverified"] if unsure else [])])


SOURCE = CloudflareRadar()
