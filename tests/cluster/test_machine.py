"""The judge is a function of the log: cut it, repeat it, replay it from a checkpoint, and it says the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.bus.base import Record
from stillup.daemon.cluster import checkpoints
from stillup.daemon.cluster.log_judge import LogJudge, Why
from stillup.daemon.cluster.machine import Machine, in_time
from stillup.daemon.cluster.records import Heard, Minute, Part, Partial, Read, id_of, minute_id, pack, unpack
from stillup.daemon.jobs import profile_of
from stillup.errors import BadDataError
from stillup.model.service import Problem, State
from stillup.model.signal import Alive, Counted, Declared, Outcome, Signal
from stillup.sim.load import load
from stillup.sim.record import signals
from stillup.verdict.monitor import Monitor

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)
SERVICES = ("claude", "cloudflare")


def minute(n: float) -> datetime:
    return NOON + timedelta(minutes=n)


class Told:
    """A log being written: bodies and when the bus took them."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def say(self, said, at: datetime) -> None:
        self.records.append(Record(seq=len(self.records) + 1, at=at, id=str(len(self.records)), body=pack(said)))

    def hear(self, *lines: Signal, at: datetime, by: str = "a", read: Read | None = None) -> None:
        self.say(Heard(signals=lines, by=by, read=read), at)

    def minute(self, at: datetime, *, came: datetime | None = None) -> None:
        self.say(Minute(at=at, owner="a", fence=1), came or at + timedelta(seconds=1))


def judged(judge: LogJudge, records) -> list:
    """Every minute's changes, with its number."""
    steps = [applied.step for record in records if (applied := judge.apply(record)).step is not None]
    return [(s.at, s.seq, s.changes, s.incidents, s.evidence, s.known, s.arrived) for s in steps]


def judge_of(services=SERVICES) -> LogJudge:
    return LogJudge(Monitor(profile_of), services)


@cache
def april() -> tuple[Signal, ...]:
    """The hours around the outage of April 2026, with the two hours before it."""
    scenario = load("2026-04-07")
    return tuple(s for s in signals(scenario) if timedelta(0) <= s.at - scenario.starts < timedelta(hours=4))


@cache
def april_log() -> tuple[Record, ...]:
    """The same as a log: batches as they came, and a minute each."""
    told, lines, chance = Told(), list(april()), Random(7)
    at = datetime.fromtimestamp(lines[0].at.timestamp() // 60 * 60, UTC)
    while lines:
        at += timedelta(minutes=1)
        of_minute = [line for line in lines if line.at <= at]
        lines = lines[len(of_minute) :]
        while of_minute:
            n = chance.randint(1, 20)
            told.hear(*of_minute[:n], at=of_minute[:n][-1].at)
            of_minute = of_minute[n:]
        told.minute(at)
    return tuple(told.records)


def test_a_recorded_outage_is_judged_from_its_log_as_one_process_judges_its_signals():
    services = {s.service for s in april()}
    log = judged(LogJudge(Monitor(profile_of), services), april_log())
    one, lines = Machine(Monitor(profile_of)), list(april())
    alone = []
    for at, *_ in log:
        those = [line for line in lines if line.at <= at]
        lines = lines[len(those) :]
        one.hear(those, at)
        alone += one.minute(at).changes
    changes = [c for step in log for c in step[2]]
    assert changes == alone
    assert any(c.state.is_outage for c in changes)


@settings(max_examples=8)
@given(cut=st.integers(0, 10_000), again=st.integers(0, 200))
def test_who_goes_on_from_a_checkpoint_is_as_if_nobody_had_died(cut, again):
    """Killed anywhere; what was applied since the checkpoint is applied again, and some records are read twice."""
    records, services = april_log(), frozenset(s.service for s in april())
    whole = whole_april()
    first, cut = LogJudge(Monitor(profile_of), services), cut % len(records)
    kept = None
    before = []
    for n, record in enumerate(records[:cut]):
        applied = first.apply(record)
        if applied.step is not None:
            before.append(applied.step)
            if n % 5 == 0 or kept is None:
                kept = checkpoints.pack(checkpoints.take(first, "profiles", "birth"))
    second = LogJudge(Monitor(profile_of), services)
    if kept is not None:
        one = checkpoints.unpack(kept)
        second = LogJudge(Monitor.restore(one.monitor, profile_of), services)
        second.go_on(one.seq, one.judged, one.reads, one.adding)
    after = judged(second, records[max(0, second.seq - again) :])
    known = {at: rest for at, *rest in whole}
    assert [step[1] for step in after] == [seq for _, seq, *_ in whole if seq > (whole_start(kept))]
    assert all(known[at] == rest for at, *rest in after)
    assert {s.at for s in before} | {at for at, *_ in after} == known.keys()


def whole_start(kept: bytes | None) -> int:
    return checkpoints.unpack(kept).seq if kept else 0


@cache
def whole_april() -> list:
    return judged(LogJudge(Monitor(profile_of), {s.service for s in april()}), april_log())


def page(at: datetime, state: State, service: str = "claude") -> tuple[Signal, ...]:
    return (
        Declared(at=at, service=service, source="statuspage", component="web", state=state),
        Alive(at=at, service=service, source="statuspage"),
    )


def test_two_owners_that_both_say_the_minutes_are_judged_as_one():
    told, twice = Told(), Told()
    for n in range(1, 30):
        at, lines = minute(n), page(minute(n - 0.5), State.MAJOR_OUTAGE if n > 10 else State.OPERATIONAL)
        told.hear(*lines, at=minute(n - 0.5))
        told.minute(at)
        twice.hear(*lines, at=minute(n - 0.5))
        twice.minute(at)
        twice.minute(at, came=minute(n + 0.3))  # the paused one, back again
        if n > 3:
            twice.minute(minute(n - 3), came=minute(n + 0.4))
    once, both = judged(judge_of(), told.records), judged(judge_of(), twice.records)
    assert [(at, changes) for at, _, changes, *_ in once] == [(at, changes) for at, _, changes, *_ in both]


def test_a_minute_that_has_not_begun_by_the_clock_of_the_bus_is_passed_over():
    told, judge = Told(), judge_of()
    told.minute(minute(1))
    told.minute(minute(90), came=minute(2))
    told.minute(minute(2))
    reasons = [judge.apply(record).reason for record in told.records]
    assert reasons == [Why.JUDGED, Why.AHEAD, Why.JUDGED]


def test_what_comes_after_its_minute_belongs_to_the_one_it_came_in_whatever_the_reader_s_clock():
    told, judge = Told(), judge_of()
    told.minute(minute(1))
    told.hear(*page(minute(0.5), State.MAJOR_OUTAGE), at=minute(1.2))
    told.hear(*page(minute(-30), State.MAJOR_OUTAGE), at=minute(1.3))
    told.minute(minute(2))
    *_, step = [applied.step for record in told.records if (applied := judge.apply(record)).step is not None]
    assert {(n, s.at) for n, s in step.arrived} == {(2, minute(1.2))}
    assert step.at == minute(2)


def test_a_count_that_is_late_keeps_the_window_it_is_of():
    late = Counted(at=minute(1), service="claude", source="downdetector", window_s=60, count=9)
    told = in_time(late, minute(1), minute(1.5))
    assert (told.at, told.until) == (minute(1.5), minute(1))


def test_records_that_are_lost_are_counted_and_those_that_nobody_can_read_are_passed_over():
    judge = judge_of()
    assert judge.apply(Record(seq=5, at=NOON, id="x", body=b"\xff\x00nothing")).lost == 4
    assert judge.apply(Record(seq=6, at=NOON, id="x", body=b"")).reason is Why.UNREADABLE
    assert judge.apply(Record(seq=6, at=NOON, id="x", body=b"")).reason is Why.REPEATED
    assert judge.seq == 6


def test_what_is_said_of_services_of_another_partition_is_passed_over():
    told, judge = Told(), judge_of(("claude",))
    told.hear(*page(minute(0.5), State.MAJOR_OUTAGE, "deepseek"), at=minute(0.6))
    told.minute(minute(1))
    (step,) = [applied.step for record in told.records if (applied := judge.apply(record)).step is not None]
    assert step.arrived == []


def test_whoever_takes_over_knows_when_each_source_was_read():
    told, judge = Told(), judge_of()
    read = Read(service="claude", source="reddit", at=minute(0.5))
    told.hear(*page(minute(0.5), State.OPERATIONAL), at=minute(0.6), read=read)
    told.minute(minute(1))
    judged(judge, told.records)
    kept = checkpoints.unpack(checkpoints.pack(checkpoints.take(judge, "p", "b")))
    assert kept.reads == [("claude", "reddit", minute(0.5))]


# -- counts of several replicas ---------------------------------------------------------------------------------------


def partial(replica: str, end: datetime, count: int) -> Partial:
    return Partial(replica=replica, end=end, parts=(Part(service="claude", count=count, problem=Problem.SIGN_IN),))


def test_what_replicas_have_counted_goes_on_from_a_checkpoint_too():
    """The counts of a minute that is open, those that are told, and what is usual: all of it is in the state."""
    told = Told()
    for n in range(1, 40):
        told.say(partial("a", minute(n), n % 7), minute(n - 0.6))
        told.say(partial("b", minute(n), n % 5), minute(n - 0.5))
        if n % 3 == 0:
            told.say(partial("b", minute(n - 1), 40), minute(n - 0.4))  # late, and more than before
        told.minute(minute(n))
    whole, first = judged(judge_of(("claude",)), told.records), judge_of(("claude",))
    cut = next(r.seq for r in told.records if r.at > minute(20))
    judged(first, told.records[: cut - 1])
    kept = checkpoints.unpack(checkpoints.pack(checkpoints.take(first, "p", "b")))
    second = LogJudge(Monitor.restore(kept.monitor, profile_of), ("claude",))
    second.go_on(kept.seq, kept.judged, kept.reads, kept.adding)
    after = judged(second, told.records)
    assert after == whole[-len(after) :]
    assert sum(s.count for *_, arrived in whole for _, s in arrived if isinstance(s, Counted)) > 0


# -- records ----------------------------------------------------------------------------------------------------------


def test_equal_counts_of_two_replicas_are_two_and_a_repetition_is_one():
    lines = (Outcome(at=NOON, service="claude", source="gateway", layer="inference", n_ok=3, n_failed=1, window_s=60),)
    a, b = Heard(signals=lines, by="a"), Heard(signals=lines, by="b")
    assert id_of(a) != id_of(b)
    assert id_of(a) == id_of(msgspec.structs.replace(a, trace="00-1-2-01"))
    assert minute_id("p1", NOON) == minute_id("p1", NOON)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_record_are_refused_and_nothing_worse(body):
    try:
        unpack(body)
    except BadDataError:
        return
