"""What the poller says of one reading: the reading, or why there is none. *No data* always has a name."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from traceback import walk_tb

from msgspec import Struct

from stillup.errors import (
    Blame,
    Malformed,
    NotConfigured,
    RateLimited,
    Refused,
    SourceError,
    TooLarge,
    Unreachable,
)
from stillup.sources.base import Reading
from stillup.sources.decode import clean
from stillup.sources.schedule import Why

_MAX_SENTENCE = 200


class FailureKind(StrEnum):
    """Why a source gave no data: the error tree's names, and two that only the poller can know."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    NOT_CONFIGURED = "not_configured"
    NO_DATA = "no_data"
    """The source gave no narrower reason."""
    LATE = "late"
    """It had not answered when we had to go on."""
    CRASHED = "crashed"
    """A fault of stillup's own in reading this source."""


# Subclasses stand before their bases: the first that matches is the name.
_KINDS: tuple[tuple[type[SourceError], FailureKind], ...] = (
    (Unreachable, FailureKind.UNREACHABLE),
    (RateLimited, FailureKind.RATE_LIMITED),
    (Refused, FailureKind.REFUSED),
    (TooLarge, FailureKind.TOO_LARGE),
    (Malformed, FailureKind.MALFORMED),
    (NotConfigured, FailureKind.NOT_CONFIGURED),
    (SourceError, FailureKind.NO_DATA),
)


class Failure(Struct, frozen=True, kw_only=True):
    """Why there is no reading: a kind to act on, one clean sentence for a person, and who can mend it."""

    kind: FailureKind
    says: str
    blame: Blame
    retry_after_s: float | None = None


class Report(Struct, frozen=True, kw_only=True):
    """One reading of one source for one service: ``reading`` or ``error``, never both, never neither.

    ``elapsed_ms`` is real time. ``next_at`` is when it is read next if the poller keeps running, and ``why_next`` why
    then.
    """

    source: str
    service: str
    started_at: datetime
    elapsed_ms: float
    next_at: datetime
    why_next: Why
    reading: Reading | None = None
    error: Failure | None = None

    @property
    def ok(self) -> bool:
        """The source was read."""
        return self.reading is not None

    @property
    def late(self) -> bool:
        """The source had not answered when we had to go on."""
        return self.error is not None and self.error.kind is FailureKind.LATE


def failure_of(exc: Exception) -> Failure:
    """Any exception of a source as a failure. Foreign texts are not repeated: they could hold a key or a body."""
    if isinstance(exc, SourceError):
        kind = next(name for error, name in _KINDS if isinstance(exc, error))
        says = clean(str(exc), _MAX_SENTENCE) or kind.value
        return Failure(kind=kind, says=says, blame=exc.blame, retry_after_s=exc.retry_after_s)
    says = f"a fault of stillup's own: {type(exc).__name__}{_place(exc)}"
    return Failure(kind=FailureKind.CRASHED, says=clean(says, _MAX_SENTENCE), blame=Blame.US)


def late(after_s: float) -> Failure:
    """The failure of a source that was given up after so many seconds."""
    return Failure(kind=FailureKind.LATE, says=f"no answer within {after_s:g} s", blame=Blame.PROVIDER)


def _place(exc: Exception) -> str:
    """Where it happened, for the person who mends it: the innermost line of our own code."""
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in walk_tb(exc.__traceback__)]
    ours = [(path.name, line) for path, line in frames if "stillup" in path.parts]
    return f" at {ours[-1][0]}:{ours[-1][1]}" if ours else ""
