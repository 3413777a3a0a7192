"""A draft of a service's file: what its status page shows, and what is left for a person to fill in. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain, count
from unicodedata import combining, normalize
from urllib.parse import urlsplit

from msgspec import Struct

_NOT_ID = re.compile(r"[^a-z0-9]+")
_ID_CHARS = 40


class Part(Struct, frozen=True):
    """One row of the page: its id there, and its name."""

    page_id: str
    name: str


class Draft(Struct, frozen=True, kw_only=True):
    """What is known of a service once its page was read. ``platform`` is the source that reads it at ``page_url``."""

    name: str
    home: str
    platform: str
    page_url: str
    parts: Sequence[Part] = ()

    @property
    def id(self) -> str:
        """The service's id, from its name."""
        return slug(self.name)


def slug(name: str) -> str:
    """A name as an id: lower case without accents, digits and hyphens; empty when nothing of it can be one."""
    plain = "".join(c for c in normalize("NFKD", name.lower()) if not combining(c))
    return _NOT_ID.sub("-", plain).strip("-")[:_ID_CHARS].strip("-")


def draft_text(draft: Draft) -> str:
    """The file, as TOML with comments that say what to add."""
    return "\n".join([*_head(draft), *_components(draft), *_page(draft), *_rest(draft)]) + "\n"


def _head(draft: Draft) -> Iterator[str]:
    yield f"# A draft, made from {draft.page_url}; docs/catalogue.md explains the keys."
    yield f"id = {_text(draft.id)}"
    yield f"name = {_text(draft.name)}"
    yield f"vendor = {_text(draft.name)}  # who makes it"
    yield f"home = {_text(draft.home)}"
    yield "aliases = []  # other words people type for it"


def _components(draft: Draft) -> Iterator[str]:
    """Each row a component. Two rows of one name are two components: the page's ids tell them apart."""
    taken: set[str] = set()
    for part in draft.parts:
        name = slug(part.name) or "part"
        id_ = next(n for n in chain([name], (f"{name}-{number}" for number in count(2))) if n not in taken)
        taken.add(id_)
        yield from ("", "[[components]]", f"id = {_text(id_)}")
        yield f"name = {_text(part.name)}"
        yield f"page_ids = [{_text(part.page_id)}]"
        alias = part.name.lower().strip()
        yield f"aliases = [{_text(alias)}]" if id_ == name and alias else "aliases = []"


def _page(draft: Draft) -> Iterator[str]:
    yield from ("", f"[sources.{draft.platform}]", f"url = {_text(draft.page_url)}", f"link = {_text(draft.page_url)}")


def _rest(draft: Draft) -> Iterator[str]:
    phrase = draft.name.lower()
    yield from ("", "[sources.google_trends]", f"phrases = [{_text(f'{phrase} down')}, {_text(f'is {phrase} down')}]")
    yield from ("", "[sources.hackernews]", f"phrases = [{_text(f'{phrase} down')}, {_text(f'{phrase} outage')}]")
    yield from ("", "# Where its users talk:", "# [sources.reddit]", '# communities = ["Name"]')
    if draft.home and draft.parts:
        component = slug(draft.parts[0].name) or "part"
        yield from ("", "[sources.probe]", "", "[[endpoints]]", 'id = "edge"', f"component = {_text(component)}")
        yield from ('layer = "edge"', f"url = {_text(_address(draft.home))}")
        yield "up = [200, 301, 302, 307, 308, 401, 403, 405, 429]"


def _address(home: str) -> str:
    return home if urlsplit(home).path else f"{home}/"


def _text(value: str) -> str:
    """A JSON string is a TOML basic string, but for one character that TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
