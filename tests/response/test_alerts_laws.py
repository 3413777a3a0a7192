"""Laws of the decision that hold for every story."""

from __future__ import annotations

from collections import defaultdict

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.model.service import State
from stillup.response.alerts.decide import decide
from stillup.response.alerts.quiet import window
from stillup.response.alerts.reasons import Kind
from stillup.response.alerts.values import (
    Acked,
    AlertState,
    Changed,
    Flapping,
    Settings,
    Silence,
    Silenced,
    Started,
    Ticked,
    Work,
)
from tests.response.alert_stories import STATES, at, rule, verdict

SERVICES = ("claude", "chatgpt")
PARTS = st.lists(st.sampled_from(("web", "api")), unique=True, max_size=2)
words = st.sampled_from([*STATES, "degraded?", "partial?", "major?"])


@st.composite
def changes(draw, minute):
    given_ = {"service": draw(st.sampled_from(SERVICES)), "incident": draw(st.sampled_from(("a", "b", None)))}
    return Changed(
        verdict(minute, draw(words), *draw(PARTS), **given_), fold=draw(st.sampled_from((False, False, True)))
    )


@st.composite
def events(draw, minute):
    silence = Silence(service=draw(st.sampled_from((None, *SERVICES))), ends=at(minute + draw(st.integers(1, 40))))
    times = (Ticked(), Ticked((Work(service="claude"),)), Ticked(()), Ticked(resumed=True))
    others = (*times, Started(), Acked(), Silenced(silence))
    return draw(st.one_of(changes(minute), changes(minute), st.sampled_from(others)))


@st.composite
def stories(draw):
    gaps = draw(st.lists(st.integers(0, 30), min_size=1, max_size=25))
    minutes = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    return [(minute, draw(events(minute))) for minute in minutes]


configured = st.builds(
    lambda made, flapping, digest: Settings(
        rules=tuple(made), flapping=flapping, digest_min=digest, silences=(Silence(maintenance=True),)
    ),
    st.lists(
        st.builds(
            lambda **rest: rest,
            for_s=st.sampled_from((0.0, 300.0)),
            updates=st.booleans(),
            quiet=st.sampled_from(((), (window("12:20-13:10"),))),
            digest=st.booleans(),
            escalate_after_s=st.sampled_from((None, 600.0)),
            components=st.sampled_from(((), ("web",))),
        ),
        min_size=1,
        max_size=2,
    ).map(lambda all_: [rule(id=f"r{n}", services=SERVICES, escalate_to=("boss",), **r) for n, r in enumerate(all_)]),
    st.sampled_from((Flapping(), Flapping(changes=0), Flapping(changes=3, settle_s=600))),
    st.sampled_from((None, 13 * 60)),
)


def told(config, story, state=None):
    state, said = state or AlertState(), []
    for minute, event in story:
        outcome = decide(config, state, event, at(minute))
        state = outcome.state
        said += outcome.messages
    return state, said


@given(configured, stories())
def test_a_state_that_was_written_and_read_goes_on_as_the_one_that_was_not(config, story):
    half = len(story) // 2
    state, first = told(config, story[:half])
    back = msgspec.json.decode(msgspec.json.encode(state), type=AlertState)
    assert back == state
    assert first + told(config, story[half:], back)[1] == told(config, story)[1]


@given(configured, stories())
def test_no_two_messages_to_a_channel_have_one_key(config, story):
    keys = [d.key(c) for d in told(config, story)[1] for c in d.channels]
    assert len(keys) == len(set(keys))


@given(configured, stories())
def test_the_same_story_has_the_same_keys(config, story):
    once, again = (told(config, story)[1] for _ in range(2))
    assert [d.key(c) for d in once for c in d.channels] == [d.key(c) for d in again for c in d.channels]


@given(configured, stories())
def test_a_second_look_at_the_same_moment_has_nothing_to_add(config, story):
    state, _ = told(config, story)
    now = at(story[-1][0])
    looked = decide(config, state, Ticked(), now).state
    assert decide(config, looked, Ticked(), now).messages == ()


@given(configured, stories(), st.integers(0, 24))
def test_a_change_that_is_told_twice_is_told_as_once(config, story, number):
    minute, event = story[number % len(story)]
    if not isinstance(event, Changed):
        return
    before, _ = told(config, story[: number % len(story)])
    once = decide(config, before, event, at(minute))
    assert decide(config, once.state, event, at(minute)).messages == ()


@given(configured, stories())
def test_what_broke_is_over_before_it_breaks_again_and_nothing_is_over_that_had_not_broken(config, story):
    is_open = defaultdict(bool)
    for d in told(config, story)[1]:
        if d.kind is Kind.DIGEST:
            continue
        key = (d.rule, d.service)
        assert is_open[key] is (d.kind is not Kind.BROKE) or d.kind is Kind.FLAPPING
        is_open[key] = d.kind is not Kind.BACK


@given(configured, stories())
def test_one_service_is_told_of_as_if_the_other_were_not_there(config, story):
    def mine(said):
        return [(d.rule, d.at, d.kind, d.reason, d.revision) for d in said if d.service == "claude"]

    alone = [(m, e) for m, e in story if not (isinstance(e, Changed) and e.verdict.service == "chatgpt")]
    assert mine(told(config, story)[1]) == mine(told(config, alone)[1])


@given(configured, stories())
def test_in_the_end_the_channels_know_how_it_is(config, story):
    """Hours after the last event, with nothing in the way, what was said is what is."""
    state, _ = told(config, story)
    end = story[-1][0]
    state, _ = told(config, [(end + 60 * h + m, Ticked(())) for h in range(2) for m in range(0, 60, 5)], state)
    for key, thread in state.threads.items():
        name, _, service = key.partition("/")
        found = next(r for r in config.rules if r.id == name)
        if found.digest or found.components or not found.updates:
            continue
        known = state.of(service).get(None)
        if known is None or known.state is State.UNKNOWN:
            continue
        assert (thread.said is not None) is known.state.is_fault


@settings(max_examples=50)
@given(configured, stories())
def test_the_state_does_not_grow_with_the_story(config, story):
    state, _ = told(config, story * 4)
    assert len(state.threads) <= len(config.rules) * len(SERVICES)
    assert len(state.verdicts) <= len(SERVICES)
    assert all(len(t.flips) <= 100 for t in state.threads.values())
