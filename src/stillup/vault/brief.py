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
    r"agreed|the plan is|from now on|instead of|must(?: not)?|should not|never|always|"
    r"wir (?:nehmen|machen|lassen|haben beschlossen)|(?:ent|be)schlossen|entschieden|ab jetzt|immer|nie(?:mals)?|"
    r"on (?:prend|garde|utilise|a décidé)|décidé|d['’]accord|désormais|plutôt que|toujours|jamais|"
    r"(?:vamos a|hemos decidido|usaremos|quedamos)|decidido|de acuerdo|a partir de ahora|en lugar de|siempre|nunca)\b"
    r"|決め|決定|採用|决定|确定|采用",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:to ?do|open (?:question|point|issue)s?|still (?:need|have to|to do|missing|open|fails?)|next steps?|"
    r"remaining|not yet|later|follow[- ]up|unclear|unsure|pending|left to do|need(?:s)? to|fixme|"
    r"offen(?:e[nrs]?)?|noch (?:nicht|offen|zu)|nächste[nr]? Schritte?|später|unklar|fehlt|"
    r"reste à|pas encore|prochaines? étapes?|plus tard|à faire|à vérifier|il manque|"
    r"pendientes?|todavía no|aún no|falta(?:n)?|próximos? pasos?|más tarde|por hacer)\b"
    r"|未定|未解決|まだ|次の|待办|尚未|未解决|下一步|还没",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|#+)\s*")
_SHORT, _LONG = 12, 300
_SHORT_UNSPACED = 5
"""Characters of a sentence without a space in it: Chinese and Japanese say much in few."""
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
            least = _SHORT if " " in point else _SHORT_UNSPACED
            if least <= len(point) <= _LONG and pattern.search(point) and point.lower() not in seen:
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
