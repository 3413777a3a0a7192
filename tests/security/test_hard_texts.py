"""Files and pages made to be hard to read are read in a time that grows with their length."""

from __future__ import annotations

import pytest
from fuzz.patterns import limit

from stillup.config.locate import lines_of
from stillup.daemon.plan.steps import front_of
from stillup.vault.importing import gemini_activity, gemini_takeout, markdown
from stillup.vault.importing.exports import Found

LONG = 300_000
ENOUGH_S = 5.0
"""CPU seconds: what is linear takes a hundredth of them, what is not takes hours."""


@pytest.mark.parametrize("line", ["#" + " " * 9_990, "# **" + "\t" * 9_990 + "you", "you" + " " * 9_990 + "x"])
def test_a_pasted_transcript_of_lines_of_blanks(line):
    with limit(ENOUGH_S):
        for _ in range(100):
            markdown._speaker(line)


def test_a_plan_with_a_key_before_endless_blanks():
    with limit(ENOUGH_S):
        assert front_of("---\nplan:" + " " * LONG + "x" + " " * LONG + "\n---\n") == {"plan": "x"}


def test_a_configuration_of_comments_and_blanks():
    with limit(ENOUGH_S):
        assert lines_of(" \n#" * LONG + "\na = 1") == {("a",): LONG + 2}


def test_an_activity_whose_words_are_blanks_before_a_file():
    with limit(ENOUGH_S):
        title = "Prompted " + "\r" * LONG + "Attached 0 files" + " " * 10
        assert gemini_takeout.asked_and_answered(Found(None, None, None), title, "an answer", 1.0) is not None


def test_a_page_of_activities_of_nobodys():
    with limit(ENOUGH_S):
        assert gemini_activity._MINE.search(b"outer-cellmdl-cell" * (LONG // 18)) is None


@pytest.mark.parametrize(
    ("title", "asked"),
    [
        ("Prompted what is this?  Attached 2 files. ", "what is this?"),
        ("Prompted I Attached 2 files to it", "I Attached 2 files to it"),
        ("Prompted Attached 1 file", None),
    ],
)
def test_what_is_attached_is_taken_off_the_question(title, asked):
    _, turns = gemini_takeout.asked_and_answered(Found(None, None, None), title, "yes", 1.0)
    assert [part.text for part in next(turns).parts] == ([asked] if asked else [])
