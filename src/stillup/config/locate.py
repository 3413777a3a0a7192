"""The line of every key in a TOML text.

The TOML library gives values without their places, and refusals must name a line. This scanner only follows the text's
structure (tables, keys, strings, brackets); the text is known to be valid, so it checks nothing.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

from stillup.config.words import KeyPath

_SPACE = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_KEY = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')[ \t]*""")
# A closing mark of a long string may have up to two more quotes before it, which belong to the string.
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' + r"|'''.*?'{3,5}" + r'|"(?:\\.|[^"\\\n])*"' + r"|'[^'\n]*'",
    re.DOTALL,
)
_REST = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line, from 1, on which each table, key and list item of a valid TOML text begins."""
    return _Scanner(text).document()


def line_at(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of the longest known beginning of a path; 1 where nothing of it is known."""
    ends = range(len(path), 0, -1)
    return next((lines[path[:end]] for end in ends if path[:end] in lines), 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [m.start() for m in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}
        self._items: dict[KeyPath, int] = {}
        """How many items each array of tables has so far."""

    def document(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip()
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip()
        return self._lines

    def _header(self) -> KeyPath:
        line, double = self._line(), self._text.startswith("[[", self._at)
        self._at += 2 if double else 1
        keys = self._keys()
        self._at += 2 if double else 1
        path: KeyPath = ()
        for number, key in enumerate(keys, start=1):
            path = (*path, key)
            self._lines.setdefault(path, line)
            if double and number == len(keys):
                self._items[path] = self._items.get(path, 0) + 1
            if path in self._items:
                path = (*path, self._items[path] - 1)
                self._lines.setdefault(path, line)
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for key in self._keys():
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._value(path)

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while found := _KEY.match(self._text, self._at):
            keys.append(_plain(found[1]))
            self._at = found.end()
            if not self._text.startswith(".", self._at):
                break
            self._at += 1
        return keys

    def _value(self, path: KeyPath) -> None:
        self._skip()
        first = self._text[self._at : self._at + 1]
        if first == "[":
            self._list(path)
        elif first == "{":
            self._inline(path)
        else:
            found = _TEXT.match(self._text, self._at) or _REST.match(self._text, self._at)
            self._at = found.end() if found else len(self._text)

    def _list(self, path: KeyPath) -> None:
        number = 0
        while self._next_item("]"):
            self._lines[(*path, number)] = self._line()
            self._value((*path, number))
            number += 1

    def _inline(self, path: KeyPath) -> None:
        while self._next_item("}"):
            self._pair(path)

    def _next_item(self, close: str) -> bool:
        """Step over the opening bracket or the comma; False once the closing bracket is passed."""
        self._skip()
        if not self._text.startswith(close, self._at):
            self._at += 1
            self._skip()
        if self._text.startswith(close, self._at) or self._at >= len(self._text):
            self._at += 1
            return False
        return True

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1


def _plain(key: str) -> str:
    """A key without its quotes and escapes."""
    if key[0] in "\"'":
        return next(iter(tomllib.loads(f"{key}=0")))
    return key
