"""How other installations' real requests fare: sums of what those who share their counts have counted.

``GET /api/v1/pool/counts?service=ID`` → ``{service, k, window_s: 300, windows: [{end, sums}]}``, each of the sums
``{ok, failed, model?}``. A sum is one of ten installations or more, of requests to the provider itself; what was a
user's own fault (a limit, a key, a bad request) is in neither number. A window does not change once it is given out,
and is told once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome
from stillup.model.verdict import iso
from stillup.sources._another import AnotherStillup
from stillup.sources.base import Context, Reading
from stillup.sources.decode import clean

_ID = "pool"
_WINDOW_S = 300
_HISTORY = timedelta(minutes=45)
_MOST_WINDOWS, _MOST_SUMS = 12, 200

_Tries = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class _Sum(Struct, frozen=True):
    ok: _Tries
    failed: _Tries
    model: Annotated[str, Meta(max_length=80)] | None = None


class _Window(Struct, frozen=True):
    end: Annotated[datetime, Meta(tz=True)]
    sums: Annotated[tuple[_Sum, ...], Meta(max_length=_MOST_SUMS)]


class _Answer(Struct, frozen=True):
    service: str
    k: int
    window_s: Literal[300]
    windows: Annotated[tuple[_Window, ...], Meta(max_length=_MOST_WINDOWS)]


class Pool(AnotherStillup):
    """One pool."""

    id = _ID
    path = "/api/v1/pool/counts"

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:  # noqa: ARG002 - one kind of answer
        """Read the sums."""
        answer = self.answer(body, _Answer, ctx)
        told = [line for w in answer.windows if ctx.now - _HISTORY < w.end <= ctx.now for line in _outcomes(w, ctx)]
        failed = sum(line.n_failed or 0 for line in told)
        tries = failed + sum(line.n_ok or 0 for line in told)
        return Reading(
            signals=(*told, Alive(at=ctx.now, service=ctx.service.id, source=_ID)),
            says=f"{failed} of {tries} shared requests failed" if tries else "too few installations share",
        )


def _outcomes(window: _Window, ctx: Context) -> Iterator[Outcome]:
    component = "api" if ctx.service.component("api") else None
    for total in window.sums:
        model = clean(total.model, 80) if total.model else None
        if total.ok + total.failed == 0 or model == "":
            continue
        yield Outcome(
            # It comes minutes after its window: only the past of a first reading is told under its own time.
            at=window.end if ctx.since is None else ctx.now,
            service=ctx.service.id,
            source=_ID,
            layer=Layer.INFERENCE if model else Layer.API_GATEWAY,
            component=component,
            model=model,
            window_s=_WINDOW_S,
            n_ok=total.ok,
            n_failed=total.failed,
            id=f"{_ID}:{model or ''}:{iso(window.end)}"[:200],
        )


SOURCE = Pool()
