"""One request on its way through the application: what it sends is bounded, its answer secured and counted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from stillup.web.answer import private, secured
from stillup.web.refusal import Refusal, refuse

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, ReceiveMessage, Send

    from stillup.web.traffic import Traffic


class Passing:
    """A request of which nothing was answered yet. HEAD is asked as GET, and its body left out."""

    __slots__ = (
        "_is_done", "_is_head", "_is_private", "_is_too_large", "_left", "_most", "_parts", "_receive", "_scope",
        "_send", "_traffic",
    )  # fmt: skip

    def __init__(
        self,
        traffic: Traffic,
        parts: list[str],
        scope: HTTPScope,
        receive: Receive,
        send: Send,
        most_bytes: int,
        *,
        is_private: bool = False,
    ) -> None:
        self._traffic = traffic
        self._parts = parts
        self._is_head = scope["method"] == "HEAD"
        self._scope = scope
        if self._is_head:
            self._scope = scope.copy()
            self._scope["method"] = "GET"
        self._receive, self._send = receive, send
        self._left = self._most = most_bytes
        self._is_too_large = False
        self._is_private = is_private
        self._is_done: asyncio.Event | None = asyncio.Event() if self._is_head else None

    async def run(self, app: ASGIApp) -> None:
        """Have it answered."""
        await app(self._scope, self.receive, self.send)

    async def receive(self) -> ReceiveMessage:
        if self._is_done is not None and self._is_done.is_set():
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message["body"])
            if self._left < 0 and not self._is_too_large:
                self._is_too_large = True
                says = f"At most {self._most:,} bytes are taken here."
                self._traffic.refused["body_too_large"] += 1
                self._traffic.count(self._parts, 413)
                await refuse(self._send, Refusal(413, "body_too_large", says), b"", is_head=False)
            if self._is_too_large:
                return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if self._is_too_large:  # it was answered
            return
        if message["type"] == "http.response.start":
            self._traffic.count(self._parts, message["status"])
            headers = [(name.lower(), value) for name, value in secured(message["headers"])]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))  # what was made for one is nobody else's
            elif self._is_private:
                headers = private(headers)
            await self._send({**message, "headers": headers})
        elif self._is_done is None:
            await self._send(message)
        elif not self._is_done.is_set():
            self._is_done.set()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
