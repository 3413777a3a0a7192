"""What of a message can be found, what makes two messages the same, and how a search is asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import msgspec
from msgspec import Struct

from stillup.errors import UsageError
from stillup.gateway.dialects.neutral import Call, Foreign, Media, Part, Refused, Result, Role, Text
from stillup.vault.codec import HASH_BYTES, name_of, readable
from stillup.vault.values import Attachment

MOST = 1_000_000
"""Characters of one message that can be found; a longer one is kept whole all the same."""
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no space between words (and Korean, whose words take endings): each is a word here."""
_TERM = re.compile(r'(?P<out>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_MOST_TERMS = 32


def words_of(parts: Iterable[Part], attachments: Iterable[Attachment] = ()) -> str:
    """The text by which a message is found: what is said, called and given; not what was only thought."""
    pieces = [*_texts(parts)]
    for one in attachments:
        pieces += (one.name, one.text)
    return "\n".join(piece for piece in pieces if piece)


def indexed(text: str) -> str:
    """The text as the index takes it."""
    text = text[:MOST].replace("\0", " ")
    return text if text.isascii() else _UNSPACED.sub(r" \g<0> ", readable(text))


def chained(before: bytes, role: Role, parts: Iterable[Part], attachments: Iterable[Attachment] = ()) -> bytes:
    """What names a message together with all before it: the same wherever the conversation comes from."""
    return link(before, role, meaning(parts, attachments))


def link(before: bytes, role: Role, meant: bytes) -> bytes:
    """The same, of a message whose meaning is known already."""
    return blake2b(before + meant + role.value.encode(), digest_size=HASH_BYTES).digest()


def meaning(parts: Iterable[Part], attachments: Iterable[Attachment] = ()) -> bytes:
    """What two messages share that say the same.

    White space does not count, nor do thoughts, citations and other things that not every export has.
    """
    digest = blake2b(digest_size=HASH_BYTES)
    for text in _meant(parts):
        digest.update(b"\0" + " ".join(text.split()).encode("utf-8", "replace"))
    for one in attachments:
        digest.update(b"\1" + (name_of(one.data) if one.data is not None else one.name.encode("utf-8", "replace")))
    return digest.digest()


def _texts(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        match part:
            case Text(text=text) | Refused(text=text):
                yield text
            case Call(name=name, arguments=arguments):
                yield f"{name} {arguments}"
            case Result(parts=inner):
                yield from _texts(inner)
            case Media(name=name, text=text, context=context):
                yield from (name, text, context)


def _meant(parts: Iterable[Part]) -> Iterator[str]:
    words: list[str] = []
    for part in parts:
        match part:
            case Text(text=text) | Refused(text=text):
                words.append(text)  # how a text is cut into parts is a matter of who wrote it down
            case Call(name=name, arguments=arguments):
                yield f"{name} {_settled(arguments)}"
            case Result(parts=inner):
                yield from _meant(inner)
            case Media():
                yield part.data or part.url or part.text or part.file_id
            case Foreign(raw=raw):
                yield raw.decode("utf-8", "replace")
    if words:
        yield "\n".join(words)


def _settled(arguments: str) -> str:
    """Clients write a call's arguments anew when they send it back: their order and spaces mean nothing."""
    try:
        return msgspec.json.encode(msgspec.json.decode(arguments), order="sorted").decode()
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return arguments


class Query(Struct, frozen=True):
    """Expressions for the index: what must all stand there, and what must not."""

    terms: tuple[str, ...]
    unwanted: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """Both in one."""
        return " AND ".join(self.terms) + "".join(f" NOT {term}" for term in self.unwanted)


def query_of(text: str) -> Query:
    """What is asked for: every word must stand there; ``"a phrase"``, ``-without``, ``beginning*``, ``OR``.

    :raises UsageError: there is no word in it that could be found.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    joins = False
    for found in list(_TERM.finditer(text))[:_MOST_TERMS]:
        word = found["word"] if found["phrase"] is None else found["phrase"]
        if found["word"] in ("OR", "|"):
            joins = bool(wanted)
            continue
        term = _term(word, is_word=found["phrase"] is None)
        if not term:
            continue
        if found["out"]:
            unwanted.append(term)
        elif joins:
            wanted[-1] = f"({wanted[-1]} OR {term})"
        else:
            wanted.append(term)
        joins = False
    if not wanted:
        msg = "There is no word in that which could be looked for."
        raise UsageError(msg)
    return Query(tuple(wanted), tuple(unwanted))


def _term(word: str, *, is_word: bool) -> str:
    """Quoted: nothing in it means anything to the index but ``*`` behind a word."""
    begins = is_word and word.endswith("*")
    word = indexed(word).replace('"', " ")
    if not any(c.isalnum() for c in word):
        return ""
    return f'"{" ".join(word.split())}"' + ("*" if begins else "")


def highlights(text: str) -> re.Pattern[str] | None:
    """What to mark in a text that was found by that search; None where there is nothing."""
    terms: list[str] = []
    for found in list(_TERM.finditer(text))[:_MOST_TERMS]:
        word = found["word"] if found["phrase"] is None else found["phrase"]
        if found["out"] or word in ("OR", "|"):
            continue
        begins = found["phrase"] is None and word.endswith("*")
        pieces = [re.escape(piece) for piece in re.findall(r"\w+", word)]
        if pieces:
            loose = _UNSPACED.search(word) is not None
            edge = ("", "") if loose else (r"\b", "" if begins else r"\b")
            terms.append(edge[0] + r"\W+".join(pieces) + edge[1])
    return re.compile("|".join(terms), re.IGNORECASE) if terms else None
