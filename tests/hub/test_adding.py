"""Several desks, added up: what one desk would have counted, whoever heard what and in whatever order it is said."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.daemon.cluster.records import Part, Partial
from stillup.daemon.jobs import profile_of
from stillup.errors import BadDataError
from stillup.hub.adding import Adding, AddingState
from stillup.hub.desk import Hub
from stillup.hub.partial import Grounds, grounds_of
from stillup.hub.replica import Replica
from stillup.hub.sketch import Networks, heard_twice
from stillup.hub.values import CrowdReport, Reason
from stillup.model.service import Problem
from stillup.verdict.monitor import Monitor
from tests.hub.conftest import BEGAN, SIGN_IN, anywhere

SERVICES = ["claude", "chatgpt"]
KEY = (b"k" * 32, int(BEGAN.timestamp()))
MINUTE = timedelta(minutes=1)
networks = st.integers(0, 255).map(lambda n: f"{20 + n // 4}.{n % 4}.7.9")
regions = st.sampled_from([None, "US-CA", "DE"])


def replica(n: int, born: int = 0) -> Replica:
    made = Replica(f"hub-{n}", Random(n).randbytes, BEGAN)
    made.share((KEY[0], KEY[1] + born), KEY)
    return made


def say(one: Replica, now: datetime, *, keeps: bool = True) -> list[Partial]:
    """What a replica says now, as records."""
    batch = one.batch(now.timestamp())
    if keeps:
        one.was_said(batch)
    return [
        Partial(
            replica=one._name,
            end=datetime.fromtimestamp(end_s, BEGAN.tzinfo),
            parts=tuple(Part(service=w.service, count=w.n, sketch=w.grounds, **w.leaf._asdict()) for w in words),
        )
        for end_s, words in batch.words.items()
    ]


class Several:
    """Replicas that tell each other what they took, and the sum of what they count."""

    def __init__(self, n: int = 2) -> None:
        self.replicas = [replica(i) for i in range(n)]
        self.adding = Adding(SERVICES)
        self.judged: datetime | None = None

    def report(self, at: datetime, to: int, sender: str, said: CrowdReport = SIGN_IN) -> Reason:
        return self.replicas[to].hand_in(said, sender, self.replicas[to].token(at), at).reason

    def tell(self, at: datetime) -> None:
        for one in self.replicas:
            note = one.note()
            for other in self.replicas:
                if note is not None:
                    other.heard(note, at.timestamp())

    def hear(self, now: datetime) -> None:
        for one in self.replicas:
            for said in say(one, now) or [Partial(replica=one._name, end=minute_of(now), parts=())]:
                self.adding.hear(said, self.judged, now)

    def due(self, tick: datetime) -> list:
        self.judged = tick
        return self.adding.due(tick)


def minute_of(now: datetime) -> datetime:
    return datetime.fromtimestamp(-(-now.timestamp() // 60) * 60, BEGAN.tzinfo)


def counted(signals) -> Counter:
    found: Counter = Counter()
    for s in signals:
        if getattr(s, "count", 0):
            found[s.service, s.component, s.region, s.problem] += s.count
    return found


reports = st.lists(
    st.tuples(st.integers(0, 240), st.integers(0, 3), networks, st.sampled_from(list(Problem)[:4]), regions),
    max_size=150,
).map(lambda those: sorted(those, key=lambda r: r[0]))


@settings(max_examples=60, deadline=None)
@given(reports, st.integers(1, 4))
def test_several_desks_together_count_what_one_would(those, n):
    hub, several = Hub(Random(7).randbytes, BEGAN, SERVICES), Several(n)
    hub.due(BEGAN)
    several.hear(BEGAN)
    several.due(BEGAN)
    for minute in range(5):
        for at_s, to, sender, problem, region in those:
            if minute * 60 < at_s <= minute * 60 + 60:
                at = BEGAN + timedelta(seconds=at_s)
                said = CrowdReport(service="claude", problem=problem, component="web", region=region)
                one = hub.hand_in(said, sender, hub.token(at), at).reason
                assert several.report(at, to % n, sender, said) == one
                several.tell(at)
                several.hear(at)
        tick = BEGAN + (minute + 1) * MINUTE
        several.hear(tick)
        assert counted(several.due(tick)) == counted(hub.due(tick))


def test_a_network_that_reports_to_two_desks_in_the_same_moment_counts_once():
    several = Several()
    for net in range(12):
        for to in (0, 1):
            assert several.report(BEGAN + timedelta(seconds=30), to, f"{20 + net}.1.2.7") is Reason.ADMITTED
    several.hear(BEGAN + timedelta(seconds=31))

    assert counted(several.due(BEGAN + MINUTE)).total() == 12


def test_one_that_reports_to_another_desk_a_moment_later_is_folded_or_counts_nothing():
    several = Several(3)
    at = BEGAN + timedelta(seconds=10)
    several.report(at, 0, "203.0.113.7")
    several.tell(at)

    assert several.report(at, 1, "203.0.113.7") is Reason.FOLDED
    assert several.report(at, 2, "203.0.113.8") is Reason.ADMITTED
    several.hear(at)
    assert counted(several.due(BEGAN + MINUTE)).total() == 1


def test_a_sender_is_bounded_across_desks_once_they_have_told_each_other():
    several = Several()
    reasons = []
    for i, problem in enumerate(list(Problem)[:8]):
        reasons.append(several.report(BEGAN, i % 2, "203.0.113.7", CrowdReport(service="claude", problem=problem)))
        several.tell(BEGAN)

    assert reasons == [Reason.ADMITTED] * 6 + [Reason.TOO_MANY] * 2


def test_a_form_that_one_desk_gave_out_is_good_at_another_and_once():
    several = Several()
    token = several.replicas[0].token(BEGAN)
    at = BEGAN + timedelta(seconds=5)

    assert several.replicas[1].hand_in(SIGN_IN, "203.0.113.7", token, at).reason is Reason.ADMITTED
    several.tell(at)
    for one in several.replicas:
        assert one.hand_in(SIGN_IN, "198.51.100.7", token, at).reason is Reason.REPLAYED


def test_ten_networks_are_a_crowd_though_no_desk_heard_ten():
    several = Several(4)
    several.hear(BEGAN)
    several.due(BEGAN)
    for net in range(12):
        several.report(BEGAN + timedelta(seconds=30), net % 4, f"{20 + net}.1.2.7")
    several.hear(BEGAN + timedelta(seconds=40))

    assert counted(several.due(BEGAN + MINUTE)).total() == 12


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), reports)
def test_the_sum_does_not_depend_on_the_order_in_which_words_come_nor_on_repetitions(dice, those):
    several = Several(3)
    words: list[Partial] = []
    for at_s, to, sender, problem, region in those:
        at = BEGAN + timedelta(seconds=1 + at_s % 59)
        several.report(at, to % 3, sender, CrowdReport(service="claude", problem=problem, region=region))
        words += say(several.replicas[to % 3], at, keeps=dice.random() < 0.7)
    words += [word for one in several.replicas for word in say(one, BEGAN + MINUTE)]
    sums = []
    for _ in range(3):
        shuffled = [*words, *dice.sample(words, len(words) // 2)]
        dice.shuffle(shuffled)
        adding = Adding(SERVICES)
        for word in shuffled:
            adding.hear(word, None, BEGAN + MINUTE)
        sums.append(adding.due(BEGAN + MINUTE))

    assert sums[0] == sums[1] == sums[2]


def test_what_comes_late_is_added_to_the_next_minute_and_never_again():
    several, dice = Several(1), Random(3)
    for _ in range(30):
        several.report(BEGAN + timedelta(seconds=30), 0, anywhere(dice))
    (early,) = say(several.replicas[0], BEGAN)
    for _ in range(10):
        several.report(BEGAN + timedelta(seconds=59), 0, anywhere(dice))
    (late,) = say(several.replicas[0], BEGAN)
    several.adding.hear(early, None, BEGAN + MINUTE)
    first = several.due(BEGAN + MINUTE)
    for _ in range(3):
        several.adding.hear(late, BEGAN + MINUTE, BEGAN + 1.1 * MINUTE)
    second = several.due(BEGAN + 2 * MINUTE)
    several.adding.hear(late, BEGAN + 2 * MINUTE, BEGAN + 2.1 * MINUTE)

    assert [counted(s).total() for s in (first, second, several.due(BEGAN + 3 * MINUTE))] == [30, 10, 0]


@settings(max_examples=40, deadline=None)
@given(reports, st.integers(0, 4))
def test_whoever_goes_on_from_a_checkpoint_says_the_same(those, after):
    straight, broken = Several(2), Several(2)
    for minute in range(5):
        for several in (straight, broken):
            for at_s, to, sender, problem, region in those:
                if minute * 60 < at_s <= minute * 60 + 60:
                    at = BEGAN + timedelta(seconds=at_s)
                    several.report(at, to % 2, sender, CrowdReport(service="claude", problem=problem, region=region))
            several.hear(BEGAN + (minute + 0.9) * MINUTE)
        if minute == after:
            kept = msgspec.msgpack.encode(broken.adding.state())
            broken.adding = Adding(SERVICES)
            broken.adding.go_on(msgspec.msgpack.decode(kept, type=AddingState))
        tick = BEGAN + (minute + 1) * MINUTE
        assert straight.due(tick) == broken.due(tick)


def test_a_hub_is_alive_while_one_of_its_desks_says_so():
    several = Several()
    several.hear(BEGAN + timedelta(seconds=5))
    first, second = several.due(BEGAN + MINUTE), several.due(BEGAN + 2 * MINUTE)

    assert {type(s).__name__ for s in first} == {"Alive", "Counted"}
    assert second == []


def test_a_judge_that_was_away_for_hours_is_told_of_every_minute():
    several, dice = Several(1), Random(3)
    several.due(BEGAN)
    for minute in range(200):
        for _ in range(12):
            several.report(BEGAN + minute * MINUTE + timedelta(seconds=30), 0, anywhere(dice))
        several.hear(BEGAN + minute * MINUTE + timedelta(seconds=40))
    told = several.due(BEGAN + 200 * MINUTE)

    assert counted(told).total() == several.replicas[0].handed > 2_000
    assert len([s for s in told if s.service == "claude" and type(s).__name__ == "Alive"]) == 200


@pytest.mark.parametrize("away", [timedelta(hours=-1), timedelta(hours=1), timedelta(seconds=7)])
def test_a_word_on_a_minute_long_over_or_not_begun_is_refused(away):
    adding, now = Adding(SERVICES), BEGAN + timedelta(hours=2)
    adding.due(now)
    part = Part(service="claude", count=5)
    adding.hear(Partial(replica="x", end=now + away, parts=(part,)), now, now)

    assert adding.refused == 1
    assert counted(adding.due(now + 2 * timedelta(hours=1))).total() == 0


@given(st.binary(max_size=1_200))
def test_nonsense_in_a_word_is_refused_and_kills_nobody(data):
    adding = Adding(SERVICES)
    for name in ("a", "b"):
        for sketch in (data, Grounds(KEY[1], (1, 2), data[:1_000]).pack()):
            part = Part(service="claude", component=name, count=1, problem=Problem.OTHER, sketch=sketch)
            same = Part(service="claude", count=3, sketch=sketch)
            adding.hear(Partial(replica=name, end=BEGAN, parts=(part, same)), None, BEGAN)

    assert counted(adding.due(BEGAN)).total() <= 8


def packed_of(numbers) -> bytes:
    made = Networks()
    for n in numbers:
        made.add(n)
    return made.pack()


WHOLE = [packed_of(Random(n).getrandbits(64) for _ in range(n)) for n in (1, 2, 30, 60, 5_000)]


@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 255)), max_size=6),
    st.integers(0, 1_000),
    st.binary(max_size=300),
)
def test_a_damaged_sketch_is_refused_or_read_and_ends_nobody(whole, changes, cut, more):
    data = bytearray(whole)
    for place, byte in changes:
        data[place % len(data)] = byte
    damaged = bytes(data[: max(1, cut)]) + more
    with suppress(BadDataError):
        assert heard_twice([damaged, WHOLE[2]]) >= 0


@pytest.mark.parametrize("data", [b"", b"x" * 15, b"x" * 40, b"\x00" * 5_000])
def test_what_is_no_sketch_is_refused_in_words(data):
    with pytest.raises(BadDataError, match="damaged"):
        heard_twice([data, WHOLE[0]])


@given(st.sets(st.integers(1, 2**64 - 1), max_size=30), st.sets(st.integers(1, 2**64 - 1), max_size=30))
def test_the_networks_heard_twice_are_counted_exactly_while_there_are_few(one, other):
    packed = [packed_of(one), packed_of(other)]

    assert heard_twice([p for p in packed if p]) == len(one & other)


def test_of_many_networks_nobody_is_taken_for_heard_twice_who_was_not():
    dice = Random(5)
    packed = [packed_of(dice.getrandbits(64) for _ in range(5_000)) for _ in range(3)]

    assert heard_twice(packed) == 0
    assert heard_twice([packed[0]] * 9) > 5_000
    assert max(map(len, packed)) < 600


def test_under_a_new_key_the_old_numbers_say_nothing_beside_the_new():
    old, new = replica(1), replica(2, born=3_600)
    at = BEGAN + timedelta(hours=1, seconds=30)
    adding = Adding(SERVICES)
    for net in range(9):  # nine networks, which under two keys would be eighteen
        for one in (old, new):
            one.hand_in(SIGN_IN, f"{20 + net}.1.2.7", None, at)
    for one in (old, new):
        for word in say(one, at):
            adding.hear(word, None, at)

    assert counted(adding.due(minute_of(at))).total() == 2


def test_desks_of_several_minutes_and_a_monitor_see_an_outage_as_one_desk_does():
    monitors = {n: Monitor(profile_of) for n in (1, 3)}
    several = {n: Several(n) for n in monitors}
    faults = {n: [] for n in monitors}
    dice, tick = {n: Random(2) for n in monitors}, BEGAN
    for minute in range(60):
        for n, those in several.items():
            for i in range(60 if minute >= 50 else 0):
                those.report(tick + timedelta(seconds=i * 0.9), dice[n].randrange(12) % n, anywhere(dice[n]))
            those.hear(tick + timedelta(seconds=59))
            faults[n] += [v for v in monitors[n].step(tick + MINUTE, those.due(tick + MINUTE)) if v.state.is_fault]
        tick += MINUTE

    assert faults[1]
    assert faults[1] == faults[3]


def test_grounds_show_nothing_and_come_back_as_they_went():
    made = Grounds(KEY[1], (1, 2, 3), b"x" * 9)

    assert grounds_of(made.pack()) == made
    assert grounds_of(b"") == Grounds(0)
    assert "1" not in repr(made)
    with pytest.raises(BadDataError):
        grounds_of(made.pack()[:8])


def test_what_a_cut_off_desk_could_not_say_for_ten_minutes_is_let_go_and_counted():
    one = replica(1)
    one.hand_in(SIGN_IN, "203.0.113.7", None, BEGAN)
    one.batch((BEGAN + timedelta(minutes=9)).timestamp())
    assert one.lost == 0
    one.batch((BEGAN + timedelta(minutes=12)).timestamp())

    assert one.lost == 1
    assert not one.batch(BEGAN.timestamp()).words


@given(st.binary(max_size=5_000))
def test_nonsense_of_another_desk_is_refused_or_says_nothing(data):
    one = replica(1)
    with suppress(BadDataError):
        one.heard(data, BEGAN.timestamp())

    assert one.hand_in(SIGN_IN, "203.0.113.7", None, BEGAN).reason is Reason.ADMITTED
