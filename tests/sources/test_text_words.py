"""What words weigh, and that rules are left untried only where they cannot match."""

import csv
import importlib.util
from pathlib import Path

import pytest

from stillup.catalog.load import catalogue
from stillup.sources.text import _compiled, classify, form_of
from stillup.sources.text_words import MAX_WORDS, word_table, wording

ROOT = Path(__file__).parents[2]
CLAUDE = catalogue()["claude"]


def _forms():
    for name in ("posts.tsv", "fresh.tsv", "titles.tsv"):
        with (ROOT / "tests" / "fixtures" / "text" / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield form_of(row["text"].replace("\\n", "\n"), CLAUDE)


FORMS = list(_forms())


def test_a_rule_is_left_untried_only_where_it_cannot_match():
    needs = word_table().needs
    for rule, pattern in _compiled():
        for form in FORMS:
            assert any(text in form for text in needs[rule.name]) or pattern.search(form) is None, (rule.name, form)


def test_the_shipped_needs_are_those_of_the_rules_as_they_are():
    """They are written by bench/fit/text.py: a rule that was changed and not fitted again would be tried too seldom."""
    spec = importlib.util.spec_from_file_location("fit_text", ROOT / "bench" / "fit" / "text.py")
    fit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fit)
    assert word_table().needs == {rule.name: fit.needs_of(pattern.pattern) for rule, pattern in _compiled()}
    assert all(word_table().needs.values())


def test_only_the_first_words_weigh():
    words = "nothing loads for me " * MAX_WORDS
    assert wording(words) == wording(words + "lovely recipe thanks")


def test_words_weigh_alike_however_often_and_whenever_they_are_read():
    assert [wording(form) for form in FORMS] == [wording(form) for form in reversed(FORMS)][::-1]


@pytest.mark.parametrize(
    "text",
    ["calude not wroking", "klaude is ded??", "Claude no responde", "Claude ne charge plus", "Claude lädt nicht",
     "Claude não carrega", "Claude 打不开", "Claudeにつながらない", "클로드 접속 안됨"],
)  # fmt: skip
def test_trouble_is_heard_in_misspellings_and_other_languages(text):
    assert classify(text, CLAUDE).about_outage
