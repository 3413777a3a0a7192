"""What one rule has to say of one service now: one message or none, with its reason.

It looks at how things stand beside what was said, so that it may be asked at any time and as often as one likes: what
was missed in between is made up for by the next look, and a second look has nothing to add.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from stillup.model.service import Confidence
from stillup.response.alerts.match import Condition, Sight
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import Flapping, Rule, Said, Thread


class Moment(Struct, frozen=True, kw_only=True):
    """What else bears on it now. ``gate`` is why nothing may be said, None where it may."""

    now: datetime
    gate: Reason | None = None
    fresh_since: datetime | None = None
    """When the watch began, while that is not long ago."""
    flapping: Flapping = Flapping()
    updates_every_s: float = 0.0


class Word(Struct, frozen=True):
    """What follows: the thread as it is now, and what is said."""

    thread: Thread
    reason: Reason
    kind: Kind | None = None


def follow(thread: Thread, seen: Condition, now: datetime) -> Thread:
    """Note when the condition came or went; a break while nothing is open begins a new conversation."""
    if seen.sight is Sight.GONE and thread.since is not None:
        return replace(thread, since=None, clear=now, worst=None, parts=())
    if seen.sight is not Sight.HOLDS:
        return thread
    if thread.since is None:
        thread = replace(thread, since=now, clear=None)
        incident = _incident(seen, now)
        if thread.said is None and incident != thread.incident:
            thread = Thread(incident=incident, began=now, since=now, flips=thread.flips, why=thread.why)
    state = seen.verdict.state if seen.verdict else None
    worst = max((s for s in (thread.worst, state) if s), key=lambda s: s.severity, default=None)
    parts = tuple(dict.fromkeys((*thread.parts, *seen.components)))
    return thread if (worst, parts) == (thread.worst, thread.parts) else replace(thread, worst=worst, parts=parts)


def _incident(seen: Condition, now: datetime) -> str:
    verdict = seen.verdict
    if verdict is None or verdict.incident is None:
        return f"{verdict.service if verdict else '?'}-{now:%Y%m%d-%H%M%S}"
    return verdict.incident


def review(rule: Rule, thread: Thread, seen: Condition, moment: Moment) -> Word:
    """Decide; ``thread`` has followed already."""
    if seen.sight is Sight.UNSEEN:
        return _nothing(thread, Reason.UNSEEN)
    is_open = thread.said is not None
    if thread.since is None and not is_open:
        return _nothing(replace(thread, flapping=None), Reason.NOTHING_WRONG)
    if thread.since is not None and not is_open and _lasted_s(thread, moment.now) < rule.for_s:
        return _nothing(thread, Reason.TOO_SHORT)
    wanted = _wanted(rule, thread, seen, moment)
    if wanted.kind is None or moment.gate is None:
        return wanted
    return _nothing(thread, moment.gate)


def _wanted(rule: Rule, thread: Thread, seen: Condition, moment: Moment) -> Word:
    """What would be said if nothing stood in the way."""
    if thread.since is None and _is_from_before(thread, moment):
        return _nothing(thread, Reason.JUST_STARTED)
    if thread.flapping is not None:
        return _while_flapping(rule, thread, seen, moment)
    if thread.since is None:
        return _flip(rule, thread, seen, moment, Reason.BACK)
    if thread.said is None:
        return _flip(rule, thread, seen, moment, Reason.BROKE)
    return _while_open(rule, thread, thread.said, seen, moment)


def _is_from_before(thread: Thread, moment: Moment) -> bool:
    """It was said to be broken before this watch began, which has not seen it broken for itself."""
    since = moment.fresh_since
    return since is not None and (thread.broke_at is None or thread.broke_at < since)


def _flip(rule: Rule, thread: Thread, seen: Condition, moment: Moment, reason: Reason) -> Word:
    """A break or a recovery, unless there were too many of them."""
    bound = moment.flapping
    since = moment.now - timedelta(seconds=bound.window_s)
    flips = (*(at for at in thread.flips if at > since), moment.now)
    thread = replace(thread, flips=flips)
    if bound.changes and len(flips) >= bound.changes:
        return _say(rule, replace(thread, flapping=moment.now), seen, moment, Kind.FLAPPING, Reason.FLAPPING_BEGAN)
    return _say(rule, thread, seen, moment, Kind.BROKE if reason is Reason.BROKE else Kind.BACK, reason)


def _while_flapping(rule: Rule, thread: Thread, seen: Condition, moment: Moment) -> Word:
    still_since = thread.since or thread.clear or moment.now
    if (moment.now - still_since).total_seconds() < moment.flapping.settle_s:
        return _nothing(thread, Reason.FLAPPING)
    kind = Kind.CHANGED if thread.since is not None else Kind.BACK
    return _say(rule, replace(thread, flapping=None, flips=()), seen, moment, kind, Reason.SETTLED)


def _while_open(rule: Rule, thread: Thread, said: Said, seen: Condition, moment: Moment) -> Word:
    news = _news(said, seen)
    if _escalates(rule, thread, moment.now):
        if not thread.acked:
            return _say(rule, thread, seen, moment, Kind.ESCALATED, Reason.ESCALATED)
        if news is Reason.UNCHANGED:
            return _nothing(thread, Reason.ACKNOWLEDGED)
    if news in (Reason.UNCHANGED, Reason.EASED):
        return _nothing(thread, news)
    if not rule.updates:
        return _nothing(thread, Reason.NO_UPDATES)
    if news is Reason.PARTS_CHANGED and _spoken_s(thread, moment.now) < moment.updates_every_s:
        return _nothing(thread, Reason.TOO_SOON)
    return _say(rule, thread, seen, moment, Kind.CHANGED, news)


def _news(said: Said, seen: Condition) -> Reason:
    """How it differs from what was said: what is better is no news before it is over."""
    now = seen.said()
    if now is None:
        return Reason.UNCHANGED
    if now.state.severity > said.state.severity:
        return Reason.WORSE
    if said.confidence is Confidence.SUSPECTED and now.confidence is Confidence.CONFIRMED:
        return Reason.SURER
    if (now.components, now.models, now.scope) != (said.components, said.models, said.scope):
        return Reason.PARTS_CHANGED
    return Reason.EASED if now.state is not said.state else Reason.UNCHANGED


def _escalates(rule: Rule, thread: Thread, now: datetime) -> bool:
    after_s, broke_at = rule.escalate_after_s, thread.broke_at
    if after_s is None or broke_at is None or thread.escalated:
        return False
    return (now - broke_at).total_seconds() >= after_s


def _say(rule: Rule, thread: Thread, seen: Condition, moment: Moment, kind: Kind, reason: Reason) -> Word:
    now, is_first = moment.now, thread.said is None
    told = () if is_first else thread.told
    if kind is not Kind.BACK:
        more = rule.escalate_to if kind is Kind.ESCALATED else ()
        told = tuple(dict.fromkeys((*told, *rule.channels, *more)))
    spoken = replace(
        thread,
        revision=thread.revision + 1,
        said=None if kind is Kind.BACK else _kept(thread, seen, kind),
        said_at=now,
        broke_at=now if is_first else thread.broke_at,
        told=told,
        escalated=kind is Kind.ESCALATED or (thread.escalated and not is_first),
        acked=thread.acked and not is_first and kind is not Kind.BACK,
        why=reason,
    )
    return Word(spoken, reason, kind)


def _kept(thread: Thread, seen: Condition, kind: Kind) -> Said | None:
    """What counts as said from now on; of the states the worst, so that to and fro between two is told once."""
    now = seen.said()
    if now is None or (kind is Kind.FLAPPING and thread.since is None):
        return thread.said or now
    before = thread.said
    if before is not None and before.state.severity > now.state.severity:
        return replace(now, state=before.state)
    return now


def _nothing(thread: Thread, reason: Reason) -> Word:
    return Word(replace(thread, why=reason) if thread.why is not reason else thread, reason)


def _lasted_s(thread: Thread, now: datetime) -> float:
    return (now - thread.since).total_seconds() if thread.since else 0.0


def _spoken_s(thread: Thread, now: datetime) -> float:
    return (now - thread.said_at).total_seconds() if thread.said_at else float("inf")
