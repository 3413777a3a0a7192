"""A drill: which upstream fails, in which way, and for how long. What somebody asks for is checked here."""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_S = 86_400.0
"""No drill is longer: one that was forgotten must not be somebody's outage for days."""
_LEAST_STATUS, _MOST_STATUS = 400, 599
_MOST_AFTER = 1_000_000
_MOST_DELAY_S = 3_600.0
_MOST_BODY_BYTES = 4_096


class Mode(StrEnum):
    """How it fails. Where it says *after*, the real upstream answers, and its answer breaks behind so many pieces."""

    __hash__ = str.__hash__

    REFUSED = "refused"
    DNS = "dns"
    TLS = "tls"
    RESET = "reset"
    """The request is read, then the connection is reset."""
    HANG = "hang"
    """Silence, until the drill ends."""
    STATUS = "status"
    """An error of ``status``, in the protocol's own words."""
    HTML = "html"
    """200 with a page, as a captive portal has it."""
    WRONG_TYPE = "wrong_type"
    """200 under a content type that no API has."""
    EMPTY = "empty"
    """200 and no body."""
    PINGS = "pings"
    """200 and signs of life, and never anything else, until the drill ends."""
    ERROR_FIRST = "error_first"
    """200, then the protocol's error event and nothing else."""
    SLOW_HEADERS = "slow_headers"
    """The real answer, but ``delay_s`` later."""
    SLOW_FIRST_TOKEN = "slow_first_token"  # noqa: S105 - a way to fail
    """The real answer's head, and ``delay_s`` later the rest."""
    CUT = "cut"
    """*After*, the connection ends."""
    CUT_INSIDE = "cut_inside"
    """*After*, half an event, and the connection ends."""
    CUT_RESET = "cut_reset"
    """*After*, the connection is reset."""
    STALL = "stall"
    """*After*, silence until the drill ends."""
    ERROR_EVENT = "error_event"
    """*After*, the protocol's own error event."""
    MALFORMED = "malformed"
    """*After*, one event whose JSON is broken."""
    ENDS_EARLY = "ends_early"
    """*After*, a clean end without an end marker."""

    @property
    def is_real(self) -> bool:
        """Whether the real upstream is asked; the others never reach it."""
        return self in _REAL


_REAL = frozenset(
    {
        Mode.SLOW_HEADERS, Mode.SLOW_FIRST_TOKEN, Mode.CUT, Mode.CUT_INSIDE, Mode.CUT_RESET, Mode.STALL,
        Mode.ERROR_EVENT, Mode.MALFORMED, Mode.ENDS_EARLY,
    }
)  # fmt: skip
MODES = tuple(mode.value for mode in Mode if mode is not Mode.STATUS)
"""What may be asked for beside a status."""
IN_WORDS = {
    Mode.REFUSED: "no connection: it is refused",
    Mode.DNS: "no connection: the name is not found",
    Mode.TLS: "no connection: the certificate is no good",
    Mode.RESET: "the connection is reset before an answer",
    Mode.HANG: "silence, until the drill ends",
    Mode.HTML: "200 with a page, as at a hotel's sign-in",
    Mode.WRONG_TYPE: "200 under a content type that no API has",
    Mode.EMPTY: "200 and no body",
    Mode.PINGS: "200, signs of life and nothing else, until the drill ends",
    Mode.ERROR_FIRST: "200, then an error event and nothing else",
    Mode.SLOW_HEADERS: "the real answer, --delay seconds late",
    Mode.SLOW_FIRST_TOKEN: "the real answer's head, and --delay seconds later the rest",
    Mode.CUT: "behind --after pieces the connection ends",
    Mode.CUT_INSIDE: "behind --after pieces half an event comes, and the connection ends",
    Mode.CUT_RESET: "behind --after pieces the connection is reset",
    Mode.STALL: "behind --after pieces silence, until the drill ends",
    Mode.ERROR_EVENT: "behind --after pieces an error event",
    Mode.MALFORMED: "behind --after pieces an event that cannot be read",
    Mode.ENDS_EARLY: "behind --after pieces a clean end that is none",
}
"""What each does, for people."""


class Unfit(ValueError):
    """What was asked for is no drill; the text says what is allowed."""


class Silent(Protocol):
    """A call that a drill keeps waiting."""

    def let_go(self) -> None:
        """The drill is over: it fails now, so that its request is asked again or elsewhere."""


class Wanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody asks for. ``mode`` is one of :data:`MODES` or a status, as ``"529"``."""

    upstream: str
    mode: str
    for_s: float
    after: int = 5
    delay_s: float = 30.0
    share: float = 1.0
    retry_after_s: float | None = None


class Drill(Struct, eq=False, kw_only=True):
    """One drill under way; ``until_s`` is on the gateway's steady clock, ``by`` the user who asked for it."""

    upstream: str
    mode: Mode
    until_s: float
    status: int = 0
    after: int = 5
    delay_s: float = 30.0
    share: float = 1.0
    retry_after_s: float | None = None
    by: str = ""
    tries: int = 0
    """So many tries it has touched."""
    silent: list[Silent] = []

    @property
    def name(self) -> str:
        """The mode as it is asked for and shown: ``hang``, ``529``."""
        return str(self.status) if self.mode is Mode.STATUS else self.mode.value


class DrillStatus(Struct, frozen=True, kw_only=True):
    """A drill as ``/stillup/status`` and ``/stillup/fault`` show it."""

    upstream: str
    mode: str
    left_s: float
    share: float = 1.0
    tries: int = 0
    by: str = ""


def read_wanted(body: bytes) -> Wanted:
    """What the body of a POST asks for.

    :raises Unfit: it cannot be read.
    """
    if len(body) > _MOST_BODY_BYTES:
        msg = f"a drill is asked for in at most {_MOST_BODY_BYTES} bytes"
        raise Unfit(msg)
    try:
        return msgspec.json.decode(body, type=Wanted)
    except (msgspec.DecodeError, RecursionError) as exc:
        msg = f"that is no drill: {exc}; needed: upstream, mode and for_s, as JSON"
        raise Unfit(msg) from exc


def drill_of(wanted: Wanted, known: Sequence[str], now: float, by: str = "") -> Drill:
    """The drill that is asked for.

    :raises Unfit: it names what there is not, or a bound is passed.
    """
    if wanted.upstream not in known:
        near = get_close_matches(wanted.upstream[:200], known, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]}?" if near else ""
        msg = f"no upstream is called {wanted.upstream[:100]!r}{hint}; there are: {', '.join(known) or 'none'}"
        raise Unfit(msg)
    mode, status = _mode_of(wanted.mode)
    _check("for_s", wanted.for_s, MOST_S, above=True)
    _check("delay_s", wanted.delay_s, _MOST_DELAY_S)
    _check("share", wanted.share, 1.0, above=True)
    _check("after", wanted.after, _MOST_AFTER)
    if wanted.retry_after_s is not None:
        _check("retry_after_s", wanted.retry_after_s, MOST_S)
    return Drill(
        upstream=wanted.upstream,
        mode=mode,
        status=status,
        until_s=now + wanted.for_s,
        after=wanted.after,
        delay_s=wanted.delay_s,
        share=wanted.share,
        retry_after_s=wanted.retry_after_s,
        by=by,
    )


def _mode_of(text: str) -> tuple[Mode, int]:
    if len(text) == 3 and text.isascii() and text.isdecimal():
        status = int(text)
        if _LEAST_STATUS <= status <= _MOST_STATUS:
            return Mode.STATUS, status
        msg = f"{text} is no error's status; allowed: {_LEAST_STATUS} to {_MOST_STATUS}"
        raise Unfit(msg)
    if text in MODES:
        return Mode(text), 0
    near = get_close_matches(text[:100].lower().replace("-", "_"), MODES, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    msg = f"no way to fail is called {text[:100]!r}{hint}; there are: {', '.join(MODES)}, or a status, as 529"
    raise Unfit(msg)


def _check(name: str, value: float, most: float, *, above: bool = False) -> None:
    fits = value <= most and (value > 0 if above else value >= 0)  # no NaN does; a large int may be no float at all
    if not fits:
        told = f"{value:g}" if abs(value) < _MOST_AFTER**3 else "far too much"
        msg = f"{name} is {told}; allowed: a number {'above 0' if above else 'from 0'} to {most:g}"
        raise Unfit(msg)
