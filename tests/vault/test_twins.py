"""The same conversation from two sides is one."""

from __future__ import annotations

from msgspec.structs import replace

from stillup.vault.write import Put
from tests.vault.talks import NOW_S, talk, texts_of


def test_the_same_words_from_another_origin_are_the_same_conversation(vault):
    here = talk("one", "two", "three")
    there = talk("one", "two ", "three", id="other", origin="page", ids="p{}")
    assert vault.put([here, there, there], NOW_S) == [Put.NEW, Put.KNOWN, Put.KNOWN]
    assert len(vault.newest(5)) == 1
    assert vault.find("other") == vault.find("1")


def test_what_another_origin_knows_more_of_is_added_and_the_first_origin_finds_it_there(vault):
    vault.put([talk("one", "two")], NOW_S)
    assert vault.put([talk("one", "two", "three", id="x", origin="page", ids="p{}")], NOW_S) == [Put.GREW]
    assert vault.put([talk("one", "two", "three")], NOW_S) == [Put.KNOWN]
    assert vault.put([talk("one", "two", "three", "four")], NOW_S) == [Put.GREW]
    (about,) = vault.newest(5)
    assert texts_of(vault.load(about)) == ["one", "two", "three", "four"]


def test_an_earlier_state_from_another_origin_adds_nothing(vault):
    vault.put([talk("one", "two", "three", "four")], NOW_S)
    assert vault.put([talk("one", "two", id="x", origin="page", ids="p{}")], NOW_S) == [Put.KNOWN]
    assert texts_of(vault.load(vault.newest(1)[0])) == ["one", "two", "three", "four"]


def test_two_conversations_of_one_origin_stay_two_though_they_begin_alike(vault):
    assert vault.put([talk("one", "two", "three"), talk("one", "two", "other", id="2")], NOW_S) == [Put.NEW, Put.NEW]


def test_the_same_words_at_another_time_in_one_origin_are_two_conversations(vault):
    first = talk("hi", "hello", began_s=NOW_S)
    again = replace(talk("hi", "hello", id="2"), began_s=NOW_S + 86_400)
    copied = replace(first, id="3")
    assert vault.put([first, again, copied], NOW_S) == [Put.NEW, Put.NEW, Put.KNOWN]


def test_the_same_first_words_alone_make_no_twins_across_origins(vault):
    assert vault.put([talk("hi", "hello"), talk("hi", "good day", id="2", origin="page")], NOW_S) == [Put.NEW, Put.NEW]
    assert vault.put([talk("hi", id="3", origin="paste"), talk("hi", "well", id="4", origin="x")], NOW_S)[1] is Put.NEW


def test_exchanges_of_the_gateway_that_repeat_what_was_said_are_one_conversation(vault):
    def exchange(name, *texts):
        return replace(talk(*texts, id=name, origin="gateway", ids=f"{name}-{{}}"), began_s=NOW_S)

    exchanges = [exchange("e1", "one", "two"), exchange("e2", "one", "two", "three", "four")]
    assert vault.put([*exchanges, *exchanges], NOW_S) == [Put.NEW, Put.GREW, Put.KNOWN, Put.KNOWN]
    assert len(vault.newest(5)) == 1
    assert vault.put([exchange("e3", "one", "two", "another way", "five")], NOW_S) == [Put.GREW]
    (about,) = vault.newest(5)
    assert texts_of(vault.load(about)) == ["one", "two", "three", "four", "another way", "five"]


def test_a_question_that_is_asked_again_because_nobody_answered_is_one_conversation(vault):
    asked = replace(talk("one", id="e1", origin="gateway"), began_s=NOW_S)
    again = replace(talk("one", "two", id="e2", origin="gateway"), began_s=NOW_S + 60)
    later = replace(talk("one", "new", id="e3", origin="gateway"), began_s=NOW_S + 86_400)
    assert vault.put([asked, again, later], NOW_S) == [Put.NEW, Put.GREW, Put.NEW]
