"""The words of refusals: where a key is, what a text looks like to a person, and what comes near it."""

from __future__ import annotations

import re

from msgspec import Struct

KeyPath = tuple[str | int, ...]
"""Where a key is: names of tables and keys, numbers of list items."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Complaint(Struct, frozen=True):
    """One thing that is wrong, and where."""

    path: KeyPath
    says: str


def dotted(path: KeyPath) -> str:
    """The path as a person writes it: ``gateway.upstreams[0].id``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else show(part))
    return text


def show(text: str) -> str:
    """A text for a message: short, on one line, with nothing in it that a terminal would obey."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return repr(clean if len(clean) <= 40 else clean[:39] + "…")


def near(word: str, known: list[str]) -> str:
    """`` (did you mean x or y?)``, or nothing where nothing known is near."""
    from difflib import get_close_matches

    found = get_close_matches(word, known, n=3, cutoff=0.6)
    return f" (did you mean {' or '.join(found)}?)" if found else ""


def near_service(word: str) -> str:
    """As :func:`near`, for services: an alias is near its service."""
    from stillup.catalog.load import catalogue, find_service
    from stillup.errors import UsageError

    try:
        return f" (did you mean {find_service(word).id}?)"
    except UsageError:
        return near(word.lower(), list(catalogue()))


def services_known() -> str:
    """The services of the catalogue."""
    from stillup.catalog.load import catalogue

    return ", ".join(catalogue())
