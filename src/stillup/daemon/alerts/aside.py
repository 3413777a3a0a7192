"""What alerts decide and send while the database is away: one document, in a cluster where whoever comes next finds it.

It is an outbox like the database's, of one party: the same decisions, the same senders, the same four states of a
message. Only one process at a time keeps it, and each of its words replaces the one before, by number: whoever was
paused and comes back writes nothing any more, and so sends nothing. While the database answers, the document is the
state that was last decided on there: what is known goes on to hold when the database is gone.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from math import isfinite
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stillup.bus.base import UNREADABLE
from stillup.errors import StoreError
from stillup.response.alerts.aside import is_otherwise
from stillup.response.alerts.values import AlertState, Message
from stillup.store.outbox import Queued, Settled, Status

if TYPE_CHECKING:
    from stillup.board import Board
    from stillup.daemon.alerts.turn import Turn
    from stillup.model.verdict import Verdict

MOST_BYTES, _MOST_WRITTEN = 900_000, 16 * 1024 * 1024
"""Packed, and as it is: thousands of messages. Beyond it what was done with first is no longer listed."""
_MOST_READ = 4 * _MOST_WRITTEN
_FIRST_YEAR, _LAST_YEAR, _MOST_NUMBER = 2000, 2100, 1 << 53
_PENDING = (Status.WAITING, Status.ATTEMPTING)


class Place(Protocol):
    """Where the document lies. Calls block and raise :class:`~stillup.errors.StoreError` where there is no answer."""

    @property
    def number(self) -> int | None:
        """Of our turn to keep it; None: it is not ours."""
        ...

    @property
    def is_there(self) -> bool:
        """Whether it can be reached, so far as is known."""
        ...

    def read(self) -> tuple[bytes, int]:
        """It and its revision; empty and 0 where there is none."""
        ...

    def write(self, value: bytes, revision: int) -> int | None:
        """Replace that revision of it; the new one, None where somebody else has replaced it."""
        ...


class InMemory:
    """On one machine: it ends with this process, for where the database cannot be written nothing else can be."""

    is_there = True

    def __init__(self) -> None:
        self.turn: Turn | None = None
        """Who of the processes of this machine decides; None: nobody yet."""
        self._value, self._revision = b"", 0

    @property
    def number(self) -> int | None:
        """Of our turn."""
        return 1 if self.turn is not None and self.turn.taken() else None

    def read(self) -> tuple[bytes, int]:
        """What lies there."""
        return self._value, self._revision

    def write(self, value: bytes, revision: int) -> int | None:
        """Replace it."""
        if revision != self._revision:
            return None
        self._value, self._revision = value, revision + 1
        return self._revision


class Document(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it. ``count`` grows with each change; not ``is_open``: the database has all there is."""

    id: str = ""
    count: int = 0
    is_open: bool = False
    state: AlertState = AlertState()
    messages: tuple[Queued, ...] = ()

    @property
    def name(self) -> str:
        """Of this very state of it."""
        return f"{self.id}.{self.count}"


_decoder = msgspec.json.Decoder(Document)


class Aside:
    """It, in the thread of alerts alone."""

    def __init__(self, place: Place, say: Callable[[str], None]) -> None:
        self._place = place
        self._say = say
        self._document: Document | None = None
        self._revision = 0
        self._number: int | None = None
        """Of the turn in which the document was read: until it is over nobody else changes it."""
        self.rests = False
        """Nothing is to be sent from anywhere for a moment."""

    @property
    def is_ours(self) -> bool:
        """Whether it is this process that decides and sends."""
        return self._place.number is not None

    @property
    def is_reachable(self) -> bool:
        """Whether anybody could know whose turn it is."""
        return self._place.is_there

    @property
    def is_open(self) -> bool:
        """Whether it holds what the database does not have, as far as is known here."""
        return self._document is not None and self._document.is_open

    @property
    def document(self) -> Document:
        """As it was last read or written."""
        return self._document or Document()

    def sync(self) -> None:
        """Read what another may have written.

        :raises StoreError: it cannot be read.
        """
        number = self._place.number
        if number is None or number != self._number:
            value, self._revision = self._place.read()
            self._document = self._unpacked(value) if value else None
            self._number = number

    def remember(self, state: AlertState) -> None:
        """Keep what was decided on in the database last."""
        known = self._document
        if self.is_ours and (known is None or known.state != state or known.is_open):
            self._write(Document(state=state))

    def begin(self, state: AlertState | None, messages: Iterable[Queued]) -> None:
        """From now on it is decided here. ``state`` None: what was remembered; ``messages`` are not settled yet."""
        if state is None and self._document is None:
            self._say("what was said before is not known here: what is broken may be told again")
        numbered = tuple(replace(m, seq=n) for n, m in enumerate(messages, start=1))
        known = self.document.state if state is None else state
        self._write(Document(id=token_hex(8), is_open=True, state=known, messages=numbered))

    # -- as the database's outbox --------------------------------------------------------------------------------------

    @contextmanager
    def deciding(self, board: Board | None) -> Iterator[Deciding]:
        """Decide: what is put and saved in this block is written at its end, or not at all."""
        document = self.document
        deciding = Deciding(document, board)
        yield deciding
        if deciding.document != document:
            self._write(replace(deciding.document, count=document.count + 1))

    def take(
        self,
        party: str,  # noqa: ARG002 - an outbox of one party
        channel: str,
        now: datetime,
        before: Settled | None = None,
        who: str | None = None,  # noqa: ARG002 - whose turn it is stands on the bus
    ) -> Queued | None:
        """Note how the message before went, and take the next one, which is being sent from now."""
        document = self.document
        rows = {m.seq: m for m in document.messages}
        if before is not None and before.seq in rows:
            rows[before.seq] = rows[before.seq].settled(before)
        is_ours = self.is_ours and document.is_open
        pending = (m for m in rows.values() if m.channel == channel and m.status in _PENDING)
        row = next(pending, None) if is_ours else None
        if row is not None and row.status is Status.WAITING and row.due_at <= now:
            rows[row.seq] = replace(row, status=Status.ATTEMPTING, tries=row.tries + 1)
        messages = tuple(rows.values())
        if messages != document.messages:
            self._write(replace(document, messages=messages, count=document.count + 1))
        return row

    def settle(self, settled: Settled) -> None:
        """Note how a message went."""
        messages = tuple(m.settled(settled) if m.seq == settled.seq else m for m in self.document.messages)
        if messages == self.document.messages:
            return
        self._write(replace(self.document, messages=messages, count=self.document.count + 1))

    def listed(self, statuses: Iterable[Status] = tuple(Status), limit: int = 50) -> list[Queued]:
        """The newest messages, newest first."""
        wanted = set(statuses)
        return [m for m in reversed(self.document.messages) if m.status in wanted][:limit]

    def counts(self, party: str) -> dict[tuple[str, Status], int]:  # noqa: ARG002 - an outbox of one party
        """How many messages there are, by channel and status."""
        return dict(Counter((m.channel, m.status) for m in self.document.messages))

    # -- the document --------------------------------------------------------------------------------------------------

    def _write(self, document: Document) -> None:
        packed, document = _packed(document)
        number, self._number = self._number, None  # unless it is known to have been written it is read anew
        revision = self._place.write(packed, self._revision)
        if revision is None:
            msg = "another process decides now"
            raise StoreError(msg)
        self._document, self._revision, self._number = document, revision, number

    def _unpacked(self, value: bytes) -> Document | None:
        try:
            document = _decoder.decode(zlib.decompressobj().decompress(value, _MOST_READ))
        except (zlib.error, *UNREADABLE) as exc:
            self._say(f"what was kept on the bus cannot be read by this version: {type(exc).__name__}")
            return None
        if not _can_be_counted_with(msgspec.to_builtins(document, builtin_types=(datetime,))):
            self._say("what was kept on the bus cannot be read: nobody could count with its times and numbers")
            return None
        return document


class Deciding:
    """What :meth:`Aside.deciding` gives: as in the database, but that changes are what the board says otherwise."""

    cursor = 0

    def __init__(self, document: Document, board: Board | None) -> None:
        self.document = document
        self._board = board

    @property
    def state(self) -> AlertState:
        """It."""
        return self.document.state

    def changes(self, limit: int) -> list[tuple[int, Verdict]]:
        """What is otherwise than was last decided on, the oldest first."""
        shown = self._board.verdicts() if self._board else ()
        found = [verdict for verdict in shown if is_otherwise(self.state, verdict)]
        return [(0, verdict) for verdict in sorted(found, key=lambda v: v.at)[:limit]]

    def put(self, messages: Sequence[Message], now: datetime) -> int:
        """Queue messages, each key once; how many were new."""
        known = {m.message.key for m in self.document.messages}
        new = {m.key: m for m in messages if m.key not in known}
        first = max((m.seq for m in self.document.messages), default=0) + 1
        rows = (waiting(m, now, seq=n) for n, m in enumerate(new.values(), start=first))
        self.document = replace(self.document, messages=(*self.document.messages, *rows))
        return len(new)

    def save(self, state: AlertState, cursor: int) -> None:  # noqa: ARG002 - there is no table to be read on
        """Keep the state."""
        self.document = replace(self.document, state=state)


def waiting(message: Message, now: datetime, *, seq: int = 0) -> Queued:
    """A message that was just queued."""
    return Queued(
        seq=seq, party="", channel=message.channel, status=Status.WAITING, tries=0, queued_at=now, due_at=now,
        done_at=None, why="", message=message,
    )  # fmt: skip


def _can_be_counted_with(value: object) -> bool:
    """Whether no time or number in it would end whoever compares or adds to it: it is read again and again."""
    if isinstance(value, datetime):
        return value.tzinfo is not None and _FIRST_YEAR <= value.year < _LAST_YEAR
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _MOST_NUMBER
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return all(map(_can_be_counted_with, inside))


def _packed(document: Document) -> tuple[bytes, Document]:
    """It in bytes, without the first of what is done with where it would be too large."""
    while True:
        text = msgspec.json.encode(document)
        packed = zlib.compress(text, 1)
        done = [m.seq for m in document.messages if m.status not in _PENDING]
        if (len(packed) <= MOST_BYTES and len(text) <= _MOST_WRITTEN) or not done:
            return packed, document
        gone = set(done[: len(done) // 2 + 1])
        document = replace(document, messages=tuple(m for m in document.messages if m.seq not in gone))
