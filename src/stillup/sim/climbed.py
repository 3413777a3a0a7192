"""What the ladder probe would find of one service, from the modes of its targets: in a record nothing is climbed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from stillup.catalog.load import Endpoint, Service
from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome, Signal
from stillup.sim.modes import ONLY_APIS, STATUS, Mode
from stillup.sim.provider.behaviour import Reason
from stillup.sim.provider.call import Dialect
from stillup.sim.provider.errors import error_body
from stillup.sim.scenario import CONTROLS
from stillup.sim.stories import Stories
from stillup.sim.wire.provider import REASONS
from stillup.sources.ladder.faults import Fault
from stillup.sources.ladder.kinds import own_fault, provider_fault

_ERRORS = {
    Mode.DNS: "dns",
    Mode.TLS: "tls: wrong version number",
    Mode.REFUSED: "refused",
    Mode.RESET: "reset",
    Mode.HANG: "timeout",
    Mode.SLOW_HEADERS: "timeout",
    Mode.HTML: "wrong_content",
    Mode.CAPTIVE: "wrong_content",
    Mode.WRONG_TYPE: "wrong_content",
    Mode.EMPTY: "stream_cut",
    Mode.ERROR_FIRST: "overloaded",
    Mode.BROKEN_JSON: "wrong_content",
    Mode.SLOW_FIRST_TOKEN: "timeout",
    Mode.PINGS: "timeout",
    Mode.STREAM_CUT: "stream_cut",
    Mode.STREAM_RESET: "stream_cut",
    Mode.STREAM_STALL: "timeout",
    Mode.STREAM_ERROR: "overloaded",
    Mode.STREAM_SHORT: "stream_cut",
    Mode.STREAM_NO_END: "stream_cut",
}
"""What the probe would call each failure that is more than a status."""
_TOLD_BY_API = frozenset({Mode.NOT_FOUND, Mode.TOO_LARGE})
"""Errors whose body proves that an API answered, though their status alone would not."""
_BELOW_EDGE = frozenset({Mode.DNS, Mode.TLS, Mode.REFUSED})
_NEEDS_API = frozenset({Mode.HTML, Mode.CAPTIVE})
_SOURCE = "probe"
_LATENCY_MS = 80.0


def climbed(stories: Stories, service: Service, now: datetime) -> Iterator[Signal]:
    """The ladder: one outcome a rung, or what is wrong with this machine's own network."""

    def outcome(layer: Layer, error: str | None = None, component: str | None = None, model: str = "") -> Outcome:
        return Outcome(
            at=now,
            service=service.id,
            source=_SOURCE,
            component=component,
            layer=layer,
            model=model or None,
            ok=error is None,
            latency_ms=None if error else _LATENCY_MS,
            error=error,
        )

    controls = stories.mode(service.id, CONTROLS, now)
    if controls is not Mode.OK:
        is_portal = controls in (Mode.CAPTIVE, Mode.HTML)
        yield outcome(*((Layer.NETWORK, "captive_portal") if is_portal else (Layer.LOCAL, "offline")))
        return
    yield outcome(Layer.LOCAL)
    yield outcome(Layer.NETWORK)
    for endpoint in service.endpoints:
        mode = stories.mode(service.id, endpoint.id, now, endpoint.model)
        error = _found(endpoint, mode)
        if error == Fault.INVALID_REQUEST.value:
            continue  # the probe blames itself, and says nothing
        layer = Layer.EDGE if mode in _BELOW_EDGE else endpoint.layer
        yield outcome(layer, error, endpoint.component, _family(endpoint, service))
    yield Alive(at=now, service=service.id, source=_SOURCE)


def _family(endpoint: Endpoint, service: Service) -> str:
    """What the probe calls the model an endpoint asks: the catalogue's name for all of its kind."""
    return next((name for name in service.models if name in endpoint.model), endpoint.model)


def _found(endpoint: Endpoint, mode: Mode) -> str | None:
    """What the probe would find wrong with an endpoint in a mode."""
    is_keyed = endpoint.layer is Layer.INFERENCE
    is_api = is_keyed or endpoint.layer is Layer.API_GATEWAY
    status = STATUS.get(mode)
    if status is None:
        is_hidden = (mode in ONLY_APIS and not is_keyed) or (mode in _NEEDS_API and not is_api)
        return None if is_hidden else _ERRORS.get(mode)
    if is_keyed:
        dialect = Dialect.CHAT if endpoint.protocol == "openai" else Dialect.ANTHROPIC
        body = error_body(dialect, status, REASONS.get(mode, Reason.PLAIN))
        ours = own_fault(status, body)
        return ours.value if ours else provider_fault(status, body)
    if status in endpoint.up or (is_api and mode in _TOLD_BY_API):
        return None
    return Fault.SERVER_ERROR.value if status >= 500 else f"http_{status}"
