"""Whether a conversation that comes under a new identity is one that is kept already: told by what is said in it."""

from __future__ import annotations

from typing import Any

from stillup.gateway.dialects.neutral import Role
from stillup.vault.ready import Talk

THREADED = frozenset({"gateway"})
"""Origins that know exchanges only: which of them belong together is seen by what they repeat."""
_MOST = 20
_NEAR_S = 3600.0


class Twins:
    """Looks for them. Cost: a handful of look-ups in an index, however long the conversation is."""

    def __init__(self, db: Any) -> None:  # noqa: ANN401 - a connection of sqlite3 or of sqlcipher3
        self._db = db

    def find(self, talk: Talk) -> int | None:
        """The number of the conversation that this one is, or goes on with; None where it is a new one.

        An origin that has ids knows best what is one conversation: two of one origin are the same only if all of it
        is, and when it began.
        """
        chain = [(one.chain, one.role) for one in talk.turns if one.role != Role.SYSTEM]
        if not chain:
            return None
        is_threaded = talk.origin in THREADED
        for number, origin, began, _ in self._having(chain[-1][0]):
            if origin != talk.origin or is_threaded or began == talk.began_s:
                return number
        shared = self._shared(chain)
        has_answer = any(role == Role.ASSISTANT for _, role in chain[:shared])
        for number, origin, began, is_last in self._having(chain[shared - 1][0]) if shared else ():
            if is_threaded and origin in THREADED:
                if has_answer or (is_last and _is_near(began, talk.began_s)):
                    return number
            elif has_answer and is_last and origin != talk.origin:  # many begin with the same words
                return number
        return None

    def _shared(self, chain: list[tuple[bytes, str]]) -> int:
        """How many turns from the beginning on are kept already, in any conversation."""
        if not self._having(chain[0][0]):  # so it is with nearly all of an export
            return 0
        low, high = 1, len(chain)
        while low < high:
            middle = (low + high + 1) // 2
            if self._having(chain[middle - 1][0]):
                low = middle
            else:
                high = middle - 1
        return low

    def _having(self, link: bytes) -> list[tuple[int, str, float | None, bool]]:
        """The conversations in which that message stands behind the same ones, and whether it is their last."""
        found: list[tuple[int, str, float | None, bool]] = self._db.execute(
            "SELECT c.n, c.origin, c.began, "
            "NOT EXISTS (SELECT 1 FROM message o WHERE o.conversation = c.n AND o.place > m.place) "
            "FROM message m JOIN conversation c ON c.n = m.conversation WHERE m.chain = ? LIMIT ?",
            (link, _MOST),
        ).fetchall()
        return found


def _is_near(one_s: float | None, other_s: float | None) -> bool:
    """Whether it may be the same question asked again because nobody answered it."""
    return one_s is not None and other_s is not None and abs(one_s - other_s) < _NEAR_S
