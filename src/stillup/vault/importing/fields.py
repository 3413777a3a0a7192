"""Foreign JSON, read with distrust: what is missing or of another kind is empty, never an error."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import msgspec

from stillup.gateway.dialects.lenient import UNREADABLE, NoJson

Fields = dict[str, Any]

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL
)
_LONE = len(rb"\ud83d")
_LATEST_S = 4e9  # the year 2096
_TITLE = 80
_UNSEEN = re.compile(r"[\x00-\x1f\x7f]+")


def whole(data: bytes) -> bytes:
    """The same JSON without halves of surrogate pairs, which JavaScript leaves where it cuts text inside an emoji."""
    return _ESCAPE.sub(lambda found: rb"\ufffd" if len(found[0]) == _LONE else found[0], data)


def decoded(data: bytes) -> Any:  # noqa: ANN401 - what it is, is looked at
    """The value. Raises NoJson; its text says what is wrong with the data, and holds nothing of it."""
    try:
        return msgspec.json.decode(data)
    except UNREADABLE:
        pass
    try:
        return msgspec.json.decode(whole(data))
    except UnicodeDecodeError as refused:
        msg = "It is not written in UTF-8."
        raise NoJson(msg) from refused
    except RecursionError as refused:
        msg = "It is nested too deeply."
        raise NoJson(msg) from refused
    except msgspec.DecodeError as refused:
        msg = "It is not written in UTF-8." if "utf-8" in str(refused).lower() else "It is no valid JSON."
        raise NoJson(msg) from refused


def fields(value: object) -> Fields:
    """An object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Fields]:
    """An array's objects."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """A string, an empty one for anything else."""
    return value if isinstance(value, str) else ""


def when(value: object) -> float | None:
    """Unix seconds of a time as ISO 8601 (UTC where it does not say), as seconds or as milliseconds."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return None
        try:
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (OverflowError, ValueError):
            return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    if not isfinite(value) or value <= 0:
        return None
    seconds = value / 1000 if value > _LATEST_S else float(value)
    return seconds if seconds < _LATEST_S else None


def written(value: object) -> str:
    """A value as JSON, for a call's arguments."""
    return msgspec.json.encode(value).decode()


def titled(said: str) -> str:
    """A title: one line, short."""
    line = _UNSEEN.sub(" ", said[: 4 * _TITLE]).strip()
    return line if len(line) <= _TITLE else line[: _TITLE - 1].rstrip() + "…"


def file_name(name: str) -> str:
    """What a foreign file is called, without any way to another folder."""
    last = _UNSEEN.sub("", name.replace("\\", "/").rsplit("/", 1)[-1]).strip()[-200:]
    return "file" if last.strip(".") == "" else last
