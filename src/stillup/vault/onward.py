"""A conversation made ready to go on with any model: messages that every provider takes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from stillup.gateway.dialects.neutral import Call, Foreign, Media, Message, Part, Refused, Result, Role, Text, Thought
from stillup.vault.values import Attachment, Turn

_MOST_RESULT = 20_000
_CHARACTERS_A_TOKEN = 4
_MEDIUM = 4_000
"""Characters that an image counts for."""


def messages_of(turns: Iterable[Turn], *, plain: bool = False) -> tuple[Message, ...]:
    """The turns as messages that take turns, beginning with the user's.

    Thoughts stay out: they are nobody else's. So do parts that one provider alone can read. ``plain`` makes words of
    tool calls and results too, for a model that is not given those tools: else a call without its result, or a result
    without its call, is made words of.
    """
    listed = list(turns)
    called = {p.id for t in listed if t.role is Role.ASSISTANT for p in t.parts if isinstance(p, Call)}
    given = {p.id for t in listed if t.role is Role.USER for p in t.parts if isinstance(p, Result)}
    whole = set() if plain else called & given
    messages: list[Message] = []
    for turn in listed:
        parts = tuple(_parts(turn, whole))
        if not parts:
            continue
        if messages and messages[-1].role is turn.role:
            parts = (*messages.pop().parts, *parts)
        messages.append(Message(role=turn.role, parts=parts))
    system, rest = split(messages)
    return (*([Message(role=Role.SYSTEM, parts=system)] if system else []), *rest)


def split(messages: Sequence[Message]) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """What the system is told at the beginning, and the messages behind it."""
    system: list[Text] = []
    rest = list(messages)
    while rest and rest[0].role is Role.SYSTEM:
        system += [part for part in rest.pop(0).parts if isinstance(part, Text)]
    while rest and rest[0].role is Role.ASSISTANT:
        del rest[0]
    return tuple(system), tuple(rest)


def shortened(messages: Sequence[Message], most_characters: int) -> tuple[tuple[Message, ...], int]:
    """The last messages that fit, from a user's on, and how many were left out before them."""
    room, start = most_characters, len(messages)
    start = max(start - 1, 0)  # the last one goes, however long it is
    room -= size_of(messages[start]) if messages else 0
    while start and (room := room - size_of(messages[start - 1])) >= 0:
        start -= 1
    while start < len(messages) - 1 and (messages[start].role is not Role.USER or _is_result(messages[start])):
        start += 1
    return tuple(messages[start:]), start


def size_of(message: Message) -> int:
    """Its characters, about."""
    return sum(_size(part) for part in message.parts)


def tokens(messages: Iterable[Message]) -> int:
    """Their tokens, about: four characters each."""
    return sum(map(size_of, messages)) // _CHARACTERS_A_TOKEN


def _size(part: Part) -> int:
    match part:
        case Text(text=text) | Refused(text=text) | Thought(text=text):
            return len(text)
        case Call(name=name, arguments=arguments):
            return len(name) + len(arguments)
        case Result(parts=inner):
            return sum(map(_size, inner))
        case Media(text=text):
            return len(text) or _MEDIUM
        case _:
            return 0


def _is_result(message: Message) -> bool:
    return any(isinstance(part, Result) for part in message.parts)


def _parts(turn: Turn, whole: set[str]) -> Iterator[Part]:
    for part in turn.parts:
        match part:
            case Text(text=text) | Refused(text=text):
                if text.strip():
                    yield Text(text=text)
            case Call() | Result():
                is_its = turn.role is (Role.ASSISTANT if isinstance(part, Call) else Role.USER)
                yield _tool(part, whole if is_its else set())
            case Media():
                # No provider takes a picture in what the model itself is said to have said.
                is_here = turn.role is Role.USER and not part.file_id and (part.data or part.url or part.text)
                yield part if is_here else Text(text=f"({part.kind.value}: {part.name or 'not shown here'})")
            case Thought() | Foreign():
                continue
    yield from _given(turn.attachments)


def _tool(part: Call | Result, whole: set[str]) -> Part:
    """As it is, but for its seal; or in words."""
    if isinstance(part, Call):
        if part.id in whole:
            return Call(id=part.id, name=part.name, arguments=part.arguments)
        return Text(text=f"(called the tool {part.name}: {part.arguments[:_MOST_RESULT]})")
    if part.id in whole:
        return Result(id=part.id, name=part.name, parts=part.parts, is_error=part.is_error)
    said = "\n".join(one.text for one in part.parts if isinstance(one, Text))
    return Text(text=f"(what the tool gave: {said[:_MOST_RESULT]})")


def _given(attachments: Iterable[Attachment]) -> Iterator[Text]:
    for one in attachments:
        name = one.name.replace('"', "'")
        yield Text(text=f'<file name="{name}">\n{one.text}\n</file>' if one.text else f"(a file was attached: {name})")
