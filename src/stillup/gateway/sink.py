"""What one call's answer is told to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillup.gateway.core.fault import Fault
    from stillup.gateway.core.values import Headers
    from stillup.gateway.handling import Handling


class TrySink:
    """Of try ``n``. Nothing is raised into the call, whose connection would break and tell nobody."""

    __slots__ = ("_handling", "_n")

    def __init__(self, handling: Handling, n: int) -> None:
        self._handling = handling
        self._n = n

    def head(self, status: int, headers: Headers) -> None:
        """See :class:`stillup.gateway.wire.client.Sink`, as for the others."""
        try:
            self._handling.heard_head(self._n, status, headers)
        except Exception as exc:  # noqa: BLE001 - a mistake of ours
            self._handling.broke(exc)

    def data(self, chunk: bytes) -> None:
        """A piece of the body."""
        try:
            self._handling.heard_data(self._n, chunk)
        except Exception as exc:  # noqa: BLE001 - a mistake of ours
            self._handling.broke(exc)

    def end(self) -> None:
        """The body is whole."""
        try:
            self._handling.heard_end(self._n)
        except Exception as exc:  # noqa: BLE001 - a mistake of ours
            self._handling.broke(exc)

    def failed(self, fault: Fault) -> None:
        """No answer, or none that is whole."""
        try:
            self._handling.heard_failure(self._n, fault)
        except Exception as exc:  # noqa: BLE001 - a mistake of ours
            self._handling.broke(exc)
