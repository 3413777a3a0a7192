"""Rates, folding, weights and their bounds, whatever the order; and that nothing of a sender is ever shown."""

from __future__ import annotations

import copy
import gc
import logging
import pickle
from datetime import timedelta
from ipaddress import ip_address
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.hub.address import Own, origin_of
from stillup.hub.admission import NEAR, SENDER, WIDE, Gate
from stillup.hub.debts import WAYS, Debts
from stillup.hub.keyed import DAY_S, DailyKey
from stillup.hub.values import CrowdReport, Reason
from stillup.hub.weight import Counts
from stillup.model.service import Problem
from tests.hub.conftest import BEGAN, SIGN_IN, anywhere, hub_of

PROBLEMS = list(Problem)
addresses = st.ip_addresses(v=4, network="198.51.100.0/22").map(str) | st.ip_addresses(
    v=6, network="2001:db8::/46"
).map(str)


# -- whom an address stands for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.8", (False, True, True)),
        ("203.0.113.7", "203.0.114.7", (False, False, True)),
        ("203.0.113.7", "203.1.113.7", (False, False, False)),
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::9", (True, True, True)),
        ("2001:db8:1:2::3", "2001:db8:1:3::3", (False, True, True)),
        ("2001:db8:1::3", "2001:db8:2::3", (False, False, True)),
        ("2001:db8::3", "2001:db9::3", (False, False, False)),
        ("::ffff:203.0.113.7", "203.0.113.7", (True, True, True)),
        ("64:ff9b::203.0.113.7", "203.0.113.7", (True, True, True)),
        ("2002:cb00:7107::9", "203.0.113.7", (True, True, True)),
        ("fe80::1%eth0", "fe80::1", (True, True, True)),
        ("", "no address", (True, True, True)),
    ],
)
def test_networks_hold_senders(one, other, same):
    assert tuple(a == b for a, b in zip(origin_of(one), origin_of(other), strict=True)) == same


def test_senders_of_own_networks_are_networks_of_their_own():
    own = Own(["10.0.0.0/8"])
    one, other = origin_of("10.1.2.3", own), origin_of("10.1.2.4", own)

    assert one.wide != other.wide
    assert origin_of("11.1.2.3", own) == origin_of("11.1.2.3")


# -- rates ------------------------------------------------------------------------------------------------------------


def gate() -> Gate:
    return Gate(DailyKey(Random(1).randbytes))


def test_a_sender_may_say_six_things_at_once_then_one_every_half_minute():
    door, now_s = gate(), BEGAN.timestamp()
    said = [CrowdReport(service="claude", problem=p) for p in PROBLEMS]
    reasons = [door.admit(r, origin_of("8.8.8.8"), now_s).reason for r in said[:8]]

    assert reasons == [Reason.ADMITTED] * 6 + [Reason.TOO_MANY] * 2
    refused = door.admit(said[8], origin_of("8.8.8.8"), now_s)
    assert refused.wait_s == pytest.approx(SENDER.each_s)
    assert door.admit(said[8], origin_of("8.8.8.8"), now_s + refused.wait_s).reason is Reason.ADMITTED


@settings(max_examples=40, deadline=None)
@given(
    reports=st.lists(st.tuples(addresses, st.sampled_from(PROBLEMS), st.floats(0, 120)), max_size=400),
    span_s=st.just(120.0),
)
def test_no_sender_and_no_network_gets_more_than_its_rate_whatever_the_order(reports, span_s):
    door, now_s = gate(), BEGAN.timestamp()
    taken: dict[tuple[int, bytes], int] = {}
    for address, problem, at_s in sorted(reports, key=lambda r: r[2]):
        origin = origin_of(address)
        if door.admit(CrowdReport(service="claude", problem=problem), origin, now_s + at_s).reason is Reason.TOO_MANY:
            continue
        for level, part in enumerate(origin):
            taken[level, part] = taken.get((level, part), 0) + 1

    for (level, _), n in taken.items():
        rate = (SENDER, NEAR, WIDE)[level]
        assert n <= rate.burst + span_s / rate.each_s + 1


def test_what_is_said_again_within_half_an_hour_is_folded():
    hub = hub_of()
    times = [0, 60, 1700, 1801]
    reasons = [hub.hand_in(SIGN_IN, "8.8.8.8", None, BEGAN + timedelta(seconds=s)).reason for s in times]

    assert reasons == [Reason.ADMITTED, Reason.FOLDED, Reason.FOLDED, Reason.ADMITTED]


def test_a_closed_desk_takes_nothing():
    hub = hub_of(is_open=False)

    assert hub.hand_in(SIGN_IN, "8.8.8.8", None, BEGAN).reason is Reason.CLOSED


# -- the table --------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(1, 1000)), max_size=200))
def test_the_table_never_says_more_than_was_noted(notes):
    debts, truth = Debts(16), {}
    for key, until_s in notes:
        truth[key] = max(truth.get(key, 0.0), until_s)
        debts.note(key, until_s)

    assert all(debts.until(key) <= truth.get(key, 0.0) for key in range(1, 51))
    assert debts.size_bytes == (256 if notes else 0)


def test_those_who_owe_most_are_kept_when_strangers_come():
    debts = Debts(WAYS)
    debts.note(1, 1_000.0)
    for stranger in range(2, 5_000):
        debts.note(stranger, 10.0)

    assert debts.until(1) == 1_000.0


def test_tables_are_as_large_after_a_flood_as_before():
    hub, dice = hub_of(), Random(2)
    for _ in range(200):
        hub.hand_in(SIGN_IN, anywhere(dice), None, BEGAN)
    before = hub.size_bytes
    for _ in range(20_000):
        hub.hand_in(SIGN_IN, anywhere(dice), None, BEGAN)

    assert hub.size_bytes == before < 20_000_000


# -- what counts ------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    reports=st.lists(
        st.tuples(addresses, st.sampled_from(PROBLEMS), st.sampled_from([None, "US-CA", "DE"]), st.integers(0, 600)),
        max_size=300,
    )
)
def test_no_network_counts_for_more_than_its_weight_whatever_the_order(reports):
    hub, counted, wides = hub_of(), {}, {}
    for address, problem, region, at_s in sorted(reports, key=lambda r: r[3]):
        before = hub.counts[Counts.COUNTED]
        report = CrowdReport(service="claude", problem=problem, region=region)
        hub.hand_in(report, address, None, BEGAN + timedelta(seconds=at_s))
        origin = origin_of(address)
        if hub.counts[Counts.COUNTED] > before:
            counted[origin.near] = counted.get(origin.near, 0) + 1
            wides[origin.wide] = wides.get(origin.wide, 0) + 1
    total = hub.counts[Counts.COUNTED]

    # There is one /16 and one /32 here: no share of a crowd is ever theirs beyond what they have alone.
    assert all(n <= 1 + 0.05 * total for n in counted.values())
    assert all(n <= 2 + 0.10 * total for n in wides.values())
    assert total <= 4


def test_minutes_are_told_once_and_say_the_same_sum_as_counted():
    hub, dice, told = hub_of(), Random(4), 0
    now = BEGAN
    for minute in range(10):
        for _ in range(50):
            hub.hand_in(SIGN_IN, anywhere(dice), None, now + timedelta(seconds=30))
        now = BEGAN + timedelta(minutes=minute + 1)
        told += sum(getattr(s, "count", 0) for s in hub.due(now))
        assert not hub.due(now)

    assert told == hub.counts[Counts.COUNTED]


def test_a_clock_that_is_set_back_stops_no_report_for_good():
    hub, dice = hub_of(), Random(4)
    hub.due(BEGAN + timedelta(days=400))
    for _ in range(30):
        hub.hand_in(SIGN_IN, anywhere(dice), None, BEGAN + timedelta(seconds=5))

    assert sum(getattr(s, "count", 0) for s in hub.due(BEGAN + timedelta(minutes=1))) == 30


# -- nothing of a sender is kept to be seen ---------------------------------------------------------------------------

SENDERS = ["203.0.113.77", "2001:db8:aaaa:bbbb::cccc"]


def test_no_address_is_in_any_repr_log_or_pickle(caplog):
    caplog.set_level(logging.DEBUG)
    hub = hub_of()
    for sender in SENDERS:
        hub.hand_in(SIGN_IN, sender, None, BEGAN)
    shown = [repr(hub), str(hub), repr(hub.due(BEGAN + timedelta(minutes=1))), caplog.text]
    shown += [repr(getattr(hub, name)) for name in vars(hub)]
    shown += [repr(origin_of(sender)) for sender in SENDERS]

    for text in shown:
        assert not any(sender in text or str(ip_address(sender).packed)[2:-1] in text for sender in SENDERS)
    for part in (hub, hub._key, hub._gate._folds, hub._forms):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(part)
        with pytest.raises(TypeError, match="pickled"):
            copy.copy(part)


def test_no_address_is_held_by_anything_that_a_hub_holds():
    hub = hub_of()
    for sender in SENDERS:
        hub.hand_in(SIGN_IN, sender, None, BEGAN)
    raw = [ip_address(s).packed for s in SENDERS]
    seen, waiting = set(), [hub]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type) or callable(thing):
            continue
        seen.add(id(thing))
        if isinstance(thing, str):
            assert thing not in SENDERS
        if isinstance(thing, bytes | bytearray):
            assert not any(part in bytes(thing) for part in raw)
        waiting += gc.get_referents(thing)


def test_the_key_is_overwritten_after_a_day_and_with_it_goes_what_was_known():
    key = DailyKey(Random(3).randbytes)
    key.turn(1000.0)
    held, before = key._key, bytes(key._key)
    number = key.number(b"x")
    key.turn(1000.0 + DAY_S - 1)
    assert key.number(b"x") == number
    key.turn(1000.0 + DAY_S)

    assert held is key._key
    assert bytes(held) != before
    assert key.number(b"x") != number


def test_a_new_day_forgets_who_said_what():
    hub = hub_of()
    hub.hand_in(SIGN_IN, "8.8.8.8", None, BEGAN)
    later = BEGAN + timedelta(days=1, seconds=1)
    before = hub._gate._folds.size_bytes
    hub.due(later)

    assert before > 0
    assert hub.hand_in(SIGN_IN, "8.8.8.8", None, later).reason is Reason.ADMITTED


def test_what_became_of_reports_is_counted_for_metrics():
    hub = hub_of()
    for _ in range(2):
        hub.hand_in(SIGN_IN, "8.8.8.8", None, BEGAN)
    told = hub.metrics().decode()

    assert 'stillup_hub_reports_total{reason="admitted"} 1\n' in told
    assert 'stillup_hub_reports_total{reason="folded"} 1\n' in told
    assert 'stillup_hub_weighed_total{counts="counted"} 1\n' in told
