"""What a drill says in an upstream's place, in that upstream's own protocol. Pure."""

from __future__ import annotations

import struct
from zlib import crc32

import msgspec
from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Headers, Protocol
from stillup.gateway.dialects.errors import error_answer, error_event, ping
from stillup.gateway.faults.drill import Drill, Mode

SAYS = "Injected by a drill of this gateway (stillup gateway fault); the provider was not asked for this."
_AMAZONS = (Protocol.BEDROCK, Protocol.CONVERSE)
_EVENT_STREAM = b"application/vnd.amazon.eventstream"
_FAULTS = {Mode.REFUSED: Fault.REFUSED, Mode.DNS: Fault.DNS, Mode.TLS: Fault.TLS, Mode.RESET: Fault.RESET}
_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>"
    b"<p>Injected by a drill of this gateway.</p></body></html>"
)
_STATUS_FAULTS = {
    400: Fault.BAD_REQUEST, 401: Fault.UNAUTHORIZED, 402: Fault.QUOTA, 403: Fault.UNAUTHORIZED,
    408: Fault.REQUEST_TIMEOUT, 409: Fault.CONFLICT, 429: Fault.RATE_LIMITED,
}  # fmt: skip
_KINDS = {Mode.HTML: b"text/html", Mode.WRONG_TYPE: b"application/octet-stream"}
PING_S = 1.0


class Head(Struct, frozen=True):
    """The head of an answer."""

    status: int
    headers: Headers


class Data(Struct, frozen=True):
    """A piece of its body."""

    data: bytes


class End(Struct, frozen=True):
    """The body ends."""


class Fail(Struct, frozen=True):
    """There is no connection, or it breaks."""

    fault: Fault


class Silence(Struct, frozen=True):
    """Nothing more until the drill ends; ``ping`` is repeated meanwhile."""

    ping: bytes = b""


Step = Head | Data | End | Fail | Silence


def script(drill: Drill, protocol: Protocol, *, stream: bool) -> tuple[Step, ...]:
    """Everything that happens in place of a request, where the real upstream is not asked."""
    mode = drill.mode
    if mode in _FAULTS:
        return (Fail(_FAULTS[mode]),)
    if mode is Mode.STATUS:
        status, headers, body = _error(drill, protocol, drill.status)
        return Head(status, headers), Data(body), End()
    if mode is Mode.HANG:
        return (Silence(),)
    return _well_begun(drill, protocol, stream=stream)


def _well_begun(drill: Drill, protocol: Protocol, *, stream: bool) -> tuple[Step, ...]:
    """What begins with 200."""
    kind = _KINDS.get(drill.mode) or _kind(protocol, stream=stream)
    begun = Head(200, ((b"content-type", kind),))
    if drill.mode is Mode.PINGS:
        return begun, Silence(_ping(protocol) if stream else b"\n")
    if drill.mode is Mode.EMPTY:
        return begun, End()
    if drill.mode is Mode.ERROR_FIRST:
        return begun, Data(broken_event(protocol) if stream else error_body(protocol)), End()
    return begun, Data(_PAGE), End()


def broken_event(protocol: Protocol) -> bytes:
    """The event by which that protocol says that a stream has failed."""
    if protocol in _AMAZONS:
        said = msgspec.json.encode({"message": SAYS})
        return _message({":message-type": "exception", ":exception-type": "serviceUnavailableException"}, said)
    return error_event(protocol, Fault.OVERLOADED, SAYS)


def error_body(protocol: Protocol) -> bytes:
    """An error as the body of a whole answer."""
    return error_answer(protocol, Fault.OVERLOADED, SAYS)[2]


def _error(drill: Drill, protocol: Protocol, status: int) -> tuple[int, Headers, bytes]:
    fault = _STATUS_FAULTS.get(status, Fault.OVERLOADED if status in (503, 529) else Fault.SERVER_ERROR)
    answer = error_answer(protocol, fault, SAYS, status=status, retry_after_s=drill.retry_after_s)
    if protocol in _AMAZONS:
        return status, answer[1], msgspec.json.encode({"message": SAYS})
    return answer


def _kind(protocol: Protocol, *, stream: bool) -> bytes:
    if not stream:
        return b"application/json"
    return _EVENT_STREAM if protocol in _AMAZONS else b"text/event-stream"


def _ping(protocol: Protocol) -> bytes:
    return b"" if protocol in _AMAZONS else ping(protocol)


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of Amazon's event stream; see :mod:`stillup.gateway.dialects.eventstream`."""
    lines = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(lines) + len(payload), len(lines))
    told = prelude + struct.pack(">I", crc32(prelude)) + lines + payload
    return told + struct.pack(">I", crc32(told))
