"""HTML as Markdown, from a parser's events: no tree is ever held, so memory does not grow with tags."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from lxml import etree

from stillup.vault.importing.bounds import CHUNK_BYTES, STRING_BYTES

_UNSHOWN = frozenset(
    {
        "script",
        "style",
        "svg",
        "button",
        "textarea",
        "select",
        "noscript",
        "template",
        "nav",
        "iframe",
        "head",
        "object",
    }
)
_BLOCKS = [
    *("p", "div", "section", "article", "ul", "ol", "table", "blockquote", "header", "footer", "main", "aside"),
    *("figure", "dl", "dt", "dd", "details", "summary", "h1", "h2", "h3", "h4", "h5", "h6"),
]
_AROUND = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "annotation": "$"}
_BREAKS = {**dict.fromkeys(_BLOCKS, 2), "tr": 1, "li": 1, "hr": 2}
"""How many ends of lines stand at least before and after an element."""
_BEFORE = {
    **_AROUND,
    **{f"h{n}": f"{'#' * n} " for n in range(1, 7)},
    "br": "\n",
    "hr": "---",
    "td": " | ",
    "th": " | ",
}
_AFTER = {**_AROUND, "tr": " |"}
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_ODD = ("\n", "  ", "\xa0", "\t", "\r", "\f")
"""Space that a browser does not show as it is; to replace each single one would take most of the time."""
_DEPTH = 12
_LANGUAGE = re.compile(r"language-([\w+#.-]{1,20})")


class Words:
    """What a part of a page says. Feed it the events of one element; ``text`` is bounded."""

    __slots__ = ("_hidden", "_href", "_keeps", "_lists", "_out", "_pre", "_pre_at", "_size", "_tail")

    def __init__(self, *, keeps_lines: bool = False) -> None:
        self._out: list[str] = []
        self._size = 0
        self._hidden = self._pre = 0
        self._keeps = int(keeps_lines)
        self._pre_at = 0
        self._tail = 2  # ends of lines at the end of what was said
        self._lists: list[int] = []
        self._href: list[str] = []

    @property
    def is_long(self) -> bool:
        """It said more than is kept."""
        return self._size > STRING_BYTES

    @property
    def text(self) -> str:
        """All of it as Markdown."""
        return "".join(self._out).strip()

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        """An element begins."""
        kind = (attrib.get("class") or "") if attrib else ""
        if self._hidden or tag in _UNSHOWN or (attrib and _is_hidden(kind, attrib)):
            self._hidden += 1
            return
        if self._keeps or "whitespace-pre-wrap" in kind:
            self._keeps += 1
        self._break(tag)
        if tag in _BEFORE:
            self._say(_BEFORE[tag])
        elif tag in {"pre", "code"}:
            self._code(tag, kind)
        elif tag == "li":
            self._say(self._bullet())
        elif tag == "a":
            self._href.append(attrib.get("href", ""))
            self._say("[" if _is_link(self._href[-1]) else "")
        if tag in {"ul", "ol"}:
            self._lists.append(1 if tag == "ol" else 0)

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._hidden:
            self._hidden -= 1
            return
        if self._keeps > 1:
            self._keeps -= 1
        if tag in _AFTER:
            self._say(_AFTER[tag])
        elif tag == "pre":
            self._pre = max(self._pre - 1, 0)
            self._say("```\n\n" if self._tail else "\n```\n\n")
        elif tag == "code" and not self._pre:
            self._say("`")
        elif tag == "a" and self._href and _is_link(href := self._href.pop()):
            self._say(f"]({href})")
        if tag in {"ul", "ol"} and self._lists:
            self._lists.pop()
        self._break(tag)

    def data(self, data: str) -> None:
        """Words between them."""
        if self._hidden:
            return
        if self._pre or self._keeps:
            self._say(data)
        elif said := _SPACE.sub(" ", data) if any(odd in data for odd in _ODD) else data:
            self._say(said.lstrip() if self._tail else said)

    def close(self) -> None:
        """Nothing more comes."""

    def _say(self, said: str) -> None:
        self._size += len(said)
        if said and not self.is_long:
            self._out.append(said)
            words = said.rstrip("\n")
            self._tail = len(said) - len(words) + (0 if words else self._tail)

    def _break(self, tag: str) -> None:
        """Begin a new line, or leave one empty; within code nothing does that."""
        wanted = 1 if self._lists and tag in {"ul", "ol", "p", "div"} else _BREAKS.get(tag, 0)
        if wanted > self._tail and not self._pre:
            self._say("\n" * (wanted - self._tail))

    def _bullet(self) -> str:
        depth = "  " * min(max(len(self._lists) - 1, 0), _DEPTH)
        if self._lists and self._lists[-1]:
            self._lists[-1] += 1
            return f"{depth}{self._lists[-1] - 1}. "
        return f"{depth}- "

    def _code(self, tag: str, kind: str) -> None:
        if tag == "pre":
            self._say("\n" * max(2 - self._tail, 0))
            self._pre += 1
            self._pre_at = len(self._out)
            self._say("```\n")
        elif not self._pre:
            self._say("`")
        elif self._pre_at < len(self._out):  # what stands before the code is a button or the language's name
            found = _LANGUAGE.search(kind)
            del self._out[self._pre_at :]
            self._say(f"```{found[1] if found else ''}\n")
            self._pre_at = len(self._out) + 1


class Snippets:
    """Makes pieces of HTML into Markdown, one after the other: a parser for each would cost more than to parse it."""

    def __init__(self) -> None:
        self._words = Words()
        self._parser: etree.HTMLParser | None = None

    def markdown(self, html: str) -> str:
        """A piece of HTML as Markdown."""
        if self._parser is None:
            self._parser = event_parser(self)
        self._words = Words()
        try:
            self._parser.feed(html.encode("utf-8", "replace"))
            self._parser.close()
        except etree.LxmlError:
            self._parser = None
        return self._words.text

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        """For the parser."""
        self._words.start(tag, attrib)

    def end(self, tag: str) -> None:
        """For the parser."""
        self._words.end(tag)

    def data(self, data: str) -> None:
        """For the parser."""
        self._words.data(data)

    def close(self) -> None:
        """Nothing more comes."""


def feed(target: Target, read: Callable[[], bytes]) -> None:
    """Send the events of a page to a target as long as there are bytes. What is broken in it is read as browsers do."""
    parser = event_parser(target)
    try:
        while data := read():
            parser.feed(data)
        parser.close()
    except etree.LxmlError:
        return


def event_parser(target: Target) -> etree.HTMLParser:
    """A parser that is fed bytes and sends ``start``, ``end``, ``data`` and perhaps ``comment`` to the target."""
    return etree.HTMLParser(target=target, encoding="utf-8", no_network=True)  # type: ignore[arg-type]


class Target(Protocol):
    """Who listens to a page; ``comment`` is asked for where it is there."""

    def start(self, tag: str, attrib: Mapping[str, str]) -> None: ...

    def end(self, tag: str) -> None: ...

    def data(self, data: str) -> None: ...

    def close(self) -> None: ...


def chunks(read: Callable[[int], bytes], limit_bytes: int) -> Callable[[], bytes]:
    """Reads on, up to a limit."""
    left = limit_bytes

    def following() -> bytes:
        nonlocal left
        data = read(min(CHUNK_BYTES, left))
        left -= len(data)
        return data

    return following


def _is_hidden(kind: str, attrib: Mapping[str, str]) -> bool:
    return "katex-html" in kind or "sr-only" in kind or "hidden" in attrib


def _is_link(href: str) -> bool:
    return href.startswith(("https://", "http://")) and len(href) <= 2000
