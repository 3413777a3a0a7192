"""The vault: one private file, read and written through here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

from stillup.errors import UsageError
from stillup.gateway.dialects.neutral import Role
from stillup.secret import Secret
from stillup.vault.codec import unpack, unsqueezed
from stillup.vault.crypt import connect, faults
from stillup.vault.ready import Talk, made_ready
from stillup.vault.schema import prepare
from stillup.vault.values import Attachment, Conversation, Turn
from stillup.vault.write import Put, Writer

_BUILT = (("hashsize", 33_554_432), ("automerge", 64), ("crisismerge", 256))
"""The index takes a batch in one piece, and merges sixty-four pieces at a time: a gigabyte makes no more of them.

Merging by four, as it is by itself, writes everything three times; that many pieces cost a search no millisecond.
"""
_COLUMNS = "c.n, c.key, c.origin, c.id, c.title, c.service, c.place, c.began, c.changed, c.turns"


class About(Struct, frozen=True, kw_only=True):
    """A conversation without what is said in it. ``key`` is what people call it; times are Unix seconds."""

    n: int
    key: str
    origin: str
    id: str
    title: str
    service: str
    where: str
    began_s: float | None
    changed_s: float | None
    turns: int


class Tally(Struct, frozen=True):
    """How much came from one origin."""

    origin: str
    conversations: int
    messages: int


class Batch:
    """What is read from a source, written in one transaction together with how far that was."""

    def __init__(self, db: Any, now_s: float) -> None:  # noqa: ANN401 - a connection of sqlite3 or of sqlcipher3
        self._db = db
        self._now_s = now_s
        self.writer = Writer(db, now_s)

    def put(self, what: Conversation | Talk) -> Put:
        """Keep it, or what is new in it."""
        return self.writer.put(what if isinstance(what, Talk) else made_ready(what))

    def mark(self, importer: str, path: str, mark: str) -> None:
        """So far was read."""
        self._db.execute(
            "INSERT OR REPLACE INTO source (importer, path, mark, at) VALUES (?, ?, ?, ?)",
            (importer, path, mark, self._now_s),
        )


class Vault:
    """One open vault, for use from several threads, one at a time; other processes may use the file meanwhile.

    Every method raises :class:`~stillup.errors.StoreError` where the file cannot do it.
    """

    def __init__(self, path: Path, db: Any) -> None:  # noqa: ANN401 - a connection of sqlite3 or of sqlcipher3
        self.path = path
        self._db = db
        self._lock = RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file up."""
        with self._lock, faults(self.path):
            self._db.close()

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """The connection, for several reads of one state of the file."""
        with self._lock, faults(self.path):
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._db.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """The connection within a transaction: all of it is kept at the end of the block, or none."""
        with self._lock, faults(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def bare(self) -> Iterator[Any]:
        """The connection without a transaction, for what SQLite does in none."""
        with self._lock, faults(self.path):
            yield self._db

    @contextmanager
    def batch(self, now_s: float) -> Iterator[Batch]:
        """Write what was read, all of it or nothing."""
        with self.writing() as db:
            db.executemany("INSERT INTO words (words, rank) VALUES (?, ?)", _BUILT)
            batch = Batch(db, now_s)
            yield batch
            batch.writer.finish()

    def put(self, conversations: Iterable[Conversation], now_s: float) -> list[Put]:
        """Keep conversations in one transaction; what became of each."""
        with self.batch(now_s) as batch:
            return [batch.put(conversation) for conversation in conversations]

    def mark_of(self, importer: str, path: str) -> str:
        """How far a source was read; empty where it was not."""
        with self.reading() as db:
            wanted = "SELECT mark FROM source WHERE importer = ? AND path = ?"
            found = db.execute(wanted, (importer, path)).fetchone()
        return str(found[0]) if found else ""

    def sources(self) -> list[tuple[str, str]]:
        """Everything that was read from, by importer and path."""
        with self.reading() as db:
            return [(name, path) for name, path in db.execute("SELECT importer, path FROM source ORDER BY 1, 2")]

    def tallies(self) -> list[Tally]:
        """How much came from each origin, the most first."""
        wanted = "SELECT origin, count(*), sum(turns) FROM conversation GROUP BY origin ORDER BY 3 DESC"
        with self.reading() as db:
            return [Tally(*row) for row in db.execute(wanted)]

    def newest(self, limit: int, *, offset: int = 0, origin: str = "", service: str = "") -> list[About]:
        """Conversations, the one that changed last first."""
        with self.reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM conversation c WHERE (?1 = '' OR origin = ?1) AND (?2 = '' OR service = ?2) "  # noqa: S608
                "ORDER BY changed DESC, n DESC LIMIT ?3 OFFSET ?4",
                (origin, service, limit, offset),
            ).fetchall()
        return [_about(row) for row in rows]

    def every(self, *, origin: str = "", service: str = "") -> Iterator[About]:
        """All conversations, in the order they came; read in pages, so that an import is not held up."""
        after = 0
        while True:
            with self.reading() as db:
                rows = db.execute(
                    f"SELECT {_COLUMNS} FROM conversation c WHERE n > ?1 AND (?2 = '' OR origin = ?2) "  # noqa: S608
                    "AND (?3 = '' OR service = ?3) ORDER BY n LIMIT 500",
                    (after, origin, service),
                ).fetchall()
            yield from map(_about, rows)
            if not rows:
                return
            after = rows[-1][0]

    def find(self, beginning: str) -> About:
        """The one whose key begins so, or whose own id in its origin is that.

        :raises UsageError: there is none, or there are several.
        """
        low, high = beginning, beginning + "\U0010ffff"
        with self.reading() as db:
            called = f"SELECT {_COLUMNS} FROM conversation c WHERE key >= ? AND key < ? LIMIT 2"  # noqa: S608
            rows = db.execute(called, (low, high)).fetchall() if beginning else []
            if not rows:
                named = f"SELECT {_COLUMNS} FROM name n JOIN conversation c ON c.n = n.conversation"  # noqa: S608
                rows = db.execute(f"{named} WHERE n.id = ? LIMIT 2", (beginning,)).fetchall()
        if len(rows) == 1:
            return _about(rows[0])
        says = "several conversations are called so; give more of it" if rows else "no conversation is called so"
        msg = f"{beginning[:60]!r}: {says} (`stillup vault list`, `stillup vault search WORDS`)"
        raise UsageError(msg)

    def load(self, about: About) -> Conversation:
        """All of a conversation, attachments with their bytes too."""
        with self.reading() as db:

            def blob_of(name: bytes) -> bytes | None:
                found = db.execute("SELECT data FROM blob WHERE hash = ?", (name,)).fetchone()
                return found[0] if found else None

            given: dict[int, list[Attachment]] = {}
            for n, name, media_type, text, blob in db.execute(
                "SELECT a.message, a.name, a.media_type, a.text, a.blob FROM attachment a "
                "JOIN message m ON m.n = a.message WHERE m.conversation = ? ORDER BY a.message, a.place",
                (about.n,),
            ).fetchall():
                data = blob_of(blob) if blob is not None else None
                given.setdefault(n, []).append(Attachment(name=name, media_type=media_type, data=data, text=text))
            rows = db.execute(
                "SELECT n, id, role, at, model, parent, parts FROM message WHERE conversation = ? ORDER BY place",
                (about.n,),
            ).fetchall()
            turns = tuple(
                Turn(
                    id=name, role=Role(role), at_s=at, model=model, parent=parent,
                    parts=unpack(unsqueezed(parts), blob_of), attachments=tuple(given.get(n, ())),
                )
                for n, name, role, at, model, parent, parts in rows
            )  # fmt: skip
        return Conversation(
            origin=about.origin, id=about.id, turns=turns, title=about.title, service=about.service,
            where=about.where, began_s=about.began_s, changed_s=about.changed_s,
        )  # fmt: skip


def open_vault(path: Path, passphrase: Secret | None = None) -> Vault:
    """Open the vault at ``path``, made or brought up to date first where needed (0600, its folder 0700).

    :raises stillup.errors.StoreError: it cannot be used, and why; the passphrase is wrong. Nothing is changed then.
    """
    path = path.expanduser().absolute()
    db = connect(path, passphrase)
    try:
        with faults(path):
            prepare(db, str(path))
    except BaseException:
        db.close()
        raise
    return Vault(path, db)


def about_of(db: Any, number: int) -> About:  # noqa: ANN401 - a connection of sqlite3 or of sqlcipher3
    """A conversation by its number in the file."""
    return _about(db.execute(f"SELECT {_COLUMNS} FROM conversation c WHERE n = ?", (number,)).fetchone())  # noqa: S608


def _about(row: tuple[Any, ...]) -> About:
    n, key, origin, name, title, service, where, began, changed, turns = row
    return About(
        n=n, key=key, origin=origin, id=name, title=title, service=service, where=where, began_s=began,
        changed_s=changed, turns=turns,
    )  # fmt: skip
