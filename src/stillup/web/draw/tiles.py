"""The tile map: every country and every American state one tile, shaded by how far its reports are above usual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import sqrt

from markupsafe import Markup
from msgspec import Struct

from stillup.board import Place, ServiceBoard
from stillup.web.draw.layout import EMPTY, STATES, WORLD, grid, places
from stillup.web.draw.paint import NOTHING, figure, known, paint, short
from stillup.web.regions import region_name

SIDE = 22
"""Pixels from one tile to the next: wide enough for a code that can be read."""
_GAP = 2
_MOST_ROWS, _MOST_POINTED = 30, 12
_LEVELS = (2.0, 5.0, 15.0)
"""Where the shades begin, in units of the usual spread: the root of what is usual, plus one for what is rare."""
_WORDS = ("as usual", "above usual", "well above usual", "far above usual")
_NBSP = "\N{NO-BREAK SPACE}"


class Codes(Struct, frozen=True):
    """The codes of one row, in a string of three letters a tile: where it begins, and how long it is drawn."""

    x: str
    y: int
    length: str
    says: Markup


class Tile(Struct, frozen=True):
    """A place worth pointing at: where its tile lies, and its figures."""

    x: int
    y: int
    says: str


class Map(Struct, frozen=True):
    """One of the grids: tiles nobody spoke of as dashes, the others a path for each shade; the codes of both."""

    name: str
    width: int
    height: int
    plain: str
    shades: dict[str, str]
    plain_codes: tuple[Codes, ...]
    heard_codes: tuple[Codes, ...]
    pointed: tuple[Tile, ...]
    says: str


def tile_map(board: ServiceBoard) -> Markup:
    """Where the last hour's reports come from: the countries, and where any came from there the American states.

    A report counts in one place: those of a state are added to its country's.
    """
    heard = [p for p in board.places if known(p.count) is not None]
    if not heard:
        return NOTHING
    countries = _countries(heard)
    states = {p.region[3:]: p for p in heard if p.region.startswith("US-") and p.region[3:] in places(STATES)}
    maps = [_map(name, countries) for name in WORLD] + ([_map(STATES, states)] if states else [])
    shown = frozenset().union(*(places(name) for name in WORLD))
    return paint(
        "tiles.html",
        maps=maps,
        side=SIDE,
        tile=SIDE - _GAP,
        words=_WORDS,
        rows=[(region_name(p.region), figure(p.count), _usual(p)) for p in _sorted(heard)[:_MOST_ROWS]],
        more=max(0, len(heard) - _MOST_ROWS),
        elsewhere=", ".join(sorted(c for c in countries if c not in shown)[:20]),
    )


def _countries(heard: Iterable[Place]) -> dict[str, Place]:
    """Country by country: its own reports and those of its parts. The usual is known where that of all of them is."""
    out: dict[str, Place] = {}
    for place in heard:
        code = place.region.partition("-")[0]
        before = out.get(code)
        if before is None:
            out[code] = Place(code, place.count, place.usual)
            continue
        both = (known(before.usual), known(place.usual))
        usual = None if None in both else sum(u for u in both if u is not None)
        out[code] = Place(code, before.count + place.count, usual)
    return out


def level(place: Place) -> int | None:
    """0 as usual, up to 3 far above it; None where the usual is not known."""
    usual = known(place.usual)
    if usual is None:
        return None
    excess = (place.count - usual) / sqrt(usual + 1)
    return sum(excess > least for least in _LEVELS)


def _map(name: str, heard: Mapping[str, Place]) -> Map:
    rows = grid(name)
    at = {code: (x * SIDE, y * SIDE) for y, row in enumerate(rows) for x, code in enumerate(row) if code in heard}
    here = [heard[code] for code in at]
    shades: dict[str, str] = {}
    for place in here:
        x, y = at[_code(place)]
        shades[_shade(place)] = shades.get(_shade(place), "") + f"M{x} {y}h{SIDE - _GAP}v{SIDE - _GAP}h{_GAP - SIDE}z"
    return Map(
        name=name,
        width=len(rows[0]) * SIDE - _GAP,
        height=len(rows) * SIDE - _GAP,
        plain="".join(_dashes(row, y, heard) for y, row in enumerate(rows)),
        shades=shades,
        plain_codes=_codes([[c if c != EMPTY and c not in heard else "" for c in row] for row in rows]),
        heard_codes=_codes([[c if c in heard else "" for c in row] for row in rows]),
        pointed=tuple(Tile(*at[_code(p)], _line(p)) for p in _sorted(here)[:_MOST_POINTED]),
        says=_says(name, here),
    )


def _code(place: Place) -> str:
    """What stands in its tile: ``CA`` of ``US-CA``, ``FR`` of ``FR``."""
    return place.region.rpartition("-")[2]


def _codes(rows: Sequence[Sequence[str]]) -> tuple[Codes, ...]:
    """Each row's codes as one string: a third of a tile for a letter, spaces where there is none."""
    out = []
    for y, row in enumerate(rows):
        used = [x for x, code in enumerate(row) if code]
        if not used:
            continue
        says = "".join(f"{code or _NBSP * 2}{_NBSP}" for code in row[used[0] : used[-1] + 1])[:-1]
        length = len(says) * SIDE / 3 - 0.7  # the space after the last letter is not drawn
        # Ours, from the layout: as markup, for of a plain text the spaces that keep its letters in place are lost.
        out.append(Codes(short(used[0] * SIDE + 3.5), y * SIDE + 14, short(length), Markup(says)))  # noqa: S704
    return tuple(out)


def _dashes(row: Sequence[str], y: int, heard: Mapping[str, Place]) -> str:
    """The plain tiles of one row, a stroke for each run of them: the stroke's dashes make the tiles."""
    out, at = [], 0
    for plain, group in groupby(row, lambda code: code != EMPTY and code not in heard):
        n = len(list(group))
        if plain:
            out.append(f"M{at * SIDE} {short(y * SIDE + (SIDE - _GAP) / 2)}h{n * SIDE - _GAP}")
        at += n
    return "".join(out)


def _shade(place: Place) -> str:
    shade = level(place)
    return "x" if shade is None else str(shade)


def _usual(place: Place) -> str:
    usual = known(place.usual)
    return "not known" if usual is None else figure(usual)


def _line(place: Place) -> str:
    return f"{region_name(place.region)}: {figure(place.count)} reports, usual: {_usual(place)}"


def _sorted(heard: Iterable[Place]) -> list[Place]:
    """The farthest above usual first."""
    return sorted(heard, key=lambda p: (-(p.count - (known(p.usual) or 0.0)), p.region))


def _says(name: str, heard: Sequence[Place]) -> str:
    above = [p for p in _sorted(heard) if (level(p) or 0) > 0]
    if not above:
        return f"{name}: no place reports more than usual."
    named = ", ".join(f"{region_name(p.region)} ({figure(p.count)})" for p in above[:5])
    more = f" and {len(above) - 5} more" if len(above) > 5 else ""
    return f"{name}: more reports than usual from {named}{more}."
