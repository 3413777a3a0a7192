"""What clients are told of a request that was put off, and the user of its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from stillup.gateway.core.actions import Refuse
from stillup.gateway.core.fault import MEANINGS, Fault
from stillup.gateway.core.values import Headers, Protocol
from stillup.gateway.dialects.errors import error_answer, error_event
from stillup.gateway.later.item import Item, State

PATH = "/stillup/later"
HEADER = b"x-stillup-later"
_JSON: Headers = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


class PutOff(Struct, frozen=True):
    """What its client gets: an answer, or an event that ends a stream which pings have begun."""

    status: int
    headers: Headers
    body: bytes
    event: bytes


class Note(Struct, frozen=True):
    """What the user is told of, as a notification: never a word of what was asked or answered."""

    title: str
    text: str


Tell = Callable[[Note], None]


def put_off(item: Item, refuse: Refuse, protocol: Protocol) -> PutOff:
    """The answer to a request that is kept: 202 where its client asked for that, else an error it can try again."""
    says = (
        f"{refuse.end.says} The request is kept as {item.id} and is asked again when an upstream is well; "
        f"the answer will be at {PATH}/{item.id}."
    )
    fault = refuse.fault if MEANINGS[refuse.fault].again else Fault.OVERLOADED
    event = error_event(protocol, fault, says)
    id_line = (HEADER, item.id.encode("ascii"))
    if item.wanted:
        body = msgspec.json.encode({"id": item.id, "state": item.state.value, "url": f"{PATH}/{item.id}", "says": says})
        return PutOff(202, (*_JSON, id_line, (b"location", f"{PATH}/{item.id}".encode("ascii"))), body, event)
    wait_s = refuse.retry_after_s
    status, headers, body = error_answer(protocol, fault, says, retry_after_s=wait_s, request_id=item.request_id)
    return PutOff(status, (*headers, id_line), body, event)


def queued(item: Item) -> PutOff:
    """The answer to a request that its client wants to wait: nobody was asked yet."""
    says = f"The request is kept as {item.id} and is asked when an upstream is well."
    body = msgspec.json.encode({"id": item.id, "state": item.state.value, "url": f"{PATH}/{item.id}", "says": says})
    lines = ((HEADER, item.id.encode("ascii")), (b"location", f"{PATH}/{item.id}".encode("ascii")))
    return PutOff(202, (*_JSON, *lines), body, b"")


def note_of(items: Sequence[Item]) -> Note:
    """One notification of all that came since the last."""
    answered = [item for item in items if item.state is State.ANSWERED]
    if len(items) == 1:
        (item,) = items
        title = "stillup: an answer is there" if answered else "stillup: a request could not be answered"
        return Note(title, f"{item.model or item.operation.value} · stillup later show {item.id}")
    failed = len(items) - len(answered)
    title = f"stillup: {len(answered)} answers are there" if answered else "stillup: requests could not be answered"
    more = f", {failed} could not be had" if failed and answered else ""
    return Note(title, f"{len(items)} requests were asked again{more} · stillup later list")
