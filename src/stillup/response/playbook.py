"""The first five minutes as short steps in order, with what stillup has already done of them. Pure.

A step that stillup can see or do itself is ticked off with what that rests on; one that it would have done and could
not says why; the rest is the reader's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from stillup.model.service import Confidence, Family, Scope, State
from stillup.model.verdict import Verdict

_SIDES = {
    Family.OFFICIAL: "the official page",
    Family.CROWD: "other people's reports",
    Family.SOCIAL: "posts",
    Family.SEARCH: "searches",
    Family.PROBE: "our own probe",
    Family.TRAFFIC: "real requests",
}
_FROM_HERE = (Family.PROBE, Family.TRAFFIC)
_SHOWN = 3
_SOONEST, _LATEST, _ROUND = timedelta(minutes=10), timedelta(hours=2), timedelta(minutes=5)
_UNKNOWN_YET = timedelta(minutes=15)
_LOOK_AGAIN = "look again"


class Done(StrEnum):
    """How far a step is."""

    DONE = "done"
    """stillup has done it, or seen that it is so."""
    TO_DO = "to_do"
    """The reader's to do."""
    CANNOT = "cannot"
    """stillup would have done it, and could not: ``note`` says why."""


class Step(Struct, frozen=True, kw_only=True):
    """One step."""

    says: str
    """One plain sentence, without markup."""
    done: Done = Done.TO_DO
    note: str = ""
    """What it rests on, or what stands in the way."""
    team: bool = False
    """It comes from the team's own playbook."""


class Rerouting(Struct, frozen=True, kw_only=True):
    """How a gateway of ours stands to the service in trouble."""

    saves: bool
    """It writes every exchange to its journal before it is forwarded."""
    answering: tuple[str, ...] = ()
    """Upstreams in the chains that pass through this service which do not stand on it, and have answered of late."""
    ready: tuple[str, ...] = ()
    """Those of them that nobody has asked yet, and of which nothing bad is known."""
    failing: tuple[str, ...] = ()
    """Those of them that do not answer either."""
    uses: bool = True
    """Whether any chain passes through the service at all."""


class Situation(Struct, frozen=True, kw_only=True):
    """What the steps are chosen by. Unknown is None, never a guess."""

    verdict: Verdict
    now: datetime
    usual: tuple[str, ...] = ()
    """What helps with the likely class of fault."""
    parts_up: tuple[str, ...] = ()
    """Names of what still works of the service."""
    reached: bool | None = None
    """Whether this machine reaches other sites; None: not tried."""
    gateway: Rerouting | None = None
    """None: none is known to run."""
    may_reroute: bool = False
    """There are providers that a gateway could go to, so that one without is worth a word."""
    instead: tuple[str, ...] = ()
    """Names of other services that are up and could stand in."""
    alerts: bool = False
    """Alerts are set up."""
    told_at: datetime | None = None
    """When the team was told."""
    back_in_s: float | None = None
    """Half of such faults are over within that."""
    refused_key: bool = False
    """It is a key or a sign-in of the reader's that was refused."""
    team: tuple[Step, ...] = ()


def playbook(s: Situation) -> tuple[Step, ...]:
    """What to do now; nothing while nothing is wrong."""
    verdict = s.verdict
    if verdict.scope is Scope.YOU:
        says = "Check this machine's connection, VPN, proxy and DNS: see whether other sites open from here."
        return (Step(says=says),)
    if verdict.scope is Scope.YOUR_QUOTA:
        return tuple(_your_own(refused_key=s.refused_key))
    if verdict.state.is_fault:
        return tuple(_outage(s))
    if verdict.state is State.UNKNOWN:
        says = "Run `stillup doctor`: it says which sources can be read from here, and why others cannot."
        return (Step(says=says),)
    return ()


def _your_own(*, refused_key: bool) -> Iterator[Step]:
    if refused_key:
        yield Step(says="Sign in again, or check the key and what it may do; others are not affected.")
    else:
        yield Step(says="Wait for your limit to reset, or check key, plan and credit; others are not affected.")
    yield Step(says="For work that cannot wait, use another key, model or service.")


def _outage(s: Situation) -> Iterator[Step]:
    yield _only_you(s)
    yield _saved(s)
    if (reroute := _reroute(s)) is not None:
        yield reroute
    if s.parts_up:
        yield Step(says=f"Go on with what still works: {', '.join(s.parts_up)}.")
    yield from (Step(says=line) for line in s.usual)
    if s.instead:
        yield Step(says=f"Switch to another service that is up: {', '.join(s.instead[:_SHOWN])}.")
    yield from s.team
    yield _tell(s)
    if not any(line.lower().startswith(_LOOK_AGAIN) for line in s.usual):
        yield _look_again(s)


def _only_you(s: Situation) -> Step:
    """Whether others see it too: independent sides, or this machine's own way out."""
    sides = [_SIDES[f] for f in s.verdict.families]
    seen_by = " and ".join([", ".join(sides[:-1]), *sides[-1:]] if len(sides) > 1 else sides)
    reached = "this machine reaches other sites" if s.reached else ""
    if any(f not in _FROM_HERE for f in s.verdict.families) or (s.verdict.confidence is Confidence.CONFIRMED):
        note = "; ".join(part for part in (f"seen by {seen_by}" if seen_by else "", reached) if part)
        return Step(says="It is not only you.", done=Done.DONE, note=note)
    if s.reached:
        note = f"so far seen by {seen_by} alone" if seen_by else ""
        return Step(says="This machine's network works.", done=Done.DONE, note=note)
    return Step(says="See whether it is only you: open another site, or try from another network.")


def _saved(s: Situation) -> Step:
    if s.gateway is not None and s.gateway.saves and s.gateway.uses:
        says = "What went through the gateway is saved."
        return Step(says=says, done=Done.DONE, note="elsewhere, copy unsent text before you reload anything")
    return Step(says="Copy unsent text somewhere safe before you reload anything.")


def _reroute(s: Situation) -> Step | None:
    if s.gateway is None:
        if not s.may_reroute:
            return None
        note = "no gateway runs here: `stillup up`, or `stillup with -- PROGRAM`"
        return Step(says="Send requests to another provider.", done=Done.CANNOT, note=note)
    if not s.gateway.uses:
        return None
    if s.gateway.answering:
        note = f"{s.gateway.answering[0]} answers"
        return Step(says="Requests through the gateway are rerouted.", done=Done.DONE, note=note)
    if s.gateway.ready:
        note = f"the next one goes to {s.gateway.ready[0]}"
        return Step(says="Requests through the gateway are rerouted.", done=Done.DONE, note=note)
    why = f"{', '.join(s.gateway.failing)} fails too" if s.gateway.failing else "no other provider is in its routes"
    return Step(says="Send requests to another provider.", done=Done.CANNOT, note=why)


def _tell(s: Situation) -> Step:
    if s.told_at is not None:
        return Step(says="The team is told.", done=Done.DONE, note=f"by an alert at {s.told_at:%H:%M} UTC")
    return Step(says="Tell those who wait for it.", note="" if s.alerts else "`[alerts]` in the configuration does it")


def _look_again(s: Situation) -> Step:
    """When half of such faults are over, within reason; the hour is rounded up, so that it does not run ahead."""
    wanted = timedelta(seconds=s.back_in_s) if s.back_in_s is not None else _UNKNOWN_YET
    wait = min(max(wanted, _SOONEST), _LATEST)
    step_s = _ROUND.total_seconds()
    at = datetime.fromtimestamp(-(-(s.now + wait).timestamp() // step_s) * step_s, s.now.tzinfo)
    note = "half of such faults are over by then" if s.back_in_s is not None and wait == wanted else ""
    return Step(says=f"Look again at {at:%H:%M} UTC.", note=note)
