"""A conversation is sent on through the running gateway, in the words of whichever dialect its model is asked in."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stillup.catalog.models import find_model
from stillup.errors import SourceError
from stillup.gateway.choices import PATH, Offered
from stillup.gateway.continued import HEADER, continued
from stillup.gateway.core.door import TOKEN_HEADER
from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Losses, Untranslatable, dialect_of
from stillup.gateway.dialects.neutral import Failed, Message, Prompt, Role, Text, Words
from stillup.gateway.dialects.sse import Splitter
from stillup.gateway.dialects.trouble import said as told_by
from stillup.net.stream import ask_here
from stillup.secret import Secret
from stillup.sources.decode import clean
from stillup.vault.branch import newest_branch
from stillup.vault.brief import brief
from stillup.vault.onward import messages_of, shortened, split, tokens
from stillup.vault.values import Conversation

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOOK_S, _SILENCE_S = 5.0, 900.0
_OK = 200
_MAX_TOKENS = 8_192
_SHARE = 0.75
"""Of a model's context that the conversation may fill; the estimate of its tokens is a rough one."""
_UNKNOWN_CONTEXT = 32_000
_NAME, _MOST = 120, 12
"""Characters of a name, and how many that went on are named."""
_MAKERS = {"anthropic": Protocol.ANTHROPIC, "gemini": Protocol.GEMINI}


class NoAnswer(Exception):
    """Nothing came of it: why, in one sentence."""


class Asked(Struct, frozen=True):
    """What to send. ``left_out`` messages are in it as a summary only."""

    protocol: Protocol
    path: str
    body: bytes
    left_out: int

    def __repr__(self) -> str:
        return f"Asked({self.protocol}, {self.path!r}, {len(self.body)} bytes)"


class Answer(Struct, frozen=True, kw_only=True):
    """What was answered, and by whom: first, and who went on where that one broke off, as model and upstream."""

    text: str
    model: str = ""
    upstream: str = ""
    went_on: tuple[tuple[str, str], ...] = ()

    @property
    def models(self) -> str:
        """All models that wrote it, in words."""
        return ", then ".join(dict.fromkeys(model for model, _ in self._wrote if model))

    @property
    def by(self) -> str:
        """Who wrote it, in words."""
        return ", then ".join(dict.fromkeys(" via ".join(filter(None, one)) for one in self._wrote if any(one)))

    @property
    def _wrote(self) -> tuple[tuple[str, str], ...]:
        return ((self.model, self.upstream), *self.went_on)


async def ready(url: str, conversation: Conversation, model: str, text: str, token: str = "") -> Asked:
    """The request for the conversation's next answer. ``text`` is what the user says next; empty to have it answered.

    :raises NoAnswer: it cannot be put to that model.
    """
    protocol = await _spoken(url, model, token)
    prompt, left_out = prompt_of(conversation, model, text)
    dialect = dialect_of(protocol)
    try:
        body = dialect.write_prompt(prompt, Losses())
    except Untranslatable as exc:
        msg = f"it cannot be put to {clean(model, 80)}: {exc}"
        raise NoAnswer(msg) from exc
    path, query = dialect.address(model, True)  # noqa: FBT003 - a dialect's own signature
    return Asked(protocol, f"{path}?{query}" if query else path, body, left_out)


def prompt_of(conversation: Conversation, model: str, text: str) -> tuple[Prompt, int]:
    """The conversation as a prompt for a model; what its context has no room for stands in it in short."""
    turns = newest_branch(conversation.turns)
    system, said = split(messages_of(turns, plain=True))
    messages = list(said)
    if text:
        last = messages.pop() if messages and messages[-1].role is Role.USER else Message(role=Role.USER, parts=())
        messages.append(Message(role=Role.USER, parts=(*last.parts, Text(text=text))))
    facts = find_model(model)
    room = int((facts.context if facts and facts.context else _UNKNOWN_CONTEXT) * _SHARE)
    left_out = 0
    if tokens(messages) > room:
        kept, left_out = shortened(messages, room * 3)
        short = Text(text=brief(conversation.title, turns[: max(len(turns) - len(kept), 1)]))
        messages = [Message(role=Role.USER, parts=(short, *kept[0].parts)), *kept[1:]]
    most = min(facts.max_output, _MAX_TOKENS) if facts and facts.max_output else _MAX_TOKENS
    return Prompt(model=model, system=system, messages=tuple(messages), max_tokens=most, stream=True), left_out


async def ask_on(url: str, asked: Asked, token: str, show: Callable[[str], None]) -> Answer:
    """The answer; ``show`` is given its text as it comes.

    :raises NoAnswer: there is none, or it broke off.
    """
    headers: dict[str, str | Secret] = {"accept": "text/event-stream", **_token(token)}
    if asked.protocol is Protocol.ANTHROPIC:
        headers["anthropic-version"] = "2023-06-01"
    pieces: list[str] = []
    try:
        async with ask_here(url + asked.path, json=asked.body, headers=headers, silence_s=_SILENCE_S) as coming:
            if coming.status != _OK:
                why = (
                    clean(told_by(await coming.body()).message, 500)
                    or f"the gateway answered with HTTP {coming.status}"
                )
                raise NoAnswer(why)
            reader, splitter = dialect_of(asked.protocol).reader(), Splitter()
            async for chunk in coming.chunks:
                for event in splitter.feed(chunk):
                    for piece in reader.feed(event):
                        _heard(piece, pieces, show)
            for piece in reader.finish():
                _heard(piece, pieces, show)
            told: Mapping[str, str] = coming.headers
            ended = coming.trailers.get(HEADER) or told.get(HEADER, "")
    except SourceError as exc:
        msg = "the connection to the gateway was lost"
        raise NoAnswer(msg) from exc
    model = clean(told.get("x-stillup-model", ""), _NAME)
    return Answer(
        text="".join(pieces),
        model=model,
        upstream=clean(told.get("x-stillup-upstream", ""), _NAME),
        went_on=tuple(
            (clean(one.model, _NAME) or model, clean(one.upstream, _NAME)) for one in islice(continued(ended), _MOST)
        ),
    )


def _heard(piece: object, pieces: list[str], show: Callable[[str], None]) -> None:
    match piece:
        case Words(text=text):
            pieces.append(text)
            show(text)
        case Failed(message=message):
            msg = f"the answer broke off: {clean(message, 300)}"
            raise NoAnswer(msg)


async def _spoken(url: str, model: str, token: str) -> Protocol:
    """In which dialect the gateway asks for a model with the least translation."""
    try:
        async with ask_here(url + PATH, headers=_token(token), silence_s=_LOOK_S) as coming:
            offered = msgspec.json.decode(await coming.body(), type=Offered) if coming.status == _OK else Offered()
    except (SourceError, msgspec.DecodeError):
        offered = Offered()
    choice = next((c for c in offered.choices if c.model == model), None)
    if choice is not None:
        return choice.protocol
    facts = find_model(model)
    return _MAKERS.get(facts.maker, Protocol.OPENAI) if facts else Protocol.OPENAI


def _token(token: str) -> dict[str, str | Secret]:
    return {TOKEN_HEADER.decode(): Secret(token)} if token else {}
