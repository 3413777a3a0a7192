"""A monitor saved and restored goes on exactly as one that never stopped; what is no checkpoint is refused."""

import base64
import inspect
import os
import subprocess
import sys
from collections import Counter, deque
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from functools import cache
from hashlib import blake2b, sha256
from math import inf, nan

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from stillup.errors import BadDataError
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, State
from stillup.model.signal import Declared
from stillup.verdict.checkpoint import save as checkpoint
from stillup.verdict.checkpoint.kinds import GIVEN, classes
from stillup.verdict.checkpoint.parts import put_together, take_apart
from stillup.verdict.counts.stretch import Seen
from stillup.verdict.locate.localise import Leaf
from stillup.verdict.monitor import Monitor
from stillup.verdict.official.chronicle import PageIncident
from stillup.verdict.settings import Profile, Settings

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTES = 200
AHEAD = timedelta(minutes=3)
"""Lines arrive so long before their minute is judged, so that a cut finds some waiting."""


def tell(timeline, seed=7, fault=90):
    """A little of everything: a fault that all families see, a slow one, this machine's trouble, strangers, mirrors."""
    timeline.rng.seed(seed)
    over = fault + 40
    timeline.alive("statuspage", 0, MINUTES).alive("my-tool", 0, 2)
    where = {"component": "web", "region": "US-IL", "problem": "sign_in"}
    for source, peak in (("downdetector", 5.0), ("reddit", 2.0)):
        timeline.counts(source, 0, fault, 0.05, **where).counts(source, fault, over, peak, **where)
        timeline.counts(source, over, MINUTES, 0.05, **where)
    timeline.counts("statusgator", 0, MINUTES, 1.0, window_s=300, expected=6.0)
    timeline.counts("google_trends", 0, MINUTES, 1.0, window_s=900)
    timeline.tries(0, fault, ok=True).tries(fault, over, ok=False, error="overloaded").tries(over, MINUTES, ok=True)
    for minute in range(MINUTES):
        slow = 20 if fault <= minute < over else 1
        ms = slow * timeline.rng.uniform(280, 320)
        timeline.add(minute, "outcome", "probe", component="web", layer="edge", ok=True, latency_ms=ms)
    timeline.add(10, "outcome", "client", layer="inference", ok=False, error="429", id="one")
    timeline.tries(fault + 5, fault + 8, ok=False, component=None, layer="network", source="probe")
    timeline.declared(
        fault + 20, "major_outage", "web", incident="a", stage="identified", title="Errors", body="Looking"
    )
    timeline.declared(MINUTES - 5, "operational", "web", incident="a", stage="resolved")
    return timeline


def monitor():
    made = Monitor(lambda s: Profile(service=s, components=("web", "api")))
    month_ago = START - timedelta(days=30)
    made.remember([Incident(
        id="old", service="claude", opened_at=month_ago, since=month_ago, recovered_at=month_ago + timedelta(hours=2),
        state=State.MAJOR_OUTAGE, confidence=Confidence.CONFIRMED, components=("web",),
    )])  # fmt: skip
    return made


def play(signals, cuts=(), until=MINUTES, made=None):
    """Step minute by minute; at a cut the monitor is saved, thrown away and restored."""
    made = monitor() if made is None else made
    changes, i = [], 0
    for minute in range(until + 1):
        now = START + timedelta(minutes=minute)
        due = i
        while due < len(signals) and signals[due].at <= now + AHEAD:
            due += 1
        changes += made.step(now, signals[i:due])
        i = due
        if minute in cuts:
            made = Monitor.restore(made.checkpoint(), made._profile_of)
    return changes, made


@cache
def in_the_middle(timelines):
    """A monitor that has seen everything, in the middle of the fault, as a checkpoint."""
    _, made = play(tell(timelines()).signals(), until=125)
    return made.checkpoint()


@pytest.fixture
def state(timeline):
    return in_the_middle(type(timeline))


@pytest.fixture
def seen_everything(state):
    return Monitor.restore(state)


def sealed(body, number=checkpoint.FORMAT):
    """Bytes that look like a checkpoint; ``body`` is encoded unless it is bytes."""
    raw = body if isinstance(body, bytes) else msgspec.msgpack.encode(body)
    return b"stillup checkpoint %d\n" % number + blake2b(raw, digest_size=16).digest() + raw


def opened(state):
    return msgspec.msgpack.decode(state.split(b"\n", 1)[1][16:])


# -- restored is as never stopped -------------------------------------------------------------------------------------


@settings(  # a failure is told as it was found: to shrink it would take minutes
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.generate],
)
@given(
    seed=st.integers(0, 2**32),
    fault=st.integers(60, 120),
    cuts=st.sets(st.integers(0, MINUTES - 1), min_size=1, max_size=4),
)
def test_a_replay_cut_anywhere_and_restored_says_what_the_uncut_one_says(timeline, seed, fault, cuts):
    signals = tell(type(timeline)(), seed, fault).signals()
    changes, uncut = play(signals)
    changes_cut, cut = play(signals, cuts)
    assert any(v.state.is_fault for v in changes)
    assert changes_cut == changes
    assert repr(cut.evidence("claude")) == repr(uncut.evidence("claude"))
    assert cut.unknown_sources == uncut.unknown_sources
    assert cut.checkpoint() == uncut.checkpoint()
    assert cut.incidents() == uncut.incidents()


def test_a_checkpoint_taken_right_after_restoring_is_the_same_bytes(state):
    assert Monitor.restore(state).checkpoint() == state


def test_taking_a_checkpoint_changes_nothing(seen_everything, state):
    assert seen_everything.checkpoint() == seen_everything.checkpoint() == state


def test_another_process_with_other_hashes_goes_on_to_the_same_state(timeline):
    signals = tell(timeline).signals()
    _, made = play(signals, until=125)
    rest = [line for line in signals if line.at > START + timedelta(minutes=125) + AHEAD]
    script = """
import base64, hashlib, sys, msgspec
from datetime import datetime
from stillup.model.signal import Signal
from stillup.verdict.monitor import Monitor
state, rest, until = sys.stdin.read().split("\\n")
monitor = Monitor.restore(base64.b64decode(state))
monitor.step(datetime.fromisoformat(until), msgspec.json.decode(rest, type=list[Signal]))
print(hashlib.sha256(monitor.checkpoint()).hexdigest())
"""
    until = START + timedelta(minutes=MINUTES)
    given_it = "\n".join(
        [base64.b64encode(made.checkpoint()).decode(), msgspec.json.encode(rest).decode(), until.isoformat()]
    )
    told = subprocess.run(
        [sys.executable, "-c", script], input=given_it, env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    made.step(until, rest)
    assert told.stdout.strip() == sha256(made.checkpoint()).hexdigest()


def test_an_untouched_monitor_can_be_saved_too():
    assert Monitor.restore(Monitor().checkpoint()).checkpoint() == Monitor().checkpoint()


def test_what_all_watches_share_is_shared_again(seen_everything):
    watch = seen_everything._watches["claude"]
    assert watch._bank is seen_everything._bank
    assert watch._others is seen_everything._newest
    streams = [tries for _, tries in watch._outcomes.values()]
    assert all(s._settings is seen_everything._settings for s in streams)


def test_what_a_monitor_is_handed_is_asked_again_only_for_services_it_does_not_know(state, timeline):
    asked = []
    restored = Monitor.restore(state, lambda s: asked.append(s) or Profile(service=s))
    lines = timeline.add(150, "alive", "statuspage").signals()
    restored.step(lines[0].at, [lines[0], msgspec.structs.replace(lines[0], service="other")])
    assert asked == ["other"]


# -- all of the state -------------------------------------------------------------------------------------------------


def test_every_class_that_holds_state_is_met_in_a_monitor_that_has_seen_everything(seen_everything):
    """One that is not met is either not told of in ``tell`` or no state; one not in MODULES cannot be saved at all."""
    table, _ = take_apart(seen_everything)
    holds_state = {name for name, c in classes().items() if not issubclass(c, (Struct, tuple, Enum))}
    assert sorted(holds_state - {name for name, *_ in table}) == []


def test_what_is_handed_in_again_is_what_a_monitor_is_made_with():
    assert {f"_{name}" for name in inspect.signature(Monitor).parameters} == GIVEN


class Forgotten:
    """A class of no module that is named."""


@pytest.mark.parametrize(
    ("thing", "why"),
    [
        (Forgotten(), "Forgotten"),
        (lambda: None, "function"),
        (len, "builtin_function"),
        (Forgotten, None),
        (np.zeros(2, "u2"), "u2"),
        (np.array([None]), "O"),
        (complex(1), "complex"),
    ],
)
def test_what_cannot_be_saved_is_named(thing, why):
    made = Monitor()
    made._strange_services = thing
    if why is None:  # a class is only a name, but no monitor is restored from one that is not known
        with pytest.raises(BadDataError):
            Monitor.restore(made.checkpoint())
    else:
        with pytest.raises(TypeError, match=why):
            made.checkpoint()


def test_what_is_kept_beside_the_parts_that_init_makes_is_not_lost_unnoticed():
    made = Monitor()
    made.extra = 1
    with pytest.raises(TypeError, match="extra"):
        made.checkpoint()


def test_what_holds_its_own_holder_is_refused():
    made = Monitor()
    made._newest["me"] = made
    with pytest.raises(TypeError, match="holds its own holder"):
        made.checkpoint()


VALUES = [
    None, True, 0, -(2**63), 2**64 - 1, 0.1, -0.0, inf, -inf, nan, 5e-324, "", "é\U0001f600", b"\0\xff",
    (), (1, (2,)), [], {}, {(None, "a"): [1], None: 2, 1.5: 3}, Counter({"b": -1, "a": 2}), set(), {"a", None, ("b",)},
    frozenset({"x", "y"}), deque([1, 2], 5), deque(maxlen=0), deque([1]),
    START, START.replace(microsecond=7, tzinfo=timezone(timedelta(hours=-3, minutes=-30))), datetime(2026, 1, 1),  # noqa: DTZ001 - a naive one must stay so
    timedelta(days=-2, microseconds=3), State.MAJOR_OUTAGE, Family.CROWD, Declared, Leaf("a", None, None, None, None),
    Seen(1.0, 2.0, 3.0, inf), np.float64(0.1), np.int64(3), np.bool_(True),
]  # fmt: skip


def named(value):
    """A set has no order to be named by."""
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, (set, frozenset)) else repr(value)


@pytest.mark.parametrize("value", VALUES, ids=named)
def test_every_kind_of_value_comes_back_as_it_was(value):
    back = through_bytes(value)
    assert type(back) is type(value)
    assert repr(back) == repr(value) or back == value
    assert list(back) == list(value) if isinstance(value, (dict, deque)) else True


ARRAYS = [np.zeros((0, 2, 24)), np.arange(6.0).reshape(2, 3), np.array([True]), np.repeat([1, 0.0], 400_000)]


@pytest.mark.parametrize("array", ARRAYS, ids=repr)
def test_arrays_come_back_writable_with_their_shape_and_rows(array):
    back = through_bytes(array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert np.array_equal(back, array)
    assert back.flags.writeable


def test_a_half_of_a_table_that_is_still_zero_is_not_written():
    assert len(msgspec.msgpack.encode(take_apart(np.repeat([1.0, 0.0], (1, 99_999))))) < 100


def test_a_few_bytes_cannot_ask_for_megabytes_of_zeros():
    with pytest.raises(ValueError, match=r"\d+"):
        through_bytes(tuple(np.zeros(1 << 13) for _ in range(30)))


def test_equal_states_give_equal_bytes_however_their_sets_were_filled():
    assert list({8, 0}) != list({0, 8})
    assert take_apart({8, 0}) == take_apart({0, 8})


@pytest.mark.parametrize(
    "make", [list, lambda: Counter("a"), lambda: PageIncident(source="s", id="a", first_posted_s=0.0)]
)
def test_one_value_in_two_places_is_one_again_and_two_equal_ones_are_two(make):
    one = make()
    first, second, third = through_bytes((one, one, make()))
    assert first is second
    assert third == first
    assert third is not first


def through_bytes(value):
    raw = msgspec.msgpack.encode(take_apart((value,)))
    table, tree = msgspec.msgpack.decode(raw)
    (back,) = put_together(table, tree, {})
    return back


# -- what is refused --------------------------------------------------------------------------------------------------


def refused(state, why, **given_it):
    with pytest.raises(BadDataError, match=why) as told:
        Monitor.restore(state, **given_it)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 300


@pytest.mark.parametrize("state", [b"", b"\0" * 99, b"{}", b"stillup", b"\x80\x04."])
def test_foreign_bytes_are_refused(state):
    refused(state, "no checkpoint of stillup")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_checkpoint_with_any_bit_flipped_or_cut_short_is_refused(state, data):
    place = data.draw(st.integers(0, len(state) - 1))
    bit = data.draw(st.integers(0, 7))
    refused(state[:place], "checkpoint")
    refused(state[:place] + bytes([state[place] ^ (1 << bit)]) + state[place + 1 :], "checkpoint")


def test_a_checkpoint_beyond_all_bounds_is_refused(state, monkeypatch):
    monkeypatch.setattr(checkpoint, "MOST_BYTES", len(state) - 1)
    refused(state, "bytes; .* are allowed")


def test_a_newer_format_is_refused_by_its_number(state):
    refused(state.replace(b"checkpoint 1\n", b"checkpoint 2\n", 1), "another version of stillup .its format is '2'")


def test_a_class_that_keeps_other_parts_by_now_is_refused_by_name(state):
    settings_then, table, tree = opened(state)
    heard = next(row for row in table if row[0] == "verdict.heard.Heard")
    heard[1] = "_pauses"
    refused(sealed([settings_then, table, tree]), "another version .*verdict.heard.Heard differs in _gaps, _pauses")
    heard[0] = "verdict.heard.Listened"
    refused(sealed([settings_then, table, tree]), "there is no verdict.heard.Listened here")


def test_other_settings_are_refused_by_name(state):
    refused(state, "other settings: arl_s, cap_share", settings=Settings(arl_s=86_400.0, cap_share=1.0))


def made_up():
    here = msgspec.structs.asdict(Settings())
    table, tree = take_apart(Monitor())
    deep = None
    for _ in range(600):
        deep = [4, deep]
    yield b""
    yield b"\x93" * 100_000
    yield b"\xdd\xff\xff\xff\xff"
    yield [here, table]
    yield [here, table, None]
    yield [here, table, 5]
    yield [here, table, []]
    yield [here, table, [0, 0]]
    yield [here, table, [1, "_nothing"]]
    yield [here, table, [99, 1]]
    yield [here, table, ["tuple", 1]]
    yield [here, table, [5, 1]]
    yield [here, table, deep]
    yield [here, [[]], tree]
    yield [here, [[1, 2]], tree]
    yield [here, [*table, ["builtins.eval"]], tree]
    yield [here, table, [2, "os.system"]]
    yield [here, table, tree[:-1]]
    yield [here, table, [*tree, 0]]
    yield [here, table, [*tree[:3], [4, str([("", "<f8")]), [11, 1 << 60], b""]]]
    yield [here, table, [4, str([("", "<f8")]), [11, 1 << 60], b""]]
    yield [here, table, [4, str([("", "<f8")]), [11, -1], b""]]
    yield [here, table, [4, "object", [11, 1], b""]]
    yield [here, table, [8, 1, 2, 3]]
    yield [here, table, [12, "yesterday"]]
    yield [here, [["model.service.State"]], [15, "melted"]]
    yield [here, [["model.signal.Alive", "at", "service", "source", "id", "family"]], [15, 1]]


@pytest.mark.parametrize("body", [pytest.param(b, id=str(i)) for i, b in enumerate(made_up())])
def test_what_was_made_up_is_refused_and_runs_nothing(body):
    refused(sealed(body), "made up|another version")
