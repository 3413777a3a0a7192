"""What is read goes into the tables: a conversation that is there already grows, and nothing is there twice."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from stillup.gateway.dialects.neutral import Role
from stillup.vault import words
from stillup.vault.codec import HASH_BYTES, name_of, pack, readable, squeezed, unpack, unsqueezed
from stillup.vault.ordinal import Ordinals
from stillup.vault.twins import THREADED, Twins
from stillup.vault.values import Attachment, Conversation, Turn

_KEY_DIGITS = 10


class Put(StrEnum):
    """What became of a conversation that was read."""

    NEW = "new"
    GREW = "grew"
    """It was there; messages were added to it, or one of them is another now."""
    KNOWN = "known"
    """All of it was there."""


class Ready(Struct):
    """A turn made ready; ``chain`` is set when it is known what stands before it."""

    turn: Turn
    name: str
    stored: bytes
    digest: bytes
    meant: bytes
    words: bytes
    blobs: dict[bytes, bytes]
    chain: bytes = b""

    @property
    def size(self) -> int:
        """About how much memory it takes."""
        return len(self.stored) + len(self.words) + sum(map(len, self.blobs.values()))


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

    def put(self, conversation: Conversation, ready: Sequence[Ready] | None = None) -> Put:
        """Keep a conversation, or what is new in it; ``ready`` is it :func:`made_ready`, perhaps in another thread."""
        ready = made_ready(conversation) if ready is None else ready
        found = self._db.execute(
            "SELECT conversation FROM name WHERE origin = ? AND id = ?",
            (conversation.origin, readable(conversation.id)),
        ).fetchone()
        if found:
            return self._merge(found[0], conversation, ready)
        if not ready:  # it would only have given a name to something that is not here
            return Put.KNOWN
        _chain(ready, {}, b"")
        same = Twins(self._db).find(conversation, [(one.chain, one.turn.role) for one in ready])
        if same is None:
            self._add(conversation, ready)
            return Put.NEW
        self._name(conversation, same)
        return self._merge(same, conversation, ready, is_whole=True)

    def _add(self, conversation: Conversation, ready: Sequence[Ready]) -> None:
        key = self._key(conversation)
        times = [turn.at_s for turn in conversation.turns if turn.at_s is not None]
        began = conversation.began_s if conversation.began_s is not None else min(times, default=None)
        changed = conversation.changed_s if conversation.changed_s is not None else max(times, default=began)
        title = readable(conversation.title)
        cursor = self._db.execute(
            "INSERT INTO conversation (key, origin, id, title, service, place, began, changed, turns) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (
                key, conversation.origin, readable(conversation.id), title, conversation.service,
                readable(conversation.where), began, changed,
            ),
        )  # fmt: skip
        number = cursor.lastrowid
        self._name(conversation, number)
        if title:
            self._db.execute("INSERT INTO titles (rowid, text) VALUES (?, ?)", (number, words.indexed(title)))
        default_s = changed if changed is not None else self._now_s
        ids: set[str] = set()
        place = 0
        for one in ready:
            if one.turn.id not in ids:  # an origin that gives an id twice: the first stands
                ids.add(one.turn.id)
                self._insert(number, place, one, one.name, default_s)
                place += 1
        self._db.execute("UPDATE conversation SET turns = ? WHERE n = ?", (place, number))

    # -- a conversation that is there -------------------------------------------------------------------------------

    def _merge(self, number: int, conversation: Conversation, ready: Sequence[Ready], *, is_whole: bool = False) -> Put:
        """``is_whole``: it is known to begin where the conversation begins, though its ids are others."""
        origin, own = self._db.execute("SELECT origin, id FROM conversation WHERE n = ?", (number,)).fetchone()
        is_threaded = origin == conversation.origin and origin in THREADED
        is_own = (origin, own) == (conversation.origin, readable(conversation.id))
        there, chains, place = self._there(number, conversation.origin, is_named=is_own or is_threaded)
        last = max(there.values(), key=lambda one: one.place, default=None)
        known_chains = {name: one.chain for name, one in there.items()}
        _chain(ready, known_chains, last.chain if last and not is_whole and not is_threaded else b"")
        grew = False
        default_s = conversation.changed_s if conversation.changed_s is not None else self._now_s
        for one in ready:
            name = one.name
            if (known := there.get(name)) is not None:
                if is_own and not is_threaded and known.digest != one.digest:
                    self._replace(known.n, one)
                    grew = True
                continue
            if is_threaded and one.turn.role is Role.SYSTEM:
                continue  # the first one stands
            known, stored = chains.get(one.chain), ""
            if known is None:
                stored = name if is_own or is_threaded else f"{conversation.origin}:{readable(conversation.id)}:{name}"
                known = _There(self._insert(number, place, one, stored, default_s), place, one.digest, one.chain)
                grew, place = True, place + 1
                chains[one.chain] = known
            there[name] = known
            if stored != name:
                self._also(number, conversation.origin, name, known.n)
        if is_own and not is_threaded:
            grew = self._order(number, ready, there) or grew
        self._renew(number, conversation, ready, is_own=is_own)
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

    def _renew(self, number: int, conversation: Conversation, ready: Sequence[Ready], *, is_own: bool) -> None:
        title, service, place = self._db.execute(
            "SELECT title, service, place FROM conversation WHERE n = ?", (number,)
        ).fetchone()
        told = readable(conversation.title)
        if told and told != title and (not title or (is_own and not _is_first_words(told, ready))):
            if title:
                self._db.execute(
                    "INSERT INTO titles (titles, rowid, text) VALUES ('delete', ?, ?)", (number, words.indexed(title))
                )
            self._db.execute("INSERT INTO titles (rowid, text) VALUES (?, ?)", (number, words.indexed(told)))
            title = told
        times = [turn.at_s for turn in conversation.turns if turn.at_s is not None]
        began = [s for s in (conversation.began_s, *times) if s is not None]
        changed = [s for s in (conversation.changed_s, *times) if s is not None]
        self._db.execute(
            "UPDATE conversation SET title = :title, service = :service, place = :place, "
            "began = min(coalesce(began, :began), coalesce(:began, began)), "
            "changed = max(coalesce(changed, :changed), coalesce(:changed, changed)), "
            "turns = (SELECT count(*) FROM message WHERE conversation = :n) WHERE n = :n",
            {
                "title": title,
                "service": service or conversation.service,
                "place": place or readable(conversation.where),
                "began": min(began, default=None),
                "changed": max(changed, default=None),
                "n": number,
            },
        )

    # -- rows -------------------------------------------------------------------------------------------------------

    def _name(self, conversation: Conversation, number: int) -> None:
        self._db.execute(
            "INSERT INTO name (origin, id, conversation) VALUES (?, ?, ?)",
            (conversation.origin, readable(conversation.id), number),
        )

    def _key(self, conversation: Conversation) -> str:
        """What people call it: short, and the same in every vault."""
        identity = f"{conversation.origin}\0{readable(conversation.id)}".encode()
        whole = blake2b(identity, digest_size=32).hexdigest()
        for digits in range(_KEY_DIGITS, len(whole)):
            if not self._db.execute("SELECT 1 FROM conversation WHERE key = ?", (whole[:digits],)).fetchone():
                return whole[:digits]
        return whole

    def _insert(self, number: int, place: int, one: Ready, name: str, default_s: float) -> int:
        turn = one.turn
        n = self._ordinals.take(turn.at_s if turn.at_s is not None else default_s)
        self._db.execute(
            "INSERT INTO message (n, conversation, place, id, role, at, model, parent, digest, chain, parts) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                n, number, place, name, turn.role.value, turn.at_s, readable(turn.model), readable(turn.parent),
                one.digest, one.chain, one.stored,
            ),
        )  # fmt: skip
        self._give(n, one)
        self._await(n, one.words)
        return n

    def _replace(self, n: int, one: Ready) -> None:
        """A message that is another now."""
        self.unindex(n)
        turn = one.turn
        self._db.execute(
            "UPDATE message SET role = ?, at = ?, model = ?, parent = ?, digest = ?, chain = ?, parts = ? WHERE n = ?",
            (
                turn.role.value, turn.at_s, readable(turn.model), readable(turn.parent), one.digest, one.chain,
                one.stored, n,
            ),
        )  # fmt: skip
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
        for name, data in one.blobs.items():
            self._db.execute("INSERT OR IGNORE INTO blob (hash, data) VALUES (?, ?)", (name, data))
        for place, attachment in enumerate(one.turn.attachments):
            blob = None if attachment.data is None else name_of(attachment.data)
            self._db.execute(
                "INSERT INTO attachment (message, place, name, media_type, text, blob) VALUES (?, ?, ?, ?, ?, ?)",
                (n, place, readable(attachment.name), readable(attachment.media_type), readable(attachment.text), blob),
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


def made_ready(conversation: Conversation) -> list[Ready]:
    """The turns in the form in which they are stored. Pure, and half of the work."""
    return [_ready(turn) for turn in conversation.turns]


def _ready(turn: Turn) -> Ready:
    packed, blobs = pack(turn.parts)
    given: list[tuple[str, bytes | None]] = []
    for attachment in turn.attachments:
        blob = None if attachment.data is None else name_of(attachment.data)
        if blob is not None and attachment.data is not None:
            blobs[blob] = attachment.data
        given.append((readable(attachment.name), blob))
    return Ready(
        turn=turn,
        name=readable(turn.id),
        stored=squeezed(packed),
        digest=digest_of(packed, turn.role.value, given),
        meant=words.meaning(turn.parts, turn.attachments),
        words=words.indexed(words.words_of(turn.parts, turn.attachments)),
        blobs=blobs,
    )


def digest_of(packed: bytes, role: str, attachments: Sequence[tuple[str, bytes | None]]) -> bytes:
    """The digest of a message as it is kept."""
    digest = blake2b(packed + role.encode(), digest_size=HASH_BYTES)
    for name, blob in attachments:
        digest.update(name.encode() + (blob or b""))
    return digest.digest()


def _chain(ready: Sequence[Ready], known: dict[str, bytes], last: bytes) -> None:
    """Name each turn together with what stands before it: its parent, else the turn before, else the last one kept."""
    chains = dict(known)
    before = last
    if ready and ready[0].name in known:
        before = b""
    for one in ready:
        turn, name = one.turn, one.name
        stands_on = chains.get(readable(turn.parent), before) if turn.parent else before
        one.chain = known.get(name) or words.link(stands_on, turn.role, one.meant)
        chains[name] = one.chain
        if turn.role is not Role.SYSTEM:  # not every export has what the system was told
            before = one.chain
