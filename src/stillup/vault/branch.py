"""A conversation taken up again at an earlier message has branches: the newest one is what people mean. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from stillup.vault.values import Turn


def newest_branch(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns from the first to the last one, along their parents; all of them where no parents are told."""
    by_id = {turn.id: n for n, turn in enumerate(turns)}
    first_of: dict[str, int] = {}
    for n, turn in enumerate(turns):
        first_of.setdefault(turn.parent, n)
    path: list[Turn] = []
    at = len(turns) - 1
    while at >= 0:
        turn = turns[at]
        path.append(turn)
        before = by_id.get(turn.parent, -1) if turn.parent else at - 1
        if turn.parent and not 0 <= before < at:
            # Its parent was left out by the origin (or stands behind it, and would lead in circles): siblings of it
            # are other branches, what stands before the first of them is what they all follow.
            before = first_of[turn.parent] - 1
        at = before
    return tuple(reversed(path))
