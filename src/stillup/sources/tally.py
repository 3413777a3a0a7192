"""Posts about trouble as signals: so many in each window of time, by what they name.

The first reading counts the past in windows on the grid, so that a baseline exists at once. A later one counts what
is newer than ``ctx.since`` as one window that ends now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import astuple, replace

from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted, Signal
from stillup.model.verdict import iso
from stillup.sources.base import Context

HISTORY = timedelta(hours=24)
_GAP_INTERVALS = 3
"""A pause of more intervals than this is read like a first time: its posts did not come in one interval."""
_MAX_ID = 80
_MOST = 1_000_000_000


class Post(Struct, frozen=True, kw_only=True):
    """One post as its site gave it. ``component`` is what its place stands for when its text names none.

    ``region`` is where its site says it was written; ``score`` and ``replies`` are what its readers made of it, None
    where the site does not tell.
    """

    id: str
    at: datetime
    title: str
    body: str = ""
    url: str = ""
    component: str | None = None
    region: str | None = None
    score: int | None = None
    replies: int | None = None


class Key(Struct, frozen=True):
    """What posts are counted by. Of several components or models none is it: the post counts once, for the whole."""

    component: str | None = None
    region: str | None = None
    problem: Problem | None = None
    model: str | None = None


class Told(Struct, frozen=True):
    """So many posts about trouble at one time, all of one key."""

    at: datetime
    key: Key = Key()
    n: int = 1


def past_from(ctx: Context) -> datetime | None:
    """From when the past is to be counted in windows; None when the last reading was just now.

    Never longer than :data:`HISTORY`: a clock that was at 1970 until the network set it makes a gap of millions.
    """
    if ctx.since is None:
        return ctx.now - HISTORY
    is_gap = ctx.now - ctx.since > _GAP_INTERVALS * timedelta(seconds=ctx.setting.interval_s)
    return max(ctx.since, ctx.now - HISTORY) if is_gap else None


def lines(source: str, told: Iterable[Told], ctx: Context, begins: datetime) -> list[Signal]:
    """The signals of one reading; from ``begins`` on, a window in which nothing is told is known to be empty."""
    from_, known = past_from(ctx), [line for line in told if line.n > 0]
    if from_ is None:
        return [*_counted_now(source, [t for t in known if ctx.since is None or t.at > ctx.since], ctx)]
    return _past(source, [t for t in known if t.at > from_], ctx, covered_from=min(ctx.now, max(from_, begins)))


def _past(source: str, told: Sequence[Told], ctx: Context, *, covered_from: datetime) -> list[Signal]:
    """Closed windows under their own end, the open one under now, and ``alive`` for the empty ones.

    The window in which the list begins is counted with what is known of it: too little, never too much.
    """
    windows: dict[datetime, list[Told]] = {}
    for line in told:
        windows.setdefault(window_end(line.at, ctx.setting.interval_s), []).append(line)
    found: list[Signal] = []
    for end, inside in sorted(windows.items()):
        if end >= ctx.now:
            found += _counted_now(source, inside, ctx)
        else:
            found += [_counted(source, key, n, ctx, end) for key, n in _summed(inside)]
    step = timedelta(seconds=ctx.setting.interval_s)
    end = window_end(covered_from, ctx.setting.interval_s) + step
    while end < ctx.now:
        if end not in windows:
            found.append(Alive(at=end, service=ctx.service.id, source=source))
        end += step
    return sorted(found, key=lambda line: line.at)


def _counted_now(source: str, told: Iterable[Told], ctx: Context) -> list[Counted]:
    """One line a key, under now, each with an id: two readings in one window of the grid add up."""
    return [
        replace(_counted(source, key, n, ctx, ctx.now), id=signal_id(source, ctx.now, *astuple(key)))
        for key, n in _summed(told)
    ]


def _summed(told: Iterable[Told]) -> list[tuple[Key, int]]:
    total: Counter[Key] = Counter()
    for line in told:
        total[line.key] += line.n
    return sorted(((key, min(n, _MOST)) for key, n in total.items()), key=repr)


def _counted(source: str, key: Key, count: int, ctx: Context, at: datetime) -> Counted:
    return Counted(
        at=at,
        service=ctx.service.id,
        source=source,
        window_s=ctx.setting.interval_s,
        count=count,
        component=key.component,
        region=key.region,
        problem=key.problem,
        model=key.model,
    )


def signal_id(source: str, now: datetime, *key: str | None) -> str:
    """The id of a line read at ``now``: the source, the time and the line's key."""
    return ":".join((source, iso(now) or "", *(part or "" for part in key)))[:_MAX_ID]


def window_end(at: datetime, window_s: int) -> datetime:
    """The end of the window of the grid that ``at`` lies in, or at the end of."""
    return datetime.fromtimestamp(-(-at.timestamp() // window_s) * window_s, UTC)
