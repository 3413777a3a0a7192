"""From a reply as a value to an answer of the web server's."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web

from stillup.sim.wire.reply import Reply


def answer(request: web.BaseRequest, reply: Reply, now: datetime | None = None) -> web.Response:
    """Answer one request; ``now`` is the time the server says it is (None: the machine's)."""
    headers = dict(reply.headers)
    if now is not None:
        headers["Date"] = format_datetime(now.astimezone(UTC), usegmt=True)
    if reply.etag:
        headers |= {"ETag": reply.tag, "Cache-Control": "max-age=0, must-revalidate"}
        if reply.tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
    if reply.content_type:
        headers["Content-Type"] = reply.content_type
    return web.Response(status=reply.status, body=reply.body, headers=headers)
