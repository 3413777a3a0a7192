"""Where an answer's words come from: citations of Gemini's two kinds, with their places in bytes made characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from stillup.gateway.dialects.lenient import NULL, UNREADABLE
from stillup.gateway.dialects.neutral import Citation, Part, Text

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


class Cited:
    """The citations of one answer. Each is told once, however often it comes; places count from the answer's begin."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: set[Citation] = set()

    def see(self, grounding: Raw, citations: Raw, texts: Sequence[str]) -> list[Citation]:
        """Those that are new; ``texts`` is all that was said before."""
        new = []
        for citation in (*_grounded(grounding), *_listed(citations)):
            placed = _in_characters(citation, texts)
            if placed not in self._seen and len(self._seen) < _MAX_CITATIONS:
                self._seen.add(placed)
                new.append(placed)
        return new


def moved(citation: Citation, by: int) -> Citation:
    """The citation counted from ``by`` characters further on; without a place where it lies before that."""
    if not by:
        return citation
    start, end = (None if n is None else n - by for n in (citation.start, citation.end))
    if (start is not None and start < 0) or (end is not None and end < 0):
        start = end = None
    return replace(citation, start=start, end=end)


def shared_out(parts: Sequence[Part], citations: Sequence[Citation]) -> tuple[Part, ...]:
    """The parts, each text with the citations that begin in it."""
    shared = list(parts)
    texts = [n for n, part in enumerate(parts) if isinstance(part, Text)]
    for citation in citations:
        at = 0
        for n in texts:
            text = shared[n]
            if isinstance(text, Text):
                if n == texts[-1] or (citation.start or 0) < at + len(text.text):
                    shared[n] = replace(text, citations=(*text.citations, moved(citation, at)))
                    break
                at += len(text.text)
    return tuple(shared)


def _listed(raw: Raw) -> Iterator[Citation]:
    if raw == NULL:
        return
    try:
        found = _citations(raw)
    except UNREADABLE:
        return
    for cited in (found.citations or found.citation_sources or ())[:_MAX_CITATIONS]:
        yield Citation(url=cited.uri or "", title=cited.title or "", start=cited.start_index, end=cited.end_index)


def _grounded(raw: Raw) -> Iterator[Citation]:
    if raw == NULL:
        return
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
                start = segment.start_index or 0  # a zero is not written
                yield Citation(url=page.uri or "", title=page.title or "", start=start, end=segment.end_index)


def _in_characters(citation: Citation, texts: Sequence[str]) -> Citation:
    if all(text.isascii() for text in texts):
        return citation
    whole = "".join(texts).encode("utf-8", "replace")
    start, end = (
        None if n is None else len(whole[: max(0, n)].decode("utf-8", "ignore")) for n in (citation.start, citation.end)
    )
    return replace(citation, start=start, end=end)
