"""What of a message can be found, what makes two messages the same, and how a search is asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import msgspec
from msgspec import Struct

from stillup.errors import UsageError
from stillup.gateway.dialects.neutral import Call, Foreign, Media, Part, Refused, Result, Role, Text
from stillup.vault.codec import HASH_BYTES, name_of
from stillup.vault.values import Attachment

MOST = 1_000_000
"""Characters of one message that can be found; a longer one is kept whole all the same."""
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""Letters of scripts that put no space between words (and Korean, whose words take endings): each is a word here."""
_OTHERS = bytes({*range(256)} - {0xE0, 0xE1, *range(0xE3, 0xEE), 0xEF, 0xF0})
_UNSPACED_BYTES = re.compile(
    rb"[\xe0\xe1\xe3-\xed\xef\xf0](?:(?<=\xe0)[\xb8-\xbb][\x80-\xbf]"
    rb"|(?<=\xe1)(?:[\x80\x81\x9e\x9f][\x80-\xbf]|\x82[\x80-\x9f])|(?<=\xe3)[\x81-\x83\x90-\xbf][\x80-\xbf]"
    rb"|(?<=\xe4)[\x80-\xb6\xb8-\xbf][\x80-\xbf]|(?<=[\xe5-\xe9\xeb\xec])[\x80-\xbf]{2}"
    rb"|(?<=\xea)[\xb0-\xbf][\x80-\xbf]|(?<=\xed)(?:[\x80-\x9d][\x80-\xbf]|\x9e[\x80-\xaf])"
    rb"|(?<=\xef)[\xa4-\xab][\x80-\xbf]|(?<=\xf0)[\xa0-\xbf][\x80-\xbf]{2})"
)
"""The same in UTF-8; most texts have none of the bytes that such a letter begins with."""
_GAPS = bytes(ord(" ") if chr(byte).isspace() and byte < 0x80 else byte for byte in range(256))
_WIDE_GAPS = re.compile(
    rb"[\xc2\xe1-\xe3](?:(?<=\xc2)[\x85\xa0]|(?<=\xe1)\x9a\x80"
    rb"|(?<=\xe2)(?:\x80[\x80-\x8a\xa8\xa9\xaf]|\x81\x9f)|(?<=\xe3)\x80\x80)"
)
"""White space beyond ASCII, and what it begins with."""
_WIDE = bytes({*range(256)} - {0xC2, 0xE1, 0xE2, 0xE3})
_TERM = re.compile(r'(?P<out>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_MOST_TERMS = 32


def words_of(parts: Iterable[Part], attachments: Iterable[Attachment] = ()) -> str:
    """The text by which a message is found: what is said, called and given; not what was only thought."""
    pieces = [*_texts(parts)]
    for one in attachments:
        pieces += (one.name, one.text)
    return "\n".join(piece for piece in pieces if piece)


def indexed(text: str) -> bytes:
    """The text as the index takes it, in UTF-8."""
    text = text[:MOST]
    said = text.encode("utf-8", "replace").replace(b"\0", b" ")
    if text.isascii() or not said.translate(None, _OTHERS):
        return said
    return _UNSPACED_BYTES.sub(lambda letter: b" %b " % letter[0], said)


def spaced(text: str) -> bytes:
    """The words with one space between them, in UTF-8: ``" ".join(text.split())`` in a third of the time."""
    said = text.encode("utf-8", "replace").translate(_GAPS)
    if not text.isascii() and said.translate(None, _WIDE):
        said = _WIDE_GAPS.sub(b" ", said)
    while b"  " in said:
        said = said.replace(b"  ", b" ")
    return said.strip(b" ")


def chained(before: bytes, role: Role, parts: Iterable[Part], attachments: Iterable[Attachment] = ()) -> bytes:
    """What names a message together with all before it: the same wherever the conversation comes from."""
    return link(before, role.value, meaning(parts, attachments))


def link(before: bytes, role: str, meant: bytes) -> bytes:
    """The same, of a message whose meaning is known already."""
    return blake2b(before + meant + role.encode(), digest_size=HASH_BYTES).digest()


def meaning(parts: Iterable[Part], attachments: Iterable[Attachment] = ()) -> bytes:
    """What two messages share that say the same.

    White space does not count, nor do thoughts, citations and other things that not every export has.
    """
    parts, attachments = tuple(parts), tuple(attachments)
    if len(parts) == 1 and type(parts[0]) is Text and not attachments:
        return blake2b(b"\0" + spaced(parts[0].text), digest_size=HASH_BYTES).digest()  # nearly all of them
    digest = blake2b(digest_size=HASH_BYTES)
    for text in _meant(parts):
        digest.update(b"\0" + spaced(text))
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
    word = indexed(word).decode().replace('"', " ")
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
