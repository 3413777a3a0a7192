"""One replica finds an upstream failing: the others know it before they ask, and nobody is taken in by one alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.gateway.core.breaker import FIRST_S
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation
from stillup.gateway.shared.health import seen
from stillup.gateway.shared.words import MOST_OPEN, Health, Open
from tests.gateway.shared.conftest import Replica

DOWN = {"a": Fault.OVERLOADED}
REFUSED = {"a": Fault.REFUSED}


def test_what_one_found_failing_another_does_not_ask_first(replica):
    one, other = replica("one"), replica("other")
    assert one.ask(DOWN) == "ab"
    other.hear(one)
    assert other.ask(DOWN) == "b"


def test_so_it_is_with_an_upstream_that_nobody_reaches_at_all(replica):
    one, other = replica("one"), replica("other")
    assert one.ask(REFUSED) == "ab"
    other.hear(one)
    assert other.first(model="another") == ("b", "breaker_open")


def test_behind_the_pause_each_looks_for_itself(replica):
    one, other = replica("one"), replica("other")
    one.ask(DOWN)
    other.hear(one)
    other.wait(FIRST_S * 1.5)
    assert other.first() == ("a", "trickle")


def test_who_fails_behind_the_pause_goes_on_with_the_others_longer_pauses(replica):
    one, other = replica("one"), replica("other")
    one.ask(DOWN)
    one.wait(1.5).ask(DOWN)
    other.hear(one)
    assert one.wait(0.0).word.open[0].level == 1
    other.wait(2.5).ask(DOWN)
    assert other.word.open[0].level == 2


def test_good_answers_at_one_end_what_another_only_heard(replica):
    one, other = replica("one"), replica("other")
    one.ask(DOWN)
    other.hear(one)
    one.wait(1.5)
    for _ in range(3):
        one.ask()
    other.hear(one)
    assert other.first() == ("a", "first_choice")


def test_as_long_as_somebody_else_says_so_they_do_not_end_it_but_it_is_looked_at(replica):
    one, two, other = replica("one"), replica("two"), replica("other")
    one.ask(DOWN)
    two.ask(DOWN)
    other.hear(one, two)
    one.wait(1.5)
    for _ in range(3):
        one.ask()
    other.hear(one)
    assert other.first() == ("a", "trickle")


def test_what_one_saw_itself_good_answers_elsewhere_only_let_it_look_at(replica):
    one, other = replica("one"), replica("other")
    one.ask(DOWN)
    other.ask(DOWN)
    other.hear(one)
    assert other.first()[0] == "b"
    one.wait(1.5)
    for _ in range(3):
        one.ask()
    other.hear(one)
    assert other.first() == ("a", "trickle")


def test_one_that_alone_fails_again_and_again_takes_nothing_from_who_finds_it_well(replica):
    one, other = replica("one"), replica("other")
    one.ask(DOWN)
    other.hear(one)
    other.wait(1.5)
    for _ in range(3):
        assert other.ask() == "a"
    for _ in range(5):
        one.wait(30.0).ask(DOWN)
        other.hear(one)
        assert other.first() == ("a", "first_choice")


def test_once_it_was_well_there_its_word_counts_again(replica):
    one, other = replica("one"), replica("other")
    one.ask(DOWN)
    other.hear(one)
    one.wait(1.5)
    other.wait(1.5)
    for each in (one, other):
        for _ in range(3):
            each.ask()
    other.hear(one)
    one.ask(DOWN)
    other.hear(one)
    assert other.first()[0] == "b"


def test_nobody_is_kept_from_looking_by_who_fails_again(replica):
    one, other = replica("one"), replica("other")
    one.ask(DOWN)
    other.hear(one)
    for _ in range(4):
        one.wait(0.9)
        one.ask(DOWN)
        other.wait(0.4).hear(one)
    assert other.first() == ("a", "trickle")


def test_what_was_only_heard_is_not_told_on(replica):
    one, two, three = replica("one"), replica("two"), replica("three")
    one.ask(DOWN)
    two.hear(one)
    three.hear(two)
    assert two.word.open == ()
    assert three.first() == ("a", "first_choice")


def test_who_reaches_nobody_speaks_of_its_own_network_and_says_nothing_of_it(replica):
    one, other = replica("one"), replica("other")
    assert one.ask({"a": Fault.DNS, "b": Fault.CONNECT_TIMEOUT}) == "ab!"
    assert one.word.open == ()
    other.hear(one)
    assert other.ask() == "a"


def test_who_is_gone_says_nothing_any_more_and_nothing_stays_shut_for_it(replica):
    one, other = replica("one"), replica("other")
    one.ask(DOWN)
    other.hear(one)
    other.neighbours.gone("one")
    assert other.neighbours.names == ()
    other.wait(1.5)
    for _ in range(3):
        assert other.ask() == "a"
    other.wait(5.0)
    other.neighbours.hear("one.again", one.word, other.now)
    assert other.first()[0] == "b"


def test_a_replica_with_other_upstreams_fills_nothing(replica):
    other = replica("other")
    strange = Open("z", "m", Operation.GENERATE, 1, 1.0, 0, Fault.OVERLOADED)
    other.neighbours.hear("one", Health(open=(strange,)), other.now)
    assert "z" not in other.desk.book.hosts


def test_what_is_told_is_bounded_however_many_models_fail(replica):
    one = replica("one")
    for n in range(MOST_OPEN + 10):
        one.ask(DOWN, model=f"m{n}")
    assert len(one.word.open) == MOST_OPEN


def test_that_a_key_is_refused_is_known_to_all_who_ask_with_it(replica):
    one, other = replica("one"), replica("other")
    one.bad(one.start(), Fault.RATE_LIMITED, retry_after_s=30.0)
    other.hear(one)
    assert other.first() == ("b", "retry_after")
    assert other.wait(30.5).first() == ("a", "first_choice")


def test_who_asks_with_another_key_is_not_held_up(replica):
    one, other = replica("one"), replica("other", {"a": "print-of-the-new-key"})
    one.bad(one.start(), Fault.UNAUTHORIZED, status=401)
    other.hear(one)
    assert other.first() == ("a", "first_choice")


def test_a_clients_key_is_never_told_of(replica):
    one = replica("one")
    one.key = "5f1d5f1d5f1d5f1d"
    one.bad(one.start(), Fault.RATE_LIMITED, retry_after_s=30.0)
    assert one.word == Health()


def test_a_limit_that_was_only_heard_is_not_told_on_and_the_same_word_again_shuts_nothing_anew(replica):
    one, other = replica("one"), replica("other")
    one.bad(one.start(), Fault.RATE_LIMITED, retry_after_s=30.0)
    word = one.word
    other.neighbours.hear("one", word, other.now)
    assert other.word == Health()
    other.wait(31.0)
    other.neighbours.hear("one", word, other.now)
    assert other.first() == ("a", "first_choice")


def test_who_was_told_of_news_is_told_of_each(replica):
    one, told = replica("one"), []
    one.desk.news = lambda: told.append(len(one.word.open))
    one.ask(DOWN)
    one.wait(1.5)
    for _ in range(3):
        one.ask()
    assert (told[0], told[-1]) == (1, 0)


WORDS = st.lists(st.sampled_from([Fault.OVERLOADED, Fault.REFUSED, Fault.RATE_LIMITED, None]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.integers(0, 2))
def test_the_same_word_twice_is_as_once(outcomes, again):
    one, other = Replica("one"), Replica("other")
    for fault in outcomes:
        one.wait(0.7).ask({"a": fault} if fault else {})
        other.now = one.now
        other.hear(one)
        state = _state(other)
        for _ in range(again):
            other.hear(one)
        assert _state(other) == state


@settings(max_examples=60, deadline=None)
@given(WORDS)
def test_without_a_word_from_anybody_a_replica_is_as_one_alone(outcomes):
    one, alone = Replica("one"), Replica("alone")
    for fault in outcomes:
        failing = {"a": fault} if fault else {}
        assert one.wait(0.7).ask(failing) == alone.wait(0.7).ask(failing)
        one.hear()
        seen(one.desk.book, one.keys, one.now)


def _state(of):
    host = of.desk.book.host("a")
    breakers = [host.breaker, *(cell.breaker for cell in host.cells.values())]
    return [(b.closed, b.until, b.level, b.epoch, b.heard) for b in breakers], [
        (lane.until, lane.why) for lane in host.lanes.values()
    ]
