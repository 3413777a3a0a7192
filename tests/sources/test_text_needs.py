"""Which rules are tried on a text: exactly those of which a needed text stands in it, however that is found out."""

from random import Random

from stillup.catalog.load import find_service
from stillup.sources.text import _rules_that_may_match, form_of
from stillup.sources.text_words import word_table


def looked_for_one_by_one(form):
    return {rule for rule, texts in word_table().needs.items() if any(text in form for text in texts)}


def test_rules_are_found_by_the_beginnings_of_what_they_need_as_one_by_one():
    needs = sorted({text for texts in word_table().needs.values() for text in texts})
    luck = Random(7)
    for _ in range(2000):
        parts = (luck.choice(needs)[: luck.choice([2, 3, 4, 99])] for _ in range(luck.randrange(12)))
        form = "".join(part + luck.choice(["", " ", "\n"]) for part in parts)
        assert _rules_that_may_match(form) == looked_for_one_by_one(form)


def test_so_they_are_in_what_people_write():
    claude = find_service("claude")
    for text in ("", "ok", "Claude is down again, 529 for everyone?", "Is it just me? Can't log in since 14:30 UTC."):
        form = form_of(text, claude)
        assert _rules_that_may_match(form) == looked_for_one_by_one(form)
