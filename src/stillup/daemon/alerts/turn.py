"""Who of several processes sends: on one machine by a lock, on several by a hold in the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from stillup.errors import StoreError
from stillup.store.outbox import Outbox


class Turn(Protocol):
    """Of several that ask, one has it."""

    @property
    def who(self) -> str | None:
        """As whom it takes messages; None: nobody asks."""
        ...

    @property
    def renew_s(self) -> float | None:
        """So often it has to be asked for again; None: once it is ours it stays so."""
        ...

    def taken(self) -> bool:
        """Whether we have it now."""
        ...


class Held:
    """A hold in the database, by the database's own clock."""

    renew_s = 2.0

    def __init__(self, outbox: Outbox, party: str, who: str, say: Callable[[str], None]) -> None:
        self.who = who
        self._outbox = outbox
        self._party = party
        self._say = say

    def taken(self) -> bool:
        """Take or renew it; a database that does not answer gives it to nobody."""
        try:
            return self._outbox.hold(self._party, self.who)
        except StoreError as exc:
            self._say(str(exc))
            return False

    def give_up(self) -> None:
        """Let another send at once; where that cannot be said, it finds out by itself."""
        try:
            self._outbox.let_go(self._party, self.who)
        except StoreError as exc:
            self._say(str(exc))
