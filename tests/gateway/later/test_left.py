"""What is known of a request that was being asked when its gateway ended."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.later.item import Answer, Item, Request, State, ask_of, clients_key, digest_of
from stillup.gateway.later.left import Known, answer_in, may_act, what_is_known

ITEM = Item(
    id="later_" + "0" * 24, number=1, state=State.RUNNING, protocol=Protocol.ANTHROPIC, operation=Operation.GENERATE,
    model="m", stream=False, kept_at_s=1.0, request_bytes=1, run_id="req_1",
)  # fmt: skip
BY_A = SimpleNamespace(upstream="a", model="m", status=200, content_type="application/json", content_encoding="gzip")


def exchange(outcome, *, id="req_1", answering=(BY_A,), seams=(), status=200):  # noqa: A002
    end = SimpleNamespace(status=status)
    return SimpleNamespace(
        id=id, outcome=outcome, answering=answering, seams=seams, end=end, answer=lambda: b"whole",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("run_of_the_answer", "found", "known"),
    [
        ("req_1", None, Known.ANSWERED),
        ("req_1", exchange("unfinished"), Known.ANSWERED),
        ("req_0", None, Known.UNKNOWN),
        (None, None, Known.UNKNOWN),
        (None, exchange("answered", id="req_17"), Known.UNKNOWN),
        (None, exchange("answered"), Known.ANSWERED),
        (None, exchange("answered", answering=()), Known.UNKNOWN),
        (None, exchange("failed"), Known.MISSED),
        (None, exchange("broken"), Known.MISSED),
        (None, exchange("deadline"), Known.MISSED),
        (None, exchange("turned_away"), Known.MISSED),
        (None, exchange("unfinished"), Known.CUT),
        (None, exchange("running"), Known.CUT),
        (None, exchange("abandoned"), Known.CUT),
    ],
)
def test_two_witnesses_say_what_came_of_it(run_of_the_answer, found, known):
    answer = run_of_the_answer and Answer(status=200, headers=(), body=b"", run_id=run_of_the_answer)
    assert what_is_known(ITEM, answer or None, found) is known


def test_the_journals_answer_says_who_gave_its_end_and_how_to_read_it():
    seam = SimpleNamespace(upstream="b", model="n")
    answer = answer_in(exchange("answered", seams=(seam,)))
    assert (answer.body, answer.by, answer.run_id, answer.status) == (b"whole", "b/n", "req_1", 200)
    assert dict(answer.headers) == {b"content-type": b"application/json", b"content-encoding": b"gzip"}


def ask(body, *headers, operation=Operation.GENERATE):
    return Ask(
        protocol=Protocol.ANTHROPIC, operation=operation, method="POST", path="/v1/messages", headers=headers,
        model="m", body=body,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tools", "acts"),
    [
        (b"[]", False),
        (b'[{"name": "look", "input_schema": {}}]', False),
        (b'[{"type": "web_search_20250305", "name": "web_search"}]', True),
    ],
)
def test_a_provider_that_runs_tools_of_its_own_would_run_them_twice(tools, acts):
    body = b'{"model": "m", "messages": [], "tools": %s}' % tools
    assert may_act(ask(body)) is acts
    assert not may_act(ask(body, operation=Operation.EMBED))


def key(item):
    made = ask_of(item, Request(method="POST", path="/v1/messages", query="", headers=(), body=b""))
    return clients_key(made)


def test_it_is_called_the_same_until_it_is_known_that_no_answer_came():
    from msgspec.structs import replace

    assert key(ITEM) == key(replace(ITEM, runs=7, run_id="req_9"))
    assert key(ITEM) != key(replace(ITEM, misses=1))
    assert key(ITEM) != key(replace(ITEM, id="later_" + "1" * 24))
    assert len(key(ITEM)) == 32


def test_what_its_client_calls_it_tells_it_apart():
    same = ask(b"{}")
    assert digest_of(same, "ann") == digest_of(ask(b"{}", (b"x", b"y")), "ann")
    assert len({digest_of(same, "ann", k) for k in (b"", b"1", b"2", b"x" * 999)}) == 4
