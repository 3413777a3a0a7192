"""Law 4: what another upstream says is joined to what was said before it, so that the client reads one text.

Only in instruction form may an upstream say the end again, and only that is trimmed: what is equal is dropped, from
:data:`LEAST_OVERLAP` characters up. Fewer may be chance. What a model chooses to write is never changed otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

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

    __slots__ = (
        "_after", "_at", "_begins_anew", "_edge", "_form", "_held", "_is_decided", "_length", "_said", "_stops",
        "stopped_by",
    )  # fmt: skip

    def __init__(self, said: str, form: Form, stop: Sequence[str] = ()) -> None:
        self._said = said
        self._form = form
        self._held: list[str] = []
        self._length = 0
        self._at = max(0, len(said) - LONGEST_OVERLAP)
        """Where in the text what is held stands first; it never moves back."""
        self._begins_anew = self._at > 0
        """What is held is, so far, the very beginning of a longer text."""
        may_repeat = form is Form.INSTRUCTION and len(said) >= LEAST_OVERLAP
        self._is_decided = not may_repeat and not (form in _STRIPPED and said[-1:].isspace())
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
            text = self._decide(text)
        return self._before_stop(text)

    def finish(self) -> str:
        """The upstream has ended: what was held back."""
        held = self._decided()
        if self._form is not Form.INSTRUCTION:
            return self._before_stop(_without_common(held, _white_end(self._said)), is_last=True)
        return self._before_stop(held[self._overlap(held) :], is_last=True)

    def _decide(self, text: str) -> str:
        """Empty while the beginning of the new text may still be the end of the old."""
        self._held.append(text)
        before, self._length = self._length, self._length + len(text)
        if self._form is not Form.INSTRUCTION:
            held, white = "".join(self._held), _white_end(self._said)
            if len(held) < len(white) and white.startswith(held):
                return ""
            return _without_common(self._decided(), white)
        if self._may_be_said(text, before):
            return ""
        held = self._decided()
        return held[self._overlap(held) :]

    def _may_be_said(self, text: str, before: int) -> bool:
        """Whether what is held, of which ``text`` came last, stands in the old text and more may follow it there.

        Each piece is looked at once: an upstream may repeat all of a long answer, one character at a time.
        """
        said = self._said
        if self._begins_anew:
            self._begins_anew = said.startswith(text[: len(said) - before], before)
            if self._begins_anew and self._length < len(said):
                return True
        if self._length >= min(len(said), LONGEST_OVERLAP):
            return False
        end = len(said) - max(1, LEAST_OVERLAP - self._length)
        self._at = said.find("".join(self._held), self._at, end) if self._at >= 0 else -1
        return self._at >= 0

    def _decided(self) -> str:
        held, self._held, self._is_decided = "".join(self._held), [], True
        return held

    def _overlap(self, held: str) -> int:
        """How much of the beginning of ``held`` is the end of what was said; the longest such."""
        said = self._said
        if len(said) > LONGEST_OVERLAP and self._begins_anew and held.startswith(said):
            return len(said)
        longest = min(len(said), len(held), LONGEST_OVERLAP)
        return next((n for n in range(longest, LEAST_OVERLAP - 1, -1) if held.startswith(said[len(said) - n :])), 0)

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


def _white_end(said: str) -> str:
    return said[len(said.rstrip()) :]


def _without_common(text: str, white: str) -> str:
    """Without the white space that both have at the seam."""
    for n in range(min(len(text), len(white)), 0, -1):
        if text[:n] == white[-n:]:
            return text[n:]
    return text
