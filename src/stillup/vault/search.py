"""Search: the messages with all words in them, a conversation at a time, with the words around what was found."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from stillup.vault.ordinal import base_of
from stillup.vault.store import About, Vault, about_of
from stillup.vault.words import highlights, query_of
from stillup.vault.write import text_of

MOST_LOOKED_AT = 2_000
"""Messages, the newest of those that have the words. So many cost some 20 ms; nobody reads on beyond them."""
MOST_RANKED = 500
_COMMON = 20_000
_AROUND = 70
_MOST_SNIPPET = 260


class Wanted(Struct, frozen=True, kw_only=True):
    """What to look for. ``words``: all of them, ``"a phrase"``, ``-without``, ``beginning*``, ``one OR other``."""

    words: str
    origin: str = ""
    service: str = ""
    role: str = ""
    since_s: float | None = None
    until_s: float | None = None


class Hit(Struct, frozen=True, kw_only=True):
    """A message with the words in it. ``marks`` are the places of them in the snippet, from and to."""

    id: str
    role: str
    at_s: float | None
    snippet: str
    marks: tuple[tuple[int, int], ...]


class Found(Struct, frozen=True, kw_only=True):
    """A conversation, and where the words are in it; ``count`` messages have them, of those that were looked at."""

    about: About
    hits: tuple[Hit, ...]
    count: int
    by_title: bool


class Results(Struct, frozen=True, kw_only=True):
    """What was found, best first. ``more``: there are more messages with these words than were looked at."""

    found: tuple[Found, ...]
    conversations: int
    more: bool


class _Tally(Struct):
    conversation: int
    messages: list[int]
    rank: float = 0.0
    by_title: bool = False


def search(vault: Vault, wanted: Wanted, *, limit: int = 20, offset: int = 0, hits: int = 2) -> Results:
    """Look for it.

    Best is: the words stand in the title; then, where the words are rare, what is most about them (BM25); else the
    newest.

    :raises stillup.errors.UsageError: there is no word in it that can be looked for.
    """
    query = query_of(wanted.words)
    with vault.reading() as db:
        rows = _messages(db, query.whole, wanted)
        tallies = _tallied(rows[:MOST_LOOKED_AT])
        if len(rows) <= MOST_RANKED:
            _rank(db, query.terms, rows, tallies)
        _entitle(db, query.whole, wanted, tallies)
        best = sorted(
            tallies.values(), key=lambda t: (not t.by_title, t.rank, -(max(t.messages, default=0)), -t.conversation)
        )
        page = best[offset : offset + limit]
        shown = tuple(_found(db, tally, wanted.words, hits) for tally in page)
    return Results(found=shown, conversations=len(best), more=len(rows) > MOST_LOOKED_AT)


def _messages(db: Any, query: str, wanted: Wanted) -> list[tuple[int, int]]:  # noqa: ANN401
    """Messages with their conversations, newest first, one more than is looked at."""
    narrow, values = ["words MATCH ?"], [query]
    for name, value in (("c.origin", wanted.origin), ("c.service", wanted.service), ("m.role", wanted.role)):
        if value:
            narrow.append(f"{name} = ?")
            values.append(value)
    for sign, at_s in ((">=", wanted.since_s), ("<", wanted.until_s)):
        if at_s is not None:
            narrow.append(f"words.rowid {sign} {base_of(at_s)}")
    joined = " CROSS JOIN conversation c ON c.n = m.conversation" if wanted.origin or wanted.service else ""
    rows: list[tuple[int, int]] = db.execute(
        f"SELECT words.rowid, m.conversation FROM words CROSS JOIN message m ON m.n = words.rowid{joined} "  # noqa: S608
        f"WHERE {' AND '.join(narrow)} ORDER BY words.rowid DESC LIMIT {MOST_LOOKED_AT + 1}",
        values,
    ).fetchall()
    return rows


def _tallied(rows: Iterable[tuple[int, int]]) -> dict[int, _Tally]:
    tallies: dict[int, _Tally] = {}
    for message, conversation in rows:
        tallies.setdefault(conversation, _Tally(conversation, [])).messages.append(message)
    return tallies


def _rank(
    db: Any,  # noqa: ANN401
    terms: Sequence[str],
    rows: Sequence[tuple[int, int]],
    tallies: dict[int, _Tally],
) -> None:
    """The best message of a conversation counts, and stands first in it.

    A word that stands in very many messages says little of what one is about, and BM25 would go through all of them.
    """
    telling = [term for term in terms if _count(db, term) < _COMMON]
    if not rows or not telling:
        return
    query = " AND ".join(telling)
    low, high = rows[-1][0], rows[0][0]
    ranks = dict(
        db.execute(
            "SELECT rowid, bm25(words) FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?", (query, low, high)
        )
    )
    for tally in tallies.values():
        tally.messages.sort(key=lambda n: ranks.get(n, 0.0))
        tally.rank = ranks.get(tally.messages[0], 0.0)


def _count(db: Any, term: str) -> int:  # noqa: ANN401
    """How many messages have it, up to the bound."""
    wanted = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
    return int(db.execute(wanted, (term, _COMMON)).fetchone()[0])


def _entitle(db: Any, query: str, wanted: Wanted, tallies: dict[int, _Tally]) -> None:  # noqa: ANN401
    narrow = "".join(f" AND {name} = ?" for name, value in _of(wanted) if value)
    if wanted.role:
        return
    for (number,) in db.execute(
        "SELECT c.n FROM titles CROSS JOIN conversation c ON c.n = titles.rowid "  # noqa: S608
        f"WHERE titles MATCH ?{narrow} AND coalesce(c.changed, 0) >= ? AND coalesce(c.began, 0) < ? "
        f"ORDER BY titles.rowid DESC LIMIT {MOST_RANKED}",
        (
            query, *(value for _, value in _of(wanted) if value),
            wanted.since_s if wanted.since_s is not None else 0,
            wanted.until_s if wanted.until_s is not None else 1e18,
        ),
    ):  # fmt: skip
        tallies.setdefault(number, _Tally(number, [])).by_title = True


def _of(wanted: Wanted) -> tuple[tuple[str, str], ...]:
    return (("c.origin", wanted.origin), ("c.service", wanted.service))


def _found(db: Any, tally: _Tally, words: str, hits: int) -> Found:  # noqa: ANN401
    return Found(
        about=about_of(db, tally.conversation),
        hits=tuple(_hit(db, n, words) for n in tally.messages[:hits]),
        count=len(tally.messages),
        by_title=tally.by_title,
    )


def _hit(db: Any, n: int, words: str) -> Hit:  # noqa: ANN401
    name, role, at = db.execute("SELECT id, role, at FROM message WHERE n = ?", (n,)).fetchone()
    snippet, marks = snippet_of(text_of(db, n), words)
    return Hit(id=name, role=role, at_s=at, snippet=snippet, marks=marks)


def snippet_of(text: str, words: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The words around the first place where most of what is looked for stands, on one line, and the marks in it."""
    pattern = highlights(words)
    found = pattern.search(text) if pattern else None
    if found is None and pattern is not None and not text.isascii():
        text = _bare(text)  # it was found without its accents
        found = pattern.search(text)
    start = max(found.start() - _AROUND, 0) if found else 0
    cut = text[start : start + _MOST_SNIPPET]
    line = ("… " if start else "") + " ".join(cut.split()) + (" …" if start + _MOST_SNIPPET < len(text) else "")
    marks = tuple((m.start(), m.end()) for m in pattern.finditer(line)) if pattern else ()
    return line, marks


def _bare(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
