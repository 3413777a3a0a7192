"""Where an answer goes: a client's connection, or something in its place that keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stillup.gateway.core.values import Headers


class Outlet(Protocol):
    """As :class:`stillup.gateway.wire.server.Connection`: ``begin``, ``send`` and ``end``; or ``answer`` in one go."""

    def begin(self, status: int, headers: Headers) -> bytes:
        """The head of an answer, to be handed to :meth:`send`."""
        ...

    def frame(self, data: bytes) -> bytes:
        """Bytes of the body as they are to be sent."""
        ...

    def send(self, raw: bytes) -> None:
        """Bytes made by :meth:`begin` and :meth:`frame`."""
        ...

    def end(self, raw: bytes = b"", trailers: Headers = ()) -> None:
        """The last bytes and the end of the body, and what is told behind it."""
        ...

    def answer(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """A whole answer in one go."""
        ...

    def abort(self) -> None:
        """Break off, so that half an answer is not taken for a whole one."""
        ...
