"""Fuzzy search over the index: typing errors are forgiven in titles, names and tags; texts are searched as they are.

Every word of a query has to be somewhere. One that stands in a head (title, name, tags, tasks) counts 100; one like a
word of a head counts by rapidfuzz's ratio to it, 0 to 100; one that only the text has counts :data:`_IN_TEXT`. Where
enough heads have every word, words like them are not looked for, and where enough have those, no text is: a file with
one word in its title and the other in its text alone may then be missing, behind those that have both in their heads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from heapq import nlargest, nsmallest

from msgspec import Struct
from rapidfuzz import fuzz, process

from stillup.kit.index import Index, Row

_CLOSE = 76.0
"""Below it two words are different ones. A swap in a word of five letters lies above, one in four letters below."""
_HERE, _IN_TEXT = 100.0, 55.0
_MOST_WORDS = 8
_MOST_CHARS = 200
_NEAR = 8
_SHORT = 3
"""What has fewer letters has to be a word of its own: as a part it is everywhere."""
_IN_TITLE, _BEGINS = 8.0, 6.0


class Hit(Struct, frozen=True, gc=False):
    """A file that fits, and how well: 0 to 100, and some for a title that has the words."""

    row: Row
    score: float


def search(index: Index, query: str, limit: int = 20) -> list[Hit]:
    """The files that fit best, best first; the first of all, by name, for a query without a word."""
    words = query[:_MOST_CHARS].lower().split()[:_MOST_WORDS]
    if not words:
        return [Hit(row, 0.0) for row in index.rows[:limit]]
    heads = [row.head for row in index.rows]
    found = dict.fromkeys(_with_all(heads, words), _HERE)
    if len(found) < limit:
        found = _like_all(index, heads, words, with_texts=False)
    if len(found) < limit:
        found = _like_all(index, heads, words, with_texts=True)
    # Titles are compared for those alone that one could lift among the best: a word of the texts may be in all of them.
    worst = min(nlargest(limit, found.values()), default=0.0) - _IN_TITLE - _BEGINS
    whole = " ".join(words)
    rows = ((index.rows[n], score) for n, score in found.items() if score >= worst)
    hits = [Hit(row, score + _title(row, whole, words)) for row, score in rows]
    return nsmallest(limit, hits, key=lambda hit: (-hit.score, len(hit.row.title), hit.row.name))


def _with_all(heads: Sequence[str], words: Sequence[str]) -> list[int]:
    """The files whose heads have every word, by their numbers."""
    alive = list(range(len(heads)))
    for word in map(_sought, words):
        alive = [n for n in alive if word in heads[n]]
    return alive


def _sought(word: str) -> str:
    return word if len(word) >= _SHORT else f" {word} "


def _like_all(index: Index, heads: Sequence[str], words: Sequence[str], *, with_texts: bool) -> dict[int, float]:
    """The files that have every word, or one like it, with their scores."""
    found = dict.fromkeys(range(len(heads)), 0.0)
    for word in words:
        worths = _having(word, index, heads, found)
        if with_texts:
            sought, texts = _sought(word), index.texts
            worths |= {n: _IN_TEXT for n in found if n not in worths and sought in texts[n]}
        found = {n: found[n] + worth for n, worth in worths.items()}
    return {n: score / len(words) for n, score in found.items()}


def _having(word: str, index: Index, heads: Sequence[str], alive: Collection[int]) -> dict[int, float]:
    """Those of ``alive`` whose heads have a word, and what that is worth. Where its like is comes from the index."""
    sought = _sought(word)
    worth = {n: _HERE for n in alive if sought in heads[n]}
    for other, score in _near(word, index.words):
        worth |= {n: score for n in index.places(other) if n in alive and n not in worth}
    return worth


def _near(word: str, known: Iterable[str]) -> list[tuple[str, float]]:
    """Words of heads that look like it, the most alike first."""
    if len(word) < _SHORT:
        return []
    found = process.extract(word, list(known), scorer=fuzz.ratio, score_cutoff=_CLOSE, limit=_NEAR)
    return [(other, score) for other, score, _ in found]


def _title(row: Row, whole: str, words: Sequence[str]) -> float:
    title, name = row.title.lower(), row.name.rpartition("/")[2].lower()
    begins = _BEGINS if title.startswith(whole) or name.startswith(whole) else 0.0
    return begins + _IN_TITLE * sum(word in title or word in name for word in words) / len(words)
