"""All tries of one request: who is being asked, who failed, who is left; and what the desk is told of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stillup.gateway.core.actions import Action, Cancel, Refuse, Send, Settled
from stillup.gateway.core.desk import Desk
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.retry import End, Failed, GiveUp
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.turn import Choice, Facts, Turn
from stillup.gateway.core.values import Target
from stillup.gateway.core.why import Why
from stillup.gateway.dialects.base import KeyChoice

_NO_KEY = KeyChoice()


class Tries:
    """``all`` holds every try by its number, ``live`` those under way, the newest last; ``left`` are turns to come."""

    __slots__ = ("_chain", "_desk", "_facts", "_goes_on", "_keys", "all", "failed", "left", "live", "rounds", "winner")

    def __init__(self, facts: Facts, choice: Choice, keys: Mapping[str, KeyChoice], desk: Desk) -> None:
        self._facts = facts
        self._chain = choice.chain
        self._keys = keys
        self._desk = desk
        self.all: list[Trial] = []
        self.live: list[Trial] = []
        self.left: list[Turn] = list(choice.turns)
        self.failed: list[Failed] = []
        self.rounds = 0
        """How often the chain was asked again."""
        self.winner: Trial | None = None
        self._goes_on = False

    def key(self, turn: Turn) -> KeyChoice:
        """What its upstream is asked with."""
        return self._keys.get(turn.target.upstream, _NO_KEY)

    def next_up(self, now: float) -> Turn | None:
        """Who could be asked now."""
        return next((turn for turn in self.left if turn.not_before is None or turn.not_before <= now), None)

    def has_asked(self, turn: Turn) -> bool:
        """Whether its target was asked for this request before: not all of a second round were."""
        return any(t.turn.place == turn.place for t in self.all)

    def may_hedge(self, turn: Turn) -> bool:
        """Laws 5 and 10: out of the budget, and never with a subscription's token."""
        return not self.key(turn).subscription and self._desk.may_spend()

    def send(self, turn: Turn, now: float, *, why: Why | None = None) -> Send:
        """Ask now."""
        self.left = [other for other in self.left if other is not turn]
        t = Trial(len(self.all), turn, self.key(turn), now, now)
        beside = bool(self.live)
        self.all.append(t)
        self.live.append(t)
        self._desk.begin(turn, now, why=why)
        return Send(t.n, turn, beside)

    def choose_again(self, targets: Collection[Target], now: float) -> None:
        """One more round, with these of the chain in the places they have there."""
        self.rounds += 1
        self.let_go()
        self._choose(targets, now)

    def _choose(self, targets: Collection[Target] | None, now: float) -> None:
        prints = {name: key.fingerprint for name, key in self._keys.items()}
        chosen = self._desk.choose(self._chain, self._facts, prints, now, only=targets).turns
        # Law 10: no answer is gone on with by a subscription's token.
        self.left = [turn for turn in chosen if not (self._goes_on and self.key(turn).subscription)]

    def broke(self, t: Trial, fault: Fault, now: float) -> Settled:
        """It broke off after the client had some of its answer: the others are to go on with it."""
        t.fault = fault
        settled = self.settle(t, fault, now)
        self.failed.append(Failed(t.turn, fault, now, t.status, None, t.is_borrowed))
        self.rounds = 0
        self._goes_on = True
        self.begin_anew(now)
        return settled

    def begin_anew(self, now: float) -> None:
        """Nobody answers any more: whoever has not failed yet is asked in turn, then those that have."""
        self.winner = None
        self._choose(None, now)
        tried = {each.turn.place for each in self.failed}
        for turn in self.left:
            if turn.place in tried:
                self._desk.abandoned(turn)
        self.left = [turn for turn in self.left if turn.place not in tried]

    def once_more(self, t: Trial, now: float) -> Turn:
        """The same target at once: what it did not take was learnt, and is not sent again."""
        self._desk.abandoned(t.turn)
        self._forget(t)
        prints = {name: key.fingerprint for name, key in self._keys.items()}
        return self._desk.choose(self._chain, self._facts, prints, now, only=(t.turn.target,)).turns[0]

    def let_go(self) -> None:
        """The turns that are left will not be taken."""
        for turn in self.left:
            self._desk.abandoned(turn)

    def settle(self, t: Trial, fault: Fault | None, now: float, wait_s: float | None = None) -> Settled:
        """It ended, well or with this fault."""
        self._forget(t)
        result = t.result(self._facts.operation, fault, now, ok=fault is None)
        gap_s = t.longest_gap_s if self._facts.stream and fault is None else None
        self._desk.settled(t.turn, result, now, retry_after_s=wait_s, longest_gap_s=gap_s)
        return Settled(t.n, result, taken=t is self.winner)

    def fail(self, t: Trial, fault: Fault, now: float, wait_s: float | None = None) -> Settled:
        """It failed before the client saw anything of it."""
        t.fault = fault
        self.failed.append(Failed(t.turn, fault, now, t.status, wait_s, t.is_borrowed))
        return self.settle(t, fault, now, wait_s)

    def drop(self, t: Trial, now: float) -> list[Action]:
        """Cancelled, which is no failure; but one that was silent for longer than usual was late."""
        if t.is_late and t.first_s is None:
            return [Cancel(t.n), self.settle(t, Fault.SLOW_FIRST_TOKEN, now)]
        self._desk.abandoned(t.turn)
        self._forget(t)
        nothing = t.result(self._facts.operation, None, now, ok=False)
        return [Cancel(t.n), Settled(t.n, nothing, taken=t is self.winner)]

    def refusal(self, step: GiveUp) -> Refuse:
        """Law 2: the error of the try that is to be shown, in its own words as far as it had any."""
        shows, wait_s = step.shows, step.retry_after_s
        if shows is None:
            fault = Fault.DEADLINE if step.end is End.DEADLINE else Fault.RATE_LIMITED
            return Refuse(step.end, fault, retry_after_s=wait_s)
        t = next(t for t in self.all if t.turn is shows.turn)
        if t.status is None or t.status < 400:
            says = t.watch.error_message if t.watch is not None else t.says
            return Refuse(step.end, shows.fault, t.n, says=says, retry_after_s=wait_s)
        return Refuse(step.end, shows.fault, t.n, t.status, t.headers, t.body, retry_after_s=wait_s)

    def _forget(self, t: Trial) -> None:
        t.is_over = True
        if t in self.live:
            self.live.remove(t)
