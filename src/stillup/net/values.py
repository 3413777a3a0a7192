"""What is asked of the network, and what comes back."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from stillup.secret import Secret

MIB = 1 << 20

FLOOR_S = 60.0
"""No page beyond this machine is asked more often than this, whoever on this machine asks."""


class Request(Struct, frozen=True, kw_only=True):
    """One HTTP GET wanted, or a POST when there is something to send. ``tag`` tells the reader which of several it was.

    ``json`` is a JSON document to POST; what is sent is never kept, never answered from the cache and follows no
    redirect. ``max_bytes`` bounds the body as it is after decompression. An answer younger than ``min_interval_s``
    (60 s at least) is not asked for again; loopback hosts have no such floor, and requests with a secret are never
    answered from the cache. ``ours`` is for what was made at our own request and for nobody else (a job we wait for):
    it is asked for again as its maker says, and not kept.
    """

    url: str
    params: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str | Secret], ...] = ()
    json: bytes | None = None
    ours: bool = False
    tag: str = ""
    max_bytes: int = 4 * MIB
    min_interval_s: float = FLOOR_S


class Answer(Struct, frozen=True, kw_only=True):
    """One answer: status 200 to 299, body whole and within the bound, header names in lower case.

    ``from_cache``: the body was kept from an earlier answer, of which only the headers ``content-type``, ``etag`` and
    ``last-modified`` are kept too. ``asked``: a request was made for it (a 304 is asked *and* from the cache).
    ``fetched_at``: when the server last said that this is its content. ``elapsed_ms`` is real time, not a scaled
    clock's, from the moment a place was free; 0 when nothing was asked.
    """

    status: int
    body: bytes
    headers: dict[str, str]
    elapsed_ms: float
    from_cache: bool = False
    asked: bool = True
    fetched_at: datetime | None = None
