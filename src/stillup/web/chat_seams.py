"""Where another model went on with an answer that broke off: as the gateway tells it, in words, and as a mark. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from itertools import islice

from stillup.gateway.continued import continued
from stillup.sources.decode import clean
from stillup.web.chat_words import LONGEST_NAME, MOST_SEAMS, Seam, tidy
from stillup.web.markdown import render_markdown

_BACK = 60
"""Characters that a mark is moved back at most, to stand between two words."""
_MOST_TRIES = 6
_space = re.compile(r"\s|$")
_MARKS = "".join(map(chr, range(0xE000, 0xE040)))
"""Characters of private use: what has no meaning in Markdown or HTML can hold a place in both."""


def seams_of(told: str, pieces: Sequence[str]) -> tuple[Seam, ...]:
    """From the gateway's words, ``upstream/model@characters, …``, and the answer as it came, untidied.

    What cannot be read is left out, and whatever stands behind it.
    """
    return tuple(
        Seam(
            upstream=clean(one.upstream, LONGEST_NAME),
            model=clean(one.model, LONGEST_NAME),
            at=_shown(pieces, one.characters),
        )
        for one in islice(continued(told), MOST_SEAMS)
    )


def _shown(pieces: Sequence[str], characters: int) -> int:
    """How many characters are shown of the first so many: each piece is tidied by itself."""
    shown = 0
    for piece in pieces:
        shown += len(tidy(piece[:characters]))
        characters -= len(piece)
        if characters <= 0:
            break
    return shown


def in_words(begun_by: str, seams: Sequence[Seam]) -> str:
    """One sentence on who wrote what; empty where one wrote it all."""
    if not seams:
        return ""
    others = ", then ".join(f"{seam.who} from character {seam.at + 1:,} on" for seam in seams)
    return f"Begun by {begun_by}, which broke off; then by {others}."


def rendered(text: str, seams: Sequence[Seam] = (), render: Callable[[str], str] = render_markdown) -> str:
    """A text's HTML with a mark at each seam, between two words, where one can stand without changing anything else.

    Costs at most :data:`_MOST_TRIES` looks at the text beside the one without marks.
    """
    html = render(text)
    if not seams:
        return html
    free = [c for c in _MARKS if c not in text and c not in html]  # which may have one as `&#xE000;`, in an attribute
    wanted = [*zip(free, (seam for seam in seams if seam.at <= len(text)), strict=False)]  # a kept text may be cut
    if not wanted:
        return html
    shown, placed = html, dict[str, int]()
    best = {mark: _places(text, seam.at)[0] for mark, seam in wanted}
    trial, tries = render(_marked(text, best)), 1
    if _is_harmless(trial, html, best):
        shown, placed = trial, best
    for mark, seam in wanted if not placed else ():
        for at in _places(text, seam.at):
            tries += 1
            if tries > _MOST_TRIES:
                break
            more = {**placed, mark: at}
            trial = render(_marked(text, more))
            if _is_harmless(trial, html, more):
                shown, placed = trial, more
                break
    for mark, seam in wanted:
        shown = shown.replace(mark, f'<span class="seam">{escape(seam.who)} goes on from here</span>')
    return shown


def _places(text: str, at: int) -> tuple[int, ...]:
    """Where the mark of a seam may stand, best first: before the word it is in, behind the one before, there, later."""
    near = text[max(at - _BACK, 0) : at]
    cut = max(near.rfind(" "), near.rfind("\n")) + 1
    before = at - len(near) + cut if cut else at  # without a space it is one long word, or another way of writing
    behind = _space.search(text, at)
    return tuple(dict.fromkeys((before, len(text[:before].rstrip()), at, behind.start() if behind else len(text))))


def _marked(text: str, placed: Mapping[str, int]) -> str:
    pieces, last = [], 0
    for mark, at in sorted(placed.items(), key=lambda one: (one[1], one[0])):
        pieces += [text[last:at], mark]
        last = at
    return "".join((*pieces, text[last:]))


def _is_harmless(shown: str, html: str, marks: Iterable[str]) -> bool:
    """Whether the marks are all that is new, and each stands between tags."""
    without = shown
    for mark in marks:
        at = shown.find(mark)
        if at < 0 or shown.rfind("<", 0, at) > shown.rfind(">", 0, at):
            return False
        without = without.replace(mark, "", 1)
    return without == html
