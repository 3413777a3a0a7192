"""What comes after a failed try: laws 2, 3 and 5 as a table and as timelines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.budget import RetryBudget
from stillup.gateway.core.desk import Facts
from stillup.gateway.core.fault import MEANINGS, Fault
from stillup.gateway.core.retry import LONGEST_WAIT_S, Again, End, Failed, GiveUp, MoveOn, decide
from stillup.gateway.core.values import Operation
from stillup.gateway.core.why import Why

PROVIDERS = [fault for fault in Fault if MEANINGS[fault].weight > 0]
FACTS = Facts(Operation.GENERATE, "m", stream=True)
CONTEXTS = {"small": 8_000, "m": 200_000, "large": 1_000_000}


class Life:
    """One request: its turns by name, what failed so far, and the time."""

    def __init__(self, play, no_jitter, names: str = "ab", deadline_s: float = 600.0) -> None:
        self.play = play(names)
        self.turns = {turn.target.upstream: turn for turn in self.play.choose().turns}
        self.left = list(self.turns.values())
        self.failed: list[Failed] = []
        self.rounds = 0
        self.now = 0.0
        self.deadline_s = deadline_s
        self.budget = RetryBudget()
        self.random = no_jitter

    def fails(self, name: str, fault: Fault, status: int | None = None, wait: float | None = None, borrowed=False):
        self.failed.append(Failed(self.turns[name], fault, self.now, status, wait, borrowed))
        self.left = [turn for turn in self.left if turn.target.upstream != name]
        return self.next()

    def next(self) -> MoveOn | Again | GiveUp:
        return decide(
            self.failed,
            self.left,
            rounds=self.rounds,
            now=self.now,
            deadline_left_s=self.deadline_s - self.now,
            spend=self.budget.spend,
            random=self.random,
            context_of=CONTEXTS.get,
        )


@pytest.fixture
def life(play, no_jitter):
    return lambda names="ab", **more: Life(play, no_jitter, names, **more)


@pytest.mark.parametrize("fault", [*PROVIDERS, Fault.RATE_LIMITED, Fault.QUOTA, Fault.UNAUTHORIZED])
def test_law_3_with_another_left_it_is_asked_at_once_whatever_retry_after_says(life, fault):
    one = life()
    assert one.fails("a", fault, 503, wait=20.0) == MoveOn(one.turns["b"], 0.0)


@pytest.mark.parametrize(
    ("fault", "status", "end"),
    [
        (Fault.BAD_REQUEST, 400, End.REQUEST_WRONG),
        (Fault.BAD_REQUEST, 404, End.REQUEST_WRONG),
        (Fault.FILTERED, 400, End.FILTERED),
    ],
)
def test_what_the_first_says_of_the_request_is_the_clients_to_see(life, fault, status, end):
    one = life()
    assert one.fails("a", fault, status) == GiveUp(end, one.failed[0])


def test_a_wrong_request_at_a_fallback_is_the_fallbacks_failing(life):
    one = life("abc")
    one.fails("a", Fault.OVERLOADED, 529)
    assert one.fails("b", Fault.BAD_REQUEST, 404) == MoveOn(one.turns["c"])


def test_s14_a_fallbacks_400_never_masks_the_first_ones_error(life):
    one = life()
    one.fails("a", Fault.OVERLOADED, 529, wait=40.0)
    assert one.fails("b", Fault.BAD_REQUEST, 400) == GiveUp(End.ALL_FAILED, one.failed[0], 40.0)


def test_a_filters_refusal_is_the_clients_to_see_from_a_fallback_too(life):
    one = life("abc")
    one.fails("a", Fault.OVERLOADED, 529)
    assert one.fails("b", Fault.FILTERED, 400) == GiveUp(End.FILTERED, one.failed[1])


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_key_of_the_clients_own_is_the_clients_to_see_and_one_of_ours_is_not(life, status):
    fault = Fault.QUOTA if status == 402 else Fault.UNAUTHORIZED
    one, other = life(), life()
    assert one.fails("a", fault, status, borrowed=True) == GiveUp(End.CLIENTS_KEY, one.failed[0])
    assert other.fails("a", fault, status) == MoveOn(other.turns["b"])


def test_a_clients_own_key_refused_by_a_fallback_is_the_fallbacks_failing(life):
    one = life("abc")
    one.fails("a", Fault.OVERLOADED, 529)
    assert one.fails("b", Fault.UNAUTHORIZED, 401, borrowed=True) == MoveOn(one.turns["c"])


def test_a_clients_own_rate_limit_moves_on(life):
    one = life()
    assert one.fails("a", Fault.RATE_LIMITED, 429, borrowed=True) == MoveOn(one.turns["b"])


def test_s03_alone_the_same_upstream_is_asked_twice_more_with_growing_pauses(life):
    one, pauses = life("a"), []
    while isinstance(step := one.fails("a", Fault.SERVER_ERROR, 500), Again):
        assert step.targets == (one.turns["a"].target,)
        pauses.append(step.after_s)
        one.rounds += 1
    assert pauses == [0.25, 0.5]
    assert step == GiveUp(End.ALL_FAILED, one.failed[-1])


@pytest.mark.parametrize("fault", [Fault.QUOTA, Fault.UNAUTHORIZED, Fault.TOO_LONG])
def test_what_a_retry_cannot_help_is_not_tried_again(life, fault):
    assert isinstance(life("a").fails("a", fault, 400), GiveUp)


def test_s01_alone_a_retry_after_of_two_seconds_is_waited_for(life):
    one = life("a")
    assert one.fails("a", Fault.RATE_LIMITED, 429, wait=2.0) == Again((one.turns["a"].target,), 2.0)


def test_a_retry_after_of_more_than_half_a_minute_is_told_to_the_client(life):
    one = life("a")
    assert one.fails("a", Fault.RATE_LIMITED, 429, wait=31.0) == GiveUp(End.ALL_FAILED, one.failed[0], 31.0)


def test_nothing_is_waited_for_past_the_deadline(life):
    one = life("a", deadline_s=10.0)
    assert one.fails("a", Fault.RATE_LIMITED, 429, wait=10.0) == GiveUp(End.ALL_FAILED, one.failed[0], 10.0)


def test_after_the_deadline_the_client_gets_the_first_ones_error(life):
    one = life(deadline_s=10.0)
    one.fails("a", Fault.OVERLOADED, 529)
    one.now = 10.0
    assert one.fails("b", Fault.DEADLINE) == GiveUp(End.DEADLINE, one.failed[0])


def test_a_deadline_ends_it_with_turns_left(life):
    one = life()
    assert one.fails("a", Fault.DEADLINE).end is End.DEADLINE


def test_an_empty_budget_allows_no_second_round_but_moving_on_is_free(life):
    one = life()
    one.budget.tokens = 0
    assert one.fails("a", Fault.SERVER_ERROR, 500) == MoveOn(one.turns["b"])
    assert one.fails("b", Fault.SERVER_ERROR, 500) == GiveUp(End.ALL_FAILED, one.failed[0])


def test_when_all_failed_the_ones_that_may_are_asked_again_in_chain_order(life):
    one = life("abc")
    one.fails("a", Fault.OVERLOADED, 529, wait=7.0)
    one.fails("b", Fault.UNAUTHORIZED, 401)
    step = one.fails("c", Fault.SERVER_ERROR, 500)
    assert step == Again((one.turns["a"].target, one.turns["c"].target), 0.25)


def test_a_retry_after_is_counted_from_when_it_was_said(life):
    one = life()
    one.fails("a", Fault.OVERLOADED, 529, wait=7.0)
    one.now = 5.0
    assert one.fails("b", Fault.QUOTA, 429).after_s == 2.0


def test_the_client_is_told_the_soonest_time_that_helps(life):
    one = life()
    one.fails("a", Fault.RATE_LIMITED, 429, wait=90.0)
    assert one.fails("b", Fault.RATE_LIMITED, 429, wait=45.0) == GiveUp(End.ALL_FAILED, one.failed[0], 45.0)


def test_of_the_first_upstreams_errors_the_last_one_in_words_is_shown(life):
    one = life("a")
    one.fails("a", Fault.SERVER_ERROR, 500)
    one.rounds = 2
    assert one.fails("a", Fault.RESET).shows is one.failed[0]


def test_s12_too_long_goes_to_a_larger_model_only(life):
    one = life("abc")
    one.turns["b"].model = "small"
    one.turns["c"].model = "large"
    assert one.fails("a", Fault.TOO_LONG, 400) == MoveOn(one.turns["c"])
    assert one.fails("c", Fault.UNAUTHORIZED, 401) == GiveUp(End.TOO_LONG, one.failed[0])


def test_too_long_goes_to_a_model_of_unknown_size(life):
    one = life()
    one.turns["b"].model = "who knows"
    assert one.fails("a", Fault.TOO_LONG, 400) == MoveOn(one.turns["b"])


def test_too_many_bytes_for_one_upstream_may_be_few_enough_for_another(life):
    one = life()
    assert one.fails("a", Fault.TOO_LONG, 413) == MoveOn(one.turns["b"])


def test_a_small_fallback_that_finds_it_too_long_does_not_end_it(life):
    one = life("abc")
    one.turns["b"].model = "small"
    one.fails("a", Fault.OVERLOADED, 529)
    assert one.fails("b", Fault.TOO_LONG, 400) == MoveOn(one.turns["c"])
    assert one.fails("c", Fault.UNAUTHORIZED, 401) == Again((one.turns["a"].target,), 0.25)


def test_a_turn_that_may_not_be_asked_yet_is_waited_for_when_nothing_else_is_left(life):
    one = life()
    one.turns["b"].not_before = 12.0
    assert one.fails("a", Fault.UNAUTHORIZED, 401) == MoveOn(one.turns["b"], 12.0)
    one.now = 12.0
    assert one.next() == MoveOn(one.turns["b"])


def test_a_quick_second_round_is_better_than_a_long_wait(life):
    one = life()
    one.turns["b"].not_before = 12.0
    step = one.fails("a", Fault.SERVER_ERROR, 500)
    assert step == Again((one.turns["a"].target, one.turns["b"].target), 0.25)


def test_before_the_first_try_a_limit_is_waited_for_or_told(life):
    one = life("a")
    one.turns["a"].not_before = 2.0
    assert one.next() == MoveOn(one.turns["a"], 2.0)
    one.turns["a"].not_before = 300.0
    assert one.next() == GiveUp(End.LIMITED, None, 300.0)


def test_every_end_has_a_sentence():
    assert all(end.says.endswith(".") for end in End)


HISTORY = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(Fault), st.none() | st.floats(0, 100), st.booleans()), max_size=8
)


@given(HISTORY, st.floats(0, 100), st.integers(0, 3), st.floats(0, 20))
def test_law_2_whatever_failed_nothing_waits_too_long_and_errors_are_the_firsts(
    play, no_jitter, history, deadline_s, rounds, tokens
):
    one = Life(play, no_jitter, "abc", deadline_s)
    one.budget.tokens = tokens
    one.rounds = rounds
    step = one.next()
    for name, fault, wait, borrowed in history:
        step = one.fails(name, fault, 500, wait, borrowed)
    if isinstance(step, GiveUp):
        assert step.shows is None or step.shows in one.failed
        if step.end in {End.ALL_FAILED, End.TOO_LONG, End.DEADLINE} and one.failed:
            assert step.shows.turn.place == min(each.turn.place for each in one.failed)
    else:
        assert 0 <= step.after_s <= LONGEST_WAIT_S
        assert step.after_s < deadline_s
    if isinstance(step, Again):
        assert rounds < 2
        assert one.budget.tokens <= max(0, tokens - 1) + 1e-9


def test_s02_alone_a_limited_upstream_is_never_hammered(play, no_jitter):
    """The whole of one request: the desk's pauses and the second rounds together."""
    p = play("a")
    asked, failed, rounds, left = [], [], 0, list(p.choose().turns)
    while True:
        step = decide(
            failed,
            left,
            rounds=rounds,
            now=p.now,
            deadline_left_s=60.0,
            spend=p.desk.may_spend,
            random=no_jitter,
        )
        if isinstance(step, GiveUp):
            break
        p.wait(step.after_s)
        if isinstance(step, Again):
            rounds += 1
            left = list(p.desk.choose(p.chain(), FACTS, {"a": "k1"}, p.now, only=step.targets).turns)
            continue
        left.remove(step.turn)
        p.desk.begin(step.turn, p.now, why=Why.AGAIN if rounds else None)
        asked.append(p.now)
        p.bad(step.turn, Fault.RATE_LIMITED, 0.1)
        failed.append(Failed(step.turn, Fault.RATE_LIMITED, p.now, 429))
    assert [round(each - asked[0], 3) for each in asked] == [0, 1.1, 3.2]
