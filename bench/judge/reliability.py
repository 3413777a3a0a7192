"""A reliability diagram as plain SVG: what was said along, how often it was so up, and how many samples below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import log10
from typing import NamedTuple

LEFT, TOP, SIDE = 64, 56, 360
BARS_TOP, BARS = TOP + SIDE + 52, 70
INK, FAINT, MARK = "#1f2933", "#c5ccd3", "#0b6e99"


class Bin(NamedTuple):
    """What was said in the mean of so many samples, how often it was so, and the interval of that."""

    samples: int
    said: float
    seen: float
    low: float
    high: float


def diagram(found: Sequence[Bin], caption: str) -> str:
    """The whole picture."""
    height = BARS_TOP + BARS + 44
    body = "\n".join([*_frame(caption), *_marks(found), *_bars(found)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="480" height="{height}" viewBox="0 0 480 {height}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}" role="img" '
        f'aria-label="Reliability diagram: {escape(caption)}">\n'
        f'<rect width="480" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _frame(caption: str) -> Iterator[str]:
    yield f'<text x="{LEFT}" y="24" font-size="15">When it says 70 %, is it so 70 times in 100?</text>'
    yield f'<text x="{LEFT}" y="42" fill="#52606d">{escape(caption)}</text>'
    yield f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{FAINT}"/>'
    for k in range(6):
        x, y = _place(k / 5, k / 5)
        lines = f"M{x:.0f} {TOP}V{TOP + SIDE}M{LEFT} {y:.0f}H{LEFT + SIDE}"
        yield f'<path d="{lines}" stroke="{FAINT}" stroke-width="0.5"/>'
        yield f'<text x="{x:.0f}" y="{TOP + SIDE + 18}" text-anchor="middle">{k * 20} %</text>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{k * 20} %</text>'
    yield f'<path d="M{LEFT} {TOP + SIDE}L{LEFT + SIDE} {TOP}" stroke="{INK}" stroke-dasharray="4 4" stroke-width="1"/>'
    yield f'<text x="{LEFT + SIDE / 2:.0f}" y="{TOP + SIDE + 36}" text-anchor="middle">probability that was said</text>'
    middle = TOP + SIDE / 2
    turned = f'transform="rotate(-90 18 {middle:.0f})" x="18" y="{middle:.0f}" text-anchor="middle"'
    yield f"<text {turned}>how often there was a fault</text>"


def _marks(found: Sequence[Bin]) -> Iterator[str]:
    for b in found:
        x, y = _place(b.said, b.seen)
        low, high = _place(0, b.low)[1], _place(0, b.high)[1]
        whisker = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8"
        yield f'<path d="{whisker}" stroke="{MARK}"/>'
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{MARK}"/>'


def _bars(found: Sequence[Bin]) -> Iterator[str]:
    """Counts on a log scale: calm hours outnumber the others a thousand to one."""
    foot = BARS_TOP + BARS
    most = max(log10(b.samples + 1) for b in found)
    for b in found:
        k = min(9, int(b.said * 10))
        tall = BARS * log10(b.samples + 1) / most
        x = LEFT + k * SIDE / 10
        place = f'x="{x + 3:.0f}" y="{foot - tall:.1f}" width="{SIDE / 10 - 6:.0f}" height="{tall:.1f}"'
        yield f'<rect {place} fill="{FAINT}"/>'
        yield f'<text x="{x + SIDE / 20:.0f}" y="{foot + 14}" text-anchor="middle" font-size="9">{b.samples:,}</text>'
    yield f'<text x="{LEFT + SIDE / 2:.0f}" y="{foot + 32}" text-anchor="middle">samples (log scale)</text>'


def _place(said: float, seen: float) -> tuple[float, float]:
    return LEFT + said * SIDE, TOP + SIDE - seen * SIDE
