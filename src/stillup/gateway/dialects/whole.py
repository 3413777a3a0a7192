"""Answers that come whole, and which watch an answer needs."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Ask, Operation, Protocol, Usage
from stillup.gateway.dialects.answer import NO_ANSWER, NOTHING, Answer, failed
from stillup.gateway.dialects.anthropic.watch import AnthropicWatch, read_message
from stillup.gateway.dialects.base import CONTENT, END, ERROR, MAX_WHOLE_BYTES, Watch
from stillup.gateway.dialects.bedrock import BedrockWatch
from stillup.gateway.dialects.chat.watch import ChatWatch, read_completion
from stillup.gateway.dialects.coding import READABLE, CannotDecode, decoded, fair_bound
from stillup.gateway.dialects.converse.watch import ConverseWatch, read_converse
from stillup.gateway.dialects.gemini.watch import GeminiArrayWatch, GeminiWatch, read_generated
from stillup.gateway.dialects.lenient import NULL, NoJson, plain, read
from stillup.gateway.dialects.responses.watch import ResponsesWatch, read_response

_GENERATED: dict[Protocol, Callable[[bytes], Answer]] = {
    Protocol.ANTHROPIC: read_message,
    Protocol.BEDROCK: read_message,
    Protocol.VERTEX: read_message,
    Protocol.OPENAI: read_completion,
    Protocol.RESPONSES: read_response,
    Protocol.GEMINI: read_generated,
    Protocol.CONVERSE: read_converse,
}
_STREAMS: dict[Protocol, type[Watch]] = {
    Protocol.ANTHROPIC: AnthropicWatch,
    Protocol.BEDROCK: BedrockWatch,
    Protocol.VERTEX: AnthropicWatch,
    Protocol.OPENAI: ChatWatch,
    Protocol.RESPONSES: ResponsesWatch,
    Protocol.GEMINI: GeminiWatch,
    Protocol.CONVERSE: ConverseWatch,
}
_COMPATIBLE = (Protocol.OPENAI, Protocol.RESPONSES)
_SSE = "text/event-stream"
_AMAZONS = (Protocol.BEDROCK, Protocol.CONVERSE)
_AMAZON = "application/vnd.amazon.eventstream"


class _Counts(Struct):
    prompt_tokens: int | None = None
    input_tokens: int | None = None


class _Other(Struct):
    """What the answers that generate nothing may hold; one of the first is enough."""

    data: Raw = NULL
    embedding: Raw = NULL
    embeddings: Raw = NULL
    input_tokens: int | None = None
    total_tokens: int | None = msgspec.field(name="totalTokens", default=None)
    bedrock_tokens: int | None = msgspec.field(name="inputTokens", default=None)
    model: str = ""
    object: str = ""
    usage: _Counts | None = None
    error: Raw = NULL


_other = msgspec.json.Decoder(_Other).decode


class WholeWatch(Watch):
    """Holds an answer until it is complete, checks it, and hands out the very bytes that came.

    It is read decoded and handed out coded. Until ``finish`` nothing is ready and no flag but ERROR is set.
    """

    reads_coded = True
    is_stream = False
    __slots__ = ("_coding", "_held", "_operation", "_protocol", "_size")

    def __init__(self, protocol: Protocol, operation: Operation = Operation.GENERATE, coding: str = "") -> None:
        super().__init__()
        self._protocol = protocol
        self._operation = operation
        self._coding = coding
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> tuple[int, bytes]:
        self._size += len(chunk)
        if self._size > MAX_WHOLE_BYTES:
            self._held.clear()
            self._fail(Fault.MALFORMED, message="the answer is too large")
        elif not self.flags & ERROR:
            self._held.append(chunk)
        return self.flags, b""

    def finish(self) -> tuple[Fault | None, bytes]:
        if self.flags & ERROR:
            return self.fault, b""
        raw = b"".join(self._held)
        self._held.clear()
        try:
            data = decoded(raw, self._coding, fair_bound(len(raw), MAX_WHOLE_BYTES)) if self._coding and raw else raw
            answer = self._read(data) if data.strip() else self._empty()
        except (NoJson, CannotDecode) as broken:
            answer = Answer(fault=Fault.MALFORMED, message=f"the answer is broken: {broken}")
            data = raw
        if answer.fault is not None:
            self._fail(answer.fault, data[:4096], answer.message)
            return self.fault, b""
        self.usage, self.model, self.stop_reason = answer.usage, answer.model, answer.stop_reason
        self.flags |= CONTENT | END
        return None, self._handed_out(raw)

    def _empty(self) -> Answer:
        if self._operation is Operation.STORED:
            return Answer()  # what was deleted need not be shown
        return Answer(fault=Fault.EMPTY, message="the answer is empty")

    def _read(self, data: bytes) -> Answer:
        if not data.lstrip().startswith((b"{", b"[")):
            plain(data)
            return NO_ANSWER
        if self._operation is Operation.GENERATE:
            return _GENERATED[self._protocol](data)
        return _read_other(data, self._operation)

    def _handed_out(self, raw: bytes) -> bytes:
        if self._protocol is Protocol.BEDROCK and self._operation is Operation.COUNT_TOKENS:
            return msgspec.json.encode({"input_tokens": self.usage.input_tokens})
        return raw

    def error_ending(self, fault: Fault, message: str) -> bytes:  # noqa: ARG002
        """Nothing was handed out: what follows is an error answer, not an ending."""
        return b""


def _read_other(data: bytes, operation: Operation) -> Answer:
    value = read(_other, data, _Other)
    # A stored response that failed is a right answer to the question for it, and has an error in it.
    if value.error not in NOTHING and value.object != "response":
        return failed(value.error)
    if operation in {Operation.STORED, Operation.MODELS}:
        return Answer()  # lists and objects of many shapes, some servers' own
    if operation is Operation.COUNT_TOKENS:
        tokens = (value.input_tokens, value.total_tokens, value.bedrock_tokens)
        count = next((n for n in tokens if n is not None), None)
        return NO_ANSWER if count is None else Answer(usage=Usage(input_tokens=count))
    if all(part == NULL for part in (value.data, value.embedding, value.embeddings)):
        return NO_ANSWER
    tokens_in = None if value.usage is None else (value.usage.prompt_tokens or value.usage.input_tokens)
    return Answer(usage=Usage(input_tokens=tokens_in), model=value.model)


def watch_for(
    ask: Ask, protocol: Protocol, status: int, content_type: str, content_encoding: str = ""
) -> Watch | Fault:
    """The watch for an answer that an upstream of ``protocol`` began with success, or what is wrong with its head.

    An OpenAI-compatible upstream answers in the protocol it was asked in, Chat Completions or Responses.

    Unless ``watch.reads_coded`` the body is to be decoded before it is fed. A missing content type is forgiven: the
    body will tell.
    """
    if protocol is not ask.protocol and protocol in _COMPATIBLE and ask.protocol in _COMPATIBLE:
        protocol = ask.protocol
    coding = content_encoding.strip().lower()
    kind = content_type.partition(";")[0].strip().lower()
    if not 200 <= status < 300 or coding not in READABLE:
        return Fault.NOT_API
    if kind == "" and ask.stream:
        kind = _AMAZON if protocol in _AMAZONS else _SSE
    if kind in {_SSE, _AMAZON}:
        fits = ask.stream and (kind == _AMAZON) is (protocol in _AMAZONS)
        return _STREAMS[protocol]() if fits else Fault.NOT_API
    if kind not in {"application/json", ""} and not kind.endswith("+json"):
        return Fault.NOT_API
    if ask.stream and protocol is Protocol.GEMINI and "alt=sse" not in ask.query:
        return GeminiArrayWatch()
    return WholeWatch(protocol, ask.operation, "" if coding == "identity" else coding)
