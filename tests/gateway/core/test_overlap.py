"""Many requests at once: what was sent before things changed says nothing new."""

from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.views import Try


def test_fifty_requests_that_hang_together_are_one_hang(play):
    p = play()
    hanging = [p.start() for _ in range(50)]
    p.wait(8.0)
    p.bad(hanging[0], Fault.SLOW_FIRST_TOKEN)
    until = hanging[0].cell.breaker.until
    for turn in hanging[1:]:
        p.bad(turn, Fault.SLOW_FIRST_TOKEN, 0.01)
    assert turn.cell.breaker.until == until == 1009.0
    assert p.wait(1.0).start().trickle


def test_fifty_that_fail_one_after_the_other_while_a_trickle_is_out_do_not_end_it(play):
    p = play()
    hanging = [p.start() for _ in range(50)]
    p.bad(hanging[0], Fault.OVERLOADED)
    p.wait(1.0)
    trickle = p.start()
    assert trickle.trickle
    for turn in hanging[1:]:
        p.bad(turn, Fault.OVERLOADED, 0.01)
    p.good(trickle)
    assert p.start().trickle  # the second of three: nothing was lost


def test_answers_to_what_was_asked_before_it_opened_do_not_close_it(play):
    p = play()
    early = [p.start() for _ in range(10)]
    p.bad(p.start(), Fault.OVERLOADED)
    for turn in early:
        p.good(turn, 0.01)
    assert p.first() == ("b", "breaker_open")


def test_a_hang_from_before_the_outage_does_not_open_a_breaker_that_recovered(play):
    p = play()
    early = p.start()
    p.bad(p.start(), Fault.OVERLOADED)
    p.wait(1.0)
    for _ in range(3):
        p.good(p.start(), 0.1)
    p.bad(early, Fault.SLOW_FIRST_TOKEN)
    assert p.first() == ("a", "first_choice")


def test_a_trickle_that_is_given_up_frees_its_slot(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED})
    p.wait(1.0)
    trickle = p.start()
    assert p.first()[0] == "b"
    p.desk.abandoned(trickle)
    p.desk.abandoned(trickle)
    assert p.start().trickle


def test_a_trickle_that_was_chosen_and_never_begun_frees_its_slot_too(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED})
    p.wait(1.0)
    p.desk.abandoned(p.choose().turns[0])
    assert p.start().trickle


def test_with_its_first_content_a_trickle_lets_the_next_one_go_and_three_are_out_at_most(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED})
    p.wait(1.0)
    out = []
    for _ in range(3):
        trickle = p.start()
        assert trickle.trickle
        assert p.first()[0] == "b"
        p.desk.answering(trickle, p.now)
        out.append(trickle)
    assert p.first() == ("b", "recovering")
    for trickle in out:
        p.good(trickle, 60.0)
    assert p.first() == ("a", "first_choice")


def test_of_trickles_that_are_out_together_the_first_cut_counts_and_late_good_ones_do_not(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED})
    p.wait(1.0)
    out = []
    for _ in range(3):
        out.append(p.start())
        p.desk.answering(out[-1], p.now)
    p.bad(out[0], Fault.CUT, 1.0)
    until = out[0].cell.breaker.until
    assert until == p.now + 2.0
    p.bad(out[1], Fault.CUT, 0.5)
    p.good(out[2], 0.5)
    assert (out[0].cell.breaker.until, out[0].cell.breaker.wins) == (until, 0)
    assert p.wait(2.0).start().trickle


def test_a_trickle_of_an_earlier_opening_takes_and_frees_no_slot_of_the_next(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED})
    p.wait(1.0)
    early = [p.start()]
    p.desk.answering(early[0], p.now)
    early.append(p.start())
    p.bad(early[0], Fault.CUT)
    p.wait(2.0)
    trickle = p.start()
    assert trickle.trickle
    p.desk.answering(early[1], p.now)
    p.desk.abandoned(early[1])
    assert p.first() == ("b", "recovering")


def test_silence_opens_it_for_everybody_else_and_an_answer_after_all_takes_that_back(play):
    p = play()
    slow = p.start()
    p.wait(8.0)
    p.desk.late(slow, p.now)
    assert p.first() == ("b", "breaker_open")
    p.desk.answering(slow, p.now + 0.5)
    assert p.first() == ("a", "first_choice")
    p.good(slow, 5.0)
    assert p.first() == ("a", "first_choice")


def test_what_was_taken_back_makes_no_later_pause_longer(play):
    p = play()
    for _ in range(5):
        slow = p.start()
        p.wait(8.0)
        p.desk.late(slow, p.now)
        p.desk.answering(slow, p.now)
        p.good(slow, 1.0)
    p.ask({"a": Fault.OVERLOADED}, took=0.0)
    assert slow.cell.breaker.until == p.now + 1.0


def test_silence_is_not_taken_back_once_others_have_failed_as_well(play):
    p = play()
    slow = p.start()
    p.wait(8.0)
    p.desk.late(slow, p.now)
    trickle = p.wait(1.0).start()
    p.bad(trickle, Fault.OVERLOADED, 0.1)
    p.desk.answering(slow, p.now)
    assert p.first() == ("b", "breaker_open")


def test_silence_and_the_end_of_the_same_try_count_once(play):
    p = play()
    slow = p.start()
    p.wait(8.0)
    p.desk.late(slow, p.now)
    until = slow.cell.breaker.until
    p.bad(slow, Fault.SLOW_FIRST_TOKEN, 0.5)
    assert slow.cell.breaker.until == until


def test_a_trickle_is_not_late_before_it_has_lost(play):
    p = play()
    p.ask({"a": Fault.OVERLOADED})
    trickle = p.wait(1.0).start()
    p.wait(1.0)
    p.desk.late(trickle, p.now)
    p.good(trickle, 0.5)
    assert p.start().trickle


def test_what_has_content_or_is_over_is_not_late(play):
    p = play()
    turn = p.start()
    p.wait(20.0)
    p.desk.answering(turn, p.now)
    p.desk.late(turn, p.now)
    p.good(turn)
    p.desk.late(turn, p.now)
    assert p.first()[0] == "a"


def test_an_end_is_told_once(play):
    p = play()
    turn = p.start()
    for _ in range(5):
        p.bad(turn, Fault.SERVER_ERROR)
    assert turn.cell.failed == 1
    assert p.first()[0] == "a"


def test_a_try_that_ended_without_a_fault_says_nothing(play):
    p = play()
    turn = p.start()
    p.desk.settled(turn, Try(target=turn.target, model="m", operation=turn.cell.operation, ok=False), p.now)
    assert (turn.cell.ok, turn.cell.failed) == (0, 0)


FAULTS = ("overloaded", "slow_first_token", "cut", "refused", "server_error", "rate_limited")
WHAT = ("start", "content", "late", "good", "abandon", "wait", *FAULTS)
EVENTS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 30), st.floats(0, 20)), max_size=120)


@given(EVENTS)
def test_whatever_overlaps_no_slot_is_lost_and_the_first_is_back_in_the_end(play, events):
    p, out = play(), []
    for what, which, wait in events:
        turn = out[which % len(out)] if out else None
        if what == "start":
            out.append(p.start())
        elif what == "wait":
            p.wait(wait)
        elif turn is not None:
            act(p, turn, what)
    for turn in out:
        p.desk.abandoned(turn)
    host = p.start("a").host
    p.wait(61.0)
    for breaker in (host.breaker, *(cell.breaker for cell in host.cells.values())):
        assert breaker.slots.out <= 1  # that of the start above
    for _ in range(8):
        p.ask(took=0.1)
        p.wait(61.0)
    assert p.first() == ("a", "first_choice")
    for breaker in (host.breaker, *(cell.breaker for cell in host.cells.values())):
        assert (breaker.closed, breaker.slots.out, breaker.slots.waiting) == (True, 0, False)


def act(p, turn, what: str) -> None:
    if what == "content":
        p.desk.answering(turn, p.now)
    elif what == "late":
        p.desk.late(turn, p.now)
    elif what == "good":
        p.good(turn)
    elif what == "abandon":
        p.desk.abandoned(turn)
    else:
        p.bad(turn, Fault(what))


@given(EVENTS)
def test_the_breaker_never_pauses_for_longer_than_its_longest_pause(play, events):
    p, out = play(), []
    for what, which, wait in events:
        turn = out[which % len(out)] if out else None
        if what == "start":
            out.append(p.start())
        elif what == "wait":
            p.wait(wait)
        elif turn is not None:
            act(p, turn, what)
        for turn in out:
            assert turn.cell.breaker.until <= p.now + 60
            assert turn.host.breaker.until <= p.now + 10
