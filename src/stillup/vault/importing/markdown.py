"""Markdown: what the vault has written itself, what people have pasted from a chat, or just a note.

Headings or first words that name a speaker begin a message; without any, the whole file is one message of the user's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from stillup.gateway.dialects.neutral import Role, Text
from stillup.vault.importing.bounds import FILE_BYTES, STRING_BYTES, said
from stillup.vault.importing.bundle import Unreadable, checked
from stillup.vault.importing.fields import titled, when
from stillup.vault.importing.marks import Mark, seal_of
from stillup.vault.importing.opened import utf8
from stillup.vault.importing.shaping import first_words, in_pieces
from stillup.vault.values import Conversation, Read, Skipped, Turn

_SUFFIXES = {".md", ".markdown", ".txt"}
_USERS = r"you(?: said| asked| wrote)?|user|human|me|prompt|question"
_MODELS = (
    r"answer|assistant|ai|bot|model|response|gpt[-\w.]*|codex|grok|mistral|deepseek"
    r"|(?:claude|chatgpt|gemini|copilot)(?: said| responded| replied)?"
)
_WHO = re.compile(
    rf"(?P<mark>\#{{1,6}}[ \t]++)?+(?P<bold>\*\*|__)?[ \t]*+"
    rf"(?:(?P<user>{_USERS})|(?P<model>{_MODELS})|(?P<system>system))"
    r"[ \t]*+(?P<colon>:)?(?:\*\*|__)?(?P<colon2>:)?(?P<rest>.*)",
    re.IGNORECASE,
)
_FENCE = re.compile(r"[ \t]{0,3}(`{3,}|~{3,})")
_HEAD = re.compile(r"\A---[ \t]*\n(.{0,20000}?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"([A-Za-z_-]{1,40})[ \t]*:[ \t]*(.{0,1000})")
_TITLE = re.compile(r"\#[ \t]+(.+)")
_FACTS = re.compile(r"\*(?P<service>[\w-]+)? ?.*from \w+ · vault \w+\*")
"""The line under the title of what the vault has written."""
_AT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d$")
_TURNS = 100_000


class Markdown:
    """See the module."""

    name: str = "markdown"

    def recognises(self, source: Path) -> bool:
        """By its name; text files must have speakers in them."""
        suffix = source.suffix.lower()
        if suffix not in _SUFFIXES:
            return False
        try:
            checked(source)
        except Unreadable:
            return False
        return suffix != ".txt" or has_speakers(source)

    def read(self, source: Path, mark: str = "") -> Iterator[Read]:
        """The conversation in it; a file that was read already gives nothing."""
        try:
            size = checked(source).st_size
            with source.open("rb") as file:
                raw = utf8(file)(FILE_BYTES + 1)
        except (Unreadable, OSError) as failed:
            why = str(failed) if isinstance(failed, Unreadable) else f"It cannot be read: {failed.strerror}."
            yield Read(what=Skipped(where=source.name, why=why), mark=mark, done_bytes=0)
            return
        done = Mark(at=size).written(seal_of(raw))
        if mark != done:
            yield from _reads(raw, source, done, size)


def has_speakers(source: Path) -> bool:
    """Whether both a user and a model speak in the beginning of a file."""
    try:
        with source.open("rb") as file:
            text = utf8(file)(FILE_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    roles = {role for role, _, _ in _spoken(text)}
    return {Role.USER, Role.ASSISTANT} <= roles


def _reads(raw: bytes, source: Path, done: str, size: int) -> Iterator[Read]:
    def skipped(why: str, where: str = "") -> Read:
        return Read(what=Skipped(where=source.name + where, why=why), mark=done, done_bytes=size)

    if len(raw) > FILE_BYTES:
        yield skipped(f"It has {said(size)}; at most {said(FILE_BYTES)} are read.")
        return
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        yield skipped("It is not written in UTF-8.")
        return
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    head, text = _front_matter(text)
    turns = []
    for n, (role, at, words) in enumerate(_spoken(text)):
        if len(words) > STRING_BYTES:
            yield skipped("This message is longer than 8 MiB.", f" › message {n + 1}")
        elif words:
            turns.append(Turn(id=str(n), role=role, parts=(Text(text=words),), at_s=when(at.replace(" ", "T"))))
    if turns:
        yield from in_pieces(_whole(head, text, turns, source), turns, "", done, size)


def _whole(head: dict[str, str], text: str, turns: list[Turn], source: Path) -> Conversation:
    named = _TITLE.match(text.lstrip())
    facts = _FACTS.search(text[:2000])
    title = head.get("title") or (named[1] if named else "") or first_words(turns) or source.stem
    told = next((when(head[name]) for name in ("date", "created", "created_at") if name in head), None)
    key = head.get("id") or sha256(f"{source.name}\n{first_words(turns)}".encode("utf-8", "replace")).hexdigest()[:32]
    service = head.get("service") or (facts["service"] if facts else "") or ""
    return Conversation(
        origin=Markdown.name,
        id=key[:200],
        turns=(),
        title=titled(title),
        service=service[:40],
        began_s=told if told is not None else next((turn.at_s for turn in turns if turn.at_s is not None), None),
    )


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    found = _HEAD.match(text)
    if found is None:
        return {}, text
    head = {}
    for line in found[1].splitlines():
        if field := _FIELD.fullmatch(line.strip()):
            head[field[1].lower()] = field[2].strip().strip("\"'")
    return head, text[found.end() :]


def _spoken(text: str) -> Iterator[tuple[Role, str, str]]:
    """Who says what, and when it was as far as that is told. Nobody speaks inside a block of code."""
    role, at, said_here = Role.USER, "", []
    fence = ""
    has_speaker = False
    count = 0
    for line in text.split("\n"):
        if ticks := _FENCE.match(line):
            fence = _fenced(fence, ticks[1], line)
        found = None if fence or ticks or count >= _TURNS else _speaker(line)
        if found is None:
            said_here.append(line)
            continue
        if has_speaker:
            yield role, at, "\n".join(said_here).strip()
            count += 1
        elif any(map(str.strip, said_here)) and not _is_title("\n".join(said_here)):
            yield Role.USER, "", "\n".join(said_here).strip()
        role, at, rest = found
        has_speaker, said_here = True, [rest] if rest else []
    yield role, at, "\n".join(said_here).strip()


def _is_title(text: str) -> bool:
    """Only a title, and what the vault writes under it."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) <= 2 and bool(_TITLE.match(lines[0])) and all(_FACTS.fullmatch(line) for line in lines[1:])


def _fenced(fence: str, ticks: str, line: str) -> str:
    """The fence that is open after a line of ticks."""
    if not fence:
        return ticks
    closes = ticks[0] == fence[0] and len(ticks) >= len(fence) and not line.strip().strip(ticks[0])
    return "" if closes else fence


def _speaker(line: str) -> tuple[Role, str, str] | None:
    """Role, time and the words behind it, where a line says who speaks."""
    if len(line) > 10_000 and ":" not in line[:60]:
        return None
    found = _WHO.match(line)
    if found is None:
        return None
    role = Role.USER if found["user"] else Role.ASSISTANT if found["model"] else Role.SYSTEM
    rest = found["rest"].strip()
    if found["colon"] or found["colon2"]:
        return role, "", rest
    if not (found["mark"] or found["bold"]) or (rest and not rest.startswith("·")):
        return None  # ordinary words that begin like a name
    at = _AT.search(rest)
    return role, at[0] if at else "", ""
