"""Whether all of a vault is whole, and what is deleted from it for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from stillup.errors import StoreError
from stillup.vault.codec import blobs_in, name_of, unsqueezed
from stillup.vault.ready import digest_of
from stillup.vault.store import Vault
from stillup.vault.words import indexed
from stillup.vault.write import text_of

_PAGE = 500
_MOST = 100


class Checked(Struct, kw_only=True):
    """What was looked at, and what is not as it should be, a sentence each (the first hundred)."""

    conversations: int = 0
    messages: int = 0
    attachments: int = 0
    troubles: list[str] = []

    def wrong(self, what: str) -> None:
        """One more trouble."""
        if len(self.troubles) < _MOST:
            self.troubles.append(what)


def verify(vault: Vault) -> Checked:
    """Read everything once and compare it with what it is filed under.

    Cost: all of the file is read; a million messages take about a minute.
    """
    checked = Checked()
    with vault.bare() as db:
        for (word,) in db.execute("PRAGMA integrity_check(20)").fetchall():
            if word != "ok":
                checked.wrong(f"the file: {word}")
        for index in ("words", "titles"):
            try:
                db.execute(f"INSERT INTO {index} ({index}) VALUES ('integrity-check')")  # noqa: S608 - our own two names
            except Exception as exc:  # noqa: BLE001 - of sqlite3 or of sqlcipher3: either says that it is damaged
                checked.wrong(f"the index of {index} is damaged ({type(exc).__name__})")
    with vault.reading() as db:
        (checked.conversations,) = db.execute("SELECT count(*) FROM conversation").fetchone()
        _messages(db, checked)
        _blobs(db, checked)
        (strays,) = db.execute(
            "SELECT count(*) FROM conversation c WHERE turns != (SELECT count(*) FROM message WHERE conversation = c.n)"
        ).fetchone()
        if strays:
            checked.wrong(f"{strays} conversations have another number of messages than they say")
    return checked


def _messages(db: Any, checked: Checked) -> None:  # noqa: ANN401 - a connection of sqlite3 or of sqlcipher3
    after = -1
    while rows := db.execute(
        "SELECT m.n, m.id, m.role, m.digest, m.parts, c.key FROM message m JOIN conversation c ON c.n = m.conversation "
        "WHERE m.n > ? ORDER BY m.n LIMIT ?",
        (after, _PAGE),
    ).fetchall():
        for n, name, role, digest, parts, key in rows:
            checked.messages += 1
            given = db.execute("SELECT name, blob FROM attachment WHERE message = ? ORDER BY place", (n,)).fetchall()
            checked.attachments += len(given)
            try:
                packed = unsqueezed(parts)
                needed = blobs_in(packed) | {blob for _, blob in given if blob is not None}
            except StoreError:
                checked.wrong(f"{key}: message {name} cannot be read")
                continue
            if digest_of(packed, role, given) != digest:
                checked.wrong(f"{key}: message {name} is not as it was kept")
            for blob in needed:
                if db.execute("SELECT 1 FROM blob WHERE hash = ?", (blob,)).fetchone() is None:
                    checked.wrong(f"{key}: message {name} lacks a file")
        after = rows[-1][0]


def _blobs(db: Any, checked: Checked) -> None:  # noqa: ANN401
    for rowid, name in db.execute("SELECT rowid, hash FROM blob").fetchall():
        (data,) = db.execute("SELECT data FROM blob WHERE rowid = ?", (rowid,)).fetchone()
        if name_of(data) != name:
            checked.wrong(f"a file is not as it was kept ({name.hex()})")


def delete(vault: Vault, numbers: Sequence[int]) -> None:
    """Delete conversations, with what no other one needs; nothing of them stays in the file."""
    with vault.writing() as db:
        for number in numbers:
            _unindex(db, number)
            db.execute("DELETE FROM conversation WHERE n = ?", (number,))
        _sweep(db)
        for index in ("words", "titles"):
            db.execute(f"INSERT INTO {index} ({index}) VALUES ('optimize')")  # noqa: S608 - else the words stay in it for a while
    with vault.bare() as db:
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _unindex(db: Any, number: int) -> None:  # noqa: ANN401
    for (n,) in db.execute("SELECT n FROM message WHERE conversation = ?", (number,)).fetchall():
        try:
            text = indexed(text_of(db, n))
        except StoreError:  # damaged: it can go all the same
            continue
        db.execute("INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", (n, text))
    (title,) = db.execute("SELECT title FROM conversation WHERE n = ?", (number,)).fetchone()
    if title:
        db.execute("INSERT INTO titles (titles, rowid, text) VALUES ('delete', ?, ?)", (number, indexed(title)))


def _sweep(db: Any) -> None:  # noqa: ANN401
    """Delete the blobs that nothing needs any more."""
    needed = {blob for (blob,) in db.execute("SELECT DISTINCT blob FROM attachment WHERE blob IS NOT NULL")}
    kept = {name for (name,) in db.execute("SELECT hash FROM blob")}
    if kept - needed:  # those that stand in messages are found by reading them
        for (parts,) in db.execute("SELECT parts FROM message"):
            try:
                needed |= blobs_in(unsqueezed(parts))
            except StoreError:
                return  # what a damaged message needs is not known: nothing is deleted
    db.executemany("DELETE FROM blob WHERE hash = ?", [(name,) for name in kept - needed])
