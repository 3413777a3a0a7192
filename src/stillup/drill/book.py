"""What a page shows of drills, and who gives it."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from stillup.drill.plan import Plan
from stillup.drill.values import Drill


class Book(Struct, frozen=True, kw_only=True):
    """The drills of the past, newest first, and what is next."""

    drills: tuple[Drill, ...] = ()
    unread: tuple[str, ...] = ()
    """A sentence for each that cannot be read."""
    is_due: bool = False
    stands: str = ""
    """When it was practised, in a sentence; empty where no reminders are wanted."""
    plan: Plan | None = None
    """What is proposed; None where that cannot be said now."""


class Practice(Protocol):
    """Calls block: use them through ``asyncio.to_thread``. Each raises StillupError where something cannot be read."""

    def book(self) -> Book:
        """Everything there is."""
        ...

    def find(self, id: str) -> Drill | None:  # noqa: A002
        """The drill of that id."""
        ...

    def now(self) -> str:
        """What is under way, in a sentence; empty where nothing is. It blocks for no more than a look at a file."""
        ...
