"""A body's members edited where they stand: at the top and one or two levels below, all else kept as it is written."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from stillup.gateway.dialects.lenient import UNREADABLE, NoJson, plain
from stillup.gateway.dialects.splice import members
from stillup.gateway.dialects.typed import mended

_encode = msgspec.json.encode
_NOTHING = (b"null", b"")


class Edited:
    """One request's body, and what was changed in it, each change once and in a few words. Raises NoJson."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._top = members(body)
        self._touched = False
        self.changes: dict[str, None] = {}

    def has(self, *path: str) -> bool:
        """Whether a member is there and is not null."""
        return self.raw(*path).strip() not in _NOTHING

    def raw(self, *path: str) -> bytes:
        """A member as it is written; empty where there is none."""
        inside = self._top
        for name in path[:-1]:
            inside = _inside(inside.get(name))
        found = inside.get(path[-1])
        return b"" if found is None else bytes(found)

    def get(self, *path: str) -> Any:  # noqa: ANN401 - JSON; only for small members
        """A member's value; None where there is none, or it is no JSON that could be read."""
        raw = self.raw(*path)
        try:
            return msgspec.json.decode(raw) if raw else None
        except UNREADABLE:
            pass
        try:
            return plain(mended(raw))  # half a surrogate pair could not be written again
        except NoJson:
            return None

    def table(self, *path: str) -> dict[str, Any]:
        """A member that should be an object; empty where it is none."""
        found = self.get(*path)
        return found if isinstance(found, dict) else {}

    def put(self, value: object, *path: str) -> None:
        """Write a member; what it lies in is made where it is not there."""
        self._write(_encode(value), *path)

    def put_raw(self, value: bytes, *path: str) -> None:
        """The same for JSON that is written already."""
        self._write(value, *path)

    def drop(self, *path: str) -> None:
        """Take a member out, and what is empty without it."""
        if not self.raw(*path):
            return
        self._touched = True
        if len(path) == 1:
            del self._top[path[0]]
            return
        *outer, name = path
        inside = _inside(Raw(self.raw(*outer)))
        del inside[name]
        if inside:
            self._write(_encode(inside), *outer)
        else:
            self.drop(*outer)

    def note(self, change: str) -> None:
        """Say what was changed."""
        self.changes[change] = None

    @property
    def body(self) -> bytes:
        """All of it; the very bytes that came where nothing was changed."""
        return _encode(self._top) if self._touched else self._body

    def _write(self, value: bytes, *path: str) -> None:
        self._touched = True
        if len(path) == 1:
            self._top[path[0]] = Raw(value)
            return
        *outer, name = path
        inside = _inside(Raw(self.raw(*outer) or b"{}"))
        inside[name] = Raw(value)
        self._write(_encode(inside), *outer)


def _inside(raw: Raw | None) -> dict[str, Raw]:
    if raw is None:
        return {}
    try:
        return members(bytes(raw))
    except NoJson:
        return {}
