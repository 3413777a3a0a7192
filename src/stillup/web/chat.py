"""``/chat``: a plain page to talk to whoever the gateway reaches. The conversation is the browser's; none is kept here.

Every exchange goes through the gateway, and so into its journal. Without JavaScript the form is sent and the whole
page comes back with the answer; the conversation so far travels in it. Who may come in, :mod:`stillup.web.access` says.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from itertools import accumulate, chain, repeat
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from litestar import Request, get, post
from litestar.datastructures import UploadFile
from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.response import Response, Stream
from msgspec import Meta, Struct

from stillup.errors import BadDataError
from stillup.gateway.choices import Choice, Offered
from stillup.web.chat_answer import NO_ROUTE, About, Over, Seams, Text, Thinks, answer, offered
from stillup.web.chat_seams import rendered
from stillup.web.chat_wire import Asking, asking
from stillup.web.chat_words import (
    MAX_BODY_BYTES,
    MOST_FILES,
    MOST_SEAMS,
    MOST_TURNS,
    Seam,
    Talk,
    Trouble,
    Turn,
    Upload,
    tidy,
)
from stillup.web.markdown import as_it_is, render_markdown
from stillup.web.render import render

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

    from stillup.web.site import Site

_NO_STORE = {"cache-control": "no-store"}
_SSE = {**_NO_STORE, "x-accel-buffering": "no", "content-type": "text/event-stream; charset=utf-8"}
_JSON = "application/json"
_MOST_TEXTS, _MOST_CHARACTERS, _MOST_MARKED = 400, 1_000_000, 200_000
"""To set marks a text is looked at up to seven times."""
_T = TypeVar("_T", bound=Struct)
_turns = msgspec.json.Decoder(tuple[Turn, ...]).decode


class Refused(Struct, frozen=True):
    """A request that nothing came of, with the HTTP status that says so."""

    status: int
    trouble: Trouble


class _Texts(Struct, forbid_unknown_fields=True):
    texts: list[str]
    seams: list[Annotated[tuple[Seam, ...], Meta(max_length=MOST_SEAMS)]] = []
    """Of each text, as far as there are any."""


def routes(site: Site) -> Sequence[ControllerRouterHandler]:
    """The page, the models it can talk to, an answer, and Markdown made HTML."""

    @get("/chat")
    async def page() -> Response[bytes]:
        return _html(await _page(site, await offered(site)))

    @get("/chat/models")
    async def models() -> Response[bytes]:
        found = await offered(site)
        return _json(found, 503 if isinstance(found, Trouble) else 200)

    @post("/chat/send", status_code=200, request_max_body_size=MAX_BODY_BYTES)
    async def send(request: Request[Any, Any, Any]) -> Response[bytes] | Stream:
        talk = await _read(request, Talk)
        ready = talk if isinstance(talk, Refused) else await _ready(site, talk)
        if isinstance(ready, Refused):
            return _json(ready.trouble, ready.status)
        return Stream(_frames(site, *ready), headers=_SSE, media_type="text/event-stream")

    @post("/chat/render", status_code=200, request_max_body_size=MAX_BODY_BYTES)
    async def rendered(request: Request[Any, Any, Any]) -> Response[bytes]:
        told = await _read(request, _Texts)
        if isinstance(told, Refused):
            return _json(told.trouble, told.status)
        return _json({"html": await asyncio.to_thread(_all, told.texts[:_MOST_TEXTS], told.seams)})

    @post("/chat", status_code=200, request_max_body_size=MAX_BODY_BYTES)
    async def plain(request: Request[Any, Any, Any]) -> Response[bytes]:
        return _html(await _whole(site, await _form(request)))

    return [page, models, send, rendered, plain]


# -- with JavaScript --------------------------------------------------------------------------------------------------


async def _read(request: Request[Any, Any, Any], kind: type[_T]) -> _T | Refused:
    """The body as JSON. A form of another site cannot send that type, and the browser asks before a script may."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        return Refused(415, Trouble("This takes JSON only."))
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except HTTPException:
        return Refused(413, _too_large())
    except (msgspec.DecodeError, RecursionError) as exc:
        # Where it is wrong, not what stands there: that may be a prompt.
        where = str(exc).rpartition(" - at ")[2][:80] if isinstance(exc, msgspec.ValidationError) else "no JSON"
        return Refused(400, Trouble(f"The message is not as it should be ({where}).", "Reload the page and try again."))


async def _ready(site: Site, talk: Talk) -> tuple[Asking, Choice] | Refused:
    """What to ask, of whom; or why that cannot be."""
    found = await offered(site)
    if isinstance(found, Trouble):
        return Refused(503, found)
    if not found.choices:
        return Refused(503, NO_ROUTE)
    choice = next((c for c in found.choices if c.model == talk.model), None)
    if choice is None:
        todo = f"Choose one of: {', '.join(c.model for c in found.choices[:8])}."
        return Refused(404, Trouble("That model cannot be asked here.", todo))
    try:
        return await asyncio.to_thread(asking, talk, choice), choice
    except BadDataError as exc:
        return Refused(422, Trouble(str(exc)))


async def _frames(site: Site, asked: Asking, choice: Choice) -> AsyncIterator[bytes]:
    """The answer as server-sent events: ``about text thinks seams over trouble``, and ``html`` before the end."""
    said: list[str] = []
    seams: tuple[Seam, ...] = ()
    async with aclosing(answer(site, asked, choice)) as events:
        async for event in events:
            if isinstance(event, Text):
                said.append(event.text)
            elif isinstance(event, Seams):
                seams = event.seams
            elif isinstance(event, Over | Trouble) and said:
                yield _frame("html", {"html": await asyncio.to_thread(rendered, "".join(said), seams)})
            yield _frame(type(event).__name__.lower(), event)


def _frame(kind: str, data: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(data))


def _all(texts: Sequence[str], seams: Sequence[tuple[Seam, ...]] = ()) -> list[str]:
    """Each as HTML; once a million characters went before, a text is shown as it is, and sooner without marks."""
    ends = accumulate(len(text) for text in texts)
    html, marked = [], 0
    for text, end, of_it in zip(texts, ends, chain(seams, repeat(())), strict=False):
        marked += len(text) if of_it else 0
        shown_seams = of_it if marked <= _MOST_MARKED else ()
        html.append(rendered(text, shown_seams, render_markdown if end <= _MOST_CHARACTERS else as_it_is))
    return html


# -- without ----------------------------------------------------------------------------------------------------------


class _Form(Struct, frozen=True, kw_only=True):
    """What the form brought. ``before`` is the conversation so far."""

    model: str = ""
    text: str = ""
    before: tuple[Turn, ...] = ()
    files: tuple[Upload, ...] = ()
    trouble: Trouble | None = None


async def _form(request: Request[Any, Any, Any]) -> _Form:
    try:
        form = await request.form()
    except HTTPException:
        return _Form(trouble=_too_large())
    model, text = (str(form.get(name) or "")[:MAX_BODY_BYTES] for name in ("model", "text"))
    uploads = [f for f in form.getall("files", []) if isinstance(f, UploadFile) and f.filename]
    files = [
        Upload(name=f.filename[:300], type=f.content_type[:100], data=base64.b64encode(await f.read()).decode())
        for f in uploads[:MOST_FILES]
    ]
    try:
        before = _turns(str(form.get("before") or "[]"))[-MOST_TURNS + 1 :]
    except msgspec.DecodeError:
        return _Form(model=model, text=text, trouble=Trouble("The conversation so far did not arrive whole."))
    return _Form(model=model, text=text, before=before, files=tuple(files))


async def _whole(site: Site, form: _Form) -> bytes:
    """The page after the whole answer; where there is none it has the message again, ready to be sent."""
    found = await offered(site)
    if form.trouble is not None or isinstance(found, Trouble) or not found.choices:
        return await _page(site, found, form=form, trouble=form.trouble)
    if not form.text.strip() and not form.files:
        return await _page(site, found, form=form, trouble=Trouble("There is no message to answer."))
    asked = Turn(role="user", text=form.text, files=form.files)
    ready = await _ready(site, Talk(model=form.model or found.choices[0].model, turns=(*form.before, asked)))
    if isinstance(ready, Refused):
        return await _page(site, found, form=form, trouble=ready.trouble)
    about, said, went_on, last = await _heard(site, *ready)
    trouble = last if isinstance(last, Trouble) else None
    if not said and trouble is not None:
        return await _page(site, found, form=form, trouble=trouble)
    # A file is sent once: without JavaScript only its name stays in the conversation.
    names = "".join(f"\n[{file.name} was attached]" for file in form.files)
    turns = (
        *form.before,
        Turn(role="user", text=form.text + names),
        Turn(role="assistant", text=said, seams=went_on.seams),
    )
    kept = _Form(model=form.model, before=turns)
    note = " ".join(filter(None, (went_on.note, last.note if isinstance(last, Over) else "")))
    return await _page(site, found, form=kept, trouble=trouble, about=about, note=note)


async def _heard(site: Site, asked: Asking, choice: Choice) -> tuple[About, str, Seams, Over | Trouble]:
    """The whole answer: who gives it, its text, who went on with it, and how it ended."""
    about, said, went_on = About(), "", Seams((), "")
    async with aclosing(answer(site, asked, choice)) as events:
        async for event in events:
            match event:
                case About():
                    about = event
                case Text():
                    said += event.text
                case Seams():
                    went_on = event
                case Over() | Trouble():
                    return about, said, went_on, event
                case Thinks():
                    pass
    return about, said, went_on, Over()


async def _page(
    site: Site,
    found: Offered | Trouble,
    *,
    form: _Form | None = None,
    trouble: Trouble | None = None,
    about: About | None = None,
    note: str = "",
) -> bytes:
    form = form or _Form()
    answers = [turn for turn in form.before if turn.role == "assistant"]
    html = iter(await asyncio.to_thread(_all, [t.text for t in answers], [t.seams for t in answers]))
    drill = await asyncio.to_thread(site.practice.now) if site.practice is not None else ""
    return render(
        "chat.html",
        site=site,
        here="/chat",
        choices=found.choices if isinstance(found, Offered) else (),
        missing=found.missing if isinstance(found, Offered) else (),
        kept=isinstance(found, Offered) and found.kept,
        closed=found if isinstance(found, Trouble) else None if found.choices else NO_ROUTE,
        turns=[(t.role, tidy(t.text), next(html) if t.role == "assistant" else "") for t in form.before],
        before=msgspec.json.encode(form.before).decode(),
        model=form.model,
        text=tidy(form.text),
        trouble=trouble,
        about=about,
        note=note,
        drill_now=drill,
    )


def _too_large() -> Trouble:
    most = f"{MAX_BODY_BYTES // (1024 * 1024)} MB"
    return Trouble(f"That is too large: a conversation with its files may have {most}.", "Leave a file out.")


def _html(page: bytes) -> Response[bytes]:
    return Response(page, media_type=MediaType.HTML, headers=_NO_STORE)


def _json(value: object, status: int = 200) -> Response[bytes]:
    return Response(msgspec.json.encode(value), media_type=_JSON, status_code=status, headers=_NO_STORE)
