"""The seam where PostgreSQL's errors, and those of the way to it, become :class:`~stillup.errors.StoreError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoneFree

from stillup.errors import Blame, StoreError

# By SQLSTATE, or by its class. `{where}` is filled in. What may be over in a moment is the network's fault: whoever may
# come late tries again then.
SENTENCES: dict[str, tuple[str, Blame]] = {
    "08": ("the connection to the database {where} broke", Blame.NETWORK),
    "25006": ("the database {where} takes no writing: it is read-only, or a standby", Blame.NETWORK),
    "25P03": ("the database {where} gave up a transaction that stood still: this process was paused", Blame.US),
    "28": ("the database {where} refuses this user or password", Blame.USER),
    "3D000": ("there is no database {where}: make it (`createdb`), stillup makes the tables in it", Blame.USER),
    "3F000": ("the database {where} has no schema of that name", Blame.USER),
    "42501": (
        "this user may not do that in the database {where}: make it the owner, or give it a schema of its own",
        Blame.USER,
    ),
    "42P01": ("a table is missing in the database {where}: it was taken away, or is in another schema", Blame.USER),
    "53100": ("the database {where} cannot grow: its disk is full", Blame.USER),
    "53200": ("the database {where} is out of memory", Blame.USER),
    "53300": ("the database {where} takes no more connections", Blame.NETWORK),
    "55P03": ("the database {where} stayed locked by somebody else", Blame.USER),
    "57014": ("the database {where} took too long and was told to stop", Blame.NETWORK),
    "57P": ("the database {where} is being stopped or started", Blame.NETWORK),
    "58": ("the disk of the database {where} failed", Blame.USER),
    "40": ("the database {where} gave this transaction up in favour of another", Blame.US),
    "XX001": ("the database {where} is damaged", Blame.USER),
    "XX002": ("an index of the database {where} is damaged", Blame.USER),
}

# What the way there says has no SQLSTATE, only words; the words themselves can quote the address. First that fits.
_NO_ANSWER: tuple[tuple[tuple[str, ...], str, Blame], ...] = (
    (("authentication failed", "no password supplied", "pg_hba.conf", 'role "'), SENTENCES["28"][0], Blame.USER),
    (("too many", "connection slots"), SENTENCES["53300"][0], Blame.NETWORK),
    (("does not exist",), SENTENCES["3D000"][0], Blame.USER),
    (("starting up", "shutting down", "recovery mode"), SENTENCES["57P"][0], Blame.NETWORK),
    (("refused",), "nothing listens at the database {where}", Blame.NETWORK),
    (("timeout", "timed out"), "the database {where} does not answer", Blame.NETWORK),
    (("resolve", "translate host", "not known", "no address"), "the database {where} has no such host", Blame.NETWORK),
    (("certificate", "ssl", "tls"), "the database {where} cannot be reached over TLS as asked", Blame.USER),
    (("no such file", "unreachable", "no route"), "the database {where} cannot be reached", Blame.NETWORK),
)


@contextmanager
def postgres_errors(where: str) -> Iterator[None]:
    """Turn what goes wrong with the database inside this block into one sentence that names it.

    :raises StoreError: the database cannot be reached, read or written.
    """
    try:
        yield
    except NoneFree:
        error = StoreError(f"all connections to the database {where} are in use")
    except DBAPIError as exc:
        error = of_postgres(where, exc.orig)
    except SQLAlchemyError as exc:
        error = StoreError(f"the database {where} cannot be used ({type(exc).__name__})")
    else:
        return
    raise error  # here, without a cause: the driver's own text can quote the data, or the address


def of_postgres(where: str, exc: BaseException | None) -> StoreError:
    """The error of one failure; the driver's own text stays out."""
    state: str | None = getattr(exc, "sqlstate", None)
    if state is not None:
        found = next((SENTENCES[n] for n in (state, state[:3], state[:2]) if n in SENTENCES), None)
        sentence, blame = found or ("the database {where} cannot be used", Blame.US)
        name = f"{state} {type(exc).__name__}"
    else:
        said = str(exc).lower()
        found = next((row[1:] for row in _NO_ANSWER if any(word in said for word in row[0])), None)
        sentence, blame = found or SENTENCES["08"]
        name = "" if found else type(exc).__name__  # a name helps only where the sentence may not be all
    text = sentence.format(where=where)
    error = StoreError(f"{text} ({name})" if name else text)
    error.blame = blame
    return error
