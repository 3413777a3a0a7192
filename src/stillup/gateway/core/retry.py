"""What comes after a failed try: laws 2, 3 and 5.

The exchange keeps the history of what failed and the turns that are left, and asks :func:`decide` after each failure
(and before the first try, if the first turn has a ``not_before``)::

    step = decide(failed, left, rounds=rounds, now=now, deadline_left_s=…, spend=desk.may_spend, random=random)
    MoveOn(turn, after_s)    wait after_s (0 nearly always), then begin this turn and take it off ``left``
    Again(targets, after_s)  wait, ``left = desk.choose(choice.chain, …, only=step.targets).turns``, ``rounds += 1``
    GiveUp(end, shows, …)    the client gets the error of ``shows``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from random import Random

from msgspec import Struct

from stillup.gateway.core.fault import MEANINGS, Fault, Whose
from stillup.gateway.core.turn import Turn
from stillup.gateway.core.values import Target

ROUNDS = 2
"""How often a whole chain that failed is asked again."""
FIRST_PAUSE_S = 0.25
LONGEST_WAIT_S = 30.0
"""A Retry-After is waited for up to here; beyond it the client is told instead."""

ContextOf = Callable[[str], int | None]


class End(StrEnum):
    """Why the client gets an error."""

    REQUEST_WRONG = "request_wrong"
    FILTERED = "filtered"
    CLIENTS_KEY = "clients_key"
    TOO_LONG = "too_long"
    UNSUPPORTED = "unsupported"
    """Nobody was asked: none of them has what the request needs."""
    ALL_FAILED = "all_failed"
    LIMITED = "limited"
    """All that could be asked have said not to be asked yet."""
    DEADLINE = "deadline"

    @property
    def says(self) -> str:
        """One sentence for a person."""
        return _SENTENCES[self]


_SENTENCES = {
    End.REQUEST_WRONG: "The upstream says that the request itself is wrong.",
    End.FILTERED: "A content filter refused the request.",
    End.CLIENTS_KEY: "The upstream refused the key that the client sent.",
    End.TOO_LONG: "The request is too long for every model in the chain.",
    End.UNSUPPORTED: "No upstream in the chain can take it.",
    End.ALL_FAILED: "Every upstream in the chain failed.",
    End.LIMITED: "Every upstream in the chain has said not to be asked again yet.",
    End.DEADLINE: "The time for the request is over.",
}


class Failed(Struct, frozen=True):
    """One try that failed, ``at`` a monotonic time. ``status`` is the upstream's, None where it gave none."""

    turn: Turn
    fault: Fault
    at: float
    status: int | None = None
    retry_after_s: float | None = None
    borrowed_key: bool = False


class MoveOn(Struct, frozen=True):
    """Ask this turn, after a pause that is 0 unless nothing else is left."""

    turn: Turn
    after_s: float = 0.0


class Again(Struct, frozen=True):
    """After a pause, choose anew among these targets."""

    targets: tuple[Target, ...]
    after_s: float


class GiveUp(Struct, frozen=True):
    """The client gets an error: that of ``shows``, or one made up where nothing was asked."""

    end: End
    shows: Failed | None = None
    retry_after_s: float | None = None


def decide(
    failed: Sequence[Failed],
    left: Sequence[Turn],
    *,
    rounds: int,
    now: float,
    deadline_left_s: float,
    spend: Callable[[], bool],
    random: Random,
    context_of: ContextOf | None = None,
    has_begun: bool = False,
) -> MoveOn | Again | GiveUp:
    """The next step.

    ``failed`` is everything of this request so far, oldest first; ``rounds`` how often it was asked again; ``spend``
    takes one from the retry budget if there is one; ``context_of`` gives a model's context in tokens. ``has_begun``:
    the client has half an answer, so what is wrong with asking somebody to go on is not the client's to see.
    """
    if failed and not has_begun:
        end = _clients_to_see(failed[-1])
        if end is not None:
            return GiveUp(end, failed[-1], failed[-1].retry_after_s)
    if deadline_left_s <= 0 or (failed and failed[-1].fault is Fault.DEADLINE):
        return GiveUp(End.DEADLINE, _shown(failed), _soonest(failed, left, now))
    possible = [turn for turn in left if _large_enough(turn, failed, context_of)] if failed else left
    for turn in possible:
        if turn.not_before is None or turn.not_before <= now:
            return MoveOn(turn)
    again = _again(failed, possible, now, random.uniform(0.8, 1.2) * FIRST_PAUSE_S * 2**rounds)
    if again is not None and rounds < ROUNDS and _worth(again.after_s, deadline_left_s) and spend():
        return again
    for turn in sorted(possible, key=_not_before):
        if _worth(_not_before(turn) - now, deadline_left_s):
            return MoveOn(turn, _not_before(turn) - now)
    return GiveUp(_end(failed), _shown(failed), _soonest(failed, left, now))


def _clients_to_see(last: Failed) -> End | None:
    """What ends a request at once: the request is wrong, or it is the client's own key that is."""
    if last.fault is Fault.FILTERED:
        return End.FILTERED
    if last.turn.place > 0:
        return None  # a fallback may have another model, other limits, another key: it failed, that is all
    if last.fault is Fault.BAD_REQUEST:
        return End.REQUEST_WRONG
    if last.borrowed_key and MEANINGS[last.fault].whose is Whose.KEY and last.status in _KEY_STATUSES:
        return End.CLIENTS_KEY
    return None


_KEY_STATUSES = (401, 402, 403)


def _large_enough(turn: Turn, failed: Sequence[Failed], context_of: ContextOf | None) -> bool:
    """False when a model that takes at least as much has already said that the request is too long.

    Where a size is not known it is tried. An upstream's limit of bytes (413) says nothing of another's.
    """
    for each in failed:
        if each.fault is Fault.TOO_LONG and each.status != 413 and context_of is not None:
            here, there = context_of(turn.model), context_of(each.turn.model)
            if here is not None and there is not None and here <= there:
                return False
    return True


def _again(failed: Sequence[Failed], limited: Sequence[Turn], now: float, pause_s: float) -> Again | None:
    """All that may be asked once more, in chain order; waits only for what says so itself."""
    waiting = {turn.place: turn for turn in limited}
    latest = {each.turn.place: each for each in failed}
    again = {place: each for place, each in latest.items() if MEANINGS[each.fault].again and place not in waiting}
    if not again:
        return None
    pauses = [
        pause_s if each.retry_after_s is None else max(0.0, each.at + each.retry_after_s - now)
        for each in again.values()
    ]
    pauses.extend(_not_before(turn) - now for turn in limited)
    targets = {place: each.turn.target for place, each in again.items()}
    targets.update({place: turn.target for place, turn in waiting.items()})
    return Again(tuple(targets[place] for place in sorted(targets)), min(pauses))


def _worth(wait_s: float, deadline_left_s: float) -> bool:
    return wait_s <= LONGEST_WAIT_S and wait_s < deadline_left_s


def _not_before(turn: Turn) -> float:
    return turn.not_before or 0.0


def _shown(failed: Sequence[Failed]) -> Failed | None:
    """The first upstream's error, not the last one's: what a fallback says of its own must not mask it.

    Of several of that upstream the last that it put into words.
    """
    if not failed:
        return None
    place = min(each.turn.place for each in failed)
    its = [each for each in failed if each.turn.place == place]
    return next((each for each in reversed(its) if each.status is not None), its[-1])


def _soonest(failed: Sequence[Failed], left: Sequence[Turn], now: float) -> float | None:
    """When the first of them may be asked again, as far as they say."""
    latest = {each.turn.place: each for each in failed}
    said = [each.at + each.retry_after_s for each in latest.values() if each.retry_after_s is not None]
    said.extend(turn.not_before for turn in left if turn.not_before is not None)
    return max(0.0, min(said) - now) if said else None


def _end(failed: Sequence[Failed]) -> End:
    if not failed:
        return End.LIMITED
    if all(each.fault is Fault.UNSUPPORTED for each in failed):
        return End.UNSUPPORTED
    shown = _shown(failed)
    return End.TOO_LONG if shown is not None and shown.fault is Fault.TOO_LONG else End.ALL_FAILED
