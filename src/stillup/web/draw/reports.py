"""The chart of reports: what was heard in each window, beside the band that is usual; what happened is marked on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.board import Bar, ServiceBoard, Story
from stillup.model.incident import Incident
from stillup.model.service import Family
from stillup.verdict.telling.units import span
from stillup.web.draw.paint import NOTHING, figure, known, paint, short
from stillup.web.draw.scale import ceiling, clock_ticks, place, windows_of

if TYPE_CHECKING:
    from markupsafe import Markup

_MOST_BARS = 200
_MOST_SPANS = 12


class Mark(Struct, frozen=True):
    """Something that happened: where (per cent), what, and the class that colours it."""

    at: float
    says: str
    kind: str
    anchor: str


class Row(Struct, frozen=True):
    """One line of the table that says the same in figures."""

    at: str
    count: str
    usual: str


def report_chart(board: ServiceBoard) -> Markup:
    """The last day of reports of one service."""
    bars = board.reports[-_MOST_BARS:]
    if not bars:
        return NOTHING
    return _chart(bars, board.incidents, board.service.name, last_is_open=True)


def story_chart(story: Story, name: str) -> Markup:
    """The reports around one incident; ``name`` is the service's."""
    bars = story.reports[-_MOST_BARS:]
    if not bars:
        return NOTHING
    posts = [m.at for m in story.timeline if m.kind == "official"]
    return _chart(bars, [story.incident], name, last_is_open=False, official=min(posts, default=None))


def spark(bars: Sequence[Bar]) -> Markup:
    """The same as one small line without words, for a row of a table that says the rest."""
    bars = bars[-_MOST_BARS:]
    counts = [known(b.count) for b in bars]
    if not any(c is not None for c in counts):
        return NOTHING
    top = ceiling([c for c in counts if c is not None])
    paths = {"calm": "", "hot": ""}
    for i, (bar, count) in enumerate(zip(bars, counts, strict=True)):
        if count:
            paths[_kind(bar, is_open=False)] += f"M{i} 20V{short(20 - count / top * 20, 1)}h.8V20z"
    return paint("spark.svg", n=len(bars), paths=paths)


def _chart(
    bars: Sequence[Bar],
    incidents: Sequence[Incident],
    name: str,
    *,
    last_is_open: bool,
    official: datetime | None = None,
) -> Markup:
    """``official`` is when the page first spoke of the newest incident, where that is known better than by a minute."""
    step = windows_of([b.at for b in bars])
    first, last = bars[0].at - step, bars[-1].at
    top = ceiling([v for b in bars for v in (known(b.count), known(b.high)) if v is not None])
    inside = [i for i in incidents if (i.recovered_at or last) >= first and i.since <= last][:_MOST_SPANS]
    newest = inside[0] if inside else None
    spoke = official or (dict(newest.first_seen).get(Family.OFFICIAL) if newest else None)
    return paint(
        "reports.svg",
        says=_says(bars, name, step, newest, spoke),
        n=len(bars),
        top=figure(top),
        half=figure(top / 2),
        unit=span(step.total_seconds()),
        usual_path=_usual(bars, top),
        band_path=_band(bars, top),
        bars={k: _path(bars, top, k, last_is_open=last_is_open) for k in ("calm", "hot", "open")},
        gaps=list(_gaps(bars)),
        marks=_marks(newest, spoke, first, last) if newest else [],
        spans=[_span(i, first, last) for i in inside],
        ticks=clock_ticks(first, last),
        rows=list(_rows(bars, step)),
        day=f"{last.astimezone(UTC).day} {last.astimezone(UTC):%b %Y}",
    )


def _kind(bar: Bar, *, is_open: bool) -> str:
    count, high = known(bar.count), known(bar.high)
    above = count is not None and high is not None and count > high
    return "hot" if above else "open" if is_open else "calm"


def _path(bars: Sequence[Bar], top: float, kind: str, *, last_is_open: bool) -> str:
    out = []
    for i, bar in enumerate(bars):
        count = known(bar.count)
        if count and _kind(bar, is_open=last_is_open and i == len(bars) - 1) == kind:
            out.append(f"M{i}.1 100V{short(100 - count / top * 100, 1)}h.8V100z")
    return "".join(out)


def _runs(values: Sequence[float | None]) -> Iterator[tuple[int, int, float]]:
    """Stretches of equal values that are known: begin, end, value."""
    at = 0
    for value, group in groupby(values):
        n = len(list(group))
        if value is not None:
            yield at, at + n, value
        at += n


def _usual(bars: Sequence[Bar], top: float) -> str:
    runs = _runs([known(b.usual) for b in bars])
    return "".join(f"M{a} {short(100 - min(v, top) / top * 100, 1)}H{b}" for a, b, v in runs)


def _band(bars: Sequence[Bar], top: float) -> str:
    out, pairs = [], [(known(b.low), known(b.high)) for b in bars]
    at = 0
    for (low, high), group in groupby(pairs):
        n = len(list(group))
        if high is not None:
            above, below = (short(100 - min(v, top) / top * 100, 1) for v in (high, low or 0.0))
            out.append(f"M{at} {below}V{above}H{at + n}V{below}z")
        at += n
    return "".join(out)


def _gaps(bars: Sequence[Bar]) -> Iterator[tuple[int, int]]:
    """Runs of windows in which nobody who counts was heard: begin, length."""
    at = 0
    for missing, group in groupby(bars, lambda b: known(b.count) is None):
        n = len(list(group))
        if missing:
            yield at, n
        at += n


def _marks(incident: Incident, spoke: datetime | None, first: datetime, last: datetime) -> list[Mark]:
    told = [
        (incident.since, "began", "onset"),
        (spoke, "official page", "official"),
        (incident.recovered_at, "over", "over"),
    ]
    out = []
    for at, says, kind in told:
        if at is not None and first <= at <= last:
            where = place(at, first, last)
            out.append(Mark(where, f"{says} {at.astimezone(UTC):%H:%M}", kind, "end" if where > 50 else "start"))
    return out


def _span(incident: Incident, first: datetime, last: datetime) -> tuple[float, float, str]:
    begin = place(incident.since, first, last)
    end = place(incident.recovered_at or last, first, last)
    return begin, max(0.4, end - begin), incident.state.value


def _says(bars: Sequence[Bar], name: str, step: timedelta, incident: Incident | None, spoke: datetime | None) -> str:
    """The finding in words."""
    heard = [(b, c) for b in bars if (c := known(b.count)) is not None]
    every = span(step.total_seconds())
    if not heard:
        return f"Reports of trouble with {name}: nobody who counts them was heard."
    most, count = max(heard, key=lambda pair: pair[1])
    parts = [f"Reports of trouble with {name}, every {every}: at most {figure(count)}, by {_clock(most.at)}"]
    usual = known(most.usual)
    parts.append(f" where {figure(usual)} is usual." if usual is not None else ".")
    above = sum(_kind(b, is_open=False) == "hot" for b in bars)
    parts.append(f" {above} of {len(bars)} windows lie above what is usual." if above else "")
    silent = len(bars) - len(heard)
    parts.append(f" In {silent} windows nobody who counts was heard." if silent else "")
    if incident is not None:
        parts.append(_told(incident, spoke))
    return "".join(parts)


def _told(incident: Incident, spoke: datetime | None) -> str:
    said = [f" Trouble began at {_clock(incident.since)}"]
    said.append(f"; the official page said so at {_clock(spoke)}" if spoke else "; the official page said nothing")
    said.append(f"; over at {_clock(incident.recovered_at)}." if incident.recovered_at else "; it goes on.")
    return "".join(said)


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M} UTC"


def _rows(bars: Sequence[Bar], step: timedelta) -> Iterator[Row]:
    """Hour by hour; each names the hour in which its windows began."""
    hours = groupby(bars, lambda b: (b.at - step).astimezone(UTC).replace(minute=0, second=0, microsecond=0))
    for hour, group in hours:
        those = list(group)
        heard = [c for b in those if (c := known(b.count)) is not None]
        usual = [u for b in those if known(b.count) is not None and (u := known(b.usual)) is not None]
        count = figure(sum(heard)) if heard else "not heard"
        if heard and len(heard) < len(those):
            count += f" (in {span(len(heard) * step.total_seconds())})"
        yield Row(f"{hour.day} {hour:%b, %H:%M}", count, figure(sum(usual)) if usual else "not known")
