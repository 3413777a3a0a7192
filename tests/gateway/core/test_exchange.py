"""One request's life, on a clock moved by hand: each test tells a timeline."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.actions import (
    Action,
    Cancel,
    Finish,
    Open,
    Patience,
    Ping,
    Refuse,
    Send,
    Settled,
    Whole,
)
from stillup.gateway.core.desk import Desk, DeskSettings
from stillup.gateway.core.exchange import Exchange
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.retry import End
from stillup.gateway.core.turn import Facts
from stillup.gateway.core.values import Ask, Headers, Operation, Protocol, Target
from stillup.gateway.dialects.base import KeyChoice, KeyKind
from stillup.gateway.reading import classified, reader

AT = datetime(2026, 4, 7, 14, tzinfo=UTC)
SSE: Headers = ((b"content-type", b"text/event-stream"),)
JSON: Headers = ((b"content-type", b"application/json"),)
HEAD = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"text","text":""}}\n\n'
    b'event: ping\ndata: {"type":"ping"}\n\n'
)
TAIL = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":2}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
OVERLOADED = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
ERROR_EVENT = b"event: error\ndata: " + OVERLOADED + b"\n\n"
WHOLE = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],'
    b'"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}'
)


def word(text: str) -> bytes:
    return (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"' + text.encode() + b'"}}\n\n'
    )


class Life:
    """Drives one exchange; remembers what its client was given and which tries are under way."""

    def __init__(
        self,
        upstreams: str = "ab",
        *,
        desk: Desk | None = None,
        stream: bool = True,
        now: float = 0.0,
        deadline_s: float = 600.0,
        keys: dict[str, KeyChoice] | None = None,
    ) -> None:
        self.now = now
        self.desk = desk or a_desk()
        self.given = b""
        self.head: Open | Whole | None = None
        self.pings = 0
        self.sent: list[str] = []
        self.cancelled: list[int] = []
        self.settled: list[Settled] = []
        self.refused: Refuse | None = None
        self.finished: Finish | None = None
        ask = Ask(
            protocol=Protocol.ANTHROPIC,
            operation=Operation.GENERATE,
            method="POST",
            path="/v1/messages",
            model="m",
            stream=stream,
        )
        chain = [Target(name, "", Protocol.ANTHROPIC) for name in upstreams]
        facts = Facts(Operation.GENERATE, "m", stream)
        self.keys = keys or {name: KeyChoice() for name in upstreams}
        choice = self.desk.choose(chain, facts, {n: k.fingerprint for n, k in self.keys.items()}, now)
        self.exchange = Exchange(
            ask,
            facts,
            choice,
            self.keys,
            self.desk,
            Patience(deadline_s=deadline_s),
            reader=reader,
            classify=classified,
            context_of=lambda _: None,
            now=now,
            can_ping=True,
        )
        self.do(self.exchange.start(now))

    def do(self, actions: Iterable[Action] | bytes) -> None:
        if isinstance(actions, bytes):
            self.given += actions
            return
        for action in actions:
            match action:
                case Send():
                    self.sent.append(action.turn.target.upstream)
                case Cancel():
                    self.cancelled.append(action.n)
                case Open() | Whole():
                    assert self.head is None
                    self.head = action
                    self.given += action.data
                case Finish():
                    self.finished = action
                    self.given += action.data
                case Ping():
                    self.pings += 1
                case Settled():
                    self.settled.append(action)
                case Refuse():
                    self.refused = action

    def at(self, seconds: float) -> None:
        """Let the time come; the exchange is woken whenever it asked for."""
        while not self.exchange.is_over and self.exchange.wake_at <= seconds:
            self.now = max(self.now, self.exchange.wake_at)
            self.do(self.exchange.tick(self.now))
        self.now = seconds

    def answers(self, n: int, *pieces: bytes, status: int = 200, headers: Headers = SSE, end: bool = True) -> None:
        self.do(self.exchange.head(n, status, headers, self.now, AT))
        for piece in pieces:
            self.do(self.exchange.data(n, piece, self.now))
        if end:
            self.do(self.exchange.end(n, self.now, AT))

    def fails(self, n: int, fault: Fault) -> None:
        self.do(self.exchange.failed(n, fault, self.now))

    @property
    def faults(self) -> list[Fault | None]:
        return [s.result.fault for s in self.settled]


def a_desk(hedge_after_s: float | None = 2.0) -> Desk:
    return Desk(DeskSettings(hedge_after_s=hedge_after_s), random=Random(1))


ANSWER = (HEAD, word("one"), word("two"), TAIL)


def test_an_answer_reaches_the_client_byte_for_byte() -> None:
    life = Life()
    life.answers(0, *ANSWER)
    assert life.given == b"".join(ANSWER)
    assert life.sent == ["a"]
    assert life.faults == [None]
    assert life.settled[0].result.usage.output_tokens == 2


def test_law_4_nothing_reaches_the_client_before_the_first_content() -> None:
    life = Life()
    life.answers(0, HEAD, end=False)
    assert life.head is None
    assert life.given == b""
    life.do(life.exchange.data(0, word("one"), 0.5))
    assert life.given == HEAD + word("one")


BEFORE_CONTENT: dict[str, tuple[tuple[bytes, ...], int, Headers, Fault]] = {
    "529": ((OVERLOADED,), 529, JSON, Fault.OVERLOADED),
    "500": ((b"{}",), 500, JSON, Fault.SERVER_ERROR),
    "HTML with 200": ((b"<html>",), 200, ((b"content-type", b"text/html"),), Fault.NOT_API),
    "an unknown content type": ((b"\x00",), 200, ((b"content-type", b"image/png"),), Fault.NOT_API),
    "an error event first": ((HEAD, ERROR_EVENT), 200, SSE, Fault.OVERLOADED),
    "an empty stream": ((), 200, SSE, Fault.EMPTY),
    "a stream of pings alone": ((HEAD,), 200, SSE, Fault.EMPTY),
    "garbage": ((b"data: {]\n\n",), 200, SSE, Fault.MALFORMED),
}


@pytest.mark.parametrize("case", BEFORE_CONTENT.values(), ids=BEFORE_CONTENT.keys())
def test_law_3_a_fault_before_the_first_content_moves_on_cleanly(
    case: tuple[tuple[bytes, ...], int, Headers, Fault],
) -> None:
    pieces, status, headers, fault = case
    life = Life()
    life.answers(0, *pieces, status=status, headers=headers)
    life.answers(1, *ANSWER)
    assert life.given == b"".join(ANSWER)
    assert life.sent == ["a", "b"]
    assert life.faults == [fault, None]


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.DNS, Fault.TLS, Fault.CONNECT_TIMEOUT, Fault.RESET])
def test_a_broken_connection_moves_on(fault: Fault) -> None:
    life = Life()
    life.fails(0, fault)
    life.answers(1, *ANSWER)
    assert life.given == b"".join(ANSWER)
    assert life.faults == [fault, None]


def test_a_silent_upstream_is_hedged_and_the_first_content_wins() -> None:
    life = Life()
    life.at(1.9)
    assert life.sent == ["a"]
    life.at(2.0)
    assert life.sent == ["a", "b"]
    life.answers(1, *ANSWER)
    assert life.given == b"".join(ANSWER)
    assert life.cancelled == [0]
    assert life.faults == [Fault.SLOW_FIRST_TOKEN, None]


def test_a_late_primary_may_still_win_and_its_hedge_is_no_failure() -> None:
    life = Life()
    life.at(2.5)
    life.answers(0, *ANSWER)
    assert life.given == b"".join(ANSWER)
    assert life.cancelled == [1]
    assert life.faults == [None, None]
    assert [s.result.ok for s in life.settled] == [False, True]


def test_a_hang_costs_the_first_request_its_hedge_delay_and_the_next_one_nothing() -> None:
    desk = a_desk()
    first = Life(desk=desk)
    first.at(2.0)
    first.answers(1, *ANSWER)
    second = Life(desk=desk, now=2.1)
    assert second.sent == ["b"]


def test_while_one_request_hangs_others_do_not_wait_for_the_same() -> None:
    desk = a_desk()
    first = Life(desk=desk)
    first.at(2.0)  # late: its breaker opens now, not when the hedge has won
    assert Life(desk=desk, now=2.0).sent == ["b"]


def test_every_upstream_silent_is_borne_until_the_deadline_and_then_said() -> None:
    life = Life(deadline_s=100.0)
    life.at(101.0)
    assert life.refused is not None
    assert life.refused.end is End.DEADLINE
    assert life.pings > 0


def test_law_2_when_all_fail_the_client_gets_the_first_ones_error() -> None:
    life = Life()
    life.answers(0, OVERLOADED, status=529, headers=(*JSON, (b"retry-after", b"40")))
    life.answers(1, b"{}", status=400, headers=JSON)
    assert life.refused is not None
    assert (life.refused.status, life.refused.body) == (529, OVERLOADED)


def test_law_2_a_wrong_request_is_the_clients_to_see_at_once() -> None:
    life = Life()
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens"}}'
    life.answers(0, body, status=400, headers=JSON)
    assert life.sent == ["a"]
    assert life.refused is not None
    assert (life.refused.status, life.refused.body) == (400, body)


def test_law_3_a_wrong_key_of_ours_moves_on_and_the_clients_own_does_not() -> None:
    body = b'{"type":"error","error":{"type":"authentication_error","message":"no"}}'
    ours = Life()
    ours.answers(0, body, status=401, headers=JSON)
    assert ours.sent == ["a", "b"]
    theirs = Life(keys={"a": KeyChoice(kind=KeyKind.CLIENT), "b": KeyChoice()})
    theirs.answers(0, body, status=401, headers=JSON)
    assert theirs.sent == ["a"]
    assert theirs.refused is not None
    assert theirs.refused.status == 401


def test_law_5_retry_after_never_delays_the_next_upstream() -> None:
    life = Life()
    life.answers(0, b"{}", status=429, headers=(*JSON, (b"retry-after", b"20")))
    assert life.sent == ["a", "b"]
    life.answers(1, *ANSWER)
    desk = life.desk
    assert Life(desk=desk, now=10.0).sent == ["b"]
    assert Life(desk=desk, now=25.0).sent == ["a"]


def test_one_upstream_alone_is_asked_again_after_its_retry_after() -> None:
    life = Life("a")
    life.answers(0, b"{}", status=429, headers=(*JSON, (b"retry-after", b"2")))
    life.at(1.9)
    assert life.sent == ["a"]
    life.at(2.1)
    assert life.sent == ["a", "a"]
    life.answers(1, *ANSWER)
    assert life.given == b"".join(ANSWER)


def test_law_10_a_subscriptions_token_is_never_used_for_a_hedge() -> None:
    oauth = KeyChoice(kind=KeyKind.CLIENT, subscription=True)
    life = Life(keys={"a": KeyChoice(), "b": oauth})
    life.at(2.0)
    assert life.cancelled == [0]  # it moves along instead: nothing runs beside it
    assert life.sent == ["a", "b"]


@pytest.mark.parametrize("how", ["fin", "reset", "stall", "error", "garbage"])
def test_law_4_after_the_first_content_a_fault_ends_in_the_protocols_error_never_cleanly(how: str) -> None:
    life = Life()
    life.answers(0, HEAD, word("one"), end=False)
    match how:
        case "fin":
            life.do(life.exchange.end(0, 1.0, AT))
        case "reset":
            life.fails(0, Fault.CUT)
        case "stall":
            life.at(60.0)
        case "error":
            life.do(life.exchange.data(0, ERROR_EVENT, 1.0))
        case "garbage":
            life.do(life.exchange.data(0, b"data: {]\n\n", 1.0))
    assert life.sent == ["a"]
    assert life.finished is not None
    assert life.finished.broken is not None
    assert life.given.startswith(HEAD + word("one") + b"event: error\ndata: ")
    assert b"message_stop" not in life.given
    assert life.exchange.is_over


def test_half_an_event_never_reaches_the_client() -> None:
    life = Life()
    life.answers(0, HEAD, word("one") + word("two")[:20], end=False)
    life.fails(0, Fault.CUT)
    assert life.given.startswith(HEAD + word("one") + b"event: error")


def test_a_body_that_does_not_end_after_its_end_marker_is_taken_for_ended() -> None:
    life = Life()
    life.answers(0, *ANSWER, end=False)
    life.at(3.0)
    assert life.finished is not None
    assert life.finished.broken is None
    assert life.faults == [None]


def test_an_answer_that_is_no_stream_is_given_when_it_is_whole() -> None:
    life = Life(stream=False)
    life.answers(0, WHOLE[:20], headers=JSON, end=False)
    assert life.head is None
    life.do(life.exchange.data(0, WHOLE[20:], 0.2))
    life.do(life.exchange.end(0, 0.3, AT))
    assert isinstance(life.head, Whole)
    assert life.given == WHOLE


@pytest.mark.parametrize("broken", [b"", WHOLE[:50], b'{"error":{"message":"no"}}', b"[]", b"null"])
def test_a_whole_answer_that_is_broken_moves_on(broken: bytes) -> None:
    life = Life(stream=False)
    life.answers(0, broken, headers=JSON)
    life.answers(1, WHOLE, headers=JSON)
    assert life.given == WHOLE
    assert life.sent == ["a", "b"]


def test_a_waiting_client_is_pinged_and_then_told_of_failure_inside_the_stream() -> None:
    life = Life("a")
    life.at(16.0)
    assert life.pings == 1
    assert life.exchange.is_open


def test_a_client_that_leaves_says_nothing_of_any_upstream() -> None:
    desk = a_desk()
    life = Life(desk=desk)
    life.at(3.0)
    life.do(life.exchange.client_gone())
    assert life.cancelled == [0, 1]
    assert [s.result.fault for s in life.settled] == [None, None]


def test_what_comes_after_the_end_is_ignored() -> None:
    life = Life()
    life.answers(0, *ANSWER)
    before = life.given
    life.do(life.exchange.data(0, word("more"), 5.0))
    life.do(life.exchange.end(0, 5.0, AT))
    life.fails(0, Fault.CUT)
    life.do(life.exchange.tick(50.0))
    assert life.given == before


@given(st.lists(st.integers(0, len(b"".join(ANSWER))), max_size=12))
def test_however_the_bytes_come_the_client_gets_the_same(cuts: list[int]) -> None:
    whole = b"".join(ANSWER)
    edges = sorted({0, len(whole), *cuts})
    life = Life()
    life.answers(0, *(whole[i:j] for i, j in pairwise(edges)))
    assert life.given == whole


@given(st.integers(0, len(b"".join(ANSWER)) - 1))
def test_wherever_a_stream_is_cut_the_client_has_a_whole_answer_or_an_error(where: int) -> None:
    whole = b"".join(ANSWER)
    life = Life()
    life.answers(0, whole[:where], end=False)
    life.fails(0, Fault.CUT)
    if life.sent == ["a", "b"]:
        life.answers(1, *ANSWER)
        assert life.given == whole
    elif life.finished is not None and life.finished.broken is None:
        assert life.given.endswith(TAIL)
    else:
        assert b"event: error" in life.given
        assert whole.startswith(life.given.partition(b"event: error")[0])
