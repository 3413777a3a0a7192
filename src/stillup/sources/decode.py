"""Bytes and texts from the network, made safe: bounded, strict, and clean of what could fool a terminal or a reader.

Every failure is a :class:`~stillup.errors.SourceError` named after the format's problem; the answer itself is never
quoted, since a message goes to logs and terminals.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec

from stillup.errors import Malformed, TooLarge
from stillup.net import MIB

if TYPE_CHECKING:
    from lxml.etree import _Element

_T = TypeVar("_T")

MAX_BYTES = 4 * MIB
_UTF8_BOM = b"\xef\xbb\xbf"
# The only validator texts that hold our own words alone; others (a bad enum value) quote what was sent.
_OWN_WORDS = re.compile(r"(?:Expected `[^`]*`(?:, got `[^`]*`)?|Object missing required field `\w+`)(?: - at `[^`]*`)?")
_WEB_ADDRESS = re.compile(r"https?://[!-~]{1,1000}")
_Aware = Annotated[datetime, msgspec.Meta(tz=True)]
_PLACE = re.compile(r" - at `(\$[^`]*)`$")
# Printable by Unicode's word, and yet nothing to see: Hangul fillers and the empty braille pattern.
_BLANK_LETTERS = dict.fromkeys((0x3164, 0x115F, 0x1160, 0x2800))
_MARKS, _MOST_MARKS = frozenset(("Mn", "Me")), 4
_BREAKS = frozenset(("p", "br", "li", "ul", "ol", "div", "tr", "td", "h1", "h2", "h3", "h4", "blockquote", "pre"))
_SILENT = frozenset(("script", "style", "head", "template", "noscript"))


def decode_json(body: bytes, kind: type[_T], *, max_bytes: int = MAX_BYTES) -> _T:
    """One JSON document as a typed value, strictly: no NaN, no conversions, no trailing bytes.

    :raises TooLarge: longer than ``max_bytes``.
    :raises Malformed: not JSON, too deep, or not of that shape.
    """
    _within(body, max_bytes)
    try:
        # The decoder skips fields nobody asked for without looking at their bytes, so the encoding is checked here.
        body.decode()
        return msgspec.json.decode(body.removeprefix(_UTF8_BOM), type=kind)
    except msgspec.ValidationError as exc:
        msg = f"the JSON is not in the expected format: {_reason(str(exc))}"
    except (msgspec.DecodeError, UnicodeDecodeError):
        msg = "the answer is not whole and valid JSON"
    except RecursionError:
        msg = "the JSON is nested too deeply"
    raise Malformed(msg)


def _reason(text: str) -> str:
    if _OWN_WORDS.fullmatch(text):
        return text.replace("`", "")
    place = _PLACE.search(text)
    return f"a value is not allowed at {place[1]}" if place else "a value is not allowed"


def parse_xml(body: bytes, *roots: str, max_bytes: int = MAX_BYTES) -> _Element:
    """The root element of one XML document whose root has one of these local names (none given: any).

    Nothing is fetched, no entity is expanded, and a document that brings its own DTD is refused: feeds have none.

    :raises TooLarge: longer than ``max_bytes``.
    :raises Malformed: not well-formed, too deep, with a DTD, or with another root.
    """
    from lxml import etree

    _within(body, max_bytes)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    root = None
    # lxml's own message can quote the document, so it is not passed on, not even as the context of ours.
    with suppress(etree.LxmlError, ValueError, LookupError):
        root = etree.fromstring(body, parser)
    if root is None:
        msg = "the answer is not whole and valid XML"
        raise Malformed(msg)
    if root.getroottree().docinfo.internalDTD is not None:
        msg = "the XML brings its own document type, which no feed needs"
        raise Malformed(msg)
    if roots and etree.QName(root).localname not in roots:
        msg = f"the XML is not a {' or '.join(roots)} document"
        raise Malformed(msg)
    return root


def clean(text: str, limit: int) -> str:
    """At most ``limit`` characters of one printable line: no control, bidirectional or invisible ones.

    Joined emoji come apart, for the joiner is invisible too: a small price for texts that are what they seem.
    """
    bounded = text[: limit * 16 + 1000]
    if not bounded.isascii() or not bounded.isprintable():
        bounded = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in bounded)
        bounded = _without_piles(bounded.translate(_BLANK_LETTERS))
    folded = " ".join(bounded.split())
    return folded if len(folded) <= limit else folded[: max(0, limit - 1)].rstrip() + "…"


def _without_piles(text: str) -> str:
    """The text with at most four marks on a letter: more of them run over the lines above and below."""
    kept: list[str] = []
    run = 0
    for c in text:
        run = run + 1 if unicodedata.category(c) in _MARKS else 0
        if run <= _MOST_MARKS:
            kept.append(c)
    return "".join(kept)


def strip_html(html: str, limit: int) -> str:
    """The plain text of a piece of HTML, cleaned as by :func:`clean`; scripts and styles are left out."""
    bounded = html[: limit * 16 + 1000]
    if "<" not in bounded and "&" not in bounded:
        return clean(bounded, limit)
    from lxml import etree

    parser = etree.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True)
    printable = "".join(c for c in bounded if c.isprintable() or c.isspace())
    try:
        root = etree.fromstring(b"<div>" + printable.encode("utf-8", "ignore") + b"</div>", parser)
    except (etree.LxmlError, ValueError):
        return clean(re.sub(r"<[^<>]*>", " ", bounded), limit)
    return clean("".join(_texts(root)), limit)


def _texts(root: _Element) -> list[str]:
    """The texts of a tree in order, with a space where a block begins or ends. No recursion: depth is the sender's."""
    from lxml import etree

    found: list[str] = []
    silent = 0
    for event, node in etree.iterwalk(root, events=("start", "end")):
        name = node.tag if isinstance(node.tag, str) else ""
        if event == "start":
            silent += name in _SILENT
            found.append(" " if name in _BREAKS else "")
            found.append("" if silent else node.text or "")
        else:
            silent -= name in _SILENT
            found.append(" " if name in _BREAKS else "")
            found.append("" if silent else node.tail or "")
    return found


def http_url(text: str) -> str:
    """The text when it is a plain web address a person may be sent to, else nothing."""
    return text if _WEB_ADDRESS.fullmatch(text) else ""


def moment(text: str | None) -> datetime | None:
    """A time written in ISO 8601 with its offset, in UTC; None when it is absent or says no such thing."""
    try:
        return msgspec.convert(text or "", _Aware).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        return None


def from_epoch(seconds: float | None) -> datetime | None:
    """A time given as seconds since 1970, in UTC; None when it is absent or beyond the calendar."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _within(body: bytes, max_bytes: int) -> None:
    if len(body) > max_bytes:
        msg = f"the answer is larger than {max_bytes // MIB} MiB"
        raise TooLarge(msg)
    if not body.strip():
        msg = "the answer is empty"
        raise Malformed(msg)
