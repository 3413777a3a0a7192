"""OpenRouter's endpoints of one model: of each provider that has it, how many requests worked of late."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from stillup.catalog.load import Service, catalogue
from stillup.model.service import Layer
from stillup.sim.draw import chance
from stillup.sim.modes import Mode
from stillup.sim.scenario import REQUESTS
from stillup.sim.wire.reply import Reply, json_reply
from stillup.sim.wire.routes import Desk, Visit

_SOURCE = "openrouter"
_MAKERS = {"google": "google-ai-studio", "x-ai": "xai", "mistralai": "mistral"}
_NOT_COUNTED = frozenset(
    (Mode.OK, Mode.RATE_LIMITED, Mode.QUOTA, Mode.UNAUTHORIZED, Mode.NO_CREDIT, Mode.FORBIDDEN, Mode.BAD_REQUEST)
)
"""What is no failure of the provider's: OpenRouter counts neither limits nor keys nor bad requests."""
_SLOW = frozenset((Mode.SLOW_FIRST_TOKEN, Mode.SLOW_HEADERS, Mode.DRIP))
_USUAL_MS, _SLOW_MS = 1400.0, 20_000.0
_LOOKS = ((5, 1), (30, 5), (1440, 60))
"""Minutes back, and the step in which they are looked at."""


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``models/{author}/{slug}/endpoints``, with a key."""
    model = _model(rest)
    if not visit.has_token:
        return json_reply({"error": {"code": 401, "message": "No auth credentials found"}}, status=401)
    services = list(_services(model))
    if not services:
        return json_reply({"error": {"code": 404, "message": "Model not found"}}, status=404)
    endpoints = [_endpoint(desk, service, model, visit.now) for service in services]
    return json_reply({"data": {"id": model, "name": model, "created": 1767225600, "endpoints": endpoints}})


def concerns(visit: Visit, rest: str) -> Collection[str]:  # noqa: ARG001 - as every site's is called
    """The services whose model is asked about."""
    return [service.id for service in _services(_model(rest))]


def _model(rest: str) -> str:
    return rest.removeprefix("models/").removesuffix("/endpoints")


def _services(model: str) -> Iterable[Service]:
    return (s for s in catalogue().values() if _SOURCE in s.sources and model in s.sources[_SOURCE].models)


def _endpoint(desk: Desk, service: Service, model: str, now: datetime) -> dict[str, object]:
    author = model.partition("/")[0]
    tag = service.sources[_SOURCE].slug or _MAKERS.get(author, author)
    recent, half_hour, day = (_uptime(desk, service, model, now, *look) for look in _LOOKS)
    random = chance(desk.stories.scenario.seed, "openrouter", service.id, model, int(now.timestamp()) // 300)
    median = (_SLOW_MS if _mode(desk, service, model, now) in _SLOW else _USUAL_MS) * random.uniform(0.95, 1.05)
    return {
        "name": f"{service.vendor} | {model}",
        "model_id": model,
        "provider_name": service.vendor,
        "tag": tag,
        "status": 0,
        "uptime_last_5m": round(max(0.0, recent - random.uniform(0.0, 0.8)), 2),
        "uptime_last_30m": round(half_hour, 2),
        "uptime_last_1d": round(day, 2),
        "latency_last_30m": {"p50": round(median), "p75": round(median * 1.4), "p90": round(median * 2)},
        "throughput_last_30m": {"p50": 60.0},
    }


def _uptime(desk: Desk, service: Service, model: str, now: datetime, minutes: int, step: int) -> float:
    looks = [_mode(desk, service, model, now - timedelta(minutes=m)) for m in range(0, minutes, step)]
    return 100.0 * sum(mode in _NOT_COUNTED for mode in looks) / len(looks)


def _mode(desk: Desk, service: Service, model: str, at: datetime) -> Mode:
    """How the provider answers OpenRouter's own requests; what fails on this machine alone is none of its concern."""
    if desk.stories.is_cut_off(at):
        return Mode.OK
    target = next((e.id for e in service.endpoints if e.layer is Layer.INFERENCE), REQUESTS)
    return desk.stories.mode(service.id, target, at, model)
