"""The decision on alerts: an event and the state in, the new state and what is said out.

Laws: one message when it breaks, one for each real change, one when it is back; none between. Whatever is held back
(quiet hours, a silence, a death of the process) is made up for by the next look, for every look compares how things
stand with what was said.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from stillup.model.verdict import Verdict
from stillup.response.alerts.match import Condition, condition
from stillup.response.alerts.quiet import is_due, is_quiet
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.thread import Moment, Word, follow, review
from stillup.response.alerts.values import (
    Acked,
    AlertState,
    Changed,
    Decision,
    Event,
    Note,
    Outcome,
    Rule,
    Settings,
    Silence,
    Silenced,
    Started,
    Thread,
    Ticked,
)

_MOST_NOTES = 100
_SEEN_EVERY = timedelta(minutes=5)
"""The sign of life need not be fresher: it is written each time."""


def decide(settings: Settings, state: AlertState, event: Event, now: datetime) -> Outcome:
    """What follows from one event. ``now`` is the event's own time."""
    match event:
        case Changed(verdict, fold):
            return _changed(settings, state, verdict, now, fold=fold)
        case Ticked(works, resumed):
            known = state if works is None else replace(state, works=works)
            known = replace(known, started_at=None) if resumed else known
            return _ticked(settings, _alive(_fresh_silences(known, now), now), now)
        case Started():
            return _started(settings, state, now)
        case Acked(service):
            return Outcome(replace(state, threads={k: _acked(k, t, service) for k, t in state.threads.items()}))
        case Silenced(silence):
            return Outcome(replace(state, silences=(*_fresh_silences(state, now).silences, silence)))


def _changed(settings: Settings, state: AlertState, verdict: Verdict, now: datetime, *, fold: bool) -> Outcome:
    service = verdict.service
    rules = [r for r in settings.rules if service in r.services]
    if not rules:
        return Outcome(state)
    key = f"{service}/{verdict.component or ''}"
    # The diagnosis is long, and nothing here rests on it.
    state = replace(state, verdicts={**state.verdicts, key: replace(verdict, diagnosis=())})
    return _look(settings, state, ((r, service) for r in rules), now, fold=fold)


def _ticked(settings: Settings, state: AlertState, now: datetime) -> Outcome:
    services = {key.partition("/")[0] for key in state.verdicts}
    pairs = ((r, s) for r in settings.rules for s in r.services if s in services)
    found = _look(settings, state, pairs, now)
    local = now.astimezone(settings.zone)
    if not is_due(settings.digest_min, found.state.digest_on, local):
        return found
    state, digests = _digests(settings, found.state, now)
    return Outcome(replace(state, digest_on=local.date()), (*found.decisions, *digests))


def _started(settings: Settings, state: AlertState, now: datetime) -> Outcome:
    wanted = {f"{r.id}/{s}" for r in settings.rules for s in r.services}
    threads = {key: t for key, t in state.threads.items() if key in wanted}
    seen = state.seen_at
    is_long_ago = seen is not None and (now - seen).total_seconds() > settings.forget_s
    # How things stand is for the new watch to say: what the one before it saw last may be over.
    state = replace(state, threads=threads, verdicts={}, started_at=now, seen_at=now)
    if not is_long_ago:
        return Outcome(state)
    forgotten = [
        Decision(rule=rule, service=service, reason=Reason.FORGOTTEN, at=now)
        for key, thread in threads.items()
        if thread.said is not None
        for rule, _, service in (key.partition("/"),)
    ]
    shut = {k: _forgotten(t) for k, t in threads.items()}
    return Outcome(replace(state, threads=shut), tuple(forgotten))


def _look(
    settings: Settings, state: AlertState, pairs: Iterable[tuple[Rule, str]], now: datetime, *, fold: bool = False
) -> Outcome:
    """Review these rules for these services."""
    threads, notes, decisions = dict(state.threads), dict(state.notes), []
    for rule, service in pairs:
        key = f"{rule.id}/{service}"
        before = threads.get(key, Thread())
        seen = condition(rule, state.of(service), is_open=before.said is not None or before.since is not None)
        thread = follow(before, seen, now)
        gate = Reason.TOO_OLD if fold else _gate(settings, state, rule, service, seen, now)
        word = review(rule, thread, seen, _moment(settings, state, now, gate))
        note = _note(settings, rule, service, before, word.thread, seen, gate, now)
        if note is not None:
            notes[rule.id] = (*notes.get(rule.id, ()), note)[-_MOST_NOTES:]
        if key in threads or word.thread != Thread():
            threads[key] = word.thread
        decisions.append(_decision(rule, service, before, word, seen, now))
    return Outcome(replace(state, threads=threads, notes=notes), tuple(decisions))


def _moment(settings: Settings, state: AlertState, now: datetime, gate: Reason | None) -> Moment:
    # What was found before this process began was found by one that had watched for long.
    started_at = state.started_at
    is_fresh = started_at is not None and 0 <= (now - started_at).total_seconds() < settings.grace_s
    return Moment(
        now=now,
        gate=gate,
        fresh_since=started_at if is_fresh else None,
        flapping=settings.flapping,
        updates_every_s=settings.updates_every_s,
    )


def _gate(
    settings: Settings, state: AlertState, rule: Rule, service: str, seen: Condition, now: datetime
) -> Reason | None:
    """Why nothing may be said now."""
    if rule.digest:
        return Reason.IN_DIGEST
    silences = [s for s in (*settings.silences, *state.silences) if s.service in (None, service) and _is_on(s, now)]
    asked = [s for s in silences if not s.maintenance]
    if asked and _covers(_parts((s.component,) if s.component else () for s in asked), seen):
        return Reason.SILENCED
    heeding = [s for s in silences if s.maintenance]
    works = [w for w in state.works if w.service == service]
    if heeding and works:
        heeded = _parts((s.component,) if s.component else () for s in heeding)
        worked_on = _parts(w.components for w in works)
        both = heeded if worked_on is None else worked_on if heeded is None else worked_on & heeded
        if _covers(both, seen):
            return Reason.IN_MAINTENANCE
    return Reason.QUIET_HOURS if is_quiet(rule.quiet, now.astimezone(settings.zone)) else None


def _parts(named: Iterable[tuple[str, ...]]) -> set[str] | None:
    """All components that are named; None for the whole service, where one names none."""
    every = list(named)
    return None if not all(every) else {c for one in every for c in one}


def _covers(parts: set[str] | None, seen: Condition) -> bool:
    return parts is None or (bool(seen.components) and set(seen.components) <= parts)


def _is_on(silence: Silence, now: datetime) -> bool:
    return (silence.starts is None or silence.starts <= now) and (silence.ends is None or now < silence.ends)


def _note(
    settings: Settings,
    rule: Rule,
    service: str,
    before: Thread,
    after: Thread,
    seen: Condition,
    gate: Reason | None,
    now: datetime,
) -> Note | None:
    """A line for the digest, of what ended without a word because it was held."""
    is_held = gate in (Reason.QUIET_HOURS, Reason.IN_DIGEST)
    if settings.digest_min is None or not is_held or before.since is None or after.since is not None:
        return None
    if before.said is not None or seen.verdict is None or (now - before.since).total_seconds() < rule.for_s:
        return None
    worst = before.worst or seen.verdict.state
    return Note(service=service, state=worst, began=before.since, ended=now, components=before.parts)


def _decision(rule: Rule, service: str, before: Thread, word: Word, seen: Condition, now: datetime) -> Decision:
    thread = word.thread
    if word.kind is None:
        return Decision(rule=rule.id, service=service, reason=word.reason, at=now)
    return Decision(
        rule=rule.id,
        service=service,
        reason=word.reason,
        kind=word.kind,
        at=now,
        incident=thread.incident,
        began=thread.began,
        revision=thread.revision,
        channels=thread.told,
        verdict=seen.verdict,
        components=seen.components,
        before=before.said,
        since=_broken_since(before, thread, word.kind),
        until=thread.clear,
    )


def _broken_since(before: Thread, after: Thread, kind: Kind) -> datetime | None:
    """From when on it held; of what is over from the first break on, though it may have gone and come meanwhile."""
    known = (before.since, after.since, before.broke_at if kind is Kind.BACK else None)
    return min((at for at in known if at is not None), default=None)


def _digests(settings: Settings, state: AlertState, now: datetime) -> tuple[AlertState, list[Decision]]:
    day = now.astimezone(settings.zone).date()
    told = []
    for rule in settings.rules:
        notes = (*state.notes.get(rule.id, ()), *_lasting(rule, state))
        if notes:
            told.append(
                Decision(
                    rule=rule.id,
                    service="",
                    reason=Reason.DIGEST_DUE,
                    kind=Kind.DIGEST,
                    at=now,
                    incident=f"digest-{day.isoformat()}",
                    revision=1,
                    channels=rule.channels,
                    notes=notes,
                )
            )
    return replace(state, notes={}), told


def _lasting(rule: Rule, state: AlertState) -> list[Note]:
    """What lasts, for a rule of which nothing else is ever sent."""
    if not rule.digest:
        return []
    threads = ((s, state.threads.get(f"{rule.id}/{s}")) for s in rule.services)
    lasting = [(s, t) for s, t in threads if t is not None and t.since is not None and t.worst is not None]
    return [
        Note(service=s, state=t.worst, began=t.since, components=t.parts) for s, t in lasting if t.worst and t.since
    ]


def _forgotten(thread: Thread) -> Thread:
    return replace(thread, said=None, since=None, flapping=None, acked=False, why=Reason.FORGOTTEN)


def _acked(key: str, thread: Thread, service: str | None) -> Thread:
    if thread.said is None or service not in (None, key.partition("/")[2]):
        return thread
    return replace(thread, acked=True)


def _alive(state: AlertState, now: datetime) -> AlertState:
    if state.seen_at is not None and timedelta() <= now - state.seen_at < _SEEN_EVERY:
        return state
    return replace(state, seen_at=now)


def _fresh_silences(state: AlertState, now: datetime) -> AlertState:
    left = tuple(s for s in state.silences if s.ends is None or now < s.ends)
    return state if left == state.silences else replace(state, silences=left)
