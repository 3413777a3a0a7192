"""Law 4: what another upstream says is joined to what was said before it, so that the client reads one text.

Only in instruction form may an upstream say the end again, and only that is trimmed: what is equal is dropped, from
:data:`LEAST_OVERLAP` characters up. Fewer may be chance. What a model chooses to write is never changed otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stillup.gateway.core.values import Form

LEAST_OVERLAP = 24
"""Characters; an equal piece that is shorter is no sign of having been said before."""
LONGEST_OVERLAP = 4_000
"""So much of the end is looked at; an upstream that begins a longer text anew is found by its beginning."""


class Seam:
    """Takes the text of an upstream that goes on after ``said``, a piece at a time, and gives what is new of it.

    ``stop`` are the client's stop sequences: one that begins before the seam ends the answer behind it, and
    ``stopped_by`` says which. Cost: until the overlap is decided some µs a piece, afterwards nothing.
    """

    __slots__ = ("_after", "_candidates", "_edge", "_form", "_held", "_is_decided", "_said", "_stops", "stopped_by")

    def __init__(self, said: str, form: Form, stop: Sequence[str] = ()) -> None:
        self._said = said
        self._form = form
        self._held = ""
        self._candidates = list(_places(said)) if form is Form.INSTRUCTION else []
        self._is_decided = not self._candidates and not (form in _STRIPPED and said[-1:].isspace())
        self._stops = tuple(s for s in stop if len(s) > 1)
        longest = max((len(s) for s in self._stops), default=1)
        self._edge = said[max(0, len(said) - longest + 1) :] if longest > 1 else ""
        self._after = ""
        self.stopped_by = ""

    @property
    def is_open(self) -> bool:
        """It may still change what comes: a piece must be handed to it."""
        return not self._is_decided or bool(self._edge)

    def take(self, text: str) -> str:
        """What of ``text`` is new and can be said now."""
        if not self._is_decided:
            self._held += text
            text = self._decide()
        return self._before_stop(text)

    def finish(self) -> str:
        """The upstream has ended: what was held back."""
        held, self._held, self._is_decided = self._held, "", True
        if self._form is not Form.INSTRUCTION:
            return self._before_stop(_without_common(held, _white_end(self._said)), is_last=True)
        return self._before_stop(held[self._overlap(held) :], is_last=True)

    def _decide(self) -> str:
        """Empty while the beginning of the new text may still be the end of the old."""
        held = self._held
        if self._form is not Form.INSTRUCTION:
            white = _white_end(self._said)
            if len(held) < len(white) and white.startswith(held):
                return ""
            return self._decided(_without_common(held, white))
        self._candidates = [at for at in self._candidates if _agree(self._said, at, held)]
        if any(len(self._said) - at > len(held) for at in self._candidates):
            return ""
        return self._decided(held[self._overlap(held) :])

    def _decided(self, text: str) -> str:
        self._held, self._is_decided, self._candidates = "", True, []
        return text

    def _overlap(self, held: str) -> int:
        """How much of the beginning of ``held`` is the end of what was said; the longest such."""
        fits = (len(self._said) - at for at in self._candidates if held.startswith(self._said[at:]))
        return max((n for n in fits if n >= LEAST_OVERLAP), default=0)

    def _before_stop(self, text: str, *, is_last: bool = False) -> str:
        """Nothing from a stop sequence on that began before the seam; nothing yet while there may be one."""
        if not self._edge or not (text or is_last):
            return text
        self._after += text
        is_undecided = False
        for begin in range(len(self._edge)):
            joined = self._edge[begin:] + self._after
            for stop in self._stops:
                if joined.startswith(stop) and len(stop) > len(self._edge) - begin:
                    self.stopped_by, self._edge, self._after = stop, "", ""
                    return ""
                is_undecided = is_undecided or stop.startswith(joined)
        if is_undecided and not is_last:
            return ""
        after, self._edge, self._after = self._after, "", ""
        return after


_STRIPPED = (Form.PREFILL, Form.PREFIX, Form.FINAL)
"""Some of them take no white space at the end of a beginning, so it was left out there and may come again."""


def _places(said: str) -> Iterator[int]:
    """Where in the text its end could be said again from: its last part, and its very beginning."""
    first = max(0, len(said) - LONGEST_OVERLAP)
    if first > 0:
        yield 0
    yield from range(first, len(said) - LEAST_OVERLAP + 1)


def _agree(said: str, at: int, held: str) -> bool:
    """Whether ``held`` is what was said from ``at`` on, as far as both go."""
    length = min(len(held), len(said) - at)
    return said.startswith(held[:length], at)


def _white_end(said: str) -> str:
    return said[len(said.rstrip()) :]


def _without_common(text: str, white: str) -> str:
    """Without the white space that both have at the seam."""
    for n in range(min(len(text), len(white)), 0, -1):
        if text[:n] == white[-n:]:
            return text[n:]
    return text
