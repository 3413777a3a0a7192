"""Claude Code's own transcripts on this machine: which of the user's real requests failed, and whose fault it was.

``Outcome.error`` is one of a closed set. The user's own: ``rate_limit``, ``quota`` (with the limit's name:
``quota:five_hour``), ``authentication``, ``permission``, ``billing``. The provider's: ``overloaded``,
``server_error``, ``timeout``, ``connection``, ``not_found``, ``other``. A request that was itself wrong (400, 409,
413, 422) says nothing of the service and is left out; so is an error line with neither status nor name, which might
as well be a quota, and one without a time, since nobody knows when it was.

A request that failed is one outcome a minute, however often it was tried in it; retries that carry no request's id are
one a minute and error. Parallel sessions are then counted too low, never too high.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from stillup.errors import NotConfigured
from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome, Signal
from stillup.model.verdict import iso
from stillup.net import Net
from stillup.sources._claude_code_files import tails
from stillup.sources._claude_code_rows import QUOTA, Transcript, Try, transcript
from stillup.sources.base import Context, Reading
from stillup.sources.posts import HISTORY, signal_id, span, window_end

_ID = "claude_code"
_COMPONENT = "code"
_WINDOW_S = 60
_DEFAULT = "~/.claude/projects"
_LIMIT_LASTS = timedelta(hours=1)

OWN_FAULTS = frozenset(("rate_limit", QUOTA, "authentication", "permission", "billing"))
"""Errors that never vote for an outage; what stands after a colon is detail."""
PROVIDER_FAULTS = frozenset(("overloaded", "server_error", "timeout", "connection", "not_found", "other"))
# A connection that fails is placed at the provider's edge: whether this machine's network is to blame is for the
# probe to say, which has other hosts to compare with.
_LAYERS = {
    "connection": Layer.EDGE,
    "rate_limit": Layer.API_GATEWAY,
    QUOTA: Layer.API_GATEWAY,
    "billing": Layer.API_GATEWAY,
    "authentication": Layer.AUTH,
    "permission": Layer.AUTH,
}


def is_own_fault(error: str) -> bool:
    """Whether an error of the closed set is the user's own limit, key or bill."""
    return error.partition(":")[0] in OWN_FAULTS


class ClaudeCode:
    """The user's real requests, as Claude Code noted them."""

    id = _ID

    def covers(self, ctx: Context) -> bool:
        """Only the service whose client it is."""
        return self.id in ctx.service.sources

    async def read(self, ctx: Context, net: Net) -> Reading:  # noqa: ARG002 - the network is not used
        """Read the transcripts' ends, off the event loop.

        :raises NotConfigured: there are none.
        """
        return await asyncio.to_thread(self._read, ctx)

    def _read(self, ctx: Context) -> Reading:
        folder = Path(str(ctx.setting.options.get("path") or _DEFAULT)).expanduser()
        lines = tails(folder)
        if lines is None:
            msg = "no Claude Code transcripts on this machine"
            raise NotConfigured(msg)
        return self.parse(lines, ctx)

    def parse(self, lines: bytes, ctx: Context, tag: str = "") -> Reading:  # noqa: ARG002 - one kind of lines
        """Read transcript lines. Pure.

        :raises Malformed: these are not a transcript's lines.
        """
        read = transcript(lines)
        known = [t for t in read.tries if ctx.now - HISTORY < t.at <= ctx.now]
        failed, answered = _once(_failures(known)), _once(_answers(known))
        from_ = ctx.since or ctx.now - HISTORY
        signals: tuple[Signal, ...] = (
            *(_failure(name, t, ctx) for name, t in failed.items() if t.at > from_),
            *_successes([t for t in answered.values() if t.at > from_], _tried_layers(failed), ctx),
            Alive(at=ctx.now, service=ctx.service.id, source=_ID),
        )
        return Reading(signals=signals, says=_says(list(failed.values()), len(answered), read, ctx.now))


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
    """Where an answer counts as a success: an answered request passed the edge too, told where failures are told."""
    edge_failed = any(_layer_of(t.error or "") is Layer.EDGE for t in failed.values())
    return (Layer.INFERENCE, Layer.EDGE) if edge_failed else (Layer.INFERENCE,)


def _failure(name: str, found: Try, ctx: Context) -> Outcome:
    error = found.error or "other"
    return Outcome(
        at=found.at,
        service=ctx.service.id,
        source=_ID,
        component=_COMPONENT,
        layer=_layer_of(error),
        ok=False,
        error=error,
        id=f"{_ID}:{name}"[:80],
    )


def _successes(answered: list[Try], layers: tuple[Layer, ...], ctx: Context) -> Iterator[Outcome]:
    """Answers by the minute, so that failures have something to be a rate of."""
    minutes = Counter(window_end(t.at, _WINDOW_S) for t in answered)
    for end, number in sorted(minutes.items()):
        for layer in layers:
            yield Outcome(
                at=min(end, ctx.now),
                service=ctx.service.id,
                source=_ID,
                component=_COMPONENT,
                layer=layer,
                window_s=_WINDOW_S,
                n_ok=number,
                n_failed=0,
                # Two readings within one minute each tell their part of it.
                id=signal_id(_ID, ctx.now, layer.value, f"{end:%H%M}"),
            )


def _says(failed: list[Try], answered: int, read: Transcript, now: datetime) -> str:
    theirs = [t for t in failed if t.error and not is_own_fault(t.error)]
    total = len(theirs) + answered
    if total:
        kinds = ", ".join(f"{n} {word}" for word, n in Counter(t.error or "" for t in theirs).most_common(3))
        newest = f" ({kinds}), the last {span(now - theirs[-1].at)} ago" if theirs else ""
        says = f"{len(theirs)} of {total} requests failed in 24 h{newest}"
    else:
        says = "no request was answered in 24 h" if failed else "no requests in 24 h"
    left_out = f"; left out for want of a time: {read.timeless}" if read.timeless else ""
    return f"{says}{_own(failed, now)}{left_out}"


def _own(failed: list[Try], now: datetime) -> str:
    """The limit, bill or key that stands in the user's own way now, by the newest word of it."""
    newest = next((t for t in reversed(failed) if t.error and is_own_fault(t.error)), None)
    if newest is None or newest.error is None:
        return ""
    if newest.resets_at is not None:
        day = "" if newest.resets_at.date() == now.date() else f"{newest.resets_at:%Y-%m-%d} "
        name = newest.error.partition(":")[2] or "usage"
        return f"; your {name} limit, resets {day}{newest.resets_at:%H:%M} UTC" if newest.resets_at > now else ""
    recent = now - newest.at < _LIMIT_LASTS
    return f"; your own {newest.error.replace('_', ' ')}, {span(now - newest.at)} ago" if recent else ""


SOURCE = ClaudeCode()
