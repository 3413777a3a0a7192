"""From what an export says to turns that any model can go on from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from stillup.gateway.dialects.neutral import Call, Part, Refused, Result, Role, Text, Thought
from stillup.vault.importing.bounds import PIECE_BYTES, PIECE_TURNS
from stillup.vault.importing.scan import CUT
from stillup.vault.values import Attachment, Conversation, Read, Turn

_CALLS = 10_000


def alternated(turn: Turn) -> list[Turn]:
    """The turn, with what its tools answered as turns of their own, of the user: where every provider wants them.

    The last of them keeps the turn's id, so that what follows it still does.
    """
    if turn.role is not Role.ASSISTANT or not any(isinstance(part, Result) for part in turn.parts):
        return [turn]
    runs: list[list[Part]] = []
    for part in turn.parts:
        if not runs or isinstance(runs[-1][-1], Result) is not isinstance(part, Result):
            runs.append([])
        runs[-1].append(part)
    turns: list[Turn] = []
    for n, run in enumerate(runs):
        is_last = n == len(runs) - 1
        turns.append(
            replace(
                turn,
                id=turn.id if is_last else f"{turn.id}/{n}",
                role=Role.USER if isinstance(run[0], Result) else Role.ASSISTANT,
                parts=tuple(run),
                parent=turns[-1].id if turns else turn.parent,
                attachments=turn.attachments if n == 0 else (),
                model="" if isinstance(run[0], Result) else turn.model,
            )
        )
    return turns


class Calls:
    """Which tool a call was of: what comes of it often says only the id, and some providers want the name."""

    __slots__ = ("_names",)

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def named(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """The same parts, results with their tools' names as far as those are known."""
        for part in parts:
            if isinstance(part, Call):
                if len(self._names) >= _CALLS:
                    self._names.clear()
                self._names[part.id] = part.name
        return tuple(
            replace(part, name=self._names[part.id])
            if isinstance(part, Result) and not part.name and part.id in self._names
            else part
            for part in parts
        )


def is_cut(turn: Turn) -> bool:
    """Whether something in it was too long to be read."""
    return any(_has_cut(part) for part in turn.parts) or any(CUT in (a.text, a.name) for a in turn.attachments)


def _has_cut(part: Part) -> bool:
    if isinstance(part, Text | Thought | Refused):
        return part.text == CUT
    if isinstance(part, Call):
        return "stillup: too long" in part.arguments
    if isinstance(part, Result):
        return any(_has_cut(inner) for inner in part.parts)
    return CUT in (getattr(part, "data", ""), getattr(part, "url", ""))


def first_words(turns: Iterable[Turn]) -> str:
    """What the user says first, for a title."""
    for turn in turns:
        for part in turn.parts if turn.role is Role.USER else ():
            if isinstance(part, Text) and (said := part.text.strip()) and not said.startswith("<"):
                return said
    return ""


def in_pieces(whole: Conversation, turns: Iterable[Turn], before: str, after: str, done: int) -> Iterator[Read]:
    """A conversation with these turns, a bounded part at a time; only the last one moves the mark."""
    held: list[Turn] = []
    size = 0
    for turn in turns:
        length = sum(map(weight, turn.attachments))
        if held and (size + length > PIECE_BYTES or len(held) >= PIECE_TURNS):
            yield Read(what=replace(whole, turns=tuple(held)), mark=before, done_bytes=done)
            held, size = [], 0
        held.append(turn)
        size += length
    yield Read(what=replace(whole, turns=tuple(held)), mark=after, done_bytes=done)


def weight(attachment: Attachment) -> int:
    """What an attachment takes."""
    return len(attachment.data or b"") + len(attachment.text)
