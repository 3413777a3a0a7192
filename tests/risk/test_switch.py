"""Stay or switch: what records can carry, and what they cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.risk.gain import Candidate
from stillup.risk.switch import Advice, Lengths, Rival, advise, backup, likelier_down_less
from stillup.risk.values import Alone, Basis, Hours, Subject


def alone(name, hours, basis=Basis.OWN):
    around = Hours(hours, hours / 2, hours * 2)
    return Alone(subject=Subject(name), hours=around, basis=basis, days=200, provenance="a test")


def rival(name, hours, *, basis=Basis.OWN, better=0.5, saved=10.0, falls=(), is_backup=False):
    return Rival(
        candidate=Candidate(id=name, title=name.title(), subject=Subject(name)),
        alone=alone(name, hours, basis),
        better=better,
        both=Hours(0.5, 0.1, 2.0),
        saved=Hours(saved, saved / 2, saved * 2),
        falls_too=falls,
        is_backup=is_backup,
    )


THIS = alone("this", 40)


@pytest.mark.parametrize(
    ("this", "rivals", "advice"),
    [
        (alone("this", 40, Basis.ASSUMED), [rival("other", 5, better=None)], Advice.TOO_LITTLE),
        (THIS, [], Advice.TOO_LITTLE),
        (THIS, [rival("other", 5, basis=Basis.ASSUMED, better=None)], Advice.TOO_LITTLE),
        (THIS, [rival("other", 5, better=0.99)], Advice.WORTH_A_LOOK),
        (THIS, [rival("other", 5, better=0.9)], Advice.ADD_BACKUP),
        (THIS, [rival("other", 5, basis=Basis.SHIPPED, better=0.99)], Advice.ADD_BACKUP),
        (alone("this", 40, Basis.SHIPPED), [rival("other", 5, better=0.99)], Advice.ADD_BACKUP),
        (THIS, [rival("other", 25, better=0.99)], Advice.ADD_BACKUP),
        (alone("this", 6), [rival("other", 1, better=0.99)], Advice.ADD_BACKUP),
        (THIS, [rival("other", 25, better=0.5, is_backup=True)], Advice.STAY),
    ],
)
def test_a_switch_is_worth_a_look_only_where_it_was_seen_from_here_beyond_doubt_and_by_enough(this, rivals, advice):
    told, because = advise(this, rivals)
    assert told is advice
    assert because


def test_two_vendors_pages_carry_no_switch_and_it_says_so():
    _, because = advise(alone("this", 40, Basis.SHIPPED), [rival("other", 5, basis=Basis.SHIPPED, better=0.999)])
    assert any("is not the same" in words for words in because)
    assert "100" not in because[0]


def test_the_backup_is_who_takes_most_off_and_of_those_who_stands_apart():
    fallen = rival("near", 5, saved=10.0, falls=("Cloudflare",))
    assert backup([fallen, rival("apart", 9, saved=9.8)]).candidate.id == "apart"
    assert backup([fallen, rival("far", 9, saved=5.0)]).candidate.id == "near"
    assert backup([]) is None


def test_a_backup_whose_record_is_a_guess_is_said_to_be_one():
    known = rival("known", 30, saved=2.0)
    _, because = advise(THIS, [known, rival("guess", 20, basis=Basis.ASSUMED, better=None)])
    assert any("Guess would be a backup" in words and "a guess" in words for words in because)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_how_likely_it_is_to_be_down_less_is_a_chance_and_adds_up_both_ways(one, other):
    forth, back = likelier_down_less(one, other), likelier_down_less(other, one)
    assert 0 <= forth <= 1
    assert forth + back == pytest.approx(1, abs=1e-6)


def test_one_of_fewer_than_five_is_not_compared():
    assert Lengths(this_s=60, is_over=True, own_s=(1, 2, 3, 4)).longer_than is None
    assert Lengths(this_s=60, is_over=True, own_s=(1, 2, 3, 4, 100)).longer_than == 0.8
