"""Who is asked, played as timelines: laws 2, 4, 5 and 6."""

import pytest

from stillup.gateway.core.desk import Facts
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation, Protocol, Target
from stillup.gateway.core.why import Why

CONCLUSIVE = [Fault.REFUSED, Fault.DNS, Fault.OVERLOADED, Fault.SLOW_FIRST_TOKEN, Fault.NOT_API]
FACTS = Facts(Operation.GENERATE, "m")
SUSPICIOUS = [Fault.RESET, Fault.SERVER_ERROR, Fault.CUT, Fault.EMPTY, Fault.MALFORMED, Fault.ERROR_EVENT, Fault.STALL]


def test_on_a_fine_day_the_first_is_asked_and_the_others_stand_by(play):
    choice = play("abc").choose()
    assert [(turn.target.upstream, turn.why) for turn in choice.turns] == [
        ("a", Why.FIRST_CHOICE),
        ("b", Why.NEXT_IN_CHAIN),
        ("c", Why.NEXT_IN_CHAIN),
    ]
    assert choice.skipped == ()
    assert choice.why is Why.FIRST_CHOICE


@pytest.mark.parametrize("fault", CONCLUSIVE)
def test_after_one_conclusive_fault_nobody_else_pays_for_it(play, fault):
    p = play()
    assert [p.ask({"a": fault}, took=0.15) for _ in range(5)] == ["ab", "b", "b", "b", "b"]
    assert p.first() == ("b", "breaker_open")


@pytest.mark.parametrize("fault", SUSPICIOUS)
def test_a_single_fault_that_may_happen_changes_nothing_two_in_a_row_do(play, fault):
    p = play()
    assert [p.ask({"a": fault}, took=0.01) for _ in range(4)] == ["ab", "ab", "b", "b"]


def test_an_outage_costs_sixteen_trickles_in_ten_minutes_and_the_rest_never_waits(play):
    p, asked = play(), []
    while p.now < 1600:
        asked.append(p.ask({"a": Fault.OVERLOADED}, took=0.1))
    assert asked.count("ab") == 15
    assert set(asked) == {"ab", "b"}


def test_down_for_a_minute_then_well_the_first_is_back_within_another(play):
    p, back = play(), None
    while p.now < 1060:
        p.ask({"a": Fault.REFUSED}, took=1.0)
    while p.first() != ("a", "first_choice"):
        p.ask(took=1.0)
        back = p.now
        assert back < 1120


def test_recovery_is_a_trickle_three_good_answers_and_then_the_first_choice_again(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED})
    p.wait(1.0)
    whys = []
    for _ in range(5):
        turn = p.start()
        whys.append((turn.target.upstream, turn.why.value))
        p.good(turn, 0.1)
    assert whys == [("a", "trickle")] * 3 + [("a", "first_choice")] * 2


def test_while_a_trickle_is_out_everybody_else_goes_on_to_the_next(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED})
    p.wait(1.0)
    trickle = p.start()
    assert trickle.trickle
    assert p.first() == ("b", "recovering")
    p.bad(trickle, Fault.OVERLOADED, 0.1)
    assert p.first() == ("b", "breaker_open")


def test_a_request_goes_out_as_one_trickle_only(play):
    p = play("abc")
    for name in "ab":
        p.ask({name: Fault.OVERLOADED}, names=name + "c", took=0.01)
    p.wait(2.0)
    choice = p.choose()
    assert [(turn.target.upstream, turn.why) for turn in choice.turns] == [
        ("a", Why.TRICKLE),
        ("c", Why.NEXT_IN_CHAIN),
        ("b", Why.LAST_RESORT),
    ]


def test_a_fallback_is_not_probed_while_what_comes_before_it_is_well(play):
    p = play("ab")
    p.ask({"b": Fault.OVERLOADED}, names="b", took=0.01)
    p.wait(5.0)
    choice = p.choose()
    assert [turn.why for turn in choice.turns] == [Why.FIRST_CHOICE, Why.LAST_RESORT]
    assert not any(turn.held for turn in choice.turns)


def test_law_2_with_nothing_well_all_are_asked_the_soonest_to_be_back_first(play):
    p = play("abc")
    for name in "acb":
        p.ask({name: Fault.OVERLOADED}, names=name, took=0.1)
    choice = p.choose()
    assert [turn.target.upstream for turn in choice.turns] == ["a", "c", "b"]
    assert {turn.why for turn in choice.turns} == {Why.LAST_RESORT}
    assert {skip.why for skip in choice.skipped} == {Why.BREAKER_OPEN}
    assert choice.why is Why.LAST_RESORT


def test_last_resorts_that_answer_well_close_the_breaker(play):
    p = play("a")
    p.ask({"a": Fault.OVERLOADED}, took=0.01)
    for _ in range(3):
        assert p.ask(took=0.01) == "a"
    assert p.first() == ("a", "first_choice")


def test_one_model_that_fails_does_not_speak_for_another(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED}, model="opus")
    assert p.first(model="opus")[0] == "b"
    assert p.first(model="haiku")[0] == "a"


def test_an_upstream_that_is_not_there_is_not_there_for_any_model(play):
    p = play()
    p.ask({"a": Fault.REFUSED}, model="opus", took=0.01)
    assert p.first(model="haiku") == ("b", "breaker_open")


def test_counting_tokens_well_does_not_hide_that_generating_hangs(play):
    p = play()
    p.ask({"a": Fault.SLOW_FIRST_TOKEN}, took=0.5)
    for _ in range(20):
        p.ask(operation=Operation.COUNT_TOKENS, stream=False, took=0.001)
    assert p.first()[0] == "b"
    assert p.first(operation=Operation.COUNT_TOKENS, stream=False)[0] == "a"


def test_an_upstream_that_answers_with_errors_is_there(play):
    p = play()
    p.ask({"a": Fault.REFUSED}, took=0.01)
    p.wait(1.0)
    for _ in range(3):
        turn = p.start(model="other")
        assert turn.trickle
        p.bad(turn, Fault.BAD_REQUEST, 0.01, status=400)
    assert p.first()[0] == "a"


def test_a_machine_back_from_sleep_waits_no_longer_than_twelve_seconds(play):
    p = play()
    while p.now < 1300:
        p.ask({"a": Fault.DNS}, took=0.5)
    start = p.now
    while p.ask(took=0.1) != "a":
        assert p.now < start + 12


def test_only_some_targets_of_a_chain_keep_their_places(play):
    p = play("abc")
    before = p.desk.budget.tokens
    chain = p.chain()
    turns = p.desk.choose(chain, FACTS, {}, p.now, only=(chain[2], chain[0])).turns
    assert [(turn.target.upstream, turn.place) for turn in turns] == [("a", 0), ("c", 2)]
    assert p.desk.budget.tokens == before


def test_a_target_without_a_model_is_asked_for_the_clients(play):
    p = play()
    target = Target("a", "", Protocol.ANTHROPIC)
    turn = p.desk.choose((target,), FACTS, {}, p.now).turns[0]
    assert (turn.model, turn.target.name, repr(turn)) == ("m", "a", "Turn(a, first_choice)")


def test_law_5_hedges_come_out_of_the_budget_that_requests_fill(play):
    p = play()
    for _ in range(10):
        assert p.desk.may_spend()
    assert not p.desk.may_spend()
    for _ in range(5):
        p.choose()
    assert p.desk.may_spend()


def test_a_hang_costs_a_learned_patience_and_a_trickle_a_second(play):
    p = play()
    for _ in range(20):
        p.ask(took=1.5)
    turn = p.start()
    assert p.desk.hedge_after_s(turn) == 3.0
    p.bad(turn, Fault.SLOW_FIRST_TOKEN, 3.2)
    p.wait(1.0)
    trickle = p.start()
    assert trickle.trickle
    assert p.desk.hedge_after_s(trickle) == 1.0


@pytest.mark.parametrize("configured", [None, 2.0])
def test_a_trickle_that_loses_by_silence_makes_the_next_more_patient_so_that_slow_models_come_back(play, configured):
    p = play(hedge_after_s=configured)
    for _ in range(20):
        p.ask(took=3.0)
    p.ask({"a": Fault.OVERLOADED})
    patience = []
    for _ in range(4):
        p.wait(70.0)
        trickle = p.start()
        patience.append(p.desk.hedge_after_s(trickle))
        p.bad(trickle, Fault.SLOW_FIRST_TOKEN, patience[-1] + 0.2)
    assert patience == [1, 2, 3, 3]


def test_configured_patience_wins_and_a_trickles_is_a_second_at_most(play):
    p = play(hedge_after_s=2.5)
    turn = p.start()
    assert p.desk.hedge_after_s(turn) == 2.5
    p.bad(turn, Fault.OVERLOADED)
    p.wait(1.0)
    assert p.desk.hedge_after_s(p.start()) == 1.0


def test_losing_a_race_by_no_more_than_it_usually_takes_is_no_hang(play):
    p = play(hedge_after_s=0.5)
    for _ in range(64):
        p.ask(took=0.8)
    for _ in range(3):
        turn = p.start()
        p.wait(0.5)
        p.desk.late(turn, p.now)
        p.bad(turn, Fault.SLOW_FIRST_TOKEN, 0.1)
    assert p.first()[0] == "a"
    turn = p.start()
    p.wait(0.5)
    p.desk.late(turn, p.now)
    p.bad(turn, Fault.SLOW_FIRST_TOKEN, 1.0)
    assert p.first()[0] == "b"


def test_a_race_from_the_start_makes_nobody_late(play):
    p = play(hedge_after_s=0.0)
    turn = p.start()
    p.desk.late(turn, p.now)
    p.bad(turn, Fault.SLOW_FIRST_TOKEN, 0.05)
    assert p.first()[0] == "a"


def test_a_stall_is_learned_from_the_gaps_of_whole_streams(play):
    p = play()
    turn = p.start()
    assert p.desk.stall_after_s(turn) == 20
    for _ in range(10):
        p.good(p.start(), 1.0, longest_gap_s=15.0)
    assert p.desk.stall_after_s(turn) == 45


def test_whole_answers_are_paced_by_themselves(play):
    p = play()
    for _ in range(10):
        p.ask(took=30.0, stream=False)
        p.ask(took=0.4)
    assert p.desk.hedge_after_s(p.start()) == 1
    assert p.desk.hedge_after_s(p.start(stream=False)) == 60


def test_a_choice_remembers_the_whole_chain_for_a_second_round(play):
    p = play("abc")
    assert p.choose().chain == p.chain()


def test_of_last_resorts_one_that_fails_at_once_is_asked_before_one_that_hangs(play):
    p = play("ab")
    p.ask({"a": Fault.SLOW_FIRST_TOKEN}, names="a", took=0.2)
    p.ask({"b": Fault.OVERLOADED}, names="b", took=0.2)
    assert [turn.target.upstream for turn in p.choose().turns] == ["b", "a"]


def test_a_last_resort_that_hangs_is_waited_for_no_longer_than_a_trickle(play):
    p = play()
    hanging = [p.start("a"), p.start("b")]
    p.wait(8.0)
    for turn in hanging:
        p.bad(turn, Fault.SLOW_FIRST_TOKEN)
    turn = p.start()
    assert turn.why is Why.LAST_RESORT
    assert p.desk.hedge_after_s(turn) == 1.0


def test_a_long_body_is_granted_more_patience(play):
    p = play()
    facts = Facts(Operation.GENERATE, "m", stream=True, body_bytes=1_000_000)
    turn = p.desk.choose(p.chain(), facts, {}, p.now).turns[0]
    assert p.desk.hedge_after_s(turn) == 13.0
    assert p.desk.hedge_after_s(turn, 0) == 8.0
