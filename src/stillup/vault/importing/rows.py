"""Who follows whom, where each line names one line before it: a tree of lines made a row of turns where it is one."""

from __future__ import annotations

from itertools import islice

_MOST_PASSED, _MOST_OF_A_ROW = 100_000, 4_000
"""So many lines are remembered for longer: of a file of millions, others are followed as if they were not there."""


class Rows:
    """Finds the turn that a line follows.

    Lines that are no turns stand in between. An answer with several calls is written down as several lines, and what
    comes of each call follows the line of its call: a fork on paper, though all of it was said, one behind the other.
    So an answer and the results of its calls are one row, and whatever follows one of its lines follows its last.
    """

    def __init__(self) -> None:
        self._passed: dict[str, str] = {}
        """Of a line that is no turn, the turn before it."""
        self._turns: set[str] = set()
        self._answer: dict[str, str] = {}
        """Of a turn, the answer that it belongs to."""
        self._last: dict[str, str] = {}
        """Of an answer, the newest turn."""
        self._start: dict[str, int] = {}
        self._newest = ""
        self.start = 0
        """Where the row begins that the newest turn is in: a byte, from which on all this can be found anew."""

    def __contains__(self, line: str) -> bool:
        return line in self._turns or line in self._passed

    def passed(self, line: str, parent: str) -> None:
        """A line that is no turn."""
        self._passed[line] = self._before(parent)

    def add(self, line: str, parent: str, at: int, *, answer: str = "", is_result: bool = False) -> str:
        """A line that is a turn and begins at a byte; the turn that it follows, empty for none."""
        before = self._passed.get(parent, parent)
        follows = self._before(parent)
        answer = answer or (self._answer.get(before, "") if is_result else "")
        self._passed.pop(line, None)
        self._turns.add(line)
        self._newest = line
        if answer:
            self._answer[line] = answer
            self._last[answer] = line
        self.start = self._start.setdefault(answer, at) if answer else at
        return follows

    def forget(self) -> None:
        """What is behind the newest row is remembered no longer, but for lines that are no turns."""
        row = self._answer.get(self._newest, "")
        lines = [line for line, answer in self._answer.items() if answer == row][-_MOST_OF_A_ROW:] if row else []
        self._turns = {*lines, self._newest}
        self._answer = dict.fromkeys(lines, row)
        self._last = {row: self._newest} if row else {}
        self._start = {row: self.start} if row else {}
        if len(self._passed) > 2 * _MOST_PASSED:
            self._passed = dict(islice(self._passed.items(), len(self._passed) - _MOST_PASSED, None))

    def _before(self, parent: str) -> str:
        turn = self._passed.get(parent, parent)
        return self._last.get(self._answer.get(turn, ""), turn)
