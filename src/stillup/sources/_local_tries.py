"""What the command lines on this machine have in common: their sessions' lines as tries, and tries as signals.

``Outcome.error`` is one of a closed set. The user's own: ``rate_limit``, ``quota`` (with the limit's name and when it
opens again, as far as they are known: ``quota:five_hour until 2026-05-12T18:00:00Z``), ``authentication``,
``permission``, ``billing``. This machine's: ``network``. The provider's: ``overloaded``, ``server_error``,
``timeout``, ``connection``, ``not_found``, ``other``.

A request that failed is one outcome a minute, however often it was tried in it; what carries no name of a request is
one a minute and error. Parallel sessions are then counted too low, never too high.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome, Signal
from stillup.model.verdict import iso
from stillup.net import Net
from stillup.sources._local_files import tails
from stillup.sources.base import Context, Reading
from stillup.sources.posts import HISTORY, signal_id, span, window_end

_T = TypeVar("_T")
_WINDOW_S = 60
_LOOK_AT = 50
_LIMIT_LASTS = timedelta(hours=1)

QUOTA = "quota"
NETWORK = "network"
OWN_FAULTS = frozenset(("rate_limit", QUOTA, "authentication", "permission", "billing"))
"""Errors that never vote for an outage; what stands after a colon is detail."""
PROVIDER_FAULTS = frozenset(("overloaded", "server_error", "timeout", "connection", "not_found", "other"))
# A connection that fails is placed at the provider's edge: whether this machine's network is to blame is for the
# probe to say, which has other hosts to compare with. Where the system itself says that there is no network, it is.
_LAYERS = {
    NETWORK: Layer.NETWORK,
    "connection": Layer.EDGE,
    "rate_limit": Layer.API_GATEWAY,
    QUOTA: Layer.API_GATEWAY,
    "billing": Layer.API_GATEWAY,
    "authentication": Layer.AUTH,
    "permission": Layer.AUTH,
}
_BY_STATUS = {
    401: "authentication", 402: "billing", 403: "permission", 404: "not_found", 408: "timeout", 429: "rate_limit",
    504: "timeout", 529: "overloaded",
}  # fmt: skip
REQUEST_WAS_WRONG = frozenset((400, 409, 413, 422))


class Try(Struct, frozen=True, kw_only=True):
    """One request as a session's lines tell it: ``error`` None when it was answered, else a word of the closed set."""

    at: datetime
    request: str | None
    error: str | None
    resets_at: datetime | None = None

    @property
    def opens_at(self) -> datetime | None:
        """When the limit opens again; None where it is not known, or was over before it was met."""
        is_later = self.resets_at is not None and self.resets_at > self.at
        return self.resets_at.replace(microsecond=0) if self.resets_at and is_later else None


class Tries(Struct, frozen=True):
    """The tries of some lines, oldest first, and how many error lines could not be used for want of a time or name."""

    tries: tuple[Try, ...]
    left_out: int = 0


def by_status(status: int) -> str:
    """The word for an HTTP status that is an error."""
    return _BY_STATUS.get(status) or ("server_error" if 500 <= status < 600 else "other")


def is_own_fault(error: str) -> bool:
    """Whether an error of the closed set is the user's own limit, key or bill."""
    return error.partition(":")[0].partition(" ")[0] in OWN_FAULTS


class LocalSource:
    """Sessions of one command line on this machine. Subclasses say where they lie and how a line is read."""

    id: str
    component: str
    called: str
    """The program, as people call it."""
    inside = ""
    """The name of a folder that must be on the way to a file, where not every file is a session's."""

    def folder(self) -> Path:
        """Where the program keeps its sessions unless the user says otherwise."""
        raise NotImplementedError

    def tries(self, lines: bytes) -> Tries:
        """Read lines in any order; one that was cut or is not understood is left out. Pure.

        :raises Malformed: not one of them is this program's.
        """
        raise NotImplementedError

    def covers(self, ctx: Context) -> bool:
        """Only the service whose client it is."""
        return self.id in ctx.service.sources

    async def read(self, ctx: Context, net: Net) -> Reading:  # noqa: ARG002 - the network is not used
        """Read the sessions' ends, off the event loop.

        :raises NotConfigured: there are none.
        """
        return await asyncio.to_thread(self._read, ctx)

    def _read(self, ctx: Context) -> Reading:
        said = ctx.setting.options.get("path")
        lines = tails(Path(str(said)).expanduser() if said else self.folder(), self.inside)
        if lines is None:
            msg = f"no sessions of {self.called} on this machine"
            raise NotConfigured(msg)
        return self.parse(lines, ctx)

    def parse(self, lines: bytes, ctx: Context, tag: str = "") -> Reading:  # noqa: ARG002 - one kind of lines
        """Read the lines of sessions. Pure.

        :raises Malformed: these are not this program's.
        """
        read = self.tries(lines)
        known = [t for t in read.tries if ctx.now - HISTORY < t.at <= ctx.now]
        failed, answered = _once(_failures(known)), _once(_answers(known))
        from_ = ctx.since or ctx.now - HISTORY
        component = ctx.hint(self.id).component or self.component
        make = _Maker(self.id, component if ctx.service.component(component) else None, ctx)
        signals: tuple[Signal, ...] = (
            *(make.failure(name, t) for name, t in failed.items() if t.at > from_),
            *make.successes([t for t in answered.values() if t.at > from_], _tried_layers(failed)),
            Alive(at=ctx.now, service=ctx.service.id, source=self.id),
        )
        return Reading(signals=signals, says=_says(list(failed.values()), len(answered), read, ctx.now))


class _Maker(Struct, frozen=True):
    """Makes the signals of one reading."""

    source: str
    component: str | None
    ctx: Context

    def failure(self, name: str, found: Try) -> Outcome:
        error = found.error or "other"
        until = f" until {iso(found.opens_at)}" if found.opens_at and is_own_fault(error) else ""
        return Outcome(
            at=found.at,
            service=self.ctx.service.id,
            source=self.source,
            component=self.component,
            layer=_layer_of(error),
            ok=False,
            error=f"{error}{until}",
            id=f"{self.source}:{name}"[:80],
        )

    def successes(self, answered: list[Try], layers: tuple[Layer, ...]) -> Iterator[Outcome]:
        """Answers by the minute, so that failures have something to be a rate of."""
        minutes = Counter(window_end(t.at, _WINDOW_S) for t in answered)
        for end, number in sorted(minutes.items()):
            for layer in layers:
                yield Outcome(
                    at=min(end, self.ctx.now),
                    service=self.ctx.service.id,
                    source=self.source,
                    component=self.component,
                    layer=layer,
                    window_s=_WINDOW_S,
                    n_ok=number,
                    n_failed=0,
                    # Two readings within one minute each tell their part of it.
                    id=signal_id(self.source, self.ctx.now, layer.value, f"{end:%H%M}"),
                )


def decoded(line: bytes, kind: type[_T]) -> _T | None:
    """A line as that shape; None when it was cut, or is something else."""
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def read_lines(lines: bytes, decode: Callable[[bytes], object | None], called: str) -> list[bytes]:
    """The lines that are not blank, once one of the first or last of them is known for the program's.

    :raises Malformed: none of them is.
    """
    whole = [line for line in lines.split(b"\n") if line.strip()]
    if whole and not any(decode(line) is not None for line in (*whole[:_LOOK_AT], *whole[-_LOOK_AT:])):
        msg = f"not sessions of {called}"
        raise Malformed(msg)
    return whole


def _failures(tries: list[Try]) -> Iterator[tuple[str, Try]]:
    for found in tries:
        if found.error is not None:
            minute = iso(window_end(found.at, _WINDOW_S))
            yield f"{minute}:{found.request or found.error}", found


def _answers(tries: list[Try]) -> Iterator[tuple[str, Try]]:
    return ((found.request or "", found) for found in tries if found.error is None)


def _once(named: Iterator[tuple[str, Try]]) -> dict[str, Try]:
    """The first try of each name: a resumed session copies lines, an answer has a line for each of its parts."""
    first: dict[str, Try] = {}
    for name, found in named:
        first.setdefault(name, found)
    return first


def _layer_of(error: str) -> Layer:
    return _LAYERS.get(error.partition(":")[0], Layer.INFERENCE)


def _tried_layers(failed: dict[str, Try]) -> tuple[Layer, ...]:
    """Where an answer counts as a success: it passed network and edge too, told where failures are told."""
    failing = {_layer_of(t.error or "") for t in failed.values()}
    return (Layer.INFERENCE, *(layer for layer in (Layer.EDGE, Layer.NETWORK) if layer in failing))


def _says(failed: list[Try], answered: int, read: Tries, now: datetime) -> str:
    theirs = [t for t in failed if t.error and not is_own_fault(t.error)]
    total = len(theirs) + answered
    if total:
        kinds = ", ".join(f"{n} {word}" for word, n in Counter(t.error or "" for t in theirs).most_common(3))
        newest = f" ({kinds}), the last {span(now - theirs[-1].at)} ago" if theirs else ""
        says = f"{len(theirs)} of {total} requests failed in 24 h{newest}"
    else:
        says = "no request was answered in 24 h" if failed else "no requests in 24 h"
    left_out = f"; errors that say too little to be counted: {read.left_out}" if read.left_out else ""
    return f"{says}{_own(failed, now)}{left_out}"


def _own(failed: list[Try], now: datetime) -> str:
    """The limit, bill or key that stands in the user's own way now, by the newest word of it."""
    newest = next((t for t in reversed(failed) if t.error and is_own_fault(t.error)), None)
    if newest is None or newest.error is None:
        return ""
    opens_at = newest.opens_at
    if opens_at is not None:
        day = "" if opens_at.date() == now.date() else f"{opens_at:%Y-%m-%d} "
        name = newest.error.partition(":")[2].replace("_", " ") or "usage"
        return f"; your {name} limit, resets {day}{opens_at:%H:%M} UTC" if opens_at > now else ""
    recent = now - newest.at < _LIMIT_LASTS
    return f"; your own {newest.error.replace('_', ' ')}, {span(now - newest.at)} ago" if recent else ""
