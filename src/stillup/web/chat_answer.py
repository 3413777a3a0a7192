"""One exchange through the gateway: what can be asked there, and an answer as it comes. Nothing of it is kept here."""

from __future__ import annotations

from asyncio import timeout
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from stillup.errors import SourceError
from stillup.gateway.choices import PATH, Choice, Offered
from stillup.gateway.continued import HEADER
from stillup.gateway.core.door import TOKEN_HEADER
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Protocol
from stillup.gateway.core.why import Why
from stillup.gateway.dialects.sse import Splitter
from stillup.gateway.dialects.trouble import said
from stillup.net.stream import Coming, ask_here
from stillup.sources.decode import clean
from stillup.web.chat_seams import in_words, seams_of
from stillup.web.chat_wire import Asking, Heard, heard
from stillup.web.chat_words import Seam, Trouble, name_of, tidy

if TYPE_CHECKING:
    from stillup.secret import Secret
    from stillup.web.site import Site

_SILENCE_S = 900.0
"""The gateway's own deadline (600 s by default) comes first; whoever does not want to wait presses stop."""
_LOOK_S, _LOOK_IN_ALL_S = 3.0, 9.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not bound
_OK, _NOT_FOUND = 200, 404
_FIRST_CHOICE = "first_choice"

NO_GATEWAY = Trouble(
    "No gateway runs here, so there is nobody to talk to.",
    "Start `stillup up` (it has the page and the gateway), with a provider's key in its environment, "
    "as ANTHROPIC_API_KEY or OPENAI_API_KEY; or name one that runs elsewhere as `web.gateway_url`.",
)
NO_ROUTE = Trouble(
    "No upstream of the gateway can be asked from here.",
    "Put a provider's key into the environment of the gateway (`stillup up` is one), and start it again.",
)
_AGAIN = "Start what runs there again (`stillup up`, `stillup run gateway`)."
_STOPPED = {
    "max_tokens": "The answer reached its greatest length; ask it to go on.",
    "length": "The answer reached its greatest length; ask it to go on.",
    "refusal": "The model declined to go on.",
    "content_filter": "A content filter of the provider ended the answer.",
    "safety": "A content filter of the provider ended the answer.",
}


class About(Struct, frozen=True, kw_only=True):
    """Who answers; empty where the gateway did not say. ``note`` says why it is not the first choice."""

    upstream: str = ""
    model: str = ""
    note: str = ""
    id: str = ""
    """By what ``stillup gateway journal show`` has it."""


class Text(Struct, frozen=True):
    """A piece of the answer."""

    text: str


class Thinks(Struct, frozen=True):
    """The model thinks, and says nothing yet."""


class Seams(Struct, frozen=True):
    """Others went on with the answer; it is told at its end. ``note`` says who wrote what."""

    seams: tuple[Seam, ...]
    note: str


class Over(Struct, frozen=True):
    """The answer came to its end; ``note`` is what its reader should know about that."""

    note: str = ""


Event = About | Text | Thinks | Seams | Over | Trouble


async def offered(site: Site) -> Offered | Trouble:
    """The models that can be talked to, perhaps none; or why nobody says so."""
    if site.gateway is None:
        return NO_GATEWAY
    try:
        async with (
            timeout(_LOOK_IN_ALL_S),
            ask_here(address_of(site, PATH), headers=_token(site), silence_s=_LOOK_S, anywhere=True) as answer,
        ):
            body = await answer.body()
    except (SourceError, TimeoutError):
        return _nobody_there(site)
    if answer.status != _OK:
        return _closed(site, answer.status)
    try:
        found = msgspec.json.decode(body, type=Offered)
    except msgspec.DecodeError:
        return Trouble(f"What answers at {site.gateway} is no gateway of this version.", _AGAIN)
    return found


async def answer(site: Site, asked: Asking, choice: Choice) -> AsyncGenerator[Event, None]:
    """The answer as it comes; the last event is :class:`Over` or a :class:`Trouble`. Closing it stops the model."""
    headers: dict[str, str | Secret] = {"accept": "text/event-stream", **_token(site)}
    if choice.protocol is Protocol.ANTHROPIC:
        headers["anthropic-version"] = "2023-06-01"
    has_begun = False
    try:
        async with ask_here(
            address_of(site, asked.path), json=asked.body, headers=headers, silence_s=_SILENCE_S, anywhere=True
        ) as coming:
            if coming.status != _OK:
                yield _refused(site, coming, await coming.body())
                return
            has_begun = True
            about = _about(coming, choice)
            yield about
            async with aclosing(_events(coming, choice.protocol, name_of(about.upstream, about.model))) as events:
                async for event in events:
                    yield event
    except SourceError:
        yield _broke_off("The connection to the gateway was lost.") if has_begun else _nobody_there(site)


async def _events(coming: Coming, protocol: Protocol, begun_by: str) -> AsyncGenerator[Event, None]:
    pieces: list[str] = []
    last = Heard()
    async with aclosing(_told(coming, protocol)) as events:
        async for told in events:
            if told.text:
                pieces.append(told.text)
                yield Text(tidy(told.text))
            elif told.thinks:
                yield Thinks()
            last = told
    if last.error is not None:
        await _to_the_end(coming)
    seams = seams_of(coming.trailers.get(HEADER) or coming.headers.get(HEADER, ""), pieces)
    if seams:
        yield Seams(seams, in_words(begun_by, seams))
    if last.error is not None:
        yield _broke_off(clean(last.error, 400) or _UNSAID)
    else:
        yield Over(_STOPPED.get(last.stop.lower(), "")) if last.ended else _broke_off("The answer broke off.")


async def _told(coming: Coming, protocol: Protocol) -> AsyncGenerator[Heard, None]:
    """What each event says, with all that was said before of how the answer ends; an error is the last."""
    splitter, stop, has_ended = Splitter(), "", False
    async for chunk in coming.chunks:
        for event in splitter.feed(chunk):
            told = heard(protocol, event)
            stop, has_ended = told.stop or stop, has_ended or told.ended
            yield replace(told, stop=stop, ended=has_ended)
            if told.error is not None:
                return


async def _to_the_end(coming: Coming) -> None:
    """What stands behind an error is not read, but what stands behind the body is."""
    with suppress(SourceError, TimeoutError):
        async with timeout(_LOOK_S):
            async for _ in coming.chunks:
                pass


def _about(coming: Coming, choice: Choice) -> About:
    told = {name: clean(coming.headers.get(f"x-stillup-{name}", ""), 120) for name in _TOLD}
    return About(
        upstream=told["upstream"],
        model=told["model"] or choice.model,
        note=_note(told["reason"], choice),
        id=told["id"],
    )


_TOLD = ("upstream", "model", "reason", "id")
_UNSAID = "The answer ended in an error."


def _note(reason: str, choice: Choice) -> str:
    """Why another than the first of the chain answers, and what was changed in the question for it."""
    reason, _, changed = reason.partition("; ")
    told = f"Sent with: {changed.replace('; ', ', ')}" if changed else ""
    if reason in ("", _FIRST_CHOICE) or not choice.chain:
        return told
    first = choice.chain[0]
    if reason in Fault.__members__.values():
        why = f"{first.upstream} was asked first: {Fault(reason).says}"
    else:
        says = Why(reason).says if reason in Why.__members__.values() else reason.replace("_", " ")
        why = f"{first.upstream}: {says}"
    return f"{why}. {told}" if told else why


def _refused(site: Site, coming: Coming, body: bytes) -> Trouble:
    """Nothing came of it: why, in the gateway's words, and what helps."""
    status, upstream = coming.status, clean(coming.headers.get("x-stillup-upstream", ""), 60)
    words = clean(said(body).message, 500) or f"The gateway answered with HTTP {status}."
    words = f"No answer. {upstream} says: {words}" if upstream and upstream not in words else words
    wait = coming.headers.get("retry-after", "")
    wait_s = int(wait) if wait.isdecimal() and len(wait) < 7 else None
    if "x-stillup-id" not in coming.headers:
        return _closed(site, status)
    if status in (401, 402, 403) or "own key" in words:
        todo = "Check that key (`stillup gateway plan` says where it comes from), or choose another model."
    elif status == _NOT_FOUND:
        todo = "Choose another model: `stillup gateway plan` says which ones can be asked."
    elif status in (400, 413, 422):
        todo = "Change the message: shorten it, or leave a file out. Or choose another model."
    else:
        again = f"Try again in {wait_s} s" if wait_s else "Try again in a moment"
        todo = f"{again}, or choose another model. `stillup gateway status` says how each upstream is."
    return Trouble(words, f"{todo} Your message is still here.", wait_s)


def _closed(site: Site, status: int) -> Trouble:
    if status in (401, 403):
        return Trouble(
            f"The gateway at {site.gateway} lets only its users in.",
            "Set STILLUP_TOKEN to the token of one of them in the environment of the page (`stillup up`, "
            "`stillup run web`), or name its file as `web.gateway_token_file`, and start the page again.",
        )
    return Trouble(f"What answers at {site.gateway} is no gateway of this version.", _AGAIN)


def _nobody_there(site: Site) -> Trouble:
    return Trouble(
        f"No gateway answers at {site.gateway}.",
        "Start `stillup up` again, or `stillup gateway`; what it prints says why if it cannot be started.",
    )


def _broke_off(says: str) -> Trouble:
    return Trouble(
        says,
        "What came of the answer stands above. Try again: the gateway asks whoever is well; or choose another model.",
    )


def address_of(site: Site, path: str) -> str:
    """Where it is asked from here, though it may listen everywhere."""
    parts = urlsplit(site.gateway or "")
    host = _EVERYWHERE.get(parts.hostname or "", parts.hostname or "")
    shown = f"[{host}]" if ":" in host else host
    place = f"{shown}:{parts.port}" if parts.port else shown
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")) + path


def _token(site: Site) -> dict[str, Secret]:
    return {TOKEN_HEADER.decode(): site.gateway_token} if site.gateway_token else {}
