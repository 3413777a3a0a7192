"""A conversation in short, to paste anywhere: what for, what was decided, what is open, and the last messages. Pure.

No model is asked: the sentences are the conversation's own, chosen by the words they have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from stillup.gateway.dialects.neutral import Part, Refused, Role, Text
from stillup.vault.values import Turn

_DECIDED = re.compile(
    r"\b(?:we(?:'ll| will| have)? (?:decided?|agreed?|go(?:ing)? with|us(?:e|ing)|keep|chose|choose)|"
    r"let['’]s (?:go with|use|keep|do|take)|(?:I|i)(?:['’]ll| will) (?:go with|use|take|keep)|decision|decided|"
    r"agreed|the plan is|from now on|instead of|must(?: not)?|should not|never|always)\b",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:to ?do|open (?:question|point|issue)s?|still (?:need|have to|to do|missing|open|fails?)|next steps?|"
    r"remaining|not yet|later|follow[- ]up|unclear|unsure|pending|left to do|need(?:s)? to|fixme)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|#+)\s*")
_SHORT, _LONG = 12, 300
_MOST_POINTS = 8
_LATE = 0.5
"""Open points are looked for in this last part of the conversation: what was open before was perhaps done since."""


def brief(title: str, turns: Sequence[Turn], *, most_characters: int = 6_000) -> str:
    """Goal, decisions, open points and as many of the last messages as fit, as Markdown."""
    said = [(turn.role, text) for turn in turns if turn.role is not Role.SYSTEM and (text := words_said(turn.parts))]
    lines = [f"# Where we were: {title or 'a conversation'}", ""]
    lines += _section("Goal", [_cut(_goal(said), 1_000)])
    decided = list(_points(said, _DECIDED))[-_MOST_POINTS:]
    lines += _section("Decided", [f"- {point}" for point in decided])
    late = said[int(len(said) * _LATE) :]
    still_open = [point for point in _points(late, _OPEN) if point not in decided][-_MOST_POINTS:]
    lines += _section("Open", [f"- {point}" for point in still_open])
    head = "\n".join(lines)
    return f"{head}\n## Last messages\n\n{_last(said, most_characters - len(head))}\nPlease go on from here.\n"


def words_said(parts: Iterable[Part]) -> str:
    """What a turn says in words."""
    return "\n\n".join(part.text.strip() for part in parts if isinstance(part, Text | Refused) and part.text.strip())


def _goal(said: Sequence[tuple[Role, str]]) -> str:
    """What a person asked for first; what programs put before it stands in angle brackets."""
    asked = [text for role, text in said if role is Role.USER]
    return next((text for text in asked if not text.lstrip().startswith("<")), asked[0] if asked else "")


def _points(said: Iterable[tuple[Role, str]], pattern: re.Pattern[str]) -> Iterator[str]:
    seen: set[str] = set()
    for _, text in said:
        for sentence in _SENTENCE.split(_CODE.sub(" ", text[:100_000])):
            point = " ".join(_BULLET.sub("", sentence).replace("**", "").split())
            if _SHORT <= len(point) <= _LONG and pattern.search(point) and point.lower() not in seen:
                seen.add(point.lower())
                yield point


def _section(name: str, lines: Sequence[str]) -> list[str]:
    return [f"## {name}", "", *lines, ""] if any(lines) else []


def _last(said: Sequence[tuple[Role, str]], room: int) -> str:
    """From the end backwards, the very last ones at length."""
    kept: list[str] = []
    room = max(room, 1_000)
    for n, (role, text) in enumerate(reversed(said)):
        share = max(room // 2, 200) if n < 2 else 400
        line = f"**{'Me' if role is Role.USER else 'Answer'}:** {_cut(text, share)}\n"
        if kept and len(line) > room:
            break
        kept.append(line)
        room -= len(line)
    return "\n".join(reversed(kept))


def _cut(text: str, most: int) -> str:
    """The text with its middle left out where it is long."""
    if len(text) <= most:
        return text
    return f"{text[: most * 2 // 3].rstrip()} […] {text[len(text) - most // 3 :].lstrip()}"
