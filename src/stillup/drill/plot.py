"""The pictures of a drill: what each request went through, and how all drills went. SVG, without styles or scripts.

Colours are attributes, and of a middle lightness: they are told apart on light and on dark paper (3 to 1 at least), in
a page of any style and in a file by itself. What a colour says is also said by a shape and in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from markupsafe import Markup
from msgspec import Struct

from stillup.drill.paint import paint
from stillup.drill.score import met
from stillup.drill.values import Asked, Lane, Scene
from stillup.drill.words import became, count, line, seconds, share, what

_MOST_SHOWN, _MOST_ROWS, _MOST_POINTS = 240, 14, 60
_LEAST_WIDE = 0.6
"""Per cent: a shorter request is still seen."""
_ROW, _HEAD = 12, 22
_LEFT, _RIGHT = 11.0, 98.0
"""Per cent: the scale of the scores is written to the left."""
_MOST_TICKS, _NEAR_THE_END = 6, 0.96
_UNITS = ((3_600.0, "h"), (60.0, "min"), (1.0, "s"))
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200)
NOTHING = Markup()


class Bar(Struct, frozen=True, kw_only=True):
    """One request: where it lies (per cent), from when on it was answered, and what became of it."""

    row: int
    at: float
    first: float
    end: float
    kind: str
    says: str


class Strip(Struct, frozen=True, kw_only=True):
    """One lane: its bars in rows, and how many of its requests are left out."""

    name: str
    top: int
    bars: tuple[Bar, ...]
    left_out: int


class Point(Struct, frozen=True, kw_only=True):
    """A drill in the history: continuity with the backups and without, 0 to 1; None where that was not played."""

    at: datetime
    says: str
    backed: float | None = None
    alone: float | None = None


def swim(scene: Scene) -> Markup:
    """Every request of a scene over time, lane by lane, and the stretch in which the failure stood."""
    whole_s = max([scene.ends_s, *(a.done_s for lane in scene.lanes for a in lane.asked)], default=0.0)
    lanes = [lane for lane in scene.lanes if lane.asked]
    if not lanes or whole_s <= 0:
        return NOTHING
    strips, top = [], 34
    for lane in lanes:
        strips.append(_strip(lane, scene, whole_s, top))
        rows = max(bar.row for bar in strips[-1].bars) + 1
        top += _HEAD + rows * _ROW + 10
    begin, end = (_place(s, whole_s) for s in (scene.begins_s, scene.ends_s))
    kinds = {bar.kind for strip in strips for bar in strip.bars}
    return paint(
        "swim.svg", says=_says(scene), strips=strips, height=top + 22, foot=top, begin=begin, wide=end - begin,
        ticks=_ticks(whole_s), head=_HEAD, row=_ROW, kinds=kinds, left_out=sum(s.left_out for s in strips),
    )  # fmt: skip


def scores(points: Sequence[Point]) -> Markup:
    """How the drills of the past went, oldest first, with the backups and without."""
    shown = sorted(points, key=lambda p: p.at)[-_MOST_POINTS:]
    if not any(p.backed is not None or p.alone is not None for p in shown):
        return NOTHING
    first, last = shown[0].at, shown[-1].at
    places = [_when(p.at, first, last) for p in shown]
    backed, alone = (
        [(x, 100 - v * 100, p) for x, p in zip(places, shown, strict=True) if (v := getattr(p, side)) is not None]
        for side in ("backed", "alone")
    )
    ends = [(_LEFT if len(shown) > 1 else 50.0, _day(first), "start" if len(shown) > 1 else "middle")]
    if last.date() != first.date():
        ends.append((_RIGHT, _day(last), "end"))
    return paint(
        "scores.svg", says=_told(shown), backed=backed, alone=alone, ends=ends, paths=[_path(backed), _path(alone)]
    )


def _strip(lane: Lane, scene: Scene, whole_s: float, top: int) -> Strip:
    shown = _chosen(lane.asked)
    free: list[float] = []
    bars = []
    for asked in shown:
        at, end = _place(asked.at_s, whole_s), _place(asked.done_s, whole_s)
        end = min(100.0, max(end, at + _LEAST_WIDE))
        at = min(at, end - _LEAST_WIDE)
        row = next((n for n, until in enumerate(free) if until <= at), len(free))
        row = min(row, _MOST_ROWS - 1)
        free[row : row + 1] = [end + 0.15]
        first = end if asked.first_s is None else min(end, max(at, _place(asked.first_s, whole_s)))
        says = f"{seconds(asked.at_s)}: {what(asked)}: {became(asked)}"
        bars.append(Bar(row=row, at=at, first=first, end=end, kind=_kind(asked, scene), says=says))
    return Strip(name=line(lane.name, 60), top=top, bars=tuple(bars), left_out=len(lane.asked) - len(shown))


def _chosen(asked: Sequence[Asked]) -> list[Asked]:
    """All where they are few; else those that failed first, and of the others as many as there is room for, evenly."""
    bad = [a for a in asked if not a.ok][:_MOST_SHOWN]
    good = [a for a in asked if a.ok]
    room = _MOST_SHOWN - len(bad)
    step = max(1, -(-len(good) // room)) if room else len(good) + 1
    return sorted([*bad, *(good[::step] if room else ())], key=lambda a: (a.at_s, a.done_s))


def _kind(asked: Asked, scene: Scene) -> str:
    if not asked.ok:
        return "later" if asked.put_off else "lost"
    stood = asked.done_s > scene.begins_s and asked.at_s < scene.ends_s
    moved = asked.continued or (stood and bool(asked.upstream) and asked.upstream not in scene.hit)
    return "moved" if moved else "right"


def _place(at_s: float, whole_s: float) -> float:
    return round(min(100.0, max(0.0, at_s / whole_s * 100.0)), 2)


def _ticks(whole_s: float) -> list[tuple[float, str, str]]:
    step = next((s for s in _STEPS_S if whole_s / s <= _MOST_TICKS), whole_s / _MOST_TICKS)
    unit, name = next((seconds_in, name) for seconds_in, name in _UNITS if step >= seconds_in or name == "s")
    marks = [n * step for n in range(int(whole_s / step) + 1)]
    return [(_place(m, whole_s), f"{m / unit:.3g} {name}", _anchor(m / whole_s)) for m in marks]


def _anchor(where: float) -> str:
    return "start" if where == 0 else "end" if where > _NEAR_THE_END else "middle"


def _says(scene: Scene) -> str:
    """The finding in words, for who does not see the picture."""
    parts = [
        f"The failure stood from {seconds(scene.begins_s)} to {seconds(scene.ends_s)}"
        + (f" and hit {', '.join(line(h, 60) for h in scene.hit)}." if scene.hit else ".")
    ]
    for lane in scene.lanes:
        asked = met(scene, lane)
        right, later = sum(a.ok for a in asked), sum(a.put_off and not a.ok for a in asked)
        lost = len(asked) - right - later
        told = [f"{right} of {count(len(asked), 'request')} answered whole and right"]
        told += [f"{later} kept for later"] if later else []
        told += [f"{lost} lost"] if lost else []
        parts.append(f"{line(lane.name, 60)}: {', '.join(told)}.")
    return " ".join(parts)


def _when(at: datetime, first: datetime, last: datetime) -> float:
    whole = (last - first).total_seconds()
    return round(_LEFT + (_RIGHT - _LEFT) * (at - first).total_seconds() / whole, 2) if whole > 0 else 50.0


def _path(points: Iterable[tuple[float, float, Point]]) -> list[tuple[float, float, float, float]]:
    return [(a[0], a[1], b[0], b[1]) for a, b in pairwise(points)]


def _told(shown: Sequence[Point]) -> str:
    newest = shown[-1]
    parts = [f"{count(len(shown), 'drill')}, the newest of {_day(newest.at)}"]
    parts += [f"with the backups {share(newest.backed)}"] if newest.backed is not None else []
    parts += [f"without {share(newest.alone)}"] if newest.alone is not None else []
    return ", ".join(parts) + "."


def _day(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y}"
