"""Cursors: where the next page of a list begins. Opaque to the client, checked in full when they come back.

They hold nothing that the answer before did not say, so they are not signed: a made-up one that passes the checks
merely begins the list at another place.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from stillup.web.problems import Refusal

MOST_CHARS = 400
_ALLOWED = ("the text that an earlier answer gave as `next`, with the same `service`", "none: from the newest")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = int((datetime(2200, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) * 1_000_000
_Short = Annotated[str, Meta(max_length=120)]


class Cursor(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The last line that was told: of which list and service, its time in microseconds, and its key."""

    of: _Short
    service: _Short
    at_us: Annotated[int, Meta(ge=0, le=_LAST_US)]
    key: _Short

    @property
    def before(self) -> tuple[datetime, str]:
        """What an archive takes as ``before``."""
        return _EPOCH + timedelta(microseconds=self.at_us), self.key


def write(of: str, service: str | None, at: datetime, key: str) -> str:
    """The cursor behind a line."""
    since = at - _EPOCH
    at_us = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    packed = msgspec.msgpack.encode(Cursor(of, service or "", at_us, key))
    return urlsafe_b64encode(packed).decode().rstrip("=")


def read(text: str | None, of: str, service: str | None) -> tuple[datetime, str] | None:
    """Where to begin; None: from the newest.

    :raises Refusal: it is not one of ours, or of another list.
    """
    if text is None:
        return None
    found = _read(text)
    if found is None or found.of != of or found.service != (service or ""):
        raise Refusal(400, "bad-cursor", "The cursor is not one of this list.", _ALLOWED)
    return found.before


def _read(text: str) -> Cursor | None:
    if not text.isascii() or not 0 < len(text) <= MOST_CHARS:
        return None
    try:
        packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found = msgspec.msgpack.decode(packed, type=Cursor)
    except (ValueError, msgspec.DecodeError):
        return None
    # One text for one place: whatever the decoder overlooks (other signs, other lengths) is not ours.
    return found if urlsafe_b64encode(msgspec.msgpack.encode(found)).decode().rstrip("=") == text else None
