"""What is kept of a request that was put off: its state as others may see it, what is sent again, and the answer."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.journal import kept


class State(StrEnum):
    """How far it is."""

    __hash__ = str.__hash__

    WAITING = "waiting"
    RUNNING = "running"
    ANSWERED = "answered"
    UNSURE = "unsure"
    """The gateway ended while it was being asked, nobody can know what came of it, and it waits for a word."""
    FAILED = "failed"
    """It was asked again, and what came of it does not pass: the error is kept as an answer is."""

    @property
    def is_over(self) -> bool:
        """Nothing more comes of it."""
        return self in _OVER


_OVER = (State.ANSWERED, State.FAILED)
KEY_HEADER = b"idempotency-key"


class Item(Struct, frozen=True, kw_only=True):
    """One request that was put off. Times are the wall clock's, in seconds since the epoch; no prompt is in here.

    ``number`` is its place in line. ``request_id`` is the request's as it was first made, ``run_id`` that of the last
    time it was asked, both as in the journal. ``wanted`` says that its client asked for this by a header. ``digest``
    tells whether two requests are the same. ``misses`` counts those times of which it is known that no answer came.
    """

    id: str
    number: int
    state: State = State.WAITING
    user: str = ""
    protocol: Protocol
    operation: Operation
    model: str
    stream: bool
    kept_at_s: float
    request_bytes: int
    request_id: str = ""
    why: str = ""
    wanted: bool = False
    digest: bytes = b""
    runs: int = 0
    run_id: str = ""
    misses: int = 0
    last: str = ""
    """What came of the last time it was asked, where that was no answer."""
    done_at_s: float | None = None
    answer_bytes: int = 0
    status: int | None = None
    answered_by: str = ""
    fetched: bool = False

    @property
    def size_bytes(self) -> int:
        """What it takes on the disk, but for a few hundred."""
        return self.request_bytes + self.answer_bytes


class Request(Struct, frozen=True, kw_only=True):
    """What is sent again. Only header lines and parameters that are known to hold no key are in here (law 10)."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        return f"Request({len(self.body)} bytes)"


class Answer(Struct, frozen=True, kw_only=True):
    """What came back, as the client would have got it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    run_id: str = ""
    """Of the time it was asked that gave it: a kill may come before the state says that it is there."""
    by: str = ""

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"


def request_of(ask: Ask) -> Request:
    """What is kept of a request."""
    return Request(
        method=ask.method,
        path=ask.path,
        query=kept.query(ask.query),
        headers=kept.headers(ask.headers),
        body=ask.body,
    )


def ask_of(item: Item, request: Request) -> Ask:
    """The request again, without any credential.

    It has an idempotency key, for whoever heeds one (no maker of models promises to; some who sell on do). The key is
    the same until it is known that no answer came: else an error that somebody remembers would be the answer for ever.
    """
    told = blake2b(f"{item.id} {item.misses}".encode(), digest_size=16).hexdigest()
    lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
    return Ask(
        protocol=item.protocol,
        operation=item.operation,
        method=request.method,
        path=request.path,
        query=request.query,
        headers=(*lines, (KEY_HEADER, told.encode())),
        body=request.body,
        model=item.model,
        stream=item.stream,
    )


def clients_key(ask: Ask) -> bytes:
    """What its client calls it, so that it may say it again; empty where it says nothing."""
    return next((value.strip() for name, value in ask.headers if name.lower() == KEY_HEADER), b"")


def digest_of(ask: Ask, user: str, key: bytes = b"") -> bytes:
    """The same for the same request of the same user, called the same."""
    told = blake2b(key=blake2b(key, digest_size=16).digest() if key else b"", digest_size=16)
    for part in (user, ask.path, ask.model, str(ask.stream)):
        told.update(part.encode("utf-8", "surrogateescape") + b"\0")
    told.update(ask.body)
    return told.digest()
