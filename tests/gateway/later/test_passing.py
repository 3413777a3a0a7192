"""What is put off, and what is the client's to see."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stillup.gateway.core.actions import Refuse
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.retry import End
from stillup.gateway.core.status import Condition
from stillup.gateway.core.values import Ask, Operation, Protocol, Target
from stillup.gateway.dialects.base import KeyChoice, KeyKind, UpstreamSpec
from stillup.gateway.later.passing import is_ready, is_wanted, open_without_client, passes
from stillup.gateway.later.pause import FIRST_S, LONGEST_S, Pauses
from stillup.secret import Secret

A = Target(upstream="a", model="m", protocol=Protocol.ANTHROPIC)


def ask(*headers: tuple[bytes, bytes], operation: Operation = Operation.GENERATE) -> Ask:
    return Ask(
        protocol=Protocol.ANTHROPIC, operation=operation, method="POST", path="/v1/messages", headers=headers, model="m"
    )


@pytest.mark.parametrize(
    ("configured", "header", "wanted"),
    [
        (None, None, False),
        (None, b"1", True),
        (None, b" TRUE ", True),
        (None, b"0", False),
        (None, b"perhaps", False),
        (True, None, True),
        (True, b"0", False),
        (True, b"perhaps", True),
        (False, b"1", False),
    ],
)
def test_the_clients_word_counts_unless_the_configuration_says_never(configured, header, wanted):
    lines = () if header is None else ((b"X-Stillup-Defer", header),)
    assert is_wanted(ask(*lines), configured=configured) is wanted


@pytest.mark.parametrize("operation", [Operation.COUNT_TOKENS, Operation.MODELS, Operation.STORED])
def test_only_what_is_of_use_later_is_put_off(operation):
    assert not is_wanted(ask((b"x-stillup-defer", b"1"), operation=operation), configured=True)


@pytest.mark.parametrize(
    ("end", "faults", "passing"),
    [
        (End.ALL_FAILED, [Fault.OVERLOADED], True),
        (End.ALL_FAILED, [Fault.REFUSED, Fault.UNAUTHORIZED], True),
        (End.ALL_FAILED, [Fault.UNAUTHORIZED, Fault.BAD_REQUEST], False),
        (End.ALL_FAILED, [Fault.RATE_LIMITED], True),
        (End.ALL_FAILED, [Fault.QUOTA], True),
        (End.DEADLINE, [Fault.DEADLINE], True),
        (End.LIMITED, [], True),
        (End.REQUEST_WRONG, [Fault.BAD_REQUEST], False),
        (End.FILTERED, [Fault.OVERLOADED, Fault.FILTERED], False),
        (End.CLIENTS_KEY, [Fault.UNAUTHORIZED], False),
        (End.TOO_LONG, [Fault.TOO_LONG], False),
    ],
)
def test_only_a_reason_that_passes_is_worth_waiting_for(end, faults, passing):
    tries = [SimpleNamespace(fault=fault) for fault in faults]
    assert passes(Refuse(end, faults[0] if faults else Fault.RATE_LIMITED), tries) is passing


OWN = KeyChoice(kind=KeyKind.OWN, secret=Secret("dummy"))


@pytest.mark.parametrize(
    ("key", "spec", "opens"),
    [
        (OWN, {"key": Secret("dummy")}, True),
        (KeyChoice(kind=KeyKind.OWN, secret=Secret("dummy"), subscription=True), {"key": Secret("dummy")}, False),
        (KeyChoice(kind=KeyKind.CLIENT, secret=Secret("dummy")), {}, False),
        (KeyChoice(), {}, False),
        (KeyChoice(), {"base_url": "http://127.0.0.1:11434"}, True),
        (KeyChoice(), {"base_url": "http://127.0.0.1:11434", "pass_credentials": True}, False),
    ],
    ids=["our key", "subscription", "client's key", "its maker without a key", "here", "passes credentials"],
)
def test_nothing_is_asked_again_with_a_key_that_is_not_ours(key, spec, opens):
    known = UpstreamSpec(id="a", protocol=Protocol.ANTHROPIC, **spec)
    assert open_without_client(ask(), (A,), {"a": key}, {"a": known}) == ((A,) if opens else ())


@pytest.mark.parametrize(
    ("condition", "ready"),
    [
        (Condition.WELL, True),
        (Condition.SUSPICIOUS, True),
        (Condition.UNTRIED, True),
        (Condition.TRICKLE, True),
        (Condition.OPEN, False),
        (Condition.OUT, False),
        (Condition.LIMITED, False),
        (Condition.KEY_BLOCKED, False),
    ],
)
def test_it_is_time_when_one_of_the_chain_may_be_well(condition, ready):
    out = Target(upstream="b", model="", protocol=Protocol.ANTHROPIC)
    conditions = {("a", "m", Operation.GENERATE): condition, ("b", "m", Operation.GENERATE): Condition.OUT}
    assert is_ready("m", Operation.GENERATE, (out, A), conditions) is ready


def test_pauses_double_up_to_the_longest_and_begin_anew_behind_an_answer():
    pauses, now, waits = Pauses(), 100.0, []
    for _ in range(9):
        pauses.failed(("a",), now)
        wait = next(s for s in range(1, 1000) if pauses.is_over(("a",), now + s))
        waits.append(wait)
        now += wait
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert (FIRST_S, LONGEST_S) == (5, 300)
    assert pauses.is_over(("b",), now)
    pauses.worked(("a",))
    pauses.begin(("a",), now)
    pauses.begin(("a",), now + 1)  # a second client that failed says nothing new
    assert pauses.is_over(("a",), now + 5)


def test_what_is_remembered_of_chains_is_bounded():
    pauses = Pauses()
    for n in range(3_000):
        pauses.failed((str(n),), 1.0)
    assert len(pauses._until_s) == len(pauses._level) == 1_000
