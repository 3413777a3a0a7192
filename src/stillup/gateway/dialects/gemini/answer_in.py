"""Answers of generateContent, read: streamed in either form, or whole."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Raw, Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Reader, Untranslatable
from stillup.gateway.dialects.gemini.chunks import Blob, Called, Candidate, Chunk, Chunks, Part, decode_whole
from stillup.gateway.dialects.gemini.names import BROKEN, STOPS, kind_of, seal_of
from stillup.gateway.dialects.lenient import NULL, UNREADABLE
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
    Text,
    Thinks,
    ThoughtEnds,
    Words,
)
from stillup.gateway.dialects.said import Said
from stillup.gateway.dialects.trouble import said

_MAX_CITATIONS = 1_000


class _Cited(Struct, gc=False, rename="camel"):
    start_index: int | None = None
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class _Citations(Struct, gc=False, rename="camel"):
    citations: list[_Cited] | None = None
    citation_sources: list[_Cited] | None = None


class _Segment(Struct, gc=False, rename="camel"):
    start_index: int | None = None
    end_index: int | None = None


class _Support(Struct, gc=False, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Page(Struct, gc=False):
    uri: str | None = None
    title: str | None = None


class _Source(Struct, gc=False, rename="camel"):
    web: _Page | None = None
    retrieved_context: _Page | None = None
    maps: _Page | None = None


class _Grounding(Struct, gc=False, rename="camel"):
    grounding_chunks: list[_Source] | None = None
    grounding_supports: list[_Support] | None = None


_citations = msgspec.json.Decoder(_Citations).decode
_grounding = msgspec.json.Decoder(_Grounding).decode
_args = msgspec.json.Decoder(dict[str, Raw]).decode
_answers = msgspec.json.Decoder(list[Raw]).decode


class GeminiReader(Reader):
    """Reads chunks. The end is told when the body ends: counts and sources may follow the reason."""

    def __init__(self) -> None:
        self._chunks = Chunks()
        self._texts: list[str] = []
        self._cited: set[Citation] = set()
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
        if self._over or self.stop is None:
            return []
        self._over = True
        pieces: list[Piece] = []
        self._close(pieces)
        stop = Stop.TOOLS if self.stop is Stop.END and self._calls else self.stop
        return [*pieces, Ended(stop)]

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
        if candidate.grounding_metadata != NULL:
            self._grounded(candidate.grounding_metadata, pieces)
        if candidate.citation_metadata != NULL:
            self._citations(candidate.citation_metadata, pieces)
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
                    pieces.append(Thinks(text))
            elif text:
                self._close(pieces)
                self._texts.append(text)
                pieces.append(Words(text))
            if seal is not None:
                if not part.thought:
                    self._close(pieces)
                self._thinking = False
                pieces.append(ThoughtEnds(seal))
            return
        self._close(pieces)
        if part.function_call is not None:
            pieces.append(self._call(part.function_call, part.thought_signature))
            return
        given = self._given(part)
        if given is not None:
            pieces.append(Gives(given))
        if seal is not None:
            pieces.append(ThoughtEnds(seal))

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
                _args(called.args)
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
            answer = hashlib.blake2b(said_so_far.encode("utf-8", "replace"), digest_size=8).hexdigest()
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

    def _citations(self, raw: Raw, pieces: list[Piece]) -> None:
        try:
            found = _citations(raw)
        except UNREADABLE:
            return
        for cited in (found.citations or found.citation_sources or ())[:_MAX_CITATIONS]:
            self._cite(cited.uri, cited.title, cited.start_index, cited.end_index, pieces)

    def _grounded(self, raw: Raw, pieces: list[Piece]) -> None:
        try:
            found = _grounding(raw)
        except UNREADABLE:
            return
        sources = found.grounding_chunks or []
        for support in (found.grounding_supports or ())[:_MAX_CITATIONS]:
            segment = support.segment or _Segment()
            for n in (support.grounding_chunk_indices or ())[:20]:
                if 0 <= n < len(sources):
                    page = sources[n].web or sources[n].retrieved_context or sources[n].maps or _Page()
                    self._cite(page.uri, page.title, segment.start_index or 0, segment.end_index, pieces)

    def _cite(
        self, uri: str | None, title: str | None, start: int | None, end: int | None, pieces: list[Piece]
    ) -> None:
        """Gemini counts bytes of the text, and says a citation again with every chunk that follows it."""
        if (start is not None or end is not None) and not all(text.isascii() for text in self._texts):
            whole = "".join(self._texts).encode("utf-8", "replace")
            start, end = (
                None if n is None else len(whole[: max(0, n)].decode("utf-8", "ignore")) for n in (start, end)
            )
        citation = Citation(url=uri or "", title=title or "", start=start, end=end)
        if citation not in self._cited:
            self._cited.add(citation)
            pieces.append(Cites(citation))


def _media(blob: Blob) -> Media | None:
    kind = kind_of(blob.mime_type or "")
    if blob.data:
        return Media(kind=kind, media_type=blob.mime_type or "", data=blob.data.replace("-", "+").replace("_", "/"))
    if blob.file_uri:
        return Media(kind=kind, media_type=blob.mime_type or "", file_id=blob.file_uri, origin=Protocol.GEMINI)
    return None


def read_reply(data: bytes) -> Reply:
    """A whole answer, or the array of all its chunks. Raises NoJson, or Untranslatable for one that is no answer."""
    reader, added, pieces = GeminiReader(), Said(), list[Piece]()
    try:
        chunks = [decode_whole(bytes(raw)) for raw in _answers(data)]
    except UNREADABLE:
        chunks = [decode_whole(data)]
    for chunk in chunks:
        reader.see(chunk, pieces, is_whole=len(chunks) == 1)
    pieces += reader.finish()
    for piece in pieces:
        if isinstance(piece, Failed):
            msg = f"the answer cannot be used: {piece.message[:120]}"
            raise Untranslatable(msg)
        added.add(piece)
    began = added.began or Began()
    parts = tuple(part for part in added.parts if not (isinstance(part, Text) and not part.text))
    stop = added.ended.stop if added.ended is not None else Stop.END
    return Reply(id=began.id, model=began.model, parts=parts, stop=stop, counts=added.counts)
