"""Tokens of forms: ours, fresh, once."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.hub.token import LIFETIME_S, Forms, SharedForms
from stillup.hub.values import Reason

T0 = 1_780_000_000.0


def forms(seed: int = 1, **rest) -> Forms:
    return Forms(Random(seed).randbytes, T0, **rest)


def test_a_token_is_good_once():
    made = forms()
    token = made.issue(T0 + 1)
    number = made.check(token, T0 + 2)

    assert number == made.check(token, T0 + 3)  # looking does not use it up
    made.spend(number)
    assert made.check(token, T0 + 4) is Reason.REPLAYED


@pytest.mark.parametrize(
    ("later_s", "is_good"),
    [(0, True), (LIFETIME_S, True), (LIFETIME_S + 1, False), (-59, True), (-61, False)],
)
def test_a_token_lives_for_an_hour(later_s, is_good):
    made = forms()
    token = made.issue(T0 + 100)

    assert (made.check(token, T0 + 100 + later_s) is Reason.STALE) is not is_good


def test_a_token_of_another_process_is_forged_and_one_of_before_this_one_stale():
    made = forms(1)

    assert made.check(forms(2).issue(T0 + 1), T0 + 2) is Reason.FORGED
    assert made.check(Forms(Random(2).randbytes, T0 - 500).issue(T0 - 400), T0 + 2) is Reason.STALE


@given(st.integers(0, 42), st.sampled_from("ABCxyz019-_"))
def test_no_letter_of_a_token_can_be_changed(place, letter):
    made = forms()
    token = made.issue(T0 + 1)
    changed = token[:place] + letter + token[place + 1 :]

    assert changed == token or isinstance(made.check(changed, T0 + 2), Reason)


@given(st.text(max_size=60))
def test_nonsense_is_no_token(text):
    assert isinstance(forms().check(text, T0 + 1), Reason)


def test_tokens_whose_places_are_needed_again_are_stale_and_never_good_twice():
    made = forms(remembered=64)
    first = made.issue(T0 + 1)
    made.spend(made.check(first, T0 + 1))
    later = [made.issue(T0 + 1) for _ in range(64)]

    assert made.check(first, T0 + 2) is Reason.STALE
    for token in later:
        made.spend(made.check(token, T0 + 2))
    assert {made.check(token, T0 + 2) for token in later} == {Reason.REPLAYED}


def test_a_million_tokens_take_two_megabytes_at_most():
    made = forms()
    for _ in range(100_000):
        made.spend(made.check(made.issue(T0 + 1), T0 + 1))

    assert len(made._used) < 1 << 21


# -- under a key that several desks share -----------------------------------------------------------------------------


def shared(seed: int, key: bytes = b"k" * 32) -> SharedForms:
    made = SharedForms(Random(seed).randbytes, T0)
    made.share(key, T0)
    return made


def test_a_form_of_one_desk_is_good_at_another_once_and_at_none_with_another_key():
    one, other = shared(1), shared(2)
    token = one.issue(T0 + 1)
    number = other.check(token, T0 + 2)
    one.spend(number)
    other.spend(number)

    assert {desk.check(token, T0 + 3) for desk in (one, other)} == {Reason.REPLAYED}
    assert shared(3, b"x" * 32).check(token, T0 + 2) is Reason.FORGED


@pytest.mark.parametrize(
    ("later_s", "is_good"),
    [(0, True), (LIFETIME_S, True), (LIFETIME_S + 1, False), (-59, True), (-61, False)],
)
def test_a_shared_token_lives_for_an_hour(later_s, is_good):
    made = shared(1)
    token = made.issue(T0 + 100)

    assert (made.check(token, T0 + 100 + later_s) is Reason.STALE) is not is_good


def test_a_form_that_was_open_before_the_desks_agreed_on_a_key_is_good_still():
    made = SharedForms(Random(1).randbytes, T0)
    token = made.issue(T0 + 1)
    for _ in range(3):
        made.share(b"k" * 32, T0 + 2)

    assert isinstance(made.check(token, T0 + 3), int)


@given(st.integers(0, 42), st.sampled_from("ABCxyz019-_"))
def test_no_letter_of_a_shared_token_can_be_changed(place, letter):
    made = shared(1)
    token = made.issue(T0 + 1)
    changed = token[:place] + letter + token[place + 1 :]

    assert changed == token or isinstance(made.check(changed, T0 + 2), Reason)


@given(st.text(max_size=60))
def test_nonsense_is_no_shared_token(text):
    assert isinstance(shared(1).check(text, T0 + 1), Reason)
