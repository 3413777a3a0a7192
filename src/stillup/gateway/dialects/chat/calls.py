"""Tool calls: their arguments as a JSON object, and ids as a server takes them."""

from __future__ import annotations

import json
import re

from stillup.gateway.dialects.chat.makers import is_mistrals
from stillup.gateway.dialects.lenient import NoJson, plain
from stillup.gateway.dialects.writing import digest, fitting_id, is_object

_SHORT_ID = re.compile(r".{0,40}", re.DOTALL)
"""OpenAI refuses longer ones; the compatible servers take them."""
_MISTRALS_ID = re.compile(r"[a-zA-Z0-9]{9}", re.ASCII)
_BROKEN = "INVALID_JSON"
"""The member that Anthropic's documentation names for arguments which are none: the tool will say so to the model."""


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
        return fitting_id(call_id, _MISTRALS_ID, "", 9)
    return fitting_id(call_id, _SHORT_ID)


def made_id(answer: str, number: int, name: str, arguments: str) -> str:
    """An id for a call that came without one: another in each answer, and the same whenever that answer is read."""
    return "call_" + digest("\0".join((answer, str(number), name, arguments)), 24)
