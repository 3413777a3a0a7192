"""What the dialects' writers share: what none of them can say, ids, arguments, documents that are text."""

from __future__ import annotations

import base64
from hashlib import blake2b
from re import Pattern
from typing import Any

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import UNREADABLE, as_object
from stillup.gateway.dialects.neutral import Foreign, Media, Prompt

Json = dict[str, Any]
"""An object to be encoded."""


def refuse_unshared(prompt: Prompt, me: Protocol, name: str) -> None:
    """Raises Untranslatable for what means something and has no words in ``me``, which is called ``name``."""
    if prompt.count > 1:
        msg = f"n: {name} gives one answer to a request, not {prompt.count}"
        raise Untranslatable(msg)
    if prompt.logprobs is not None:
        msg = "logprobs: the probabilities of tokens are not translated"
        raise Untranslatable(msg)
    if prompt.previous:
        msg = "previous_response_id: the response is kept at another provider, which alone can read it"
        raise Untranslatable(msg)
    for tool in prompt.server_tools:
        own(tool, me, "tools")


def own(part: Foreign, me: Protocol, where: str) -> Raw:
    """A part that only one dialect knows, as it was written there. Raises Untranslatable where that is another one."""
    if part.origin is not me:
        msg = f"{where}: {part.what[:60]} is known to {part.origin} only"
        raise Untranslatable(msg)
    return Raw(part.raw)


def refuse_kept(media: Media, me: Protocol, where: str) -> None:
    """Raises Untranslatable for a file that another provider keeps."""
    if media.file_id and media.origin is not me:
        msg = f"{where}: the file is kept at another provider, which alone can read it"
        raise Untranslatable(msg)


def fitting_id(id_: str, allowed: Pattern[str], prefix: str = "call_", length: int = 24) -> str:
    """The id itself where all of it is allowed; else one made of it: the same each time, another for every other."""
    return id_ if allowed.fullmatch(id_) else prefix + digest(id_, length)


def digest(text: str, length: int) -> str:
    """Hexadecimal digits, at most 32, that stand for a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()[:length]


def is_object(text: str) -> bool:
    """Whether it is a whole JSON object: no beginning of one is."""
    try:
        as_object(text)
    except (*UNREADABLE, UnicodeEncodeError):
        return False
    return True


def object_of(arguments: str) -> Raw:
    """A call's arguments as an object on one line; what is none stands in one."""
    data = arguments.encode("utf-8", "replace")
    if not is_object(arguments):
        return Raw(msgspec.json.encode({"arguments": data.decode()}))
    return Raw(msgspec.json.format(data, indent=-1) if b"\n" in data or b"\r" in data else data)


def data_url(media_type: str, data: str) -> str:
    """Base64 as an address."""
    return f"data:{media_type};base64,{data}"


def split_url(url: str) -> tuple[str, str, str]:
    """Media type and base64 of a data URL; else the address."""
    if url[:5].lower() != "data:":
        return "", "", url
    head, comma, data = url[5:].partition(",")
    media_type, *more = (word.strip() for word in head.split(";"))
    if not comma or "base64" not in more:
        return "", "", url
    return media_type, data, ""


def base64_of(text: str) -> str:
    """A plain document's words as bytes in base64."""
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def text_of(data: str, where: str) -> str:
    """The words in base64. Raises Untranslatable where there are none."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError as broken:  # of base64, or of UTF-8
        msg = f"{where}: must be text in base64"
        raise Untranslatable(msg) from broken
