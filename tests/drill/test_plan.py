"""What a drill of thirty minutes is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.drill.plan import AFTER, BEFORE, Reason, Weak, command, lines, practised, propose
from stillup.drill.values import Kind, Play, Step
from tests.drill import drills

NOW = drills.AT
MODES = tuple(
    Play(kind=Kind.MODE, name=name, title=f"a: {name}")
    for name in ("400", "429", "500", "503", "529", "cut", "hang", "stall")
)
CLAUDE = Play(kind=Kind.PROVIDER, name="claude", title="Claude is down")
AWS = Play(kind=Kind.REGION, name="aws", title="AWS is down")
ALL = Play(kind=Kind.ALL, title="Every provider is down")
GREEN = Play(kind=Kind.GREEN_PAGE, name="claude", title="Claude is down, its page is green")
POSSIBLE = (*MODES, CLAUDE, AWS, ALL, GREEN)


def played(play, days_ago, *, whole=True, **rest):
    lanes = (drills.backed(*(() if whole else (drills.lost(3.0),))),)
    scene = drills.scene(kind=play.kind, name=play.name, lanes=lanes, **rest)
    return drills.drill(scene, days_ago=days_ago)


def titles(plan):
    return [item.title for item in plan.items]


def test_a_first_drill_goes_from_the_small_to_the_worst_within_its_time():
    plan = propose(POSSIBLE, [], NOW, 30)
    assert titles(plan) == [
        "5 ways to fail: 400, 429, 500, 503, 529",
        "Claude is down, its page is green",
        "Claude is down",
        "AWS is down",
        "Every provider is down",
    ]
    assert plan.took == 30
    assert {item.reason for item in plan.items} == {Reason.NEVER}


def test_what_went_wrong_the_last_time_comes_before_all_else():
    history = [played(MODES[5], 3, whole=False), played(CLAUDE, 300)]
    plan = propose(POSSIBLE, history, NOW, BEFORE + AFTER + 1)
    assert plan.plays == (MODES[5],)
    assert plan.items[0].reason is Reason.FAILED
    assert "something was lost when it was last practised, 3 days ago" in plan.items[0].why


def test_what_is_known_to_be_weak_comes_before_what_was_never_practised():
    weak = [Weak(key="region:aws", says="both of your providers stand on AWS")]
    plan = propose(POSSIBLE, [played(AWS, 1)], NOW, BEFORE + AFTER + 4, weak=weak)
    assert plan.plays == (AWS,)
    assert plan.items[0].why == "both of your providers stand on AWS"


def test_what_was_not_practised_for_longest_comes_first_of_what_was():
    other = Play(kind=Kind.PROVIDER, name="chatgpt", title="ChatGPT is down")
    plan = propose((CLAUDE, other), [played(CLAUDE, 5), played(other, 50)], NOW, BEFORE + AFTER + 4)
    assert plan.plays == (other,)
    assert plan.items[0].why == "last practised 50 days ago"
    assert plan.left_out == (CLAUDE,)


def test_steps_by_hand_take_their_time_and_stand_in_the_plan():
    steps = [Step(says=f"step {n}", by_hand=True, done=None, note="plan: coding") for n in range(3)]
    plan = propose((CLAUDE,), [], NOW, 30, by_hand={"provider:claude": steps})
    assert plan.items[0].minutes == 7
    text = "\n".join(lines(plan))
    assert "  - [ ] By hand: step 2 (plan: coding)" in text
    assert propose((CLAUDE,), [], NOW, BEFORE + AFTER + 6, by_hand={"provider:claude": steps}).items == ()


def test_what_is_to_be_mended_first_is_said_first():
    weak = [Weak(says="the backups for coding were never tested", todo="`stillup alternatives --test`")]
    text = "\n".join(lines(propose(POSSIBLE, [], NOW, 30, weak=weak)))
    assert "First mend: the backups for coding were never tested: `stillup alternatives --test`" in text
    assert text.index("First mend") < text.index("ways to fail")


def test_only_what_was_played_to_its_end_with_something_asked_counts_as_practised():
    empty = drills.drill(drills.scene(kind=Kind.ALL, name="", lanes=()))
    off = played(CLAUDE, 1, aborted=True)
    assert practised([empty, off]) == {}
    assert practised([played(CLAUDE, 9, whole=False), played(CLAUDE, 2)])["provider:claude"].whole


def test_each_part_says_what_plays_it():
    plan = propose(POSSIBLE, [], NOW, 30)
    assert command(plan.items[0]) == "stillup drill run mode:400 mode:429 mode:500 mode:503 mode:529"
    assert command(plan.items[-1]) == "stillup drill run all"


@pytest.mark.parametrize("minutes", [5, 8, 9])
def test_where_there_is_no_time_nothing_is_forced_in(minutes):
    plan = propose((CLAUDE,), [], NOW, minutes)
    assert (plan.items, plan.left_out) == ((), (CLAUDE,))


@given(st.lists(st.sampled_from(POSSIBLE), max_size=12), st.integers(5, 240), st.lists(st.integers(0, 400), max_size=4))
def test_a_plan_never_takes_longer_than_it_may_and_loses_no_practice(possible, minutes, days):
    history = [played(play, day) for play, day in zip(possible, days, strict=False)]
    plan = propose(possible, history, NOW, minutes)
    assert not plan.items or plan.took <= minutes
    assert {p.key for p in (*plan.plays, *plan.left_out)} == {p.key for p in possible}
    assert len(plan.plays) == len(set(plan.plays))
