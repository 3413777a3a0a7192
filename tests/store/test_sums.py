"""Sums of a day, in a file and on a server: several processes keep them, and the one that read on furthest is right."""

from __future__ import annotations

from datetime import timedelta


def test_of_several_that_sum_up_the_one_that_read_on_further_is_kept(store, minute):
    for hour, text in ((5, "a"), (7, "b"), (6, "c"), (7, "d")):
        store.sums.keep("claude", 3, minute(60 * hour), text)
    store.sums.keep("chatgpt", 3, minute(0), "e")
    assert store.sums.of("claude", 0, 9) == {3: (minute(420), "b")}


def test_they_are_told_by_day_and_go_by_day(store, minute):
    for day in range(5):
        store.sums.keep("claude", day, minute(0) + timedelta(days=day), str(day))
    assert list(store.sums.of("claude", 1, 3)) == [1, 2, 3]
    store.sums.drop(3)
    assert list(store.sums.of("claude", 0, 9)) == [3, 4]
    assert store.sums.of("gemini", 0, 9) == {}
