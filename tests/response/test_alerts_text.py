"""The words of messages, beside a made-up board."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from stillup.board import Board
from stillup.catalog.load import outage_classes
from stillup.daemon.alerts.words import messages, text_of
from stillup.model.service import OutageClass, State
from stillup.response.alerts.delivery import Delivery, Fate, Sent, after, wait_s
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import Decision, Note
from tests.web import boards

NOW = boards.NOW
SAID = Decision(
    rule="r", service="claude", reason=Reason.BROKE, kind=Kind.BROKE, at=NOW, incident="i", revision=1,
    channels=("ops", "gone"), verdict=boards.verdict(), components=("web", "console"), since=boards.ONSET,
)  # fmt: skip
PAGE = "http://127.0.0.1:8780"


def told(decision, board=None):
    return text_of(decision, board or boards.board(), lambda _: boards.claude().evidence, PAGE)


def test_a_message_has_what_the_page_has():
    text = told(SAID)
    shown = boards.claude()
    assert text.title == "Claude: partial outage, confirmed"
    assert "Broken: claude.ai, Claude Console." in text.short
    assert "About 55 min to go (8 of 10 such end in 15 min to 3.9 h)." in text.short
    long = "\n".join(text.long)
    for step in shown.steps:
        assert step.says in long
    assert "- downdetector 6/min where 0.061 is usual" in long
    assert "- ChatGPT (up now): https://chatgpt.com" in long
    assert long.endswith(f"More: {PAGE}/claude")


def test_places_are_named_and_what_is_not_known_is_not_called_probable():
    decision = replace(SAID, verdict=replace(boards.verdict(), regions=("CA", "US-CA", "IN-KA")))
    assert "Where: Canada, California, India (IN-KA)." in told(decision).short
    unknown = boards.claude(likely=outage_classes()[OutageClass.UNKNOWN], likely_p=0.38)
    long = told(SAID, Board(at=NOW, services={"claude": unknown})).long
    assert "What it is, is not clear yet." in long
    assert not any(line.startswith("Probably") for line in long)


def test_without_a_board_that_fits_the_words_are_made_of_what_was_kept():
    other = Board(at=NOW, services={"claude": boards.calm("claude")})
    for board in (other, Board(at=NOW)):
        text = told(SAID, board)
        assert "Why: the official page says so, and independent sides agree." in text.long
        assert any(line.startswith("- downdetector 6/min") for line in text.long)
        assert any(line.startswith("[") for line in text.long)


TITLES = [
    (Kind.BACK, Reason.BACK, State.OPERATIONAL, "Claude is back"),
    (Kind.BACK, Reason.BACK, State.MAINTENANCE, "Claude: over what this rule watches; now maintenance"),
    (Kind.ESCALATED, Reason.ESCALATED, State.MAJOR_OUTAGE, "Still: Claude: major outage, confirmed"),
    (Kind.FLAPPING, Reason.FLAPPING_BEGAN, State.MAJOR_OUTAGE, "Claude goes on and off"),
    (Kind.CHANGED, Reason.WORSE, State.MAJOR_OUTAGE, "Claude: major outage, confirmed"),
]


@pytest.mark.parametrize(("kind", "reason", "state", "title"), TITLES)
def test_each_kind_has_its_title(kind, reason, state, title):
    verdict = boards.verdict(state=state)
    assert told(replace(SAID, kind=kind, reason=reason, verdict=verdict), Board(at=NOW)).title == title


def test_what_is_over_says_how_long_it_lasted_and_not_how_long_it_was_kept_back():
    calm, later = boards.calm("claude").verdict, NOW + timedelta(hours=9)
    over = replace(SAID, kind=Kind.BACK, reason=Reason.BACK, verdict=calm, since=boards.ONSET, until=NOW, at=later)
    assert told(over).short == "It lasted 28 min, as far as stillup saw."


def test_a_digest_is_a_line_for_each_thing():
    notes = (
        Note(service="claude", state=State.PARTIAL_OUTAGE, began=boards.ONSET, ended=NOW, components=("web",)),
        Note(service="chatgpt", state=State.DEGRADED, began=NOW - timedelta(hours=20)),
    )
    text = told(replace(SAID, kind=Kind.DIGEST, service="", notes=notes))
    assert text.title == "2 things that were not told at once"
    assert text.long[2:4] == (
        "- ChatGPT: degraded, 2026-05-11 19:00 UTC, still",
        "- Claude: partial outage (web), 14:32 UTC, for 28 min",
    )


def test_each_channel_that_is_known_has_a_message_with_a_key_of_its_own():
    made = messages(
        replace(SAID, channels=("ops", "gone", "boss")), boards.board(), lambda _: (), ["ops", "boss"], None
    )
    assert [m.channel for m in made] == ["ops", "boss"]
    assert len({m.key for m in made}) == 2
    assert {m.link for m in made} == {""}


def test_what_is_played_says_so():
    (made,) = messages(SAID, replace(boards.board(), simulated="a drill"), lambda _: (), ["ops"], PAGE)
    assert made.title == "(simulated) Claude: partial outage, confirmed"
    assert made.long.startswith("This is played: a drill\n")


def test_nothing_in_a_message_can_steer_whoever_shows_it():
    nasty = "\x1b[31m\u202eevil\r\nBcc: x\x00" + "y" * 1_000_000
    board = boards.board(claude=boards.claude(because=nasty))
    (made,) = messages(replace(SAID, channels=("ops",)), board, lambda _: (), ["ops"], PAGE)
    for text in (made.title, made.short, *made.long.split("\n")):
        assert text.isprintable()
        assert len(text) <= 600


@pytest.mark.parametrize(
    ("sent", "tries", "again", "fate"),
    [
        (Sent.DELIVERED, 1, True, Fate.DONE),
        (Sent.FAILED, 1, True, Fate.AGAIN),
        (Sent.IN_DOUBT, 1, True, Fate.AGAIN),
        (Sent.IN_DOUBT, 1, False, Fate.DEAD_DOUBT),
        (Sent.REFUSED, 2, True, Fate.AGAIN),
        (Sent.REFUSED, 3, True, Fate.DEAD_TRIES),
        (Sent.MISSING, 3, True, Fate.DEAD_TRIES),
        (Sent.UNREACHABLE, 19, True, Fate.AGAIN),
        (Sent.UNREACHABLE, 20, True, Fate.DEAD_TRIES),
    ],
)
def test_what_becomes_of_a_message(sent, tries, again, fate):
    found = after(Delivery(sent=sent), tries=tries, queued_at=NOW, now=NOW, repeat_in_doubt=again, luck=0.5)
    assert found.fate is fate
    assert (found.at is not None) is (fate is Fate.AGAIN)


def test_what_is_refused_has_time_to_be_mended_before_it_is_given_up():
    def waited(sent, tries):
        found = after(Delivery(sent=sent), tries=tries, queued_at=NOW, now=NOW, repeat_in_doubt=True, luck=0.0)
        return (found.at - NOW).total_seconds()

    assert [waited(Sent.REFUSED, n) for n in (1, 2)] == [7.5, 15.0]
    assert [waited(Sent.FAILED, n) for n in (1, 2)] == [0.25, 0.5]


def test_what_is_a_day_old_is_of_no_use():
    late = after(
        Delivery(sent=Sent.FAILED), tries=2, queued_at=NOW - timedelta(days=1), now=NOW, repeat_in_doubt=True, luck=0.5
    )
    assert late.fate is Fate.DEAD_AGE


def test_waits_grow_are_bounded_and_never_shorter_than_was_asked_for():
    waits = [wait_s(n, None, 1.0) for n in range(1, 30)]
    assert waits == sorted(waits)
    assert waits[-1] == 900.0
    assert wait_s(1, None, 0.0) == waits[0] / 2
    assert wait_s(1, 120.0, 0.5) == 120.0
    assert wait_s(1, 1e9, 0.5) == 3600.0
