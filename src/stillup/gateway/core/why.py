"""Named reasons for where a request went; each flows unchanged to header, log, metric and journal."""

from __future__ import annotations

from enum import StrEnum


class Why(StrEnum):
    """Why a target was asked, or was not asked now."""

    __hash__ = str.__hash__

    FIRST_CHOICE = "first_choice"
    NEXT_IN_CHAIN = "next_in_chain"
    TRICKLE = "trickle"
    LAST_RESORT = "last_resort"
    HEDGE = "hedge"
    AGAIN = "again"
    GOES_ON = "goes_on"
    OUTAGE_CONFIRMED = "outage_confirmed"
    BREAKER_OPEN = "breaker_open"
    RECOVERING = "recovering"
    NEARLY_SPENT = "nearly_spent"
    RETRY_AFTER = "retry_after"
    KEY_BLOCKED = "key_blocked"
    OTHER_PROTOCOL = "other_protocol"

    @property
    def says(self) -> str:
        """One sentence for a person."""
        return _SENTENCES[self]


_SENTENCES: dict[Why, str] = {
    Why.FIRST_CHOICE: "It is the first in the chain and nothing speaks against it.",
    Why.NEXT_IN_CHAIN: "It is the next in the chain that nothing speaks against.",
    Why.TRICKLE: "It failed before; this request looks whether it is well again, with another ready to take over.",
    Why.LAST_RESORT: "Something speaks against it, but whatever is better has failed or is not there.",
    Why.HEDGE: "The one before it was silent for longer than usual, so this one was asked as well.",
    Why.AGAIN: "Every upstream failed once, so this one was asked again.",
    Why.GOES_ON: "The one before it broke off in the middle of its answer, so this one goes on from there.",
    Why.OUTAGE_CONFIRMED: "An outage of it is confirmed.",
    Why.BREAKER_OPEN: "It failed a moment ago and is given time to recover.",
    Why.RECOVERING: "It may be well again; another request is finding out.",
    Why.NEARLY_SPENT: "Its rate limit is nearly used up.",
    Why.RETRY_AFTER: "It said not to be asked again yet.",
    Why.KEY_BLOCKED: "It refused this key, or the key's credit is used up.",
    Why.OTHER_PROTOCOL: "It speaks another protocol than the client.",
}
