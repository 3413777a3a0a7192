"""How the vault's file is opened: by SQLite, or by SQLCipher with a passphrase where it is encrypted."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import pbkdf2_hmac
from importlib import import_module
from pathlib import Path
from typing import Any

from stillup.errors import Blame, ConfigError, StoreError
from stillup.private import make_file, private_folder
from stillup.secret import Secret
from stillup.store.faults import of_sqlite

_PLAIN = b"SQLite format 3\0"
_SALT_BYTES, _KEY_BYTES, _ROUNDS = 16, 32, 256_000
_CACHE_KB = 24_576
_LOG_PAGES = 8_000
"""The log is folded in when it has so many: an import writes some pages again and again."""
WAIT_S = 30.0
"""For another process that is writing: an import commits every few megabytes."""


def is_encrypted(path: Path) -> bool:
    """Whether a vault that is there is encrypted.

    :raises StoreError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_PLAIN))
    except FileNotFoundError:
        return False
    except OSError as exc:
        msg = f"the vault {path} cannot be read: {exc.strerror}"
        raise _blamed(msg) from exc
    return bool(head) and head != _PLAIN


class RawKeys:
    """What a passphrase became, remembered for one vault that is opened again and again.

    SQLCipher takes a tenth of a second for that each time: PBKDF2 with SHA-512, 256,000 rounds and the file's own salt.
    """

    def __init__(self) -> None:
        self._known: tuple[bytes, str] | None = None
        self._key = Secret("")

    def of(self, path: Path, passphrase: Secret) -> Secret:
        """The key, in the form in which SQLCipher takes it in the place of a passphrase.

        :raises StoreError: the vault cannot be read.
        """
        with _files(path), path.open("rb") as file:
            salt = file.read(_SALT_BYTES)
        if self._known != (salt, passphrase.reveal()):
            raw = pbkdf2_hmac("sha512", passphrase.reveal().encode(), salt, _ROUNDS, _KEY_BYTES)
            self._key = Secret(f"x'{raw.hex()}'")
            self._known = (salt, passphrase.reveal())
        return self._key


def connect(path: Path, passphrase: Secret | None) -> Any:  # noqa: ANN401 - a connection of sqlite3 or of sqlcipher3
    """A connection that begins no transaction by itself. The file is made, for its owner alone, where there is none.

    :raises StoreError: it cannot be opened; the passphrase is wrong; there is none and it is encrypted.
    """
    with _files(path):
        _make_private(path)
        locked = is_encrypted(path)
        if locked and passphrase is None:
            msg = f"the vault {path} is encrypted, and no passphrase was given"
            raise _blamed(msg)
        if passphrase is not None and not locked and path.stat().st_size:
            passphrase = None  # one that is not encrypted needs none
        db = _open(path, passphrase)
        try:
            if passphrase is not None:
                _unlock(db, path, passphrase)
            db.execute("PRAGMA foreign_keys = ON")
            db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
            db.execute("PRAGMA secure_delete = FAST")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            _use_wal(db)
        except BaseException:
            db.close()
            raise
        return db


def rewrite(path: Path, old: Secret | None, new: Secret | None) -> None:
    """Encrypt, decrypt or change the passphrase: a copy is written beside the file, and takes its place when whole.

    :raises StoreError: it cannot be; then everything is as it was.
    """
    draft = path.with_name(f".{path.name}-new")
    with _files(path):
        draft.unlink(missing_ok=True)
        make_file(draft)
        try:
            _copy(path, draft, old, new)
            with suppress(OSError):
                _sync(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _copy(path: Path, draft: Path, old: Secret | None, new: Secret | None) -> None:
    driver = _cipher()
    with closing(driver.connect(str(path), timeout=WAIT_S, isolation_level=None)) as db:
        if old is not None:
            _unlock(db, path, old)
        # Folds the log into the file, and fails while anybody else has it open: they would go on with the old file.
        db.execute("PRAGMA journal_mode = DELETE").fetchone()
        version, application = (
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")
        )
        db.execute("ATTACH DATABASE ? AS draft KEY ?", (str(draft), new.reveal() if new else ""))
        db.execute("SELECT sqlcipher_export('draft')")
        db.execute(f"PRAGMA draft.user_version = {version}")
        db.execute(f"PRAGMA draft.application_id = {application}")
        db.execute("DETACH DATABASE draft")


@contextmanager
def _files(path: Path) -> Iterator[None]:
    """The same, of the file system's errors too: while a vault is written, those are the source's that is read."""
    try:
        with faults(path):
            yield
    except OSError as exc:
        msg = f"the vault {path} cannot be opened: {exc.strerror or type(exc).__name__}"
        raise _blamed(msg) from exc


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turn what goes wrong with the database inside this block into one sentence with its path.

    :raises StoreError: the vault cannot be opened, read or written.
    """
    try:
        yield
    except StoreError:
        raise
    except sqlite3.Error as exc:
        raise of_sqlite(path, exc) from exc
    except Exception as exc:
        if type(exc).__module__.partition(".")[0] == "sqlcipher3":
            raise of_sqlite(path, exc) from exc
        raise


def _open(path: Path, passphrase: Secret | None) -> Any:  # noqa: ANN401
    driver = sqlite3 if passphrase is None else _cipher()
    return driver.connect(str(path), timeout=WAIT_S, isolation_level=None, check_same_thread=False)


def _unlock(db: Any, path: Path, passphrase: Secret) -> None:  # noqa: ANN401
    db.execute("PRAGMA cipher_log_level = NONE")  # it would write to standard error
    quoted = passphrase.reveal().replace("'", "''")
    db.execute(f"PRAGMA key = '{quoted}'")
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except Exception as exc:
        if "not a database" not in str(exc):
            raise
        msg = f"that is not the passphrase of the vault {path}; nothing was changed"
        raise _blamed(msg) from None


def _cipher() -> Any:  # noqa: ANN401
    try:
        return import_module("sqlcipher3.dbapi2")
    except ImportError:
        msg = "an encrypted vault needs the package sqlcipher3: pip install 'stillup[sqlcipher]'"
        raise ConfigError(msg) from None


def _use_wal(db: Any) -> None:  # noqa: ANN401
    """Readers and a writer need not wait for each other."""
    (mode,) = db.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":
        db.execute("BEGIN IMMEDIATE")  # the mode is changed without waiting: wait here
        db.execute("ROLLBACK")
        db.execute("PRAGMA journal_mode = WAL").fetchone()


def _make_private(path: Path) -> None:
    private_folder(path.parent)
    if path.is_symlink() and not path.exists():
        msg = f"the vault {path} is a link to a file that does not exist"
        raise _blamed(msg)
    if not path.exists():
        make_file(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _blamed(why: str) -> StoreError:
    error = StoreError(why)
    error.blame = Blame.USER
    return error
