"""What a drill's report says, as Markdown and as HTML."""

from __future__ import annotations

import re

import pytest

from stillup.drill.report import markdown, page, point_of, shown
from stillup.drill.values import Alert, Happened, Lane, Step, Where
from tests.drill import drills


def test_the_finding_stands_first_and_what_it_was_played_with_is_said():
    text = markdown(drills.drill())
    assert text.splitlines()[0] == "# Drill of 2026-11-02 09:30 UTC"
    assert text.splitlines()[2].startswith("**100 % continuity with your backups, 25 % without.**")
    assert "scripted providers stood in for yours, and no real one was asked" in text


def test_a_score_is_told_term_by_term_for_both_lanes():
    text = markdown(drills.drill(drills.full_scene()))
    for row in (
        "| Continuity | 100 % | 25 % |",
        "| Errors seen | 0 of 3 requests | 3 of 4 requests |",
        "| First answer by another | after 0.4 s | after 2.2 s |",
        "| Kept for later | 0 requests | 1 request |",
        "| Alerts delivered | 1 of 2 | 1 of 2 |",
    ):
        assert row in text


def test_exactly_what_is_lost_is_listed_and_what_is_kept_is_not_called_lost():
    text = markdown(drills.drill())
    lost, _, kept = text.partition("Exactly what is lost, without them:")[2].partition("Kept, and asked again later")
    assert "- at 2.6 s, a stream (anthropic): 529 overloaded; 250 characters of the answer never came" in lost
    assert "at 3.0 s" not in lost
    assert "- at 3.0 s, a stream (anthropic)" in kept
    assert "with your backups:" not in text.partition("Exactly")[2]


def test_many_losses_are_cut_and_counted():
    scene = drills.scene(lanes=(drills.backed(*(drills.lost(3 + n / 100, says=f"error {n}") for n in range(90))),))
    assert "- and 50 more" in markdown(drills.drill(scene))
    assert "50 more requests that failed" in shown(drills.drill(scene))


def test_alerts_steps_and_moments_are_told_with_their_marks():
    text = markdown(drills.drill(drills.full_scene()))
    for line in (
        "- ✓ ops arrived at 2.4 s: Claude is down",
        "- ✗ sms did not arrive: Claude is down",
        "- ? Tell the team; by hand; nobody has said whether it was done",
        "- ✗ Put up the notice; by hand",
        "- 2.4 s: the first answer by b",
    ):
        assert line in text


def test_where_nothing_was_asked_nothing_is_claimed():
    drill = drills.drill(
        drills.scene(lanes=(Lane(name="your requests", backed=True, asked=()),)), where=Where.GATEWAY, simulated=False
    )
    text = markdown(drill)
    assert "Nothing was asked, so nothing is known." in text
    assert "100 %" not in text
    assert "real requests met the failure" in text
    assert point_of(drill).backed is None


def test_a_drill_that_was_broken_off_says_so_first():
    text = markdown(drills.drill(drills.scene(aborted=True), aborted=True))
    assert "**Broken off; until then: 100 % continuity" in text
    assert "It was broken off." in text


def test_nearly_all_is_never_said_to_be_all():
    lane = drills.backed(*(drills.asked(3 + n / 1_000) for n in range(1_000)), drills.lost(3.0))
    assert "| Continuity | 99 % |" in markdown(drills.drill(drills.scene(lanes=(lane,))))


def hostile():
    return drills.drill(
        drills.scene(
            title=drills.EVIL, hit=(drills.EVIL,), injected=drills.EVIL, name=drills.EVIL,
            lanes=(Lane(name=drills.EVIL, backed=True, asked=(drills.lost(1.0, says=drills.EVIL, protocol="<b>"),)),),
            alerts=(Alert(says=drills.EVIL, channel=drills.EVIL, at_s=1.0),),
            steps=(Step(says=drills.EVIL, by_hand=True, done=None, note=drills.EVIL),),
            happened=(Happened(1.0, drills.EVIL),),
        ),
        drills.scene(title=drills.EVIL),
        version=drills.EVIL,
    )  # fmt: skip


def test_texts_from_elsewhere_are_no_markup_and_steer_no_terminal():
    for text in (markdown(hostile()), page(hostile())):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<script" not in page(hostile())
    unescaped = re.compile(r"(?<!\\)(<script|\*\*b|`x`)")
    assert unescaped.search(markdown(hostile())) is None
    for row in re.findall(r"^\|.*\|$", markdown(hostile()), flags=re.MULTILINE):
        assert len(re.findall(r"(?<!\\)\|", row)) in (3, 4, 5), row


def test_the_html_stands_by_itself_without_scripts_or_anything_from_elsewhere():
    text = page(drills.drill(drills.full_scene(), drills.scene()), [drills.drill(days_ago=30)])
    for word in ("<script", "http://", "https://", "src=", "<link", "@import", "url("):
        assert word not in text, word
    assert "default-src 'none'" in text
    assert "All drills so far" in text
    assert "All drills so far" not in page(drills.drill())


@pytest.mark.parametrize("form", [markdown, shown])
def test_a_drill_without_scenes_is_still_a_report(form):
    assert "Nothing was asked" in form(empty())


def empty():
    from msgspec.structs import replace

    return replace(drills.drill(), scenes=())


def test_the_same_loss_is_listed_once_with_all_its_times():
    scene = drills.scene(lanes=(drills.backed(*(drills.lost(2.5 + n / 2) for n in range(6))),))
    text = markdown(drills.drill(scene))
    assert (
        "- 6 times, at 2.5 s, 3.0 s, 3.5 s, 4.0 s and 2 other times, a stream (anthropic): 529 overloaded; "
        "400 characters of each answer never came"
    ) in text
    assert text.count("529 overloaded") == 1


def test_where_no_alert_had_to_go_out_nothing_is_claimed_of_them():
    text = markdown(drills.drill(drills.scene(alerts=())))
    assert "0 of 0" not in text
    assert "Alerts: none had to go out." in text
