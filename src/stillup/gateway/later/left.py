"""What is known of a request that was being asked when its gateway ended: killed, or with the machine. Pure.

"Once" is of whole answers: one that came here whole is never asked for again. Two witnesses can tell: the answer's own
file, and the journal, which has every byte before a client. What neither can tell is whether a provider made an answer,
and charges it, that never came.
"""

from __future__ import annotations

from enum import StrEnum

from stillup.gateway.core.values import Ask, Operation
from stillup.gateway.dialects.needs import needs
from stillup.gateway.journal.read import Exchange
from stillup.gateway.later.item import Answer, Item
from stillup.gateway.seen.passage import Ending

_ANSWER_ENDS = (Ending.ANSWERED.value,)
_SURELY_NONE = (Ending.FAILED.value, Ending.BROKEN.value, Ending.DEADLINE.value, Ending.TURNED_AWAY.value)


class Known(StrEnum):
    """What came of it."""

    __hash__ = str.__hash__

    ANSWERED = "answered"
    """Its answer is here whole: nobody is asked again."""
    MISSED = "missed"
    """It ended without an answer before the gateway did, as any request may: it is asked again."""
    CUT = "cut"
    """It was sent, and its answer did not come whole. Somebody may have made one, and may charge it."""
    UNKNOWN = "unknown"
    """Nobody kept what came of it. There may have been an answer, whole, that nobody has any more."""

    @property
    def says(self) -> str:
        """In words, for the user."""
        return _SAYS[self]


_SAYS = {
    Known.ANSWERED: "",
    Known.MISSED: "it had not been answered when the gateway ended",
    Known.CUT: "the gateway ended while it was being asked: its answer did not come whole, and may be charged",
    Known.UNKNOWN: "the gateway ended while it was being asked: nobody knows what came of it",
}


def what_is_known(item: Item, answer: Answer | None, exchange: Exchange | None) -> Known:
    """Of an item that was being asked: its answer's file, and the exchange of its run in the journal, say it."""
    if answer is not None and answer.run_id == item.run_id:
        return Known.ANSWERED
    if exchange is None or exchange.id != item.run_id:
        return Known.UNKNOWN
    if exchange.outcome in _ANSWER_ENDS:
        return Known.ANSWERED if exchange.answering else Known.UNKNOWN
    return Known.MISSED if exchange.outcome in _SURELY_NONE else Known.CUT


def answer_in(exchange: Exchange) -> Answer:
    """The answer as the journal has it: of its head only what is needed to read it was kept."""
    last = exchange.answering[-1]
    seam = exchange.seams[-1] if exchange.seams else last
    lines = ((b"content-type", last.content_type), (b"content-encoding", last.content_encoding))
    status = exchange.end.status if exchange.end else None
    return Answer(
        status=status or last.status,
        headers=tuple((name, value.encode("latin-1")) for name, value in lines if value),
        body=exchange.answer(),
        run_id=exchange.id,
        by=f"{seam.upstream}/{seam.model}",
    )


def may_act(ask: Ask) -> bool:
    """Whether a provider may do more for it than answer: run tools of its own, which would then run twice."""
    if ask.operation is not Operation.GENERATE:
        return False
    wants = needs(ask)
    return wants.whole and wants.has_tools
