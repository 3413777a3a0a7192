"""Every key of a TOML text is found on the line it was written on."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.config.locate import line_at, lines_of

# What could lead a scanner astray: brackets, quotes, comment marks and equals signs inside texts and keys.
_TRICKY = st.text(st.sampled_from("ab#[]{}=,.'\"\\ \tü€"), max_size=12)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LINES = ["a = 1", "[table]", "[[items]]", "# no comment", "'''", "}", "]", ""]


def _basic(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


class Writer:
    """Writes a document and keeps the line of every leaf."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[tuple[str | int, ...], int] = {}
        self._keys = 0

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def one_of(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def gap(self) -> None:
        self.text += self.one_of("", "", "\n", "# a [comment] = 'with \"everything\n", "  \t")

    def key(self) -> tuple[str, str]:
        """A new key, plain and as written."""
        self._keys += 1
        plain = f"{self.draw(_TRICKY)}{self._keys}"
        if _BARE.fullmatch(plain) and self.draw(st.booleans()):
            return plain, plain
        return plain, f"'{plain}'" if "'" not in plain and self.draw(st.booleans()) else _basic(plain)

    def keys(self, most: int = 3) -> tuple[tuple[str, ...], str]:
        parts = [self.key() for _ in range(self.draw(st.integers(1, most)))]
        return tuple(p for p, _ in parts), self.one_of(".", " . ").join(w for _, w in parts)

    def pair(self, path: tuple[str | int, ...], *, inline: bool = False) -> None:
        plain, written = self.keys()
        self.text += written + self.one_of("=", " = ")
        self.value((*path, *plain), inline=inline, line=self.line)

    def value(self, path: tuple[str | int, ...], *, line: int, inline: bool = False, depth: int = 0) -> None:
        kinds = [self.scalar, self.scalar, self.long_text]
        kinds += [self.array, self.table] if depth < 2 else []
        kind = self.draw(st.sampled_from(kinds))
        if kind in (self.array, self.table):
            kind(path, depth + 1)
        else:
            self.lines[path] = line
            kind()

    def scalar(self) -> None:
        text = self.draw(_TRICKY)
        words = ("1", "-2.5e3", "true", "1979-05-27T07:32:00Z", "1979-05-27 07:32:00", _basic(text))
        literal = text.replace("'", "").replace("\\", "")
        self.text += self.one_of(*words, f"'{literal}'")

    def long_text(self) -> None:
        inside = "\n".join(self.draw(st.lists(st.sampled_from(_LINES), max_size=4)))
        if self.draw(st.booleans()):
            inside = inside.replace("'''", "x") + self.one_of("", "'", "''")
            self.text += f"'''{inside}'''"
        else:
            inside += self.one_of("", '"', '""', '\\"""\\"', "\\\\", "\\\n  ")
            self.text += f'"""{inside}"""'

    def array(self, path: tuple[str | int, ...], depth: int) -> None:
        self.text += "["
        for number in range(self.draw(st.integers(0, 3))):
            self.array_gap()
            self.value((*path, number), line=self.line, depth=depth)
            self.array_gap()
            self.text += ","
        self.array_gap()
        self.text += "]"

    def array_gap(self) -> None:
        self.text += self.one_of("", " ", "\n  ", " # ], [ '\n")

    def table(self, path: tuple[str | int, ...], depth: int) -> None:
        self.text += "{"
        for number in range(self.draw(st.integers(0, 2))):
            self.text += "," if number else " "
            plain, written = self.keys(2)
            self.text += f"{written} = "
            self.value((*path, *plain), line=self.line, depth=depth)
        self.text += "}"

    def pairs(self, path: tuple[str | int, ...]) -> None:
        for _ in range(self.draw(st.integers(0, 3))):
            self.gap()
            self.pair(path)
            self.text += self.one_of("\n", " # end\n", "\n\n")

    def section(self) -> None:
        plain, written = self.keys(2)
        if self.draw(st.booleans()):
            self.text += f"[{written}]\n"
            self.pairs(plain)
            return
        for number in range(self.draw(st.integers(1, 3))):
            self.text += f"[[ {written} ]] # item\n"
            self.pairs((*plain, number))
            below, named = self.keys(1)
            if self.draw(st.booleans()):
                self.text += f"[{written}.{named}]\n"
                self.pairs((*plain, number, *below))
            else:
                for item in range(2):
                    self.text += f"[[{written}.{named}]]\n"
                    self.pairs((*plain, number, *below, item))


@st.composite
def documents(draw: st.DrawFn) -> Writer:
    writer = Writer(draw)
    writer.pairs(())
    for _ in range(draw(st.integers(0, 3))):
        writer.section()
    return writer


def leaves(tree: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if below is None:
        yield path
    for key, value in below or ():
        yield from leaves(value, (*path, key))


@given(documents(), st.sampled_from(["\n", "\r\n"]))
def test_every_leaf_is_found_on_the_line_it_was_written_on(written: Writer, newline: str):
    text = written.text.replace("\n", newline)
    found = lines_of(text)
    paths = list(leaves(tomllib.loads(text)))
    assert set(paths) == set(written.lines)
    assert {path: found.get(path) for path in paths} == written.lines


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("web", "listen"), 3),
        (("gateway", "upstreams", 1, "id"), 8),
        (("gateway", "upstreams", 1, "colour"), 7),
        (("gateway", "upstreams", 4), 5),
        (("gateway", "routes"), 5),
        (("nothing",), 1),
    ],
)
def test_what_is_not_there_is_told_at_the_nearest_thing_around_it(path: tuple[str | int, ...], line: int):
    text = """# one
[web]
listen = ":1"

[[gateway.upstreams]]
id = "a"
[[gateway.upstreams]]
id = "b"
"""
    assert line_at(lines_of(text), path) == line


def test_a_table_written_again_for_its_sub_table_keeps_its_first_line():
    text = "[a]\nx = 1\n[b]\n[a.c]\ny = 2\n"
    assert lines_of(text) == {("a",): 1, ("a", "x"): 2, ("b",): 3, ("a", "c"): 4, ("a", "c", "y"): 5}
