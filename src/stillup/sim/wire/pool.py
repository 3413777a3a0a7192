"""What installations share: how many of their requests to a provider's models worked, in five minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from stillup.catalog.load import Service, catalogue
from stillup.model.service import Layer
from stillup.sim.draw import chance, poisson
from stillup.sim.modes import Mode
from stillup.sim.scenario import REQUESTS
from stillup.sim.wire.reply import Reply, json_reply, seconds

if TYPE_CHECKING:
    from stillup.sim.wire.routes import Desk, Visit

_WINDOWS, _WINDOW_S, _GRACE_S = 6, 300, 180
_REQUESTS = 120
"""Requests of all who share, in five minutes, to one model."""
_USUAL = 0.004
_OWN_FAULT = frozenset((Mode.RATE_LIMITED, Mode.QUOTA, Mode.UNAUTHORIZED, Mode.NO_CREDIT, Mode.FORBIDDEN))


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``api/v1/pool/counts?service=``."""
    service = catalogue().get(visit.params.get("service", ""))
    if rest != "api/v1/pool/counts" or service is None:
        return json_reply({"type": "about:blank", "title": "Not found", "status": 404}, status=404)
    newest_s = (visit.now.timestamp() - _GRACE_S) // _WINDOW_S * _WINDOW_S
    ends = [datetime.fromtimestamp(newest_s - back * _WINDOW_S, UTC) for back in reversed(range(_WINDOWS))]
    told = [{"end": seconds(end), "sums": sums} for end in ends if (sums := _sums(desk, service, end))]
    return json_reply({"service": service.id, "k": 10, "window_s": _WINDOW_S, "windows": told}, etag=True)


def concerns(visit: Visit, rest: str) -> list[str]:  # noqa: ARG001 - as every site's is called
    """The service that is asked about."""
    return [visit.params.get("service", "")]


def _sums(desk: Desk, service: Service, end: datetime) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for model in dict.fromkeys(e.model for e in service.endpoints if e.layer is Layer.INFERENCE and e.model):
        dice = chance(desk.stories.scenario.seed, "pool", service.id, model, int(end.timestamp()))
        tries = failed = 0
        for minute in range(_WINDOW_S // 60):
            mode = _mode(desk, service, model, end - timedelta(minutes=minute))
            n = poisson(dice, _REQUESTS * 60 / _WINDOW_S)
            share = _USUAL if mode is Mode.OK else 0.0 if mode in _OWN_FAULT else 0.9
            tries, failed = tries + n, failed + sum(dice.random() < share for _ in range(n))
        found.append({"ok": tries - failed, "failed": failed, "model": model})
    return found


def _mode(desk: Desk, service: Service, model: str, at: datetime) -> Mode:
    """How the provider answers everybody else; what fails on this machine alone is none of their concern."""
    if desk.stories.is_cut_off(at):
        return Mode.OK
    target = next((e.id for e in service.endpoints if e.layer is Layer.INFERENCE), REQUESTS)
    return desk.stories.mode(service.id, target, at, model)
