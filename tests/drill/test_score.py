"""What a lane's requests add up to: whole or not, how long nobody answered, what exactly is lost."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.drill.score import PUT_UP_WITH_S, losses, met, score_of, worth_of
from stillup.drill.values import Alert, Asked, Drill, Kind, Lane, Scene, Shape, Step, Where


def asked(at, done, *, ok=True, **more):
    return Asked(**{"at_s": at, "done_s": done, "ok": ok, "shape": Shape.STREAM, "first_s": at if ok else None} | more)


def scene(*those, backed=True, begins=10.0, ends=20.0, hit=("a",), **more):
    lanes = (Lane(name="l", backed=backed, asked=those),)
    return Scene(
        kind=Kind.MODE, name="529", title="t", hit=hit, begins_s=begins, ends_s=ends, lanes=lanes, **more
    )  # fmt: skip


def score(*those, **more):
    played = scene(*those, **more)
    return score_of(played, played.lanes[0])


def drill(*scenes, where=Where.MIRROR):
    return Drill(id="20261127T060000-abcd", at=datetime(2026, 11, 27, tzinfo=UTC), where=where, scenes=scenes, took_s=1)


def test_only_requests_under_way_while_the_failure_stood_count():
    before, over_it, inside, after = asked(1, 2), asked(5, 11), asked(12, 13), asked(21, 22)
    played = scene(before, over_it, inside, after)
    assert met(played, played.lanes[0]) == (over_it, inside)
    assert score_of(played, played.lanes[0]).requests == 2


def test_continuity_is_the_share_that_ended_whole():
    found = score(asked(11, 12), asked(11, 12, ok=False, wanted_chars=100, got_chars=30, says="529"))
    assert (found.continuity, found.errors, found.lost_chars) == (0.5, 1, 70)


def test_nothing_asked_is_no_continuity():
    assert score().continuity == 0.0
    assert worth_of(drill(scene())).backed is None
    assert not worth_of(drill(scene())).is_whole


@pytest.mark.parametrize(
    ("those", "seconds"),
    [
        ((asked(11, 12, ok=False), asked(13, 15)), 2.0),
        ((asked(11, 12, ok=False), asked(11, 12, ok=False), asked(13, 15)), 2.0),
        ((asked(11, 12, ok=False), asked(12, 14, ok=False)), 3.0),
        ((asked(11, 12, ok=False),), 1.0),
        ((asked(11, 14, silence_s=2.0),), 0.0),
        ((asked(10, 25, first_s=22.0, silence_s=PUT_UP_WITH_S + 2),), PUT_UP_WITH_S + 2),
    ],
)
def test_nobody_answers_from_a_failed_request_to_the_next_piece_of_an_answer(those, seconds):
    assert score(*those).without_answer_s == pytest.approx(seconds)


def test_the_switch_is_the_first_answer_by_somebody_who_did_not_fail():
    assert score(asked(11, 12, upstream="a"), asked(12, 14, upstream="b")).switch_s == 2.0
    assert score(asked(9, 16, first_s=9.5, upstream="b", continued=True)).switch_s == 6.0
    assert score(asked(11, 12, upstream="a")).switch_s is None


def test_each_failed_request_says_what_is_missing_and_whether_it_is_kept():
    kept = asked(12, 13, ok=False, put_off=True, says="503", wanted_chars=9, protocol="anthropic")
    cut = asked(11, 13, ok=False, says="cut short", wanted_chars=9, got_chars=4)
    played = scene(kept, asked(11, 12), cut)
    first, second = losses(played, played.lanes[0])
    assert (first.says, first.missing_chars, first.put_off) == ("cut short", 5, False)
    assert (second.says, second.missing_chars, second.put_off, second.protocol) == ("503", 9, True, "anthropic")


def test_alerts_and_steps_count_what_was_done_and_unknown_is_not_done():
    alerts = (Alert(says="x", channel="c", at_s=1.0), Alert(says="y", channel="c", at_s=None))
    steps = tuple(Step(says="s", by_hand=True, done=done) for done in (True, False, None))
    found = score(asked(11, 12), alerts=alerts, steps=steps)
    assert (found.alerts, found.steps) == ((1, 2), (1, 3))
    assert score(asked(11, 12)).alerts is None


def test_a_drill_is_worth_all_its_requests_alike():
    whole, broken = scene(asked(11, 12), asked(11, 12)), scene(asked(11, 12, ok=False), backed=False)
    found = worth_of(drill(whole, broken))
    assert (found.backed, found.alone, found.asked, found.is_whole) == (1.0, 0.0, 2, True)
    assert "scripted" in found.says
    assert "nobody asked" in worth_of(drill(where=Where.GATEWAY)).says


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 10), st.booleans()), max_size=20))
def test_time_without_an_answer_is_never_more_than_there_was(rows):
    those = [asked(at, at + took, ok=ok) for at, took, ok in rows]
    found = score(*those)
    longest = max((each.done_s for each in those), default=0.0)
    assert 0.0 <= found.without_answer_s <= longest
    assert found.errors <= found.requests
