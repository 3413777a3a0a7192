"""JSON as clients read it: what the quick decoder refuses is looked at once more before it is called broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NoReturn, TypeVar

import msgspec
from msgspec import Raw

T = TypeVar("T", bound=msgspec.Struct)

NULL = Raw(b"null")
"""What stands for a part that is absent: msgspec has no optional raw values."""
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises at bytes it does not like."""
as_object = msgspec.json.Decoder(dict[str, Raw]).decode
as_list = msgspec.json.Decoder(list[Raw]).decode
as_string = msgspec.json.Decoder(str).decode
"""Values of one kind, what is in them as it is written. They raise what is unreadable."""
_MOST_BRACKETS, _MOST_QUOTES, _MOST_COMMAS = 200_000, 300_000, 1_000_000
"""A million tokens of code have half of that. Each is a value that is built in one go, while nobody else is served."""
_MOST_ESCAPED = 1_000_000
"""Quotes in texts and around them: each is looked at for what follows it."""
_MOST_SAID = 40_000
"""Quotes that begin or end a text, in one answer: a hundred calls and a thousand citations have half of that."""
_MOST_HALVES = 200_000
_HALVES = ((b"\\ud", b"\\u0"), (b"\\uD", b"\\u0"))
"""How an escape begins that may be half a surrogate pair, and one of the same length that is none."""
_STEP = 4 << 20
_LONG_BYTES, _MANY_BRACKETS = 32_768, 2_000
_SHORT_BYTES = 300_000
"""So little is never crowded, whatever is in it."""


class NoJson(ValueError):
    """The bytes are no JSON, or nested deeper than anyone writes by hand."""


def is_crowded(data: bytes) -> bool:
    """Whether there may be more values in it than any model is asked with: nobody waits for such a body.

    Brackets and commas in texts count too, as nothing is decoded for it.
    """
    if len(data) < _SHORT_BYTES:
        return False
    if _has_more(data, (b"{", b"["), _MOST_BRACKETS) or _has_more(data, (b",",), _MOST_COMMAS):
        return True
    return _has_more_texts(data, _MOST_QUOTES) or _has_more(data, (b'"',), _MOST_ESCAPED)


def is_crowded_answer(data: bytes) -> bool:
    """Whether there is more in an answer that came whole than any model says; it is put into other words at once."""
    return _has_more_texts(data, _MOST_SAID) or _has_more(data, (b",",), _MOST_COMMAS)


def is_long(data: bytes) -> bool:
    """Whether to translate it may take longer than everybody else should wait."""
    return len(data) > _LONG_BYTES and (len(data) > _STEP or _has_more(data, (b"{", b"["), _MANY_BRACKETS))


def has_many_halves(data: bytes) -> bool:
    """Whether there are more halves of surrogate pairs in it than are mended one by one."""
    return len(data) > _MOST_HALVES and _has_more(data, tuple(half for half, _ in _HALVES), _MOST_HALVES)


def _has_more_texts(data: bytes, most: int) -> bool:
    return _has_more(data, (b'"',), most) and data.count(b'"') - data.count(b'\\"') > most


def _has_more(data: bytes, signs: tuple[bytes, ...], most: int) -> bool:
    found = 0
    for start in range(0, len(data), _STEP):
        found += sum(data.count(sign, start, start + _STEP) for sign in signs)
        if found > most:
            return True
    return False


def plain(data: bytes) -> object:
    """The value as dicts and lists. Raises NoJson.

    msgspec refuses half a surrogate pair in an escape, which JavaScript writes for text cut inside an emoji and
    which every other reader takes.
    """
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        pass
    try:
        return json.loads(data.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as refused:
        msg = "no JSON"
        raise NoJson(msg) from refused


def read(decode: Callable[[bytes], T], data: bytes, shape: type[T]) -> T:
    """``decode(data)``, or what ``shaped`` makes of it."""
    try:
        return decode(data)
    except UNREADABLE:
        return shaped(data, shape)


def shaped(data: bytes, shape: type[T]) -> T:
    """The value in ``shape``; an empty one when it is JSON of another shape. Raises NoJson."""
    if has_many_halves(data):
        msg = "no JSON: too many halves of surrogate pairs"
        raise NoJson(msg)
    # Which half of a pair is missing does not matter here, nor which letter it was: nobody sees what is read.
    whole = data
    for half, none in _HALVES:
        whole = whole.replace(half, none)
    try:
        data.decode()
        try:
            return msgspec.json.decode(whole, type=shape, strict=False)
        except msgspec.ValidationError:
            msgspec.json.decode(whole)
            return shape()
    except UNREADABLE as refused:
        msg = "no JSON"
        raise NoJson(msg) from refused


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
