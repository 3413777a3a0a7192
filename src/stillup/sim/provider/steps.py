"""One exchange as steps to take on a connection: bytes to send, pauses, silence, an end. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from stillup.sim.provider import errors
from stillup.sim.provider.answer import Shape
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider.call import Call, What
from stillup.sim.provider.heads import head_bytes, headers_of
from stillup.sim.provider.reply import Stream, Whole, reply_to
from stillup.sim.provider.voices import at_home, voice_for

_DRIP_S = 0.5
_PING_S = 0.05
_LAST_CHUNK = b"0\r\n\r\n"
_MISSING_BYTES = 64
_INSIDE = 40
"""So far into an event nothing of what it says has come yet, in any protocol."""


class Send(Struct, frozen=True):
    """Write this."""

    data: bytes


class Pause(Struct, frozen=True):
    """Wait so long."""

    seconds: float


class Silence(Struct, frozen=True):
    """Wait until the server is told to go on."""


class Hangup(Struct, frozen=True):
    """End the connection, by a reset or in order."""

    is_reset: bool


Step = Send | Pause | Silence | Hangup


def steps(
    call: Call, behaviour: Behaviour, name: str, request_id: str, now: datetime, vendor: str = ""
) -> Iterator[Step]:
    """Everything that happens on the connection after a request was read; ``vendor`` is whose API it is."""
    call = at_home(call, vendor)
    if behaviour.generates_only and call.what is not What.GENERATE:
        behaviour = replace(behaviour, failure=Failure.NONE)
    failure = behaviour.failure
    if failure in (Failure.RESET, Failure.REFUSED, Failure.RESET_AT_ONCE):
        yield Hangup(is_reset=True)
        return
    if failure is Failure.CLOSED:
        yield Hangup(is_reset=False)
        return
    if failure is Failure.HANG:
        yield Silence()
    if behaviour.headers_after_s:
        yield Pause(behaviour.headers_after_s)
    voice, shown_id = voice_for(call, vendor), None if behaviour.no_request_id else request_id
    reply = reply_to(call, behaviour, name, shown_id, voice)
    headers = headers_of(call, behaviour, shown_id, now, voice)
    if isinstance(reply, Whole):
        if reply.status == 200 and failure in _SAYS_ERROR:
            error = errors.said(voice, call.dialect, behaviour.status, behaviour.reason, request_id=shown_id)
            reply = replace(reply, body=errors.body_of(error))
        yield from _whole(call, reply, behaviour, headers)
    else:
        yield from _stream(reply, behaviour, headers)


def _head(status: int, headers: dict[str, str], behaviour: Behaviour) -> Iterator[Step]:
    head = head_bytes(status, headers)
    if behaviour.failure is Failure.SLOW_HEADERS:
        yield from _drip(head, behaviour.gap_s or _DRIP_S)
    elif behaviour.failure is Failure.DRIP:
        yield from _drip(head, behaviour.gap_s)
    else:
        yield Send(head)


def _drip(data: bytes, gap_s: float) -> Iterator[Step]:
    for i in range(len(data)):
        yield Send(data[i : i + 1])
        yield Pause(gap_s)


def _whole(call: Call, reply: Whole, behaviour: Behaviour, headers: dict[str, str]) -> Iterator[Step]:
    body, failure = reply.body, behaviour.failure if reply.status == 200 else Failure.NONE
    content_type = "application/octet-stream" if failure is Failure.WRONG_TYPE else reply.content_type
    yield Pause(behaviour.first_token_after_s + behaviour.gap_s * behaviour.tokens if reply.status == 200 else 0)
    if failure in (Failure.EMPTY, Failure.OPENING_ONLY):
        body = b""
    elif failure in (Failure.MALFORMED, Failure.ENDS_EARLY):
        body = body[: len(body) // 2]
    # What keeps a whole answer alive stands before it and belongs to it: empty lines.
    body = b"\n" * behaviour.pings + body if reply.status == 200 else body
    length = len(body) + (_MISSING_BYTES if failure is Failure.WRONG_LENGTH else 0)
    framing = {"Transfer-Encoding": "chunked"} if failure is Failure.PINGS else {"Content-Length": str(length)}
    yield from _head(reply.status, {"Content-Type": content_type, **framing, **headers}, behaviour)
    if call.method == "HEAD":
        return
    if failure is Failure.PINGS:
        yield from _for_ever(_chunked(b"\n"), behaviour)
    if failure in _BREAKS:
        share = min(1.0, behaviour.after / max(1, behaviour.tokens))
        half = int(len(body) * share) if share < 1 else len(body) - 1
        yield Send(body[:half])
        yield from _break(failure)
        yield Send(body[half:])
    elif failure is Failure.DRIP:
        yield from _drip(body, behaviour.gap_s)
    else:
        yield Send(body)
    if failure is Failure.WRONG_LENGTH:
        yield Hangup(is_reset=False)


_BREAKS = frozenset({Failure.CUT, Failure.CUT_INSIDE, Failure.CUT_RESET, Failure.STALL})


def _break(failure: Failure) -> Iterator[Step]:
    yield Silence() if failure is Failure.STALL else Hangup(is_reset=failure is Failure.CUT_RESET)


def _for_ever(data: bytes, behaviour: Behaviour) -> Iterator[Step]:
    while True:
        yield Send(data)
        yield Pause(behaviour.gap_s or _PING_S)


def _stream(reply: Stream, behaviour: Behaviour, headers: dict[str, str]) -> Iterator[Step]:
    failure = behaviour.failure
    content_type = "application/octet-stream" if failure is Failure.WRONG_TYPE else reply.content_type
    head = {"Content-Type": content_type, "Cache-Control": "no-cache"}
    if failure is Failure.WRONG_LENGTH:
        every = b"".join(chain(reply.shape.opening, reply.shape.tokens, reply.shape.closing, reply.shape.end))
        yield from _head(200, head | {"Content-Length": str(len(every) + _MISSING_BYTES)} | headers, behaviour)
        yield Send(every)
        yield Hangup(is_reset=False)
        return
    yield from _head(200, head | {"Transfer-Encoding": "chunked"} | headers, behaviour)
    if failure is Failure.PINGS:
        yield Send(_chunked(b"".join(reply.shape.opening)))
        yield from _for_ever(_chunked(reply.shape.ping), behaviour)
    for step in _events(reply.shape, behaviour):
        if isinstance(step, Send) and failure is Failure.DRIP:
            yield from chain.from_iterable(
                (Send(_chunked(step.data[i : i + 1])), Pause(behaviour.gap_s)) for i in range(len(step.data))
            )
        elif isinstance(step, Send):
            yield Send(_chunked(step.data))
        else:
            yield step
    yield Send(_LAST_CHUNK)


def _chunked(data: bytes) -> bytes:
    """One chunk of a chunked body; nothing for no data, which would be the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def _events(shape: Shape, behaviour: Behaviour) -> Iterator[Step]:
    failure = behaviour.failure
    if failure is Failure.EMPTY:
        return
    if failure is Failure.ERROR_FIRST:
        yield Send(_first(shape))
        return
    yield Send(shape.ping * behaviour.pings + b"".join(shape.opening))
    if behaviour.first_token_after_s:
        yield Pause(behaviour.first_token_after_s)
    if failure is Failure.OPENING_ONLY:
        return
    yield from _tokens(shape, behaviour)
    if failure not in _ENDS:
        yield Send(b"".join(shape.closing if failure is Failure.NO_END else shape.closing + shape.end))


def _tokens(shape: Shape, behaviour: Behaviour) -> Iterator[Step]:
    """The content, up to where it goes wrong, and on after that where it goes on."""
    failure = behaviour.failure
    where = min(behaviour.after, len(shape.tokens)) if failure in _AFTER else -1
    for i, token in enumerate(shape.tokens):
        if i and behaviour.gap_s:
            yield Pause(behaviour.gap_s)
        if i == where:
            yield from _gone_wrong(shape, token, failure)
            if failure in _ENDS:
                return
        if i != where or failure is not Failure.MALFORMED:
            yield Send(token)
    if where == len(shape.tokens):
        yield from _gone_wrong(shape, shape.end[0], failure)


_SAYS_ERROR = frozenset({Failure.ERROR_FIRST, Failure.ERROR_EVENT, Failure.FAILED_EVENT})
_ENDS = frozenset({Failure.ERROR_EVENT, Failure.FAILED_EVENT, Failure.ENDS_EARLY})
_AFTER = _BREAKS | _ENDS | {Failure.MALFORMED}


def _gone_wrong(shape: Shape, token: bytes, failure: Failure) -> Iterator[Step]:
    if failure in _SAYS_ERROR:
        yield Send(shape.error)
    elif failure is Failure.MALFORMED:
        yield Send(_broken(token))
    elif failure is Failure.CUT_INSIDE:
        yield Send(token[: min(_INSIDE, len(token) // 2)])
        yield Hangup(is_reset=False)
    elif failure is not Failure.ENDS_EARLY:
        yield from _break(failure)


def _broken(token: bytes) -> bytes:
    """A token whose last event has JSON that stops in the middle, or a wrong checksum."""
    if token.startswith(b"\0"):
        return token[:-1] + bytes([token[-1] ^ 0xFF])
    whole = token.rstrip()
    end = token[len(whole) :]
    before, between, event = whole.rpartition(b"\n\n")
    return before + between + event[: len(event) * 2 // 3] + end


def _first(shape: Shape) -> bytes:
    """The error as the first thing said: a growing array has to be opened first."""
    return b"[" + shape.error.removeprefix(b",\r\n") if shape.error.startswith(b",") else shape.error
