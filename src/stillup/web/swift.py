"""The short way of a good report through the API: when everybody reports at once, most reports are good.

It takes what is right in every respect and answers it. Anything else, a refusal among it, goes the long way with what
was read of it, so that there is one place that says what is wrong. It costs half of what the long way does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from stillup.hub.values import CrowdReport, Reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

Taken = tuple[Reason, bytes] | None
"""What became of it and what to say; None where the long way has to say it."""


def swift(
    take: Callable[[Scope, bytes], Taken], most_bytes: int, kept: Callable[[], Awaitable[Taken]]
) -> Callable[[ASGIApp], ASGIApp]:
    """A middleware of the route that takes reports. ``take`` is given the whole body of what says to be JSON.

    ``kept`` waits until what was taken cannot be lost; where it may be, it gives what to say instead.
    """

    def around(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if (b"content-type", b"application/json") not in scope["headers"] or scope["query_string"]:
                await app(scope, receive, send)
                return
            read: list[HTTPReceiveMessage] = []
            body = b""
            while True:
                message: HTTPReceiveMessage = await receive()  # type: ignore[assignment]  # it is no websocket
                read.append(message)
                if message["type"] != "http.request":
                    break
                body += message.get("body", b"")
                if not message.get("more_body") or len(body) > most_bytes:
                    break
            taken = take(scope, body) if len(body) <= most_bytes else None
            if taken is None:
                await app(scope, _again(read, receive), send)
                return
            unkept = await kept()
            if unkept is None:
                await _say(send, 202, b"application/json", taken[1])
            else:
                await _say(send, 503, b"application/problem+json", unkept[1], (b"retry-after", b"5"))

        return answer

    return around


async def _say(send: Send, status: Literal[202, 503], kind: bytes, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _again(read: list[HTTPReceiveMessage], receive: Receive) -> Receive:
    """What was read, once more, then what comes."""
    left = iter(read)

    async def replayed() -> HTTPReceiveMessage:
        message = next(left, None)
        return message if message is not None else await receive()  # type: ignore[return-value]  # it is no websocket

    return replayed


def report_of(body: bytes) -> CrowdReport | None:
    """A report as it is written, its names not checked yet; None where it is none."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


class _Strict(CrowdReport, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing else beside."""


_DECODER = msgspec.json.Decoder(_Strict)
