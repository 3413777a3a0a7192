"""A client's request, understood just far enough to route it, or refused in its own protocol."""

from __future__ import annotations

from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Headers, Operation, Protocol
from stillup.gateway.dialects.base import Refusal
from stillup.gateway.dialects.coding import CannotDecode, UnknownCoding, coding_of, decoded
from stillup.gateway.dialects.errors import error_answer
from stillup.gateway.dialects.lenient import UNREADABLE, NoJson, shaped
from stillup.gateway.dialects.paths import KNOWN, MAX_NAME, Place, place_of

MAX_BODY_BYTES = 32 * 1024 * 1024
"""What Anthropic takes; a body is not decoded beyond it."""

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-connection"}
)


class _Head(Struct, gc=False):
    """The two members of a body that decide where it goes."""

    model: str = ""
    stream: bool | None = None


class _RawHead(Struct, gc=False):
    """The same, whatever they are. Nothing else of a body is built: 32 MB of empty objects would fill a gigabyte."""

    model: msgspec.Raw = msgspec.Raw(b'""')
    stream: msgspec.Raw = msgspec.Raw(b"null")


_head = msgspec.json.Decoder(_Head).decode
_READABLE = (b"accept-encoding", b"gzip, deflate, identity")
"""In an answer it says what a request may come in (RFC 9110, 12.5.3)."""
_CANNOT_READ = "The request's body is not valid JSON."


class Unusable(Exception):
    """The body cannot be read; the text is for the client."""


def read_request(method: str, path: str, query: str, headers: Headers, body: bytes) -> Ask | Refusal:
    """What is asked, or the refusal. ``query`` comes without its question mark.

    Cost: a few µs, and for a large body one pass over it that builds nothing.
    """
    names, kept = _read_headers(headers)
    place = place_of(path) if _is_plain(path) and _is_plain(query) else None
    if place is None:
        return _refuse(
            _looks_like(path, query, names), 404, f"{method} {path[:200]} is not served. These are: {KNOWN}."
        )
    protocol = place.protocol
    if place.operation is Operation.MODELS and protocol is Protocol.OPENAI and path.startswith("/v1/"):
        protocol = _whose_models(query, names)
    if method not in place.methods:
        allowed = ", ".join(place.methods)
        refusal = _refuse(protocol, 405, f"{path[:200]} takes {allowed}, not {method[:20]}.")
        return msgspec.structs.replace(refusal, headers=(*refusal.headers, (b"allow", allowed.encode())))
    model, stream = place.model, place.stream
    if method == "POST" and (place.in_body or place.operation is not Operation.STORED):
        try:
            head = _read_body(body, coding_of(headers))
        except Unusable as refused:
            return _unusable(protocol, refused)
        if place.in_body and not head.model:
            return _refuse(protocol, 400, 'The request names no model: "model" must be a non-empty string.')
        if len(head.model) > MAX_NAME or head.model in {".", ".."}:  # some upstreams have the name in their paths
            return _refuse(protocol, 400, f'"model" must be a name of at most {MAX_NAME} characters.')
        model = model or head.model
        stream = stream or (protocol is not Protocol.GEMINI and bool(head.stream))
    elif place.operation is Operation.STORED:
        stream = method == "GET" and ("stream", "true") in parse_qsl(query)
    is_stream = stream and (place.operation is Operation.GENERATE or place.operation is Operation.STORED)
    return Ask(
        protocol=protocol,
        operation=place.operation,
        method=method,
        path=path,
        query=query,
        headers=kept,
        body=body,
        model=model,
        stream=is_stream,
    )


def _is_plain(part: str) -> bool:
    """Nothing in it that a request line must not hold: what is read here is sent on as it is."""
    return part.isascii() and part.isprintable() and " " not in part


def _read_headers(headers: Headers) -> tuple[dict[bytes, bytes], Headers]:
    """Header values by lower-case name, and the lines that are meant for the other end."""
    lower = [name.lower() for name, _ in headers]
    names = dict(zip(lower, [value for _, value in headers], strict=True))
    if len(names) < len(lower):
        names = {n: b",".join(v for m, (_, v) in zip(lower, headers, strict=True) if m == n) for n in names}
    dropped = {name for name in names if name in HOP_BY_HOP or name.startswith(b"proxy-")}
    if b"connection" in dropped:
        dropped.update(name.strip().lower() for name in names[b"connection"].split(b","))
    kept = [line for name, line in zip(lower, headers, strict=True) if name not in dropped] if dropped else headers
    return names, tuple(kept)


def _read_body(body: bytes, coding: str) -> _Head:
    if coding:
        try:
            body = decoded(body, coding, MAX_BODY_BYTES)
        except CannotDecode as refused:
            msg = f"The request's body cannot be read: {refused}."
            raise Unusable(msg) from refused
    try:
        return _head(body)
    except UNREADABLE:
        return _read_unusual(body)


def _read_unusual(body: bytes) -> _Head:
    try:
        head = shaped(body, _RawHead)
    except NoJson as refused:
        raise Unusable(_CANNOT_READ) from refused
    if body.lstrip()[:1] != b"{":
        msg = "The request's body must be a JSON object."
        raise Unusable(msg)
    try:
        model = msgspec.json.decode(head.model, type=str)
    except UNREADABLE as refused:
        msg = '"model" must be a string.'
        raise Unusable(msg) from refused
    return _Head(model=model, stream=bytes(head.stream) == b"true")


def _whose_models(query: str, names: dict[bytes, bytes]) -> Protocol:
    """``/v1/models`` is served by all three; the headers tell whose client asks."""
    if b"anthropic-version" in names or b"x-api-key" in names:
        return Protocol.ANTHROPIC
    if b"x-goog-api-key" in names or any(name == "key" for name, _ in parse_qsl(query)):
        return Protocol.GEMINI
    return Protocol.OPENAI


def protocol_of(path: str, query: str, headers: Headers) -> Protocol:
    """The protocol in whose words to refuse something that is no request of any."""
    return _looks_like(path, query, _read_headers(headers)[0])


def _looks_like(path: str, query: str, names: dict[bytes, bytes]) -> Protocol:
    if path.startswith(("/v1/messages", "/v1/complete", "/v1/v1/messages")):
        return Protocol.ANTHROPIC
    if path.startswith(("/v1beta", "/v1alpha")):
        return Protocol.GEMINI
    return _whose_models(query, names)


def _unusable(protocol: Protocol, refused: Unusable) -> Refusal:
    if not isinstance(refused.__cause__, UnknownCoding):
        return _refuse(protocol, 400, str(refused))
    refusal = _refuse(protocol, 415, str(refused))
    return msgspec.structs.replace(refusal, headers=(*refusal.headers, _READABLE))


def _refuse(protocol: Protocol, status: int, message: str) -> Refusal:
    status, headers, body = error_answer(protocol, Fault.BAD_REQUEST, message, status=status)
    return Refusal(status=status, headers=headers, body=body)


def place_of_ask(ask: Ask) -> Place:
    """Where an ask that was read belongs."""
    place = place_of(ask.path)
    if place is None:
        msg = "an Ask is of a known path"
        raise ValueError(msg)
    return place
