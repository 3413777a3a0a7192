"""Every message has a number of its own, however many were said in a second."""

from __future__ import annotations

import pytest

from stillup.vault.keeping import verify
from stillup.vault.ordinal import base_of
from stillup.vault.values import Conversation
from tests.vault.talks import NOW_S, texts_of, turn


def crowd(name, count, at_s):
    turns = tuple(turn(f"{name}{n}", f"{name} says {n}", at_s=at_s(n)) for n in range(count))
    return Conversation(origin="test", id=name, turns=turns)


@pytest.mark.parametrize(
    "at_s", [lambda _: NOW_S, lambda n: NOW_S + n // 100, lambda _: None], ids=["one", "few", "no"]
)
def test_messages_of_one_second_reach_into_the_next_ones_and_none_is_lost(vault, at_s):
    many = [crowd(name, 700, at_s) for name in "abc"]
    behind = crowd("behind", 9, lambda n: NOW_S + 1 + n)
    vault.put([many[0], behind, many[1]], NOW_S)
    vault.put([many[2], many[0]], NOW_S)

    for talk in (*many, behind):
        assert texts_of(vault.load(vault.find(talk.id))) == [f"{talk.id} says {n}" for n in range(len(talk.turns))]
    assert verify(vault).troubles == []


def test_the_number_begins_with_the_second(vault):
    vault.put([crowd("late", 3, lambda n: NOW_S + 10 - n)], NOW_S)
    with vault.reading() as db:
        numbers = [n for (n,) in db.execute("SELECT n FROM message ORDER BY n")]
    assert numbers == [base_of(NOW_S + s) for s in (8, 9, 10)]
