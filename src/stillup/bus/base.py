"""The bus as everybody sees it. One suite of tests holds every implementation to this."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from msgspec import MsgspecError, Struct

UNREADABLE = (MsgspecError, ValueError, RecursionError)
"""What a decoder raises at bytes that another put on the bus: of another version, damaged, or nested without an end."""


class Record(Struct, frozen=True):
    """One entry of a log: its number, when the bus took it (the bus's own clock), its id, and what it says."""

    seq: int
    at: datetime
    id: str
    body: bytes


class Entry(Struct, frozen=True):
    """What a table says under a key; ``value`` None: it was taken away. ``revision`` grows with every change."""

    key: str
    value: bytes | None
    revision: int


class Log(Protocol):
    """A replicated sequence of records. Numbers grow by one and are never given twice."""

    async def append(self, id: str, body: bytes) -> int:  # noqa: A002
        """Put a record at the end; its number. It has been replicated when this returns.

        An id that came in the last ten minutes is that record: its number, and nothing new.

        :raises stillup.errors.BusError: the bus cannot take it now. It may or may not be there: append it again.
        """
        ...

    def read(self, after: int) -> AsyncIterator[Record]:
        """Every record behind number ``after`` in order, then those to come, without an end.

        What the log no longer has is passed over: whoever must not miss anything compares numbers. Goes on by itself
        when the bus comes back.

        :raises stillup.errors.BusRefused: the log ends before ``after``: it has lost records.
        """
        ...

    async def ends(self) -> tuple[int, int]:
        """The numbers of the oldest and the newest record; (n + 1, n) of an empty one.

        :raises stillup.errors.BusError: the bus does not answer.
        """
        ...

    async def trim(self, before: int) -> None:
        """Let the records with smaller numbers go: nobody will read them again.

        :raises stillup.errors.BusError: the bus does not answer.
        """
        ...


class Table(Protocol):
    """What is true now, by key. Keys are letters, digits, ``-``, ``_``, ``/``, ``=`` and dots between them."""

    async def get(self, key: str) -> Entry | None:
        """What is said under a key.

        :raises stillup.errors.BusError: the bus does not answer.
        """
        ...

    async def entries(self) -> list[Entry]:
        """All that is said, the longest unchanged first.

        :raises stillup.errors.BusError: the bus does not answer.
        """
        ...

    async def put(self, key: str, value: bytes, *, revision: int | None = None) -> int | None:
        """Say it; its revision. With ``revision`` only where that is the newest (0: there is none yet), else None.

        Without, the last to arrive stands, which may be an older word of a process that was stuck meanwhile.

        :raises stillup.errors.BusError: the bus cannot take it now.
        """
        ...

    async def delete(self, key: str) -> None:
        """Take it away.

        :raises stillup.errors.BusError: the bus cannot take it now.
        """
        ...

    def watch(self) -> AsyncIterator[Entry]:
        """All that is said, then each change, without an end; after a break of the bus all of it anew."""
        ...


class Shelf(Protocol):
    """Large things by name: the newest of each."""

    async def put(self, name: str, data: bytes) -> None:
        """Keep it in place of the last one, whole or not at all.

        :raises stillup.errors.BusError: the bus cannot take it now.
        """
        ...

    async def get(self, name: str) -> bytes | None:
        """It, None where there is none or it is damaged.

        :raises stillup.errors.BusError: the bus does not answer.
        """
        ...


class Bus(Protocol):
    """Opened by :func:`stillup.bus.open.open_bus`, closed by its opener."""

    @property
    def is_there(self) -> bool:
        """Whether it answers at the moment; False while it is being reached for again."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why it does not answer, in a sentence; None while it does."""
        ...

    def log(self, name: str) -> Log:
        """A log; made when it is first written to or read.

        :raises ValueError: that is no name (:mod:`stillup.bus.names`); so do table, shelf, tell and hear.
        """
        ...

    def table(self, name: str, *, stands_s: float | None = None, in_memory: bool = False) -> Table:
        """A table; what was not said anew for ``stands_s`` (1 s at least) goes. ``in_memory``: never on a disk."""
        ...

    def shelf(self, name: str) -> Shelf:
        """A shelf."""
        ...

    async def tell(self, subject: str, body: bytes) -> None:
        """A word to whoever listens now: at most once, kept nowhere, lost while the bus is away. Never raises."""
        ...

    def hear(self, subject: str) -> AsyncIterator[bytes]:
        """Such words, without an end."""
        ...

    async def now(self) -> datetime:
        """The bus's own time: what clocks are compared with.

        :raises stillup.errors.BusError: the bus does not answer.
        """
        ...

    async def close(self) -> None:
        """Send what is under way, and leave: what reads or watches ends with :class:`stillup.errors.BusRefused`."""
        ...
