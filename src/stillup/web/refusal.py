"""What is said to those who are not let through: a page for people, problem details (RFC 9457) for programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from stillup.web.access import Reason
from stillup.web.answer import Header, secured
from stillup.web.mishaps import error_page

if TYPE_CHECKING:
    from litestar.types import Send

_PRIVATE = (
    "This is behind a token. Open it once with ?token=… behind the address. The token is in the file web.token of the "
    "page's data folder, or where `web.token_file` or `web.token_env` says; on a terminal `stillup up` prints a link "
    "with it."
)
_ANOTHER = (
    "That is not this page's token. Several pages behind one address need one token: `web.token_file` or "
    "`web.token_env`."
)
_SAYS = {
    Reason.NO_HOST: (400, "The request does not say, in one Host header, whom it is for."),
    Reason.FOREIGN_HOST: (
        421,
        "This page does not answer to that name. Names it should answer to belong into `web.hosts` or `web.base_url`.",
    ),
    Reason.FOREIGN_ORIGIN: (403, "The request comes from a page of another site; those change nothing here."),
    Reason.NO_TOKEN: (401, _PRIVATE),
    Reason.WRONG_TOKEN: (401, _ANOTHER),
}


class Refusal(Struct, frozen=True):
    """A request that goes no further."""

    status: int
    reason: str
    says: str
    headers: tuple[Header, ...] = ()

    @classmethod
    def of(cls, reason: Reason) -> Refusal:
        """Refused for who asks, or from where."""
        status, says = _SAYS[reason]
        headers = ((b"www-authenticate", b'Bearer realm="stillup"'),) if status == 401 else ()
        return cls(status, reason.value, says, headers)

    @classmethod
    def moved(cls, where: bytes, cookie: bytes) -> Refusal:
        """Let in from now on, at the same address without the token in it."""
        return cls(303, Reason.TOKEN.value, "", ((b"location", where), (b"set-cookie", cookie)))


async def refuse(send: Send, refusal: Refusal, accept: bytes, *, is_head: bool) -> None:
    """Say it, and close the connection where more of the request may be on its way."""
    status = refusal.status
    kind, body = _body(refusal, is_page=b"text/html" in accept)
    told = [
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *refusal.headers,
    ]
    if status in (413, 414, 431, 501):
        told.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": secured(told)})
    await send({"type": "http.response.body", "body": b"" if is_head else body, "more_body": False})


def _body(refusal: Refusal, *, is_page: bool) -> tuple[bytes, bytes]:
    if not refusal.says:
        return b"text/plain; charset=utf-8", b""
    if is_page and refusal.status == 401:  # the only one that a person meets who did nothing odd
        return b"text/html; charset=utf-8", error_page(401, refusal.says)
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.says,
        "reason": refusal.reason,
    }
    return b"application/problem+json", msgspec.json.encode(problem)
