"""``/vault``: the conversations that are kept, to browse, search and read. Behind the token; nothing is cached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from litestar import get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery  # noqa: TC002  litestar reads them at run time
from litestar.response import Response
from msgspec import Struct

from stillup.errors import StillupError, UsageError
from stillup.gateway.dialects.neutral import Call, Foreign, Media, Part, Refused, Result, Role, Text, Thought
from stillup.vault.branch import newest_branch
from stillup.vault.brief import brief
from stillup.vault.search import Found, Results, Wanted, search
from stillup.vault.store import About, Vault
from stillup.vault.values import Turn
from stillup.web.markdown import as_it_is, render_markdown
from stillup.web.render import render
from stillup.web.vault_words import Piece, day, marked

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.web.site import Site

_NO_STORE = {"cache-control": "no-store"}
_PAGE, _TURNS = 25, 60
_MOST_CHARACTERS = 400_000
_MOST_PAGES = 10_000
_WHO = {Role.USER: "You", Role.ASSISTANT: "Answer", Role.SYSTEM: "System"}
_LONG = 20_000
_MOST_TEXT = 300_000
"""Characters of one text: a message may be of 100 MB."""


class Shown(Struct, frozen=True, kw_only=True):
    """One line of the list: a conversation, and where the words are in it."""

    about: About
    day: str
    snippets: tuple[tuple[str, tuple[Piece, ...]], ...] = ()


class Said(Struct, frozen=True, kw_only=True):
    """A turn as it is shown: pieces of HTML that are safe, each with what it is."""

    who: str
    is_user: bool
    day: str
    model: str
    pieces: tuple[tuple[str, str], ...]
    files: tuple[str, ...]


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """``/vault`` (the list and what is searched for) · ``/vault/{key}`` · ``/vault/{key}/brief``."""

    @get("/vault")
    async def listed(q: FromQuery[str] = "", page: FromQuery[int] = 1) -> Response[bytes]:
        return await asyncio.to_thread(_listed, site, q[:500], min(max(page, 1), _MOST_PAGES))

    @get("/vault/{key:str}")
    async def one(key: FromPath[str], page: FromQuery[int] = 0) -> Response[bytes]:
        return await asyncio.to_thread(_one, site, key, page)

    @get("/vault/{key:str}/brief")
    async def short(key: FromPath[str]) -> Response[bytes]:
        return await asyncio.to_thread(_brief, site, key)

    return [listed, one, short]


def _listed(site: Site, words: str, page: int) -> Response[bytes]:
    shown: list[Shown] = []
    trouble, more, count = "", False, None
    try:
        with _open(site) as vault:
            if words.strip():
                results = search(vault, Wanted(words=words), limit=_PAGE, offset=(page - 1) * _PAGE)
                shown, count = [_found(found) for found in results.found], results.conversations
                more = _has_more(results, page)
            else:
                abouts = vault.newest(_PAGE + 1, offset=(page - 1) * _PAGE)
                more = len(abouts) > _PAGE
                shown = [Shown(about=about, day=day(about.changed_s)) for about in abouts[:_PAGE]]
    except StillupError as exc:
        trouble = str(exc)
    body = render("vault.html", site=site, words=words, shown=shown, page=page, more=more, count=count, trouble=trouble)
    return _html(body)


def _has_more(results: Results, page: int) -> bool:
    return results.conversations > page * _PAGE


def _found(found: Found) -> Shown:
    snippets = tuple(
        ("You" if hit.role == Role.USER else "Answer", marked(hit.snippet, hit.marks)) for hit in found.hits
    )
    return Shown(about=found.about, day=day(found.about.changed_s), snippets=snippets)


def _one(site: Site, key: str, page: int) -> Response[bytes]:
    about, turns = _load(site, key)
    pages = max(-(-len(turns) // _TURNS), 1)
    page = pages if page < 1 else min(page, pages)  # the newest is what people come for
    first = (page - 1) * _TURNS
    said = _said(turns[first : first + _TURNS])
    return _html(render("talk.html", site=site, about=about, day=day(about.began_s), said=said, page=page, last=pages))


def _brief(site: Site, key: str) -> Response[bytes]:
    about, turns = _load(site, key)
    text = brief(about.title, turns)
    return Response(text.encode("utf-8", "replace"), media_type="text/plain", headers=_NO_STORE)


def _load(site: Site, key: str) -> tuple[About, tuple[Turn, ...]]:
    try:
        with _open(site) as vault:
            about = vault.find(key)
            return about, newest_branch(vault.load(about).turns)
    except StillupError as exc:
        raise NotFoundException(detail="There is no such conversation here.") from exc


def _open(site: Site) -> Vault:
    """The vault, for one request.

    :raises StillupError: there is none, or it cannot be opened.
    """
    if site.vault is None:
        msg = "There is no vault here: it belongs to `stillup up` and `stillup run web`."
        raise UsageError(msg)
    return site.vault()


def _said(turns: Sequence[Turn]) -> list[Said]:
    """Once enough characters went before, a text is shown as it is: Markdown takes its time."""
    sizes = accumulate(sum(len(p.text) for p in turn.parts if isinstance(p, Text)) for turn in turns)
    return [
        Said(
            who=_WHO[turn.role],
            is_user=turn.role is Role.USER,
            day=day(turn.at_s),
            model=turn.model,
            pieces=tuple(_piece(part, is_long=size > _MOST_CHARACTERS) for part in turn.parts),
            files=tuple(one.name for one in turn.attachments),
        )
        for turn, size in zip(turns, sizes, strict=True)
    ]


def _piece(part: Part, *, is_long: bool) -> tuple[str, str]:
    """What it is (empty: plain words), and its HTML."""
    match part:
        case Text(text=text) | Refused(text=text):
            return "", _words(text, is_long=is_long)
        case Thought(text=text):
            return "Thought", as_it_is(text[:_LONG])
        case Call(name=name, arguments=arguments):
            return f"Called {name}", as_it_is(arguments[:_LONG])
        case Result(parts=inner):
            words = "\n".join(one.text for one in inner if isinstance(one, Text))
            return "An error came back" if part.is_error else "What came back", as_it_is(words[:_LONG])
        case Media():
            return f"A file: {part.name or part.kind.value}", as_it_is(part.text[:_LONG])
        case Foreign(what=what):
            return what, ""


def _words(text: str, *, is_long: bool) -> str:
    if len(text) > _MOST_TEXT:
        return as_it_is(f"{text[:_MOST_TEXT]}\n… ({len(text):,} characters; `stillup vault show` has all)")
    return as_it_is(text) if is_long else render_markdown(text)


def _html(page: bytes) -> Response[bytes]:
    return Response(page, media_type=MediaType.HTML, headers=_NO_STORE)
