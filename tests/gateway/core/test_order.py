"""What holds of every choice, whatever happened before it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.why import Why

NAMES = st.sampled_from("abc")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fails"), NAMES, st.sampled_from(Fault), st.none() | st.floats(0, 40)),
        st.tuples(st.just("works"), NAMES),
        st.tuples(st.just("out"), NAMES),
        st.tuples(st.just("well"), NAMES),
        st.tuples(st.just("key"), st.sampled_from(["k1", "k2"])),
        st.tuples(st.just("waits"), st.floats(0, 20)),
        st.tuples(st.just("holds"), NAMES),
    ),
    max_size=40,
)


def play_out(p, steps) -> None:
    for what, *rest in steps:
        if what == "fails":
            name, fault, wait = rest
            p.bad(p.start(name), fault, 0.2, retry_after_s=wait)
        elif what == "works":
            p.good(p.start(rest[0]), 0.2)
        elif what == "holds":
            p.start(rest[0])  # and never tells of it
        elif what == "waits":
            p.wait(rest[0])
        elif what == "key":
            p.key = rest[0]
        else:
            (p.view.out if what == "out" else p.view.well)(rest[0])


@given(STEPS)
def test_law_2_every_target_of_the_chain_is_among_the_turns_once(play, steps):
    p = play("abc")
    play_out(p, steps)
    choice = p.choose()
    assert sorted(turn.target.upstream for turn in choice.turns) == ["a", "b", "c"]
    assert {skip.target for skip in choice.skipped} == {
        turn.target for turn in choice.turns if turn.why is Why.LAST_RESORT
    }


@given(STEPS)
def test_law_5_a_request_is_one_trickle_at_most_and_that_comes_first(play, steps):
    p = play("abc")
    play_out(p, steps)
    choice = p.choose()
    assert not any(turn.trickle or turn.held for turn in choice.turns[1:])
    second = p.choose()
    if choice.turns[0].trickle:  # it is out now: nobody else waits on that one
        assert second.turns[0].target != choice.turns[0].target or second.turns[0].why is Why.LAST_RESORT


@given(STEPS)
def test_what_nothing_speaks_against_comes_in_chain_order_before_all_else(play, steps):
    p = play("abc")
    play_out(p, steps)
    turns = p.choose().turns
    ready = [turn for turn in turns if turn.why is not Why.LAST_RESORT]
    assert list(turns[: len(ready)]) == ready
    assert [turn.place for turn in ready] == sorted(turn.place for turn in ready)


@given(STEPS)
def test_what_may_not_be_asked_yet_comes_last_and_only_that_has_a_time(play, steps):
    p = play("abc")
    play_out(p, steps)
    turns = p.choose().turns
    times = [turn.not_before for turn in turns]
    later = [time for time in times if time is not None]
    assert times[len(times) - len(later) :] == later == sorted(later)
    assert all(time > p.now for time in later)


@given(STEPS)
def test_with_all_well_for_long_enough_the_first_is_the_first_choice_again(play, steps):
    p = play("abc")
    play_out(p, steps)
    for name in "abc":
        p.view.well(name)
    p.wait(3700.0)
    for _ in range(5):
        p.ask(took=0.1)
        p.wait(61.0)
    assert p.first() == ("a", "first_choice")


@given(STEPS)
def test_the_same_story_leads_to_the_same_choice(play, steps):
    one, other = play("abc"), play("abc")
    play_out(one, steps)
    play_out(other, steps)
    told = [[(turn.target, turn.why, turn.not_before, turn.trickle) for turn in p.choose().turns] for p in (one, other)]
    assert told[0] == told[1]
    assert one.desk.status(one.now) == other.desk.status(other.now)
