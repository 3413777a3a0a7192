"""Another stillup that takes crowd reports: how many counted in each minute of the last quarter of an hour.

``GET /api/v1/hub/counts?service=ID`` → ``{service, until, window_s: 60, minutes: [{end, counts: [{count, component?,
region?, problem?}]}]}``. A minute that is over never changes there, so each is told once; the last two are told again,
for clocks that do not agree, and count once. What that hub counts is its own word: it is as good as its admission.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted, Signal
from stillup.sources._another import AnotherStillup
from stillup.sources.base import Context, Link, Reading
from stillup.sources.decode import http_url
from stillup.sources.tally import window_end

_ID = "hub"
_WINDOW_S = 60
_AGAIN = timedelta(minutes=2)
_HISTORY = timedelta(minutes=15)
_MOST_MINUTES, _MOST_LINES = 60, 20_000
_REGION = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")
_REMOTE = "remote"
"""Keeps its counts apart from reports that are handed in here in the same minute: both count."""


class _Count(Struct, frozen=True):
    count: Annotated[int, Meta(ge=0, le=1_000_000)]
    component: str | None = None
    region: str | None = None
    problem: str | None = None


class _Minute(Struct, frozen=True):
    end: Annotated[datetime, Meta(tz=True)]
    counts: tuple[_Count, ...]


class _Answer(Struct, frozen=True):
    service: str
    until: Annotated[datetime, Meta(tz=True)]
    window_s: Literal[60]
    minutes: Annotated[tuple[_Minute, ...], Meta(max_length=_MOST_MINUTES)]


class _Leaf(NamedTuple):
    component: str | None
    region: str | None
    problem: Problem | None


class RemoteHub(AnotherStillup):
    """One hub."""

    id = _ID
    path = "/api/v1/hub/counts"

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:  # noqa: ARG002 - one kind of answer
        """Read the minutes."""
        answer = self.answer(body, _Answer, ctx)
        minutes = {m.end: _leaves(m, ctx) for m in answer.minutes if ctx.now - _HISTORY < m.end <= ctx.now}
        total = sum(counts.total() for counts in minutes.values())
        link = http_url(f"{ctx.setting.base_url}/{ctx.service.id}") if ctx.setting.base_url else ""
        return Reading(
            signals=(*_told(minutes, ctx), Alive(at=ctx.now, service=ctx.service.id, source=_ID)),
            says=f"{total} reports in 15 min" if total else "no reports in 15 min",
            links=(Link(link, "stillup reports"),) if link else (),
        )


def _leaves(minute: _Minute, ctx: Context) -> Counter[_Leaf]:
    """What a minute counts, by names that are known here."""
    found: Counter[_Leaf] = Counter()
    for c in minute.counts[:_MOST_LINES]:
        component = c.component if c.component and ctx.service.component(c.component) else None
        region = c.region if c.region and _REGION.fullmatch(c.region) else None
        problem = Problem(c.problem) if c.problem in _PROBLEMS else None
        found[_Leaf(component, region, problem)] += c.count
    return found


_PROBLEMS = frozenset(p.value for p in Problem)


def _told(minutes: dict[datetime, Counter[_Leaf]], ctx: Context) -> Iterator[Signal]:
    """The minutes that are new, as windows under their ends; the first time also those in which nothing came."""
    after = ctx.now - _HISTORY if ctx.since is None else ctx.since - _AGAIN
    if ctx.since is None:
        end = window_end(after, _WINDOW_S)
        while end < ctx.now:
            yield _counted(_Leaf(None, None, None), 0, end, ctx)
            end += timedelta(seconds=_WINDOW_S)
    for end, counts in sorted(minutes.items()):
        if end > after:
            for leaf, n in sorted(counts.items(), key=str):
                if n:
                    yield _counted(leaf, n, end, ctx)


def _counted(leaf: _Leaf, n: int, end: datetime, ctx: Context) -> Counted:
    return Counted(
        at=end,
        service=ctx.service.id,
        source=_ID,
        window_s=_WINDOW_S,
        count=n,
        component=leaf.component,
        region=leaf.region,
        problem=leaf.problem,
        id=_REMOTE,
    )


SOURCE = RemoteHub()
