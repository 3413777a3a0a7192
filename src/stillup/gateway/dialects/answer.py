"""What is read of an answer that came whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import Raw, Struct

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Usage
from stillup.gateway.dialects.dialect import Untranslatable
from stillup.gateway.dialects.lenient import NULL, NoJson
from stillup.gateway.dialects.trouble import fault_in_stream, said
from stillup.gateway.dialects.typed import typed

T = TypeVar("T")
NOTHING = (NULL, Raw(), Raw(b'""'), Raw(b"[]"), Raw(b"{}"))
"""Raw values with nothing in them."""


class Answer(Struct, frozen=True, kw_only=True):
    """An answer's own words, or what is wrong with it. Never what was answered."""

    fault: Fault | None = None
    message: str = ""
    usage: Usage = Usage()
    model: str = ""
    stop_reason: str = ""


NO_ANSWER = Answer(fault=Fault.NOT_API, message="the JSON that came is no answer of this protocol")
"""JSON of another shape: a portal's, another API's."""


def failed(error: Raw) -> Answer:
    """An error that came with a status of success."""
    words = said(bytes(error))
    return Answer(fault=fault_in_stream(words), message=words.message)


def answered(decode: Callable[[bytes], T], data: bytes) -> T:
    """The answer in the shape that ``decode`` wants. Raises NoJson, also for JSON of another shape."""
    try:
        return typed(decode, data)
    except Untranslatable as misfit:
        raise NoJson(str(misfit)) from misfit
