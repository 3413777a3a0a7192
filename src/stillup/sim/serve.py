"""From a reply as a value to bytes on a connection."""

from __future__ import annotations

from aiohttp import web

from stillup.sim.wire.provider import Streamed
from stillup.sim.wire.reply import Reply


async def send(request: web.BaseRequest, reply: Reply | Streamed) -> web.StreamResponse:
    """Answer one request."""
    if isinstance(reply, Streamed):
        return await _stream(request, reply)
    headers = dict(reply.headers)
    if reply.etag:
        headers |= {"ETag": reply.tag, "Cache-Control": "max-age=0, must-revalidate"}
        if reply.tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
    if reply.content_type:
        headers["Content-Type"] = reply.content_type
    return web.Response(status=reply.status, body=reply.body, headers=headers)


async def _stream(request: web.BaseRequest, reply: Streamed) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    for event in reply.events:
        await response.write(event)
    if reply.is_cut:
        # An end of the connection, not a reset: a reset may throw away what was sent before it.
        if request.transport is not None:
            request.transport.close()
        return response
    await response.write_eof()
    return response
