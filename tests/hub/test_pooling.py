"""Counts that installations share: sums of ten and more, of several networks, that do not change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.catalog.load import catalogue
from stillup.catalog.models import models
from stillup.hub.pooling import GRACE_S, K, PooledCounts
from stillup.hub.values import MOST_TALLIES, Batch, Reason, Tally

END = datetime(2026, 5, 4, 8, 5, tzinfo=UTC)
SENT = END + timedelta(seconds=30)
CLOSED = END + timedelta(seconds=GRACE_S)


@pytest.fixture
def pool():
    return PooledCounts(Random(1).randbytes)


def batch(name: int, *, ok: int = 9, failed: int = 1, end: datetime = END, model: str | None = "m") -> Batch:
    return Batch(
        installation=f"{name:032x}", end=end, tallies=(Tally(service="claude", model=model, ok=ok, failed=failed),)
    )


def share(pool, names, sender=lambda n: f"{20 + n}.{n}.3.4", **rest):
    return [pool.note(batch(n, **rest), sender(n), SENT).reason for n in names]


def sums(pool, now=CLOSED):
    return [(s.model, s.ok, s.failed) for w in pool.sums("claude", now) for s in w.sums]


def test_ten_installations_are_a_sum_and_nine_are_nothing(pool):
    share(pool, range(K - 1))
    assert sums(pool) == []
    share(PooledCounts(Random(1).randbytes), range(K))
    other = PooledCounts(Random(1).randbytes)
    share(other, range(K))
    assert sums(other) == [("m", 90, 10)]


def test_nothing_is_given_out_before_the_window_is_closed_and_then_it_stays(pool):
    share(pool, range(K))
    assert sums(pool, SENT) == []
    told = sums(pool)
    late = pool.note(batch(99), "99.9.9.9", CLOSED + timedelta(seconds=1))

    assert late.reason is Reason.STALE
    assert sums(pool, CLOSED + timedelta(minutes=20)) == told
    assert sums(pool, CLOSED + timedelta(hours=1)) == []


def test_a_name_counts_once(pool):
    share(pool, [1] * 6)
    assert share(pool, [2, 2])[1] is Reason.FOLDED
    assert sums(pool) == []


@pytest.mark.parametrize(("others", "told"), [(1, []), (K - 1, [("m", 9 * (K - 1) + 100, K - 1 + 100)])])
def test_what_one_installation_says_many_times_in_a_batch_is_the_word_of_one(pool, others, told):
    tally = Tally(service="claude", model="m", ok=60, failed=60)
    pool.note(Batch(installation=f"{99:032x}", end=END, tallies=(tally,) * K), "99.9.9.9", SENT)
    share(pool, range(others))

    assert sums(pool) == told


@pytest.mark.parametrize("sender", [lambda _: "203.0.113.7", lambda n: f"203.0.113.{n}", lambda n: f"203.0.{n}.7"])
def test_one_network_never_makes_a_sum(pool, sender):
    share(pool, range(60), sender)

    assert sums(pool) == []


def test_a_few_who_come_first_with_every_pair_there_is_leave_room_for_the_others(pool):
    pairs = [(service, model) for service in catalogue() if service != "claude" for model in models()]
    for n in range(10):
        part = pairs[n * MOST_TALLIES : (n + 1) * MOST_TALLIES] or pairs[:1]
        told = tuple(Tally(service=service, model=model, ok=0, failed=1) for service, model in part)
        pool.note(Batch(installation=f"{1_000 + n:032x}", end=END, tallies=told), f"203.{n}.113.7", SENT)
    share(pool, range(K))

    assert sums(pool) == [("m", 90, 10)]


def test_one_network_adds_little_to_a_sum_of_others(pool):
    share(pool, range(20))
    share(pool, range(1000, 1040), lambda n: f"203.0.113.{n % 250}", ok=0, failed=1_000_000)

    assert sums(pool) == [("m", 180, 20 + 200)]


@pytest.mark.parametrize(
    "end", [END + timedelta(seconds=1), END - timedelta(hours=1), END + timedelta(minutes=5), END + timedelta(days=9)]
)
def test_only_five_minutes_that_have_just_ended_are_taken(pool, end):
    assert pool.note(batch(1, end=end), "8.8.8.8", SENT).reason is Reason.STALE


def test_a_sender_that_shares_without_end_is_held_back(pool):
    reasons = share(pool, range(20), lambda _: "8.8.8.8")

    assert reasons.count(Reason.TOO_MANY) == 14


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 7), st.integers(0, 300), st.integers(0, 300)), max_size=120)
)
def test_a_sum_is_always_of_ten_names_and_five_wide_networks(shared):
    pool, taken = PooledCounts(Random(1).randbytes), {}
    for name, wide, ok, failed in shared:
        sender = f"20.{wide}.{name}.7"
        if pool.note(batch(name, ok=ok, failed=failed), sender, SENT).reason is Reason.ADMITTED:
            taken.setdefault(name, wide)
    for _model, ok, failed in sums(pool):
        assert len(taken) >= K
        assert len(set(taken.values())) >= 5
        assert ok + failed <= 200 * len(taken)


def test_whoever_shares_too_much_is_told_a_whole_number_of_seconds(pool):
    refusals = [pool.note(batch(n), "20.1.2.3", SENT + timedelta(seconds=n / 3)) for n in range(12)]

    waits = [a.retry_after_s for a in refusals if a.reason is Reason.TOO_MANY]
    assert waits
    assert all(wait_s >= 1.0 and wait_s.is_integer() for wait_s in waits)
