"""What a provider's own servers answer: pages for people, an API for programs, in health and in each failing mode."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from stillup.catalog.load import Endpoint, Service
from stillup.model.service import Layer
from stillup.sim.draw import chance
from stillup.sim.scenario import Mode
from stillup.sim.wire.reply import HTML, JSON, Reply, json_reply

_STATUS = {Mode.SERVER_ERROR: 500, Mode.UNAVAILABLE: 503, Mode.OVERLOADED: 529}
_WORDS = ("It", " works", " and", " this", " is", " simulated", ".")
_API = frozenset({Layer.API_GATEWAY, Layer.INFERENCE})


class Ask(Struct, frozen=True, kw_only=True):
    """What a client sent; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Streamed(Struct, frozen=True, kw_only=True):
    """A streamed answer: its events, and whether the connection breaks after them instead of ending."""

    events: tuple[bytes, ...]
    is_cut: bool = False


def answer(service: Service, endpoint: Endpoint, mode: Mode, ask: Ask, now: datetime) -> Reply | Streamed:
    """What the server behind one endpoint says."""
    is_api = endpoint.layer in _API
    request_id = f"req_{chance(service.id, endpoint.id, now.timestamp()).getrandbits(64):016x}"
    if is_api and mode in _STATUS:
        return _failure(endpoint, mode, request_id)
    broken = page_instead(mode)
    if broken is not None:
        return broken
    if is_api:
        return _api(endpoint, mode, ask, request_id)
    return _page(service.name, "Sign in" if endpoint.layer is Layer.AUTH else "Welcome")


def page_instead(mode: Mode) -> Reply | None:
    """The page of HTML a mode shows in place of whatever was asked for; None when it shows none."""
    if mode is Mode.CAPTIVE:
        return _page("Guest network", "Accept the terms of this network to go online.")
    if mode is Mode.HTML:
        return _page("A page", "This page is shown for every address.")
    status = _STATUS.get(mode)
    return _page(str(status), f"Error {status}", status) if status else None


def _page(title: str, text: str, status: int = 200) -> Reply:
    body = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><p>{text}</p></body></html>"
    return Reply(body=body.encode(), content_type=HTML, status=status)


def _failure(endpoint: Endpoint, mode: Mode, request_id: str) -> Reply:
    status = _STATUS[mode]
    if endpoint.protocol == "openai":
        error = {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}
        return json_reply({"error": error}, status=503 if mode is Mode.OVERLOADED else status)
    kind, text = ("overloaded_error", "Overloaded") if status == 529 else ("api_error", "Internal server error")
    return _error(status, kind, text, request_id)


def _error(status: int, kind: str, text: str, request_id: str) -> Reply:
    value = {"type": "error", "error": {"type": kind, "message": text}, "request_id": request_id}
    return Reply(body=msgspec.json.encode(value), content_type=JSON, status=status, headers={"request-id": request_id})


def _api(endpoint: Endpoint, mode: Mode, ask: Ask, request_id: str) -> Reply | Streamed:
    if not (ask.headers.get("x-api-key") or ask.headers.get("authorization")):
        return _error(401, "authentication_error", "x-api-key header is required", request_id)
    if ask.method == "GET":
        return json_reply({"data": [{"type": "model", "id": "simulated-1"}], "has_more": False})
    try:
        wanted = msgspec.json.decode(ask.body, type=_Wanted)
    except msgspec.MsgspecError:
        return _error(400, "invalid_request_error", "the body is not a request", request_id)
    if endpoint.protocol == "openai":
        return _chat(wanted, mode)
    return _messages(wanted, mode, request_id)


class _Wanted(Struct):
    model: str
    stream: bool = False


def _messages(wanted: _Wanted, mode: Mode, request_id: str) -> Reply | Streamed:
    usage = {"input_tokens": 8, "output_tokens": len(_WORDS)}
    head = {"id": f"msg_{request_id[4:]}", "type": "message", "role": "assistant", "model": wanted.model}
    if not wanted.stream:
        content = [{"type": "text", "text": "".join(_WORDS)}]
        whole = head | {"content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
        return json_reply(whole, headers={"request-id": request_id})
    opening = [
        _event("message_start", message=head | {"content": [], "stop_reason": None, "usage": usage}),
        _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        _event("ping"),
    ]
    deltas = [_event("content_block_delta", index=0, delta={"type": "text_delta", "text": w}) for w in _WORDS]
    if mode is Mode.STREAM_CUT:
        return Streamed(events=(*opening, *deltas[:2]), is_cut=True)
    if mode is Mode.STREAM_ERROR:
        error = {"type": "overloaded_error", "message": "Overloaded"}
        return Streamed(events=(*opening, *deltas[:2], _event("error", error=error)))
    closing = [
        _event("content_block_stop", index=0),
        _event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=usage),
        _event("message_stop"),
    ]
    return Streamed(events=(*opening, *deltas, *closing))


def _event(kind: str, **rest: object) -> bytes:
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode({"type": kind, **rest}) + b"\n\n"


def _chat(wanted: _Wanted, mode: Mode) -> Reply | Streamed:
    base = {"id": "chatcmpl-simulated", "created": 0, "model": wanted.model}
    if not wanted.stream:
        message = {"role": "assistant", "content": "".join(_WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return json_reply(base | {"object": "chat.completion", "choices": [choice]})
    chunks = [
        b"data: "
        + msgspec.json.encode(
            base | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": w}}]}
        )
        + b"\n\n"
        for w in _WORDS
    ]
    if mode is Mode.STREAM_CUT:
        return Streamed(events=tuple(chunks[:2]), is_cut=True)
    if mode is Mode.STREAM_ERROR:
        error = {"error": {"message": "The server had an error.", "type": "server_error"}}
        return Streamed(events=(*chunks[:2], b"data: " + msgspec.json.encode(error) + b"\n\n"))
    return Streamed(events=(*chunks, b"data: [DONE]\n\n"))
