"""What is read goes into the tables: a conversation that is there already grows, and nothing is there twice."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from stillup.gateway.dialects.neutral import Role
from stillup.vault import words
from stillup.vault.codec import unpack, unsqueezed
from stillup.vault.ordinal import Ordinals
from stillup.vault.ready import Ready, Talk
from stillup.vault.twins import THREADED, Twins
from stillup.vault.values import Attachment

_KEY_DIGITS = 10
_NEW_MESSAGE = (
    "INSERT INTO message (n, conversation, place, id, role, at, model, parent, digest, chain, parts) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Put(StrEnum):
    """What became of a conversation that was read."""

    NEW = "new"
    GREW = "grew"
    """It was there; messages were added to it, or one of them is another now."""
    KNOWN = "known"
    """All of it was there."""


class _There(Struct):
    """A message that is kept."""

    n: int
    place: int
    digest: bytes
    chain: bytes


class Writer:
    """Writes in the transaction that is open. :meth:`finish` must be called before it is committed."""

    def __init__(self, db: Any, now_s: float) -> None:  # noqa: ANN401 - a connection of sqlite3 or of sqlcipher3
        self._db = db
        self._now_s = now_s
        self._ordinals = Ordinals(db)
        self._words: dict[int, bytes] = {}
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Bytes that wait to be indexed."""
        return self._waiting

    def finish(self) -> None:
        """Index what was written, in one go: in order, for the index is built anew at each step back."""
        rows = sorted(self._words.items())
        self._db.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", rows)
        self._words.clear()
        self._waiting = 0

    def put(self, talk: Talk) -> Put:
        """Keep a conversation, or what is new in it."""
        found = self._db.execute(
            "SELECT conversation FROM name WHERE origin = ? AND id = ?", (talk.origin, talk.id)
        ).fetchone()
        if found:
            return self._merge(found[0], talk)
        if not talk.turns:  # it would only have given a name to something that is not here
            return Put.KNOWN
        _chain(talk.turns, {}, b"")
        same = Twins(self._db).find(talk)
        if same is None:
            self._add(talk)
            return Put.NEW
        self._name(talk, same)
        return self._merge(same, talk, is_whole=True)

    def _add(self, talk: Talk) -> None:
        times = talk.times_s
        began = talk.began_s if talk.began_s is not None else min(times, default=None)
        changed = talk.changed_s if talk.changed_s is not None else max(times, default=began)
        turns: dict[str, Ready] = {}
        for one in talk.turns:
            turns.setdefault(one.name, one)  # an origin that gives an id twice: the first stands
        cursor = self._db.execute(
            "INSERT INTO conversation (key, origin, id, title, service, place, began, changed, turns) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._key(talk), talk.origin, talk.id, talk.title, talk.service, talk.where, began, changed,
                len(turns),
            ),
        )  # fmt: skip
        number = cursor.lastrowid
        self._name(talk, number)
        if talk.title:
            self._db.execute("INSERT INTO titles (rowid, text) VALUES (?, ?)", (number, words.indexed(talk.title)))
        default_s = changed if changed is not None else self._now_s
        self._ordinals.look([*times, default_s] if len(times) < len(turns) else times)
        rows = [self._row(number, place, one, one.name, default_s) for place, one in enumerate(turns.values())]
        self._db.executemany(_NEW_MESSAGE, rows)
        for row, one in zip(rows, turns.values(), strict=True):
            self._fill(row[0], one)

    # -- a conversation that is there -------------------------------------------------------------------------------

    def _merge(self, number: int, talk: Talk, *, is_whole: bool = False) -> Put:
        """``is_whole``: it is known to begin where the conversation begins, though its ids are others."""
        origin, own = self._db.execute("SELECT origin, id FROM conversation WHERE n = ?", (number,)).fetchone()
        is_threaded = origin == talk.origin and origin in THREADED
        is_own = (origin, own) == (talk.origin, talk.id)
        there, chains, place = self._there(number, talk.origin, is_named=is_own or is_threaded)
        last = max(there.values(), key=lambda one: one.place, default=None)
        known_chains = {name: one.chain for name, one in there.items()}
        _chain(talk.turns, known_chains, last.chain if last and not is_whole and not is_threaded else b"")
        grew = False
        default_s = talk.changed_s if talk.changed_s is not None else self._now_s
        for one in talk.turns:
            name = one.name
            if (known := there.get(name)) is not None:
                if is_own and not is_threaded and known.digest != one.digest:
                    self._replace(known.n, one)
                    grew = True
                continue
            if is_threaded and one.role == Role.SYSTEM:
                continue  # the first one stands
            known, stored = chains.get(one.chain), ""
            if known is None:
                stored = name if is_own or is_threaded else f"{talk.origin}:{talk.id}:{name}"
                known = _There(self._insert(number, place, one, stored, default_s), place, one.digest, one.chain)
                grew, place = True, place + 1
                chains[one.chain] = known
            there[name] = known
            if stored != name:
                self._also(number, talk.origin, name, known.n)
        if is_own and not is_threaded:
            grew = self._order(number, talk.turns, there) or grew
        self._renew(number, talk, is_own=is_own)
        return Put.GREW if grew else Put.KNOWN

    def _there(self, number: int, origin: str, *, is_named: bool) -> tuple[dict[str, _There], dict[bytes, _There], int]:
        """The messages by what this origin calls them, and by their chains; and the place behind the last one."""
        rows = self._db.execute(
            "SELECT id, n, place, digest, chain FROM message WHERE conversation = ? ORDER BY place", (number,)
        ).fetchall()
        by_n = {n: _There(n, place, digest, chain) for _, n, place, digest, chain in rows}
        named = {name: by_n[n] for name, n, *_ in rows} if is_named else {}
        also = self._db.execute("SELECT id, message FROM also WHERE conversation = ? AND origin = ?", (number, origin))
        named |= {name: by_n[n] for name, n in also}
        return named, {one.chain: one for one in by_n.values()}, rows[-1][2] + 1 if rows else 0

    def _also(self, number: int, origin: str, name: str, n: int) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO also (conversation, origin, id, message) VALUES (?, ?, ?, ?)",
            (number, origin, name, n),
        )

    def _order(self, number: int, ready: Sequence[Ready], there: dict[str, _There]) -> bool:
        """Take over the order of an origin that told all of it; whether that changed anything."""
        wanted = list(dict.fromkeys(there[one.name].n for one in ready))
        rows = self._db.execute("SELECT n FROM message WHERE conversation = ? ORDER BY place", (number,))
        stands = [n for (n,) in rows]
        if wanted == stands or len(wanted) != len(stands):
            return False
        self._db.executemany("UPDATE message SET place = ? WHERE n = ?", enumerate(wanted))
        return True

    def _renew(self, number: int, talk: Talk, *, is_own: bool) -> None:
        title, service, place = self._db.execute(
            "SELECT title, service, place FROM conversation WHERE n = ?", (number,)
        ).fetchone()
        told = talk.title
        if told and told != title and (not title or (is_own and not _is_first_words(told, talk.turns))):
            if title:
                self._db.execute(
                    "INSERT INTO titles (titles, rowid, text) VALUES ('delete', ?, ?)", (number, words.indexed(title))
                )
            self._db.execute("INSERT INTO titles (rowid, text) VALUES (?, ?)", (number, words.indexed(told)))
            title = told
        times = talk.times_s
        began = [s for s in (talk.began_s, *times) if s is not None]
        changed = [s for s in (talk.changed_s, *times) if s is not None]
        self._db.execute(
            "UPDATE conversation SET title = :title, service = :service, place = :place, "
            "began = min(coalesce(began, :began), coalesce(:began, began)), "
            "changed = max(coalesce(changed, :changed), coalesce(:changed, changed)), "
            "turns = (SELECT count(*) FROM message WHERE conversation = :n) WHERE n = :n",
            {
                "title": title,
                "service": service or talk.service,
                "place": place or talk.where,
                "began": min(began, default=None),
                "changed": max(changed, default=None),
                "n": number,
            },
        )

    # -- rows -------------------------------------------------------------------------------------------------------

    def _name(self, talk: Talk, number: int) -> None:
        self._db.execute(
            "INSERT INTO name (origin, id, conversation) VALUES (?, ?, ?)",
            (talk.origin, talk.id, number),
        )

    def _key(self, talk: Talk) -> str:
        """What people call it: short, and the same in every vault."""
        identity = f"{talk.origin}\0{talk.id}".encode()
        whole = blake2b(identity, digest_size=32).hexdigest()
        for digits in range(_KEY_DIGITS, len(whole)):
            if not self._db.execute("SELECT 1 FROM conversation WHERE key = ?", (whole[:digits],)).fetchone():
                return whole[:digits]
        return whole

    def _insert(self, number: int, place: int, one: Ready, name: str, default_s: float) -> int:
        row = self._row(number, place, one, name, default_s)
        self._db.execute(_NEW_MESSAGE, row)
        self._fill(row[0], one)
        return row[0]

    def _row(self, number: int, place: int, one: Ready, name: str, default_s: float) -> tuple[int, *tuple[Any, ...]]:
        n = self._ordinals.take(one.at_s if one.at_s is not None else default_s)
        return (
            n, number, place, name, one.role, one.at_s, one.model, one.parent, one.digest, one.chain, one.stored,
        )  # fmt: skip

    def _fill(self, n: int, one: Ready) -> None:
        """What belongs to a message, and what it is found by."""
        if one.blobs or one.given:
            self._give(n, one)
        self._await(n, one.words)

    def _replace(self, n: int, one: Ready) -> None:
        """A message that is another now."""
        self.unindex(n)
        self._db.execute(
            "UPDATE message SET role = ?, at = ?, model = ?, parent = ?, digest = ?, chain = ?, parts = ? WHERE n = ?",
            (one.role, one.at_s, one.model, one.parent, one.digest, one.chain, one.stored, n),
        )
        self._db.execute("DELETE FROM attachment WHERE message = ?", (n,))
        self._give(n, one)
        self._await(n, one.words)

    def unindex(self, n: int) -> None:
        """Take a message out of the index, by the words it was put in with."""
        if self._words.pop(n, None) is None:
            text = words.indexed(text_of(self._db, n))
            self._db.execute("INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (n, text))

    def _await(self, n: int, text: bytes) -> None:
        self._words[n] = text
        self._waiting += len(text)

    def _give(self, n: int, one: Ready) -> None:
        """Its blobs and attachments."""
        for name, data in one.blobs:
            self._db.execute("INSERT OR IGNORE INTO blob (hash, data) VALUES (?, ?)", (name, data))
        for place, given in enumerate(one.given):
            self._db.execute(
                "INSERT INTO attachment (message, place, name, media_type, text, blob) VALUES (?, ?, ?, ?, ?, ?)",
                (n, place, given.name, given.media_type, given.text, given.blob),
            )


def text_of(db: Any, n: int) -> str:  # noqa: ANN401
    """The words of a kept message, before they are made ready for the index."""
    (parts,) = db.execute("SELECT parts FROM message WHERE n = ?", (n,)).fetchone()
    rows = db.execute("SELECT name, text FROM attachment WHERE message = ? ORDER BY place", (n,))
    attachments = [Attachment(name=name, text=text) for name, text in rows]
    return words.words_of(unpack(unsqueezed(parts), lambda _: None), attachments)


def _is_first_words(title: str, ready: Sequence[Ready]) -> bool:
    """Whether a title is how one of these messages begins: what an importer says for want of a title.

    Of a transcript that grew it sees the new messages only; the conversation keeps the title it has.
    """
    begins = " ".join(title.rstrip("….").split())
    most = 2 * len(title.encode()) + 80
    return any(" ".join(one.words[:most].decode("utf-8", "ignore").split()).startswith(begins) for one in ready)


def _chain(ready: Sequence[Ready], known: dict[str, bytes], last: bytes) -> None:
    """Name each turn together with what stands before it: its parent, else the turn before, else the last one kept."""
    chains = dict(known)
    before = last
    if ready and ready[0].name in known:
        before = b""
    for one in ready:
        name, role = one.name, one.role
        stands_on = chains.get(one.parent, before) if one.parent else before
        one.chain = known.get(name) or words.link(stands_on, role, one.meant)
        chains[name] = one.chain
        if role != Role.SYSTEM:  # not every export has what the system was told
            before = one.chain
