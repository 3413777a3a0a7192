"""Keeps an answer that nobody waits for, in a connection's place."""

from __future__ import annotations

import asyncio

from stillup.gateway.core.values import Headers
from stillup.gateway.dialects.base import MAX_WHOLE_BYTES
from stillup.gateway.later.item import Answer


class Tray:
    """An :class:`~stillup.gateway.outlet.Outlet`; ``done`` is set when the answer is whole, broken or too large."""

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.is_whole = False
        self._status = 0
        self._headers: Headers = ()
        self._pieces: list[bytes] = []
        self._bytes = 0

    def begin(self, status: int, headers: Headers) -> bytes:
        """Its head."""
        self._status, self._headers = status, headers
        return b""

    def frame(self, data: bytes) -> bytes:
        """Nothing frames it."""
        return data

    def send(self, raw: bytes) -> None:
        """A piece of it."""
        self._bytes += len(raw)
        if self._bytes > MAX_WHOLE_BYTES:
            self._pieces = []
            self.done.set()
        elif raw:
            self._pieces.append(raw)

    def end(self, raw: bytes = b"", trailers: Headers = ()) -> None:
        """Its end; what was told behind it is told with it when it is fetched."""
        self.send(raw)
        self._headers = (*self._headers, *trailers)
        self.is_whole = not self.done.is_set()
        self.done.set()

    def answer(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """All of it."""
        self.begin(status, headers)
        self.end(body)

    def abort(self) -> None:
        """It broke off."""
        self.done.set()

    @property
    def taken(self) -> Answer:
        """What came, but for what its head says of limits: that is over when it is fetched."""
        lasting = tuple(line for line in self._headers if not _is_of_now(line[0].lower()))
        return Answer(status=self._status, headers=lasting, body=b"".join(self._pieces))


def _is_of_now(name: bytes) -> bool:
    return b"ratelimit" in name or name.startswith(b"retry-after")
