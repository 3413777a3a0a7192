"""A view of a :class:`~stillup.net.client.Net` for one reading: what it cost, and how old what it gave is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from stillup.errors import RateLimited
from stillup.net.client import Net
from stillup.net.values import Answer, Request

if TYPE_CHECKING:
    from stillup.net.socket import Socket, Take

_T = TypeVar("_T")


class Meter(Net):
    """Passes requests on to ``net``, no more than ``allowance`` of them (None: no bound).

    ``spent`` counts the requests made; a failed one counts even where a remembered refusal spared it. ``oldest`` is
    the time of the oldest answer given, None before the first.
    """

    def __init__(self, net: Net, allowance: int | None = None) -> None:
        self._net = net
        self._allowance = allowance
        self.calls = 0
        self.spent = 0
        self.oldest: datetime | None = None

    async def fetch(self, request: Request) -> Answer:
        """Make one request.

        :raises stillup.errors.RateLimited: our own budget for this source is spent.
        :raises stillup.errors.SourceError: no usable answer, and why.
        """
        self._spend()
        answer = await self._net.fetch(request)
        self.spent -= not answer.asked
        if answer.fetched_at is not None:
            self.oldest = min(answer.fetched_at, self.oldest or answer.fetched_at)
        return answer

    @property
    def folder(self) -> Path | None:
        """Where what is kept between processes lies; None where nothing is."""
        return self._net.folder

    def shared(self, make: Callable[[Net], _T]) -> _T:
        """What is shared while the net is open; asking for it costs no request."""
        self.calls += 1
        return self._net.shared(make)

    async def socket(self, request: Request, take: Take, *, silence_s: float = 60.0) -> Socket:
        """Open a WebSocket: one request, however long it stays.

        :raises stillup.errors.RateLimited: our own budget for this source is spent.
        :raises stillup.errors.SourceError: it could not be opened, and why.
        """
        self._spend()
        return await self._net.socket(request, take, silence_s=silence_s)

    def _spend(self) -> None:
        """Take one request of the allowance before it is made: requests run side by side."""
        self.calls += 1
        if self._allowance is not None and self.spent >= self._allowance:
            msg = "our own daily budget of requests to this source is spent"
            raise RateLimited(msg, 429)
        self.spent += 1
