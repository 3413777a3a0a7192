"""One HTTP answer as a value, and the small tools every format needs."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from html import escape

import msgspec
from msgspec import Struct

from stillup.model.service import State

JSON = "application/json; charset=utf-8"
ATOM = "application/atom+xml; charset=utf-8"
RSS = "application/rss+xml; charset=utf-8"
HTML = "text/html; charset=utf-8"


class Reply(Struct, frozen=True, kw_only=True):
    """Status, body and headers; ``etag`` is sent, and honoured with 304, where the real site does so."""

    body: bytes
    content_type: str
    status: int = 200
    headers: dict[str, str] = {}
    etag: bool = False

    @property
    def tag(self) -> str:
        """The entity tag of the body."""
        return f'W/"{sha256(self.body).hexdigest()[:32]}"'


NOT_FOUND_PAGE = "<!DOCTYPE html><html><head><title>Not Found</title></head><body><h1>Not Found</h1></body></html>"


def json_reply(value: object, *, status: int = 200, etag: bool = False, headers: dict[str, str] | None = None) -> Reply:
    """A JSON answer."""
    body = msgspec.json.encode(value)
    return Reply(body=body, content_type=JSON, status=status, etag=etag, headers=headers or {})


def not_found() -> Reply:
    """What most sites answer for an unknown address: a page of HTML."""
    return Reply(body=NOT_FOUND_PAGE.encode(), content_type=HTML, status=404)


def millis(at: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and ``Z``, as JavaScript writes it."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(at: datetime) -> str:
    """ISO 8601 in UTC with whole seconds and ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def xml(text: str) -> str:
    """Text made safe inside XML and quoted attributes."""
    return escape(text, quote=True)


PAGE_STATE = {
    State.OPERATIONAL: "operational",
    State.DEGRADED: "degraded_performance",
    State.PARTIAL_OUTAGE: "partial_outage",
    State.MAJOR_OUTAGE: "major_outage",
    State.MAINTENANCE: "under_maintenance",
    State.UNKNOWN: "operational",
}
"""Statuspage's words. It has none for *unknown*: a page that does not know shows green."""
