"""OpenRouter: how often other people's real requests to a model worked, provider by provider and model by model.

``GET /models/{author}/{slug}/endpoints`` (with a key) → ``{data: {id, endpoints: [{provider_name, tag, uptime_last_5m,
uptime_last_30m, uptime_last_1d, latency_last_30m: {p50, …}}]}}``. An uptime is the percentage of successes among
successes and errors; rate-limited requests are in neither, so nobody's quota is in it. Latency is the time to the first
token, in milliseconds.

Of a model's endpoints only those of one provider speak for a service: the catalogue's ``slug`` is that provider's
``tag`` (``amazon-bedrock``); without one it is the model's own maker.

**A percentage is not a count**, and the judgement wants counts. Twenty tries are assumed in five minutes, whatever
their true number is, which OpenRouter does not say: too few where a model is busy, so that the evidence is weaker than
it could be, too many where it is hardly used, so that one failure of three looks like six of twenty. The usual rate and
its bursts are learned for each model. Failures are rounded down: 99.2 % is none of twenty, 94 % is one. One window is
told once, however often it is read. A missing percentage is no data.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from stillup.errors import Malformed, NotConfigured, SourceError
from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome
from stillup.model.verdict import iso
from stillup.net import Net, Request
from stillup.sources.base import Context, HttpSource, Link, Reading
from stillup.sources.decode import clean, decode_json
from stillup.sources.tally import window_end

_ID = "openrouter"
_API = "https://openrouter.ai/api/v1"
_ASSUMED_TRIES = 20
_WINDOW_S, _LONG_WINDOW_S = 300, 1800
_MAX_MODELS = 8
_MAKERS = {"google": "google-ai-studio", "x-ai": "xai", "mistralai": "mistral"}
"""Where a maker's own provider has another tag than its models' names begin with."""

_Percent = Annotated[float, Meta(ge=0, le=100)]


class _Latency(Struct, frozen=True):
    p50: Annotated[float, Meta(ge=0, le=1e7)] | None = None


class _Endpoint(Struct, frozen=True):
    tag: str
    provider_name: str = ""
    uptime_last_5m: _Percent | None = None
    uptime_last_30m: _Percent | None = None
    latency_last_30m: _Latency | None = None


class _Model(Struct, frozen=True):
    id: str
    endpoints: tuple[_Endpoint, ...]


class _Answer(Struct, frozen=True):
    data: _Model


class OpenRouter(HttpSource):
    """The models that the catalogue names for a service, at one provider."""

    id = _ID

    def covers(self, ctx: Context) -> bool:
        """Only where the catalogue names models."""
        return bool(ctx.hint(_ID).models)

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        """One request a model."""
        key = ctx.setting.key
        if key is None:
            msg = "OpenRouter needs an API key (OPENROUTER_API_KEY)"
            raise NotConfigured(msg)
        base = (ctx.setting.base_url or _API).rstrip("/")
        headers = (("Authorization", key.bearer()), ("Accept", "application/json"))
        return tuple(
            Request(url=f"{base}/models/{model}/endpoints", headers=headers)
            for model in ctx.hint(_ID).models[:_MAX_MODELS]
        )

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:  # noqa: ARG002 - one kind of answer
        """Read one model's endpoints.

        :raises Malformed: it is no model of the service, or has no endpoint of the provider.
        """
        model = decode_json(body, _Answer).data
        if model.id not in ctx.hint(_ID).models:
            msg = "OpenRouter answered about another model"
            raise Malformed(msg)
        wanted = ctx.hint(_ID).slug or _maker(model.id)
        ours = [e for e in model.endpoints if e.tag.partition("/")[0] == wanted]
        if not ours:
            msg = f"OpenRouter has no endpoint of {wanted} for {model.id}"
            raise Malformed(msg)
        name = _model_name(model.id, ctx)
        told = [line for e in ours if (line := _outcome(e, model.id, ctx)) is not None]
        shares = [share for e in ours if (share := _share(e)) is not None]
        link = ctx.hint(_ID).link
        return Reading(
            signals=(*told, Alive(at=ctx.now, service=ctx.service.id, source=_ID)),
            says=clean(
                f"{name}: {min(shares):.1f} % of requests worked" if shares else f"{name}: too few requests", 80
            ),
            links=(Link(link, "OpenRouter"),) if link else (),
        )

    async def read(self, ctx: Context, net: Net) -> Reading:
        """Ask for every model; one that is gone takes no other with it.

        :raises stillup.errors.SourceError: none could be read, and why the first could not.
        """
        parts = await asyncio.gather(*(self._one(wanted, ctx, net) for wanted in self.requests(ctx)))
        good = [part for part in parts if isinstance(part, Reading)]
        if not good:
            raise next(part for part in parts if isinstance(part, SourceError))
        signals = dict.fromkeys(signal for part in good for signal in part.signals)
        return replace(good[0], signals=tuple(signals), says="; ".join(dict.fromkeys(part.says for part in good)))

    async def _one(self, wanted: Request, ctx: Context, net: Net) -> Reading | SourceError:
        try:
            return self.parse((await net.fetch(wanted)).body, ctx)
        except SourceError as exc:
            return exc


def _maker(model: str) -> str:
    author = model.partition("/")[0]
    return _MAKERS.get(author, author)


def _model_name(model: str, ctx: Context) -> str:
    """The service's own word for a model; the judgement knows no others."""
    return next((name for name in ctx.service.models if name in model), model.partition("/")[2])


def _share(endpoint: _Endpoint) -> float | None:
    return endpoint.uptime_last_30m if endpoint.uptime_last_5m is None else endpoint.uptime_last_5m


def _outcome(endpoint: _Endpoint, model: str, ctx: Context) -> Outcome | None:
    """The newest window of an endpoint as assumed tries; None where OpenRouter says nothing of it."""
    share = _share(endpoint)
    if share is None:
        return None
    window_s = _WINDOW_S if endpoint.uptime_last_5m is not None else _LONG_WINDOW_S
    failed = int((100.0 - share) * _ASSUMED_TRIES / 100.0)
    end = window_end(ctx.now, window_s)
    component = ctx.hint(_ID).component or "api"
    return Outcome(
        at=ctx.now,
        service=ctx.service.id,
        source=_ID,
        layer=Layer.INFERENCE,
        component=component if ctx.service.component(component) else None,
        model=_model_name(model, ctx),
        window_s=window_s,
        n_ok=_ASSUMED_TRIES - failed,
        n_failed=failed,
        latency_ms=_latency(endpoint, ctx.now),
        # The same window, read again, is no second one.
        id=f"{_ID}:{model}:{clean(endpoint.tag, 60)}:{iso(end)}"[:200],
    )


def _latency(endpoint: _Endpoint, now: datetime) -> float | None:
    """The median of the last half-hour, told once in each: six readings of one half-hour are not six numbers."""
    is_first = window_end(now, _WINDOW_S).minute % 30 == _WINDOW_S // 60
    return endpoint.latency_last_30m.p50 if endpoint.latency_last_30m and is_first else None


SOURCE = OpenRouter()
