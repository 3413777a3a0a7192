"""The only module that imports an HTTP client. Bounded in size, time and number; every failure is a ``SourceError``."""

from __future__ import annotations

from msgspec import Struct

from stillup.secret import Secret

MIB = 1 << 20


class Request(Struct, frozen=True, kw_only=True):
    """One HTTP request wanted. ``tag`` tells the reader which of several it was."""

    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str | Secret], ...] = ()
    tag: str = ""
    max_bytes: int = 4 * MIB


class Answer(Struct, frozen=True, kw_only=True):
    """One answer: status 200 to 299, body whole and within the bound."""

    status: int
    body: bytes
    headers: dict[str, str]
    elapsed_ms: float
    from_cache: bool = False


class Net:
    """Makes requests."""

    async def fetch(self, request: Request) -> Answer:
        """Make one request.

        :raises stillup.errors.SourceError: no usable answer, and why.
        """
        raise NotImplementedError

    async def fetch_all(self, requests: tuple[Request, ...]) -> list[Answer]:
        """Make several side by side, answers in the same order; the first failure ends all."""
        raise NotImplementedError
