"""A request put in line from the command line: read as a client's would be, and kept where no gateway runs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from stillup.errors import StoreError, UsageError
from stillup.gateway.core.values import Ask, Headers, Operation, Protocol
from stillup.gateway.dialects.base import Refusal
from stillup.gateway.dialects.requests import read_request
from stillup.gateway.later.item import Item, digest_of, request_of
from stillup.gateway.later.shelf import Bounds, Full, Shelf

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config

_MB = 1_048_576
_PATHS = {
    Protocol.ANTHROPIC: "/v1/messages",
    Protocol.OPENAI: "/v1/chat/completions",
    Protocol.RESPONSES: "/v1/responses",
}
_VERSION = (b"anthropic-version", b"2023-06-01")


class _Body(Struct):
    model: str = ""
    messages: Any = None
    input: Any = None
    contents: Any = None


class Wanted(Struct, frozen=True):
    """A request as it would be sent."""

    path: str
    headers: Headers
    body: bytes
    ask: Ask

    def __repr__(self) -> str:
        return f"Wanted({self.path}, {len(self.body)} bytes)"


def wanted_of(body: bytes, protocol: str, model: str) -> Wanted:
    """A JSON body as a request; which protocol it is in is seen from it where nobody says so.

    :raises UsageError: it is none that could be asked.
    """
    seen = _read(body)
    spoken = Protocol(protocol) if protocol else _guess(seen)
    if spoken is Protocol.GEMINI:
        if not model:
            msg = "a Gemini request has its model in its address: give it with --model"
            raise UsageError(msg)
        path = f"/v1beta/models/{model}:generateContent"
    else:
        path = _PATHS[spoken]
        if model and not seen.model:
            body = _with_model(body, model)
    headers: Headers = ((b"content-type", b"application/json"),)
    if spoken is Protocol.ANTHROPIC:
        headers = (*headers, _VERSION)
    ask = read_request("POST", path, "", headers, body)
    if isinstance(ask, Refusal):
        raise UsageError(_says(ask.body))
    return Wanted(path, headers, body, ask)


def keep(config: Config, clock: Clock, wanted: Wanted, say: Callable[[str], None]) -> Item:
    """Put it in line where no gateway runs; the next that runs asks it.

    :raises UsageError: nothing is put off by this configuration, or whose it is cannot be known.
    :raises StoreError: there is no room, or the disk refuses it.
    """
    settings = config.gateway
    if settings.defer is False:
        msg = "nothing is put off: `gateway.defer` is false"
        raise UsageError(msg)
    if settings.users:
        msg = "with users a request is put in line by the running gateway, which knows whose it is; none runs"
        raise UsageError(msg)
    bounds = Bounds(most=settings.defer_max, most_bytes=settings.defer_max_mb * _MB, days=settings.defer_days)
    shelf, ask = Shelf(config.data_folder / "later", bounds, say), wanted.ask
    item = Item(
        id="later_" + secrets.token_hex(12),
        number=0,
        protocol=ask.protocol,
        operation=Operation.GENERATE,
        model=ask.model,
        stream=ask.stream,
        kept_at_s=clock.wall_s(),
        request_bytes=len(ask.body),
        wanted=True,
        digest=digest_of(ask, ""),
    )
    try:
        if not shelf.is_ours(make=True):
            msg = "a gateway that does not answer holds what is put off; is `gateway.listen` its address?"
            raise StoreError(msg)
        kept = shelf.add(item, request_of(ask))
        shelf.sync(kept)
    except Full:
        msg = "there is no room: `gateway.defer_max` or `gateway.defer_max_mb` is reached"
        raise StoreError(msg) from None
    except OSError as error:
        msg = f"it cannot be kept: {error.strerror or os.strerror(error.errno or 0)} ({shelf.folder})"
        raise StoreError(msg) from error
    finally:
        shelf.close()
    return kept


def _read(body: bytes) -> _Body:
    try:
        return msgspec.json.decode(body, type=_Body)
    except msgspec.MsgspecError as error:
        msg = f"the request is no JSON object of any protocol: {error}"
        raise UsageError(msg) from None


def _guess(seen: _Body) -> Protocol:
    if seen.contents is not None:
        return Protocol.GEMINI
    if seen.input is not None:
        return Protocol.RESPONSES
    if seen.messages is None:
        msg = "the request has neither `messages`, `input` nor `contents`"
        raise UsageError(msg)
    return Protocol.ANTHROPIC if "claude" in seen.model else Protocol.OPENAI


def _with_model(body: bytes, model: str) -> bytes:
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({"model": model, **{k: v for k, v in members.items() if k != "model"}})


class _Inner(Struct, frozen=True):
    message: str = ""


class _Error(Struct):
    error: _Inner = _Inner()


def _says(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Error).error.message or "the request cannot be read"
    except msgspec.MsgspecError:
        return "the request cannot be read"
