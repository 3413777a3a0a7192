"""One request's life, on a clock moved by hand: its timeline is driven by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from random import Random

from stillup.gateway.core.actions import (
    Action,
    Cancel,
    Finish,
    GoOn,
    More,
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
from stillup.gateway.core.going_on import Continuable
from stillup.gateway.core.turn import Facts
from stillup.gateway.core.values import Ask, Form, Headers, Operation, Protocol, Target
from stillup.gateway.dialects.base import KeyChoice, Watch
from stillup.gateway.dialects.dialect import Stamp, dialect_of
from stillup.gateway.dialects.neutral import Counts, Words
from stillup.gateway.dialects.seam import Seam
from stillup.gateway.dialects.translated import Joint, TranslatedWatch
from stillup.gateway.reading import classified, reader

STAMP = Stamp(id="1", created_s=0)
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
        goes_on: bool = False,
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
        self.seams: list[tuple[int, int, int]] = []
        ask = self.ask = Ask(
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
            reader=self.read,
            classify=classified,
            context_of=lambda _: None,
            continuable=Continuable(lambda: dialect_of(ask.protocol).writer(ask, STAMP)) if goes_on else None,
            now=now,
            can_ping=True,
        )
        self.do(self.exchange.start(now))

    def read(self, n: int, status: int, headers: Headers) -> Watch | Fault:
        """As the gateway reads: what goes on is read and written, joined where the other broke off."""
        watch = reader(self.ask, self.exchange.tries[n].turn.target.protocol, status, headers)
        going_on = self.exchange.going_on
        if going_on.broken is None or isinstance(watch, Fault):
            return watch
        writer = going_on.given.writer()
        joint = Joint(Seam(writer.said.text, Form.NONE), has_words=True, sent=Counts(output=writer.said.tokens))
        return TranslatedWatch(watch, dialect_of(self.ask.protocol).reader(), writer, b"", [joint])

    @property
    def text(self) -> str:
        """What the client reads."""
        reader_ = dialect_of(self.ask.protocol).reader()
        return "".join(piece.text for piece in reader_.feed(self.given) if isinstance(piece, Words))

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
                case Settled():
                    self.settled.append(action)
                case Refuse():
                    self.refused = action
                case Ping():
                    self.pings += 1
                case _:
                    self._tell(action)

    def _tell(self, action: Open | Whole | More | GoOn | Finish) -> None:
        self.given += action.data
        match action:
            case Open() | Whole():
                assert self.head is None
                self.head = action
            case GoOn():
                self.seams.append((action.n, action.broken, action.at))
            case Finish():
                self.finished = action

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
