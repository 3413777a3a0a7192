"""Where the writer of a text says to be: an ISO 3166 code from a table of place names (``text_places.toml``)."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_LONGEST = 3
_BEFORE = re.compile(r"(?:\b(?:in|from|near|around|across|at|of|en|aus|em)|[\[(])\s?$")
_AFTER = re.compile(r"\s?(?:here\b|user\b|users\b|[\])]|,|:)")
# "Dallas, TX": the letters of a state after a place. Those that are also words in capitals are left out.
_STATE = re.compile(r"[A-Z][a-z]+, ([A-Z]{2})\b(?!-)")
_WORDLIKE = frozenset(("OK", "OR", "IN", "ME", "HI", "OH", "PA", "MA", "AI"))
_CODE = re.compile(r"(?<![\w.-])(?:[A-Z]{2,3}|(?:[A-Z]\.){1,2}[A-Z]?)(?![\w-])")


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    names: dict[str, tuple[str, ...]]
    guarded: dict[str, tuple[str, ...]]
    codes: dict[str, tuple[str, ...]]


class Places(Struct, frozen=True):
    """The table turned round: word to code."""

    names: dict[str, str]
    guarded: dict[str, str]
    codes: dict[str, str]
    states: dict[str, str]
    starts: frozenset[str]
    """The first word of each place: most words of a text begin none."""


@cache
def places() -> Places:
    """The shipped table."""
    text = (files("stillup.sources") / "text_places.toml").read_text("utf-8")
    table = msgspec.toml.decode(text, type=_Table)
    regions = {code for part in (table.names, table.guarded) for code in part}
    names, guarded = _turned(table.names), _turned(table.guarded)
    return Places(
        names=names,
        guarded=guarded,
        codes=_turned(table.codes),
        states={r[3:]: r for r in sorted(regions) if r.startswith(("US-", "CA-")) and r[3:] not in _WORDLIKE},
        starts=frozenset(match[0] for name in (*names, *guarded) if (match := _WORD.match(name))),
    )


def region_of(raw: str, form: str) -> str | None:
    """The first place named, or a state of that same country when one is named beside it.

    ``raw`` is the text as written (short codes count in capitals only), ``form`` its normal form.
    """
    found = [*_named(form), *_coded(raw)]
    if not found:
        return None
    first = found[0]
    within = (region for region in found if region.startswith(f"{first}-"))
    return next(within, first)


def _named(form: str) -> list[str]:
    """Codes of the places in a text in normal form, in its order, the longest name first at each word."""
    table, words = places(), list(_WORD.finditer(form))
    found: list[str] = []
    at = 0
    while at < len(words):
        if words[at][0] not in table.starts:
            at += 1
            continue
        for length in range(min(_LONGEST, len(words) - at), 0, -1):
            start, end = words[at].start(), words[at + length - 1].end()
            code = table.names.get(form[start:end])
            guarded = table.guarded.get(form[start:end]) if code is None else None
            if guarded is not None and _is_guarded_place(form, start, end):
                code = guarded
            if code is not None:
                found.append(code)
                at += length
                break
        else:
            at += 1
    return found


def _is_guarded_place(form: str, start: int, end: int) -> bool:
    before, after = form[max(0, start - 8) : start], form[end : end + 8]
    first = not form[:start].strip()
    return bool(_BEFORE.search(before)) or bool(_AFTER.match(after) and (first or after.lstrip()[:1] not in ",:"))


def _coded(raw: str) -> list[str]:
    """Codes written in capitals; none in a text that is all capitals, where US may be the pronoun."""
    if raw == raw.upper():
        return []
    table = places()
    states = [table.states[m[1]] for m in _STATE.finditer(raw) if m[1] in table.states]
    return [*states, *(table.codes[m[0]] for m in _CODE.finditer(raw) if m[0] in table.codes)]


def _turned(part: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {word: code for code, words in part.items() for word in words}
