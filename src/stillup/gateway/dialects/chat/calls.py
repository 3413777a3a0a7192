"""Tool calls: their arguments as a JSON object, and ids as a server takes them."""

from __future__ import annotations

import hashlib
import json
import re

from stillup.gateway.dialects.chat.makers import is_mistrals
from stillup.gateway.dialects.lenient import UNREADABLE, NoJson, as_object, plain

_LONGEST_ID = 40
"""OpenAI refuses longer ones; the compatible servers take them."""
_MISTRALS_ID = re.compile(r"[a-zA-Z0-9]{9}", re.ASCII)
_BROKEN = "INVALID_JSON"
"""The member that Anthropic's documentation names for arguments which are none: the tool will say so to the model."""


def is_object(text: str) -> bool:
    """It is a whole JSON object: no beginning of one is."""
    try:
        as_object(text)
    except UNREADABLE:
        return False
    return True


def arguments_of(text: str) -> str:
    """``text`` as a JSON object: as it is where it is one, mended where that is plain, else as a member of one."""
    if not text or text.isspace():
        return "{}"
    return text if is_object(text) else _mended(text)


def _mended(text: str) -> str:
    try:
        value = plain(text.encode("utf-8", "replace"))
        if isinstance(value, str):  # encoded twice
            value = plain(value.encode("utf-8", "replace"))
    except NoJson:
        value = _with_line_ends(text)
    if value is None:
        return "{}"
    return json.dumps(value if isinstance(value, dict) else {_BROKEN: text})


def _with_line_ends(text: str) -> object:
    """Small models write line ends into strings as they are."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text


def sent_id(call_id: str, model: str) -> str:
    """The id of a call as that model's server takes it: the same for the call and its result."""
    if is_mistrals(model):
        return call_id if _MISTRALS_ID.fullmatch(call_id) else _digest(call_id, 9)
    return call_id if len(call_id) <= _LONGEST_ID else "call_" + _digest(call_id, 24)


def made_id(answer: str, number: int, name: str, arguments: str) -> str:
    """An id for a call that came without one: another in each answer, and the same whenever that answer is read."""
    return "call_" + _digest("\0".join((answer, str(number), name, arguments)), 24)


def _digest(text: str, length: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()[:length]
