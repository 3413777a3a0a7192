"""What the ladder probe would find of one service, from the modes of its targets: in a record nothing is climbed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from stillup.catalog.load import Endpoint, Service
from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome, Signal
from stillup.secret import Secret
from stillup.sim.configure import DUMMY_KEY
from stillup.sim.modes import ONLY_APIS, ONLY_STREAMS, STATUS, Mode
from stillup.sim.provider.call import Call, read_call
from stillup.sim.provider.errors import error_body
from stillup.sim.provider.voices import at_home, vendor_of
from stillup.sim.scenario import CONTROLS
from stillup.sim.stories import Stories
from stillup.sim.wire.provider import api_error
from stillup.sources.ladder.dialects import DIALECTS
from stillup.sources.ladder.faults import Fault
from stillup.sources.ladder.kinds import kind_in, names_error, own_fault, provider_fault
from stillup.sources.ladder.sse import Framing

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
    Mode.BROKEN_JSON: "wrong_content",
    Mode.SLOW_FIRST_TOKEN: "timeout",
    Mode.PINGS: "timeout",
    Mode.STREAM_CUT: "stream_cut",
    Mode.STREAM_RESET: "stream_cut",
    Mode.STREAM_STALL: "timeout",
    Mode.STREAM_SHORT: "stream_cut",
    Mode.STREAM_NO_END: "stream_cut",
}
"""What the probe would call each failure that is more than a status."""
_ERRORS_OF_WHOLE = {mode: error for mode, error in _ERRORS.items() if mode not in ONLY_STREAMS} | {
    Mode.EMPTY: "wrong_content",
    Mode.WRONG_LENGTH: "stream_cut",
}
"""The same where the answer comes in one piece."""
_CUT_IN = frozenset({Mode.ERROR_FIRST, Mode.STREAM_ERROR})
_BELOW_EDGE = frozenset({Mode.DNS, Mode.TLS, Mode.REFUSED})
_NEEDS_API = frozenset({Mode.HTML, Mode.CAPTIVE})
_SOURCE = "probe"
_KEY = Secret(DUMMY_KEY)
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
        dialect = DIALECTS.get(endpoint.protocol)
        if endpoint.key_env and (dialect is None or dialect.refuses(_KEY, endpoint.url)):
            continue  # it is not climbed
        mode = stories.mode(service.id, endpoint.id, now, endpoint.model)
        error = _found(endpoint, mode, vendor_of(service.id))
        if error == Fault.INVALID_REQUEST.value:
            # Refusing the probe's request proves the API, and says nothing about the models behind it.
            yield outcome(Layer.API_GATEWAY, None, endpoint.component)
            continue
        layer = Layer.EDGE if mode in _BELOW_EDGE else endpoint.layer
        yield outcome(layer, error, endpoint.component, _family(endpoint, service))
    yield Alive(at=now, service=service.id, source=_SOURCE)


def _family(endpoint: Endpoint, service: Service) -> str:
    """What the probe calls the model an endpoint asks: the catalogue's name for all of its kind."""
    return next((name for name in service.models if name in endpoint.model), endpoint.model)


def _found(endpoint: Endpoint, mode: Mode, vendor: str) -> str | None:
    """What the probe would find wrong with an endpoint in a mode."""
    is_keyed = endpoint.layer is Layer.INFERENCE
    is_api = is_keyed or endpoint.layer is Layer.API_GATEWAY
    call = at_home(read_call(endpoint.method, urlsplit(endpoint.url).path, {}, b""), vendor)
    if mode in STATUS:
        is_page = not is_api or call.is_lost
        return _status(endpoint, STATUS[mode], b"") if is_page else _refused(endpoint, mode, call, vendor)
    if not is_keyed:
        is_hidden = mode in ONLY_APIS or (mode in _NEEDS_API and not is_api)
        return None if is_hidden else _ERRORS.get(mode)
    dialect = DIALECTS.get(endpoint.protocol)
    is_whole = dialect is None or dialect.framing is Framing.WHOLE
    if mode in _CUT_IN:
        return None if is_whole and mode in ONLY_STREAMS else _cut_in(mode, call, vendor)
    return (_ERRORS_OF_WHOLE if is_whole else _ERRORS).get(mode)


def _refused(endpoint: Endpoint, mode: Mode, call: Call, vendor: str) -> str | None:
    status, reason = api_error(mode, call.dialect, vendor)
    body = error_body(call.dialect, status, reason, vendor=vendor)
    if endpoint.layer is Layer.INFERENCE:
        ours = own_fault(status, body)
        return ours.value if ours else provider_fault(status, body)
    return _status(endpoint, status, body)


def _status(endpoint: Endpoint, status: int, body: bytes) -> str | None:
    return None if status in endpoint.up else provider_fault(status, body)


def _cut_in(mode: Mode, call: Call, vendor: str) -> str:
    """An error inside a 200, by its words; what is no error to a reader is no answer either."""
    status, reason = api_error(mode, call.dialect, vendor)
    body = error_body(call.dialect, status, reason, vendor=vendor)
    known = kind_in(body) or (Fault.SERVER_ERROR if names_error(body) else Fault.WRONG_CONTENT)
    return known.value
