"""What users do at all replicas together: counted once, whatever is lost, late or told twice."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.errors import BadDataError
from stillup.gateway.core.allowance import Allowance, Bounds
from stillup.gateway.shared.usage import OthersUse, divided, parts_of
from stillup.gateway.shared.words import Asked, Health, Spent, pack, unpack

AT = datetime(2026, 4, 7, 14, 5, tzinfo=UTC)
DAY = "2026-04-07"


def allowance(requests=None, usd=None):
    made = Allowance([("ann", Bounds(requests, usd)), ("bob", Bounds())])
    others = made.others = OthersUse()
    return made, others


def test_requests_elsewhere_count_against_the_same_limit():
    here, others = allowance(requests=3)
    others.hear_asked("gw-2.1.0", Asked(users={"ann": 2}), 0.0)
    assert here.ask("ann", 1.0, AT) is None
    denied = here.ask("ann", 1.0, AT)
    assert denied is not None
    assert denied.retry_after_s == 20.0  # a third of a minute: the pace that is allowed


def test_a_newer_word_stands_in_place_of_the_last_one():
    here, others = allowance(requests=3)
    for n in (1, 2, 1):
        others.hear_asked("gw-2.1.0", Asked(users={"ann": n}), 0.0)
    assert others.requests("ann", 1.0) == 1
    others.hear_asked("gw-2.1.0", Asked(users={}), 0.0)
    assert others.requests("ann", 1.0) == 0
    assert here.ask("ann", 1.0, AT) is None


def test_what_is_not_renewed_for_a_minute_is_of_requests_that_are_older():
    _, others = allowance(requests=3)
    others.hear_asked("gw-2.1.0", Asked(users={"ann": 3}), 0.0)
    assert others.requests("ann", 59.9) == 3
    assert others.requests("ann", 60.0) == 0


def test_what_is_told_of_requests_is_what_was_let_in():
    here, _ = allowance(requests=2)
    for _ in range(5):
        here.ask("ann", 0.0, AT)
        here.ask("bob", 0.0, AT)
    assert here.asked(30.0) == {"ann": 2}
    assert here.asked(60.0) == {}
    assert here.asked(61.0) == {}


def test_money_spent_elsewhere_on_the_day_counts_and_of_another_day_does_not():
    here, others = allowance(usd=1.0)
    others.hear_spent("2026-04-06.gw-2.1.0", Spent(day="2026-04-06", users={"ann": 9.0}))
    assert here.ask("ann", 0.0, AT) is None
    here.spend("ann", 0.5, AT)
    others.hear_spent("2026-04-07.gw-2.1.0", Spent(day=DAY, users={"ann": 0.6}))
    denied = here.ask("ann", 0.0, AT)
    assert denied is not None
    assert "1 USD a day" in denied.says
    assert here.spent(AT.date()) == {"ann": 0.5}


def test_what_somebody_spent_stands_although_the_replica_is_gone_until_the_day_is_over():
    _, others = allowance(usd=1.0)
    others.hear_spent("2026-04-07.gw-2.1.0", Spent(day=DAY, users={"ann": 0.6}))
    others.hear_spent("2026-04-07.gw-2.2.0", Spent(day=DAY, users={"ann": 0.3}))
    assert others.usd("ann", DAY) == pytest.approx(0.9)
    others.hear_spent("2026-04-07.gw-2.1.0", None)
    others.hear_spent("2026-04-07.gw-2.2.0", None)
    others.hear_spent("2026-04-07.gw-2.2.0", None)
    assert others.usd("ann", DAY) == 0.0


SPENT = st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 50)), max_size=30)


@given(SPENT, st.randoms(use_true_random=False))
def test_sums_are_the_same_in_whatever_order_and_however_often_words_come(words, random):
    """Each replica's sums only grow, so its largest word is its newest."""
    shuffled = [*words, *words]
    random.shuffle(shuffled)
    others = OthersUse()
    for replica, cents in shuffled:
        others.hear_spent(replica, Spent(day=DAY, users={"ann": cents / 100}))
    newest = {r: max(c for name, c in words if name == r) for r, _ in words}
    assert others.usd("ann", DAY) == pytest.approx(sum(newest.values()) / 100)


@given(st.dictionaries(st.text(max_size=5), st.floats(0, 9), max_size=40), st.integers(1, 5))
def test_what_is_said_of_many_is_divided_so_that_each_has_one_place(users, parts):
    first, again = divided(users, parts), divided(dict(reversed(users.items())), parts)
    assert first == again
    assert {user: usd for part in first for user, usd in part.items()} == users


def test_a_few_users_are_one_word_and_many_are_several():
    assert [parts_of(map(str, range(n)), 10) for n in (0, 9, 10, 25)] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff",
        b"nonsense",
        pack(Health()),
        pack(Spent(day="yesterday", users={})),
        pack(Spent(day=DAY, users={"ann": -1.0})),
        pack(Spent(day=DAY, users={"ann": float("nan")})),
        pack(Spent(day=DAY, users={"ann": float("inf")})),
        b"\x00" * (2 << 20),
        b"\x91" * 100_000,
    ],
    ids=range(10),
)
def test_what_is_no_word_of_ours_is_refused(value):
    with pytest.raises(BadDataError):
        unpack(value, Spent)


def test_who_comes_near_a_limit_is_news_at_each_eighth_of_the_way():
    here, _ = allowance(requests=16)
    told = []
    here.news = lambda: told.append(here.asked(0.0)["ann"])
    for _ in range(20):
        here.ask("ann", 0.0, AT)
    assert told == [2, 4, 6, 8, 10, 12, 14, 16]
    few, _ = allowance(requests=1)
    few.news = lambda: told.append("few")
    few.ask("ann", 0.0, AT)
    assert told[-1] == "few"
