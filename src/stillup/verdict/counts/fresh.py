"""What has been counted and not been judged yet, by window: nothing that only changes its leaf is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from stillup.verdict.locate.localise import Leaf

Span = tuple[int, int]
"""A window: its length in seconds, and its number on the grid of such windows since the epoch."""

Unjudged = dict[Span, Counter[Leaf]]
"""By how much each leaf of a window has grown since it was judged; less than nothing where it has shrunk."""

_OWED = 2  # so many windows after its own a correction can still come


def grown(unjudged: Mapping[Span, Counter[Leaf]], covered_s: float) -> tuple[Counter[Leaf], Unjudged]:
    """What is new, and what is still owed.

    Of each window it is as much as its sum has grown. A source that splits one number by the day's mix moves reports
    from leaf to leaf whenever the mix moves. What a window has shrunk by is owed by that window, not by those after it.
    """
    counted: Counter[Leaf] = Counter()
    owed: Unjudged = {}
    for span, leaves in unjudged.items():
        if min(leaves.values()) >= 0:
            counted.update(leaves)
            continue
        more = leaves.total()
        if more > 0:
            counted.update(shared_out(+leaves, more))
        elif more < 0 and (span[1] + _OWED) * span[0] > covered_s:
            owed[span] = leaves
    return +counted, owed


def shared_out(parts: Counter[Leaf], total: int) -> Counter[Leaf]:
    """``total`` (no more than the sum of ``parts``) over the parts by their sizes, in whole numbers."""
    whole = parts.total()
    out = Counter({leaf: n * total // whole for leaf, n in parts.items()})
    by_rest = sorted(parts, key=lambda leaf: (-(parts[leaf] * total % whole), repr(leaf)))
    out.update(by_rest[: total - out.total()])
    return out
