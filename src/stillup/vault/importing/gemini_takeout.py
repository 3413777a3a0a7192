"""Gemini in a Takeout of Google: ``My Activity.json`` or ``.html``, and the conversations of a Workspace account.

My Activity is a list of what was asked with what was answered, and does not say what belongs together: each is a
conversation by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from stillup.gateway.dialects.neutral import Part, Role, Text, Thought
from stillup.vault.importing.bundle import Bundle, Folder, Member, Single
from stillup.vault.importing.exports import Found, JsonExport
from stillup.vault.importing.fields import Fields, fields, file_name, rows, text, titled, when
from stillup.vault.importing.html_text import Snippets
from stillup.vault.importing.opened import peeked
from stillup.vault.importing.shaping import is_cut
from stillup.vault.values import Attachment, Conversation, Turn

_MINE = re.compile(
    rb'"conversation_turns"|"header"\s*:\s*"[^"]*(?:Gemini|Bard)|"products"\s*:\s*\[\s*"[^"]*(?:Gemini|Bard)'
)
_ASKED = re.compile(r"(?:Prompted(?: with:)?|Asked(?: Gemini:| Bard:)?|Said|Branched|Answered)[ \xa0]+")
_ATTACHED = re.compile(r"Attached \d+ files?\.?\s*$")
_ATTACHED_CHARS = 60
_DID = re.compile(
    r"(?:Used|Created|Added|Gave|Selected|Shared|Deleted|Edited|Removed|Saved|Viewed|Searched|Visited|Turned)\b"
)
"""What is no question: it is passed over unless something was answered to it."""


class GeminiTakeout(JsonExport):
    """See the module."""

    name: str = "gemini_takeout"
    files: str = r".*\.json|conversation_\d+\.txt"

    def __init__(self) -> None:
        self._snippets = Snippets()

    def members(self, bundle: Bundle) -> list[Member]:
        if isinstance(bundle, Single):
            return bundle.members
        if isinstance(bundle, Folder):
            return []  # each file in it is a source by itself
        near = [m for m in bundle.named(self.files) if re.search(r"gemini|bard|conversation_\d", m.name, re.IGNORECASE)]
        return near or bundle.named(r".*activit.*\.json")

    def is_mine(self, bundle: Bundle, peek: bytes) -> bool:
        return _MINE.search(peek) is not None or any(
            _MINE.search(peeked(bundle, member)) for member in self.members(bundle)[1:8]
        )

    def conversation(self, found: Found) -> tuple[Conversation, Iterator[Turn]] | None:
        said = found.fields
        if "conversation_turns" in said:
            return _workspace(found)
        if "title" not in said or not ("time" in said or "safeHtmlItem" in said):
            return None  # gems, settings, and the like
        products = said.get("products")
        about = " ".join(map(text, [said.get("header"), *(products if isinstance(products, list) else ())]))
        if about.strip() and not re.search("Gemini|Bard", about):
            return None
        return _activity(found, self._snippets)


def _activity(found: Found, snippets: Snippets) -> tuple[Conversation, Iterator[Turn]] | None:
    said = found.fields
    title = text(said.get("title"))
    answers = [snippets.markdown(text(row.get("html"))) for row in rows(said.get("safeHtmlItem"))]
    answer = "\n\n".join(filter(None, answers))
    return asked_and_answered(found, title, answer, when(said.get("time")), tuple(_files(said)))


def asked_and_answered(
    found: Found, title: str, answer: str, at_s: float | None, files: tuple[Attachment, ...] = ()
) -> tuple[Conversation, Iterator[Turn]] | None:
    """One activity as a conversation; None for one that is no question and got no answer."""
    if not answer and _DID.match(title):
        return None
    verb = _ASKED.match(title)
    asked = title[verb.end() :] if verb else title
    if said := _ATTACHED.search(asked, max(0, len(asked) - _ATTACHED_CHARS)):
        asked = asked[: said.start()].rstrip()
    if not asked and not answer:
        return None
    found.title = titled(asked)
    key = sha256(f"{int(at_s or 0)}\n{title}".encode("utf-8", "replace")).hexdigest()[:32]
    parts: tuple[Part, ...] = (Text(text=asked),) if asked else ()
    turns = [Turn(id=f"{key}/0", role=Role.USER, parts=parts, at_s=at_s, attachments=files)]
    if answer:
        turns.append(Turn(id=f"{key}/1", role=Role.ASSISTANT, parts=(Text(text=answer),), at_s=at_s))
    if any(map(is_cut, turns)):
        found.skip("This message is longer than 8 MiB.")
        return None
    whole = Conversation(
        origin=GeminiTakeout.name,
        id=key,
        turns=(),
        title=found.title,
        service="gemini",
        began_s=at_s,
        changed_s=at_s,
    )
    return whole, iter(turns)


def _files(said: Fields) -> Iterator[Attachment]:
    names = said.get("attachedFiles")
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str):
            yield Attachment(name=file_name(name))
    if picture := text(said.get("imageFile")):
        yield Attachment(name=file_name(picture))


def _workspace(found: Found) -> tuple[Conversation, Iterator[Turn]] | None:
    said = found.fields
    found.title = titled(text(said.get("title")))
    began = text(said.get("creation_time"))
    key = sha256(f"{Path(found.member.name).stem}\n{began}".encode("utf-8", "replace")).hexdigest()[:32]
    whole = Conversation(
        origin=GeminiTakeout.name,
        id=key,
        turns=(),
        title=found.title,
        service="gemini",
        began_s=when(began),
        changed_s=when(said.get("last_modification_time")),
    )
    return whole, _turns(found, key)


def _turns(found: Found, key: str) -> Iterator[Turn]:
    for n, row in enumerate(rows(found.fields["conversation_turns"])):
        asked, answered = fields(row.get("user_turn")), fields(row.get("system_turn"))
        at_s = when((asked or answered).get("turn_last_modified"))
        if asked:
            parts: tuple[Part, ...] = (Text(text=text(asked.get("prompt"))),)
            turn = Turn(id=f"{key}/{n}", role=Role.USER, parts=parts, at_s=at_s)
        elif answered:
            turn = Turn(id=f"{key}/{n}", role=Role.ASSISTANT, parts=tuple(_answer(answered)), at_s=at_s)
        else:
            found.skip("Who says this message is not known.", str(n))
            continue
        if is_cut(turn):
            found.skip("This message is longer than 8 MiB.", str(n))
        else:
            yield turn


def _answer(answered: Fields) -> Iterator[Part]:
    for thought in rows(answered.get("model_thoughts")):
        if said := "\n\n".join(filter(None, (text(thought.get("headline")), text(thought.get("description"))))):
            yield Thought(text=said)
    for row in rows(answered.get("text")):
        for said in (text(row.get("data")), *(text(card.get("content")) for card in rows(row.get("cards")))):
            if said:
                yield Text(text=said)
