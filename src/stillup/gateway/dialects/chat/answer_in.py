"""An answer of Chat Completions, read into pieces, or whole."""

from __future__ import annotations

from collections.abc import Iterator

from stillup.gateway.dialects.base import MAX_HELD_BYTES
from stillup.gateway.dialects.chat.calls import arguments_of, made_id
from stillup.gateway.dialects.chat.told import BROKEN, Choice, Delta, ToolCall, citation_of, read_chunk, stop_of
from stillup.gateway.dialects.dialect import Reader
from stillup.gateway.dialects.lenient import NULL, NoJson
from stillup.gateway.dialects.neutral import (
    Began,
    Call,
    Calls,
    Cites,
    Counted,
    Counts,
    Ended,
    Failed,
    Part,
    Piece,
    Refused,
    Refuses,
    Reply,
    Stop,
    Text,
    Thinks,
    Thought,
    ThoughtEnds,
    Words,
)
from stillup.gateway.dialects.sse import events
from stillup.gateway.dialects.writing import is_object

MOST_CALLS = 1_024
"""Of one answer; more are no honest upstream's."""


class _Half:
    """A call of which pieces come."""

    __slots__ = ("arguments", "id", "index", "name")

    def __init__(self, index: int | None, call_id: str) -> None:
        self.index = index
        self.id = call_id
        self.name = ""
        self.arguments: list[str] = []

    def take(self, piece: ToolCall) -> None:
        function = piece.function
        if function is None:
            return
        if function.name and not self.name:
            self.name = function.name
        if function.arguments:
            self.arguments.append(function.arguments)

    @property
    def is_whole(self) -> bool:
        """Nothing can follow but white space."""
        return bool(self.name and self.arguments) and is_object("".join(self.arguments))


class Held:
    """Calls that are not whole yet.

    A piece belongs to the call of its index; of those with that index, to the last, unless another id tells of a new
    one. Without an index an id that is new begins a call, and none goes on with the last.
    """

    __slots__ = ("_halves", "size")

    def __init__(self) -> None:
        self._halves: list[_Half] = []
        self.size = 0

    def take(self, piece: ToolCall) -> None:
        """One more piece."""
        half = self._half_of(piece)
        if half is None:
            if len(self._halves) >= MOST_CALLS:
                return
            half = _Half(piece.index, piece.id or "")
            self._halves.append(half)
        half.take(piece)
        if piece.function is not None and piece.function.arguments:
            self.size += len(piece.function.arguments)

    def _half_of(self, piece: ToolCall) -> _Half | None:
        halves = self._halves
        if piece.index is None and not piece.id:
            # Whole calls without index and id follow each other in some servers: a name begins one.
            begins = piece.function is not None and piece.function.name and halves and halves[-1].name
            return halves[-1] if halves and not begins else None
        for half in reversed(halves):
            if piece.index is None:
                if half.id == piece.id:
                    return half
            elif half.index == piece.index:
                is_other = piece.id and half.id and piece.id != half.id
                if is_other:
                    return next((one for one in halves if one.id == piece.id), None)
                half.id = half.id or piece.id or ""
                return half
        return None

    def whole(self, answer: str, *, is_cut: bool) -> list[Call]:
        """All calls, in the order of their indices. Of an answer that was cut short, those that are whole."""
        halves, self._halves, self.size = self._halves, [], 0
        # Sorting keeps the order of those without an index, or with the same.
        halves.sort(key=lambda half: 0 if half.index is None else half.index)
        calls: list[Call] = []
        seen: set[str] = set()
        for n, half in enumerate(halves):
            if not half.name:
                continue
            text = "".join(half.arguments)
            if is_cut and not is_object(text):
                continue
            call_id = half.id if half.id and half.id not in seen else made_id(answer, n, half.name, text)
            seen.add(call_id)
            calls.append(Call(id=call_id, name=half.name, arguments=arguments_of(text)))
        return calls

    def complete(self, answer: str) -> list[Call]:
        """Those whose arguments are whole by now; they are held no more."""
        held, size = self._halves, self.size
        self._halves = [half for half in held if half.is_whole]
        rest = [half for half in held if half not in self._halves]
        calls = self.whole(answer, is_cut=True)
        self._halves, self.size = rest, size if rest else 0
        return calls

    def __len__(self) -> int:
        return len(self._halves)


class ChatReader(Reader):
    """Reads a stream of chunks: the first choice of each. The end is told last, since counts come behind it."""

    __slots__ = (
        "_answer",
        "_began",
        "_counts",
        "_end",
        "_has_called",
        "_held",
        "_is_over",
        "_is_refusing",
        "_is_thinking",
    )

    def __init__(self) -> None:
        self._began = False
        self._answer = ""
        self._held = Held()
        self._is_thinking = False
        self._is_refusing = False
        self._has_called = False
        self._counts = Counts()
        self._end: Ended | None = None
        self._is_over = False

    def feed(self, data: bytes) -> list[Piece]:
        pieces: list[Piece] = []
        if data.startswith(b"data: ") and data.find(b"\n\n") == len(data) - 2 and data.find(b"\n") == len(data) - 2:
            self._see(data[6:-2], pieces)
            return pieces
        for name, inside in events(data):
            if name == b"error" and not self._is_over:
                self._fail(pieces)
            else:
                self._see(inside, pieces)
        return pieces

    def _see(self, data: bytes, pieces: list[Piece]) -> None:
        if self._is_over:
            return
        if data.startswith(b"[DONE]"):
            self._finish(pieces)
            return
        try:
            chunk = read_chunk(data)
        except NoJson:
            return
        if (chunk.error is not NULL and bytes(chunk.error) not in _NO_ERROR) or chunk.object == "error":
            self._fail(pieces)
            return
        choices = chunk.choices
        if not self._began and (choices or chunk.model):
            self._began = True
            self._answer = f"{chunk.id or ''} {chunk.created or ''}"
            pieces.append(Began(chunk.id or "", chunk.model or ""))
        if choices:
            self._choose(choices, pieces)
        if chunk.counted is not None and not self._is_over:
            self._count(chunk.counted.counts(), pieces)

    def _choose(self, choices: list[Choice], pieces: list[Piece]) -> None:
        for choice in choices:
            if choice.index:
                continue
            delta = choice.delta or choice.message
            if delta is not None:  # behind the reason too: there are servers that give one with each chunk
                self._take(delta, pieces)
            if choice.finish_reason and choice.finish_reason != "null" and not self._is_over:
                self._stop(choice, pieces)

    def _take(self, delta: Delta, pieces: list[Piece]) -> None:
        content = delta.content
        if content.__class__ is str and content and not self._is_thinking:
            pieces.append(Words(content))
        elif content:
            self._contents(delta, pieces)
        thought = delta.reasoning_content or delta.reasoning
        if thought:
            # A thought beside words in one chunk came before them, as everywhere.
            at = len(pieces) - 1 if content and pieces and isinstance(pieces[-1], Words) else len(pieces)
            self._think(thought, pieces, at)
        if delta.refusal:
            self._no_thought(pieces)
            self._is_refusing = True
            pieces.append(Refuses(delta.refusal))
        if delta.annotations:
            pieces += (Cites(found) for found in map(citation_of, delta.annotations) if found is not None)
        for call in delta.tool_calls or ():
            self._held.take(call)
        if delta.function_call is not None:
            self._held.take(ToolCall(index=0, function=delta.function_call))
        if self._held.size > MAX_HELD_BYTES:
            self._fail(pieces)

    def _contents(self, delta: Delta, pieces: list[Piece]) -> None:
        """Words that end a thought, or Mistral's pieces of both."""
        content = delta.content
        if isinstance(content, str):
            if not (delta.reasoning_content or delta.reasoning):
                self._no_thought(pieces)
            pieces.append(Words(content))
            return
        for part in content or ():
            if thought := part.thought:
                self._think(thought, pieces, len(pieces))
            elif part.text:
                self._no_thought(pieces)
                pieces.append(Words(part.text))

    def _think(self, text: str, pieces: list[Piece], at: int) -> None:
        if at < len(pieces):
            pieces[at:at] = [Thinks(text), ThoughtEnds()]
            self._is_thinking = False
        else:
            pieces.append(Thinks(text))
            self._is_thinking = True

    def _no_thought(self, pieces: list[Piece]) -> None:
        if self._is_thinking:
            self._is_thinking = False
            pieces.append(ThoughtEnds())

    def _count(self, counts: Counts, pieces: list[Piece]) -> None:
        if counts != self._counts:
            self._counts = counts
            pieces.append(Counted(counts))

    def _stop(self, choice: Choice, pieces: list[Piece]) -> None:
        if choice.finish_reason in BROKEN:
            self._fail(pieces)
            return
        self._no_thought(pieces)
        calls = self._calls(pieces, is_cut=choice.finish_reason in {"length", "content_filter"})
        self._end = Ended(*stop_of(choice, calls=calls, refused=self._is_refusing))

    def _calls(self, pieces: list[Piece], *, is_cut: bool) -> bool:
        whole = self._held.whole(self._answer, is_cut=is_cut)
        pieces += map(Calls, whole)
        self._has_called = self._has_called or bool(whole)
        return self._has_called

    def _fail(self, pieces: list[Piece]) -> None:
        self._is_over = True
        pieces.append(Failed("the upstream failed"))

    def finish(self) -> list[Piece]:
        pieces: list[Piece] = []
        if not self._is_over and self._began:
            self._finish(pieces)
        return pieces

    def _finish(self, pieces: list[Piece]) -> None:
        self._is_over = True
        self._no_thought(pieces)
        if self._end is None or len(self._held):
            calls = self._calls(pieces, is_cut=self._end is not None and self._end.stop is Stop.LENGTH)
            if self._end is None or self._end.stop is Stop.END:
                self._end = Ended(Stop.TOOLS if calls else Stop.REFUSED if self._is_refusing else Stop.END)
        pieces.append(self._end)

    def settle(self) -> list[Piece]:
        """Calls that came whole, though the answer has not ended: for one that went to the client as it came."""
        calls = self._held.complete(self._answer)
        self._has_called = self._has_called or bool(calls)
        return [Calls(call) for call in calls]

    @property
    def has_stopped(self) -> bool:
        """The reason why it ended was told, though the stream may go on with counts."""
        return self._end is not None


_NO_ERROR = (b"null", b"", b'""', b"{}", b"[]")


def read_reply(data: bytes) -> Reply:
    """A completion. Raises NoJson."""
    whole = read_chunk(data)
    answer = f"{whole.id or ''} {whole.created or ''}"
    choice = next((one for one in whole.choices or () if not one.index), Choice())
    message = choice.message or choice.delta or Delta()
    is_cut = choice.finish_reason in {"length", "content_filter"}
    held = Held()
    for n, call in enumerate(message.tool_calls or ()):
        held.take(ToolCall(index=n, id=call.id, function=call.function))
    if message.function_call is not None and not len(held):
        held.take(ToolCall(index=0, function=message.function_call))
    calls = held.whole(answer, is_cut=is_cut)
    stop, sequence = stop_of(choice, calls=bool(calls), refused=bool(message.refusal))
    counted = whole.counted
    return Reply(
        id=whole.id or "",
        model=whole.model or "",
        parts=(*_parts(message), *calls),
        stop=stop,
        sequence=sequence,
        counts=Counts() if counted is None else counted.counts(),
    )


def _parts(message: Delta) -> Iterator[Part]:
    thought = message.reasoning_content or message.reasoning
    if thought:
        yield Thought(text=thought)
    cited = tuple(filter(None, map(citation_of, message.annotations or ())))
    content = message.content
    if isinstance(content, str):
        if content:
            yield Text(text=content, citations=cited)
    else:
        for part in content or ():
            if part.thought:
                yield Thought(text=part.thought)
            elif part.text:
                yield Text(text=part.text, citations=cited)
                cited = ()
    if message.refusal:
        yield Refused(text=message.refusal)
