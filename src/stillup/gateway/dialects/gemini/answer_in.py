"""Answers of generateContent, read: streamed in either form, or whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Reader
from stillup.gateway.dialects.gemini.chunks import Blob, Called, Candidate, Chunk, Chunks, Part, decode_whole
from stillup.gateway.dialects.gemini.cited import Cited, moved, shared_out
from stillup.gateway.dialects.gemini.names import BROKEN, STOPS, kind_of, seal_of
from stillup.gateway.dialects.lenient import NULL, UNREADABLE, NoJson, as_list, as_object
from stillup.gateway.dialects.neutral import (
    Apart,
    Began,
    Call,
    Calls,
    Citation,
    Cites,
    Counted,
    Ended,
    Failed,
    Foreign,
    Gives,
    Media,
    Piece,
    Reply,
    Stop,
    Thinks,
    ThoughtEnds,
    Words,
)
from stillup.gateway.dialects.said import Said
from stillup.gateway.dialects.trouble import said
from stillup.gateway.dialects.writing import digest


class GeminiReader(Reader):
    """Reads chunks. The end is told when the body ends: counts and sources may follow the reason."""

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._texts: list[str] = []
        self._cited = Cited()
        self._said = 0
        self._begin = 0
        self._in_text = False
        self.citations: list[Citation] = []
        self._id = ""
        self._calls = 0
        self._began = False
        self._thinking = False
        self._over = False
        self.stop: Stop | None = None

    def feed(self, data: bytes) -> list[Piece]:
        pieces: list[Piece] = []
        for chunk in self._chunks.feed(data):
            if self._over:
                break
            self.see(chunk, pieces)
        return pieces

    def finish(self) -> list[Piece]:
        if self._over:
            return []
        self._over = True
        pieces: list[Piece] = []
        self._close(pieces)
        stop = self.stop or Stop.END
        return [*pieces, Ended(Stop.TOOLS if stop is Stop.END and self._calls else stop)]

    @property
    def is_closed(self) -> bool:
        """It was an array, and has ended."""
        return self._chunks.is_closed

    def see(self, chunk: Chunk, pieces: list[Piece], *, is_whole: bool = False) -> None:
        """One chunk, and its pieces are added. In a whole answer two texts are two parts."""
        if chunk.error != NULL:
            self._over = True
            pieces.append(Failed(said(bytes(chunk.error)).message))
            return
        if not self._began:
            self._began = True
            self._id = chunk.response_id or ""
            pieces.append(Began(self._id, chunk.model_version or ""))
        candidates = chunk.candidates
        if candidates and not candidates[0].index:
            self._candidate(candidates[0], pieces, is_whole=is_whole)
        if chunk.usage_metadata is not None:
            pieces.append(Counted(chunk.usage_metadata.counts()))
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            self.stop = self.stop or Stop.REFUSED

    def _candidate(self, candidate: Candidate, pieces: list[Piece], *, is_whole: bool) -> None:
        content = candidate.content
        if content is not None and content.parts:
            for part in content.parts:
                if is_whole and pieces and isinstance(pieces[-1], Words) and part.text and not part.thought:
                    pieces.append(Apart())
                self._part(part, pieces)
        if candidate.grounding_metadata != NULL or candidate.citation_metadata != NULL:
            new = self._cited.see(candidate.grounding_metadata, candidate.citation_metadata, self._texts)
            self.citations += new
            if not is_whole:
                _insert([Cites(moved(citation, self._begin)) for citation in new], pieces)
        reason = candidate.finish_reason
        if reason is None or reason == "FINISH_REASON_UNSPECIFIED":
            return
        if reason in BROKEN:
            self._over = True
            pieces.append(Failed(BROKEN[reason]))
        self.stop = STOPS.get(reason, Stop.END)

    def _part(self, part: Part, pieces: list[Piece]) -> None:
        seal = seal_of(part.thought_signature) if part.thought_signature else None
        text = part.text
        if text is not None:
            if part.thought:
                self._thinking = self._thinking or bool(text)
                if text:
                    self._in_text = False
                    pieces.append(Thinks(text))
            elif text:
                self._say(text, pieces)
            if seal is not None:
                if not part.thought:
                    self._close(pieces)
                self._thinking = self._in_text = False
                pieces.append(ThoughtEnds(seal))
            return
        self._close(pieces)
        self._in_text = False
        if part.function_call is not None:
            pieces.append(self._call(part.function_call, part.thought_signature))
            return
        given = self._given(part)
        if given is not None:
            pieces.append(Gives(given))
        if seal is not None:
            pieces.append(ThoughtEnds(seal))

    def _say(self, text: str, pieces: list[Piece]) -> None:
        self._close(pieces)
        if not self._in_text:
            self._in_text, self._begin = True, self._said
        self._texts.append(text)
        self._said += len(text)
        pieces.append(Words(text))

    def _close(self, pieces: list[Piece]) -> None:
        if self._thinking:
            self._thinking = False
            pieces.append(ThoughtEnds())

    def _call(self, called: Called, signature: str | None) -> Piece:
        if called.partial_args != NULL or called.will_continue or not called.name:
            # What is only begun is no call yet, and what is said here of the rest would be a guess.
            return Gives(Foreign(origin=Protocol.GEMINI, what="a call in parts", raw=b"{}"))
        arguments = "{}"
        if called.args != NULL:
            try:
                as_object(called.args)
                arguments = bytes(called.args).decode()
            except UNREADABLE:
                pass
        call_id = called.id or self._made_up(called.name, arguments)
        self._calls += 1
        return Calls(Call(id=call_id, name=called.name, arguments=arguments, seal=seal_of(signature or "")))

    def _made_up(self, name: str, arguments: str) -> str:
        """An id that no other call of the conversation has: models before 3 give none."""
        answer = "".join(c for c in self._id if c.isascii() and (c.isalnum() or c in "_-"))[:40]
        if not answer:
            said_so_far = "".join((*self._texts[-4:], name, arguments))
            answer = digest(said_so_far, 16)
        return f"call_{answer}_{self._calls}"

    def _given(self, part: Part) -> Media | Foreign | None:
        for blob in (part.inline_data, part.file_data):
            if blob is not None:
                return _media(blob)
        for what, raw in (
            ("executableCode", part.executable_code),
            ("codeExecutionResult", part.code_execution_result),
        ):
            if raw != NULL:
                return Foreign(origin=Protocol.GEMINI, what=what, raw=msgspec.json.encode({what: raw}))
        return None


def _insert(cites: Sequence[Cites], pieces: list[Piece]) -> None:
    """Behind the last words, which they are about; a call or the thought's seal may stand after these."""
    at = next((n for n in range(len(pieces), 0, -1) if isinstance(pieces[n - 1], Words)), len(pieces))
    pieces[at:at] = cites


def _media(blob: Blob) -> Media | None:
    kind = kind_of(blob.mime_type or "")
    if blob.data:
        return Media(kind=kind, media_type=blob.mime_type or "", data=blob.data.replace("-", "+").replace("_", "/"))
    if blob.file_uri:
        return Media(kind=kind, media_type=blob.mime_type or "", file_id=blob.file_uri, origin=Protocol.GEMINI)
    return None


def read_reply(data: bytes) -> Reply:
    """A whole answer, or the array of all its chunks. Raises NoJson, also for one that is of no use."""
    reader, added, pieces = GeminiReader(), Said(), list[Piece]()
    try:
        chunks = [decode_whole(bytes(raw)) for raw in as_list(data)]
    except UNREADABLE:
        chunks = [decode_whole(data)]
    for chunk in chunks:
        reader.see(chunk, pieces, is_whole=len(chunks) == 1)
    pieces += reader.finish()
    for piece in pieces:
        if isinstance(piece, Failed):
            raise NoJson(piece.message[:120])
        if not isinstance(piece, Cites):
            added.add(piece)
    began = added.began or Began()
    parts = shared_out(added.parts, reader.citations)
    stop = added.ended.stop if added.ended is not None else Stop.END
    return Reply(id=began.id, model=began.model, parts=parts, stop=stop, counts=added.counts)
