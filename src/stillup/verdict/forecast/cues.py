"""What an open incident says of its end: a few named numbers, each with a fitted effect."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from itertools import pairwise
from math import cos, log, log1p, pi, sin

from stillup.model.service import Stage
from stillup.verdict.forecast.left import Level
from stillup.verdict.forecast.question import Progress, Question

KNOTS_MIN = (0, 5, 15, 30, 60, 120, 240, 480)
"""Times between which an effect runs linearly in ln(1 + minutes / 5)."""

_SCALED = tuple(log1p(m / 5) for m in KNOTS_MIN)
_WORD = re.compile(r"[a-z][a-z']+")
_LONGEST = 4000

Cue = tuple[str, float]


def cues(question: Question, where: Progress, level: Level, known: Container[str]) -> Iterator[Cue]:
    """Every cue of a question with its value; words only where ``known``."""
    yield "base", 1.0
    yield from _times(f"{where.stage.value}.elapsed", where.elapsed_s)
    if where.stage is not Stage.INVESTIGATING:
        yield from _times(f"{where.stage.value}.in_stage", where.in_stage_s)
    yield from _clock(question)
    yield "level.last5", level.last5
    yield "level.last20", level.last20
    yield "level.overlapping", level.overlapping
    yield "level.same", level.same
    yield "posts", log(where.posts)
    if where.text.strip():
        yield from _text(where.text, known)


def _text(text: str, known: Container[str]) -> Iterator[Cue]:
    """What the last post says. Without one nothing is said at all, which is not the same as a post without words."""
    yield "text", 1.0
    yield "text.length", log1p(min(len(text), _LONGEST)) - 5.0
    for word in words(text):
        name = f"word.{word}"
        if name in known:
            yield name, 1.0


def words(text: str) -> set[str]:
    """The words and pairs of neighbouring words of a text, in lower case."""
    found = _WORD.findall(text[:_LONGEST].lower())
    return {*found, *(f"{a} {b}" for a, b in pairwise(found))}


def _times(name: str, seconds: float) -> Iterator[Cue]:
    """A time as shares of the two knots around it (a linear spline)."""
    x = min(max(log1p(seconds / 300), 0.0), _SCALED[-1])
    after = next(i for i, knot in enumerate(_SCALED) if x <= knot)
    if after == 0:
        yield f"{name}.0", 1.0
        return
    share = (x - _SCALED[after - 1]) / (_SCALED[after] - _SCALED[after - 1])
    yield f"{name}.{KNOTS_MIN[after - 1]}", 1 - share
    yield f"{name}.{KNOTS_MIN[after]}", share


def _clock(question: Question) -> Iterator[Cue]:
    turn = (question.at.hour + question.at.minute / 60) / 12 * pi
    yield "hour.sin", sin(turn)
    yield "hour.cos", cos(turn)
    yield "weekend", float(question.at.weekday() >= 5)
