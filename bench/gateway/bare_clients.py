"""The clients a proxy could be built on, behind one face, for the choice of the stack.

aiohttp comes with stillup; httpx and pyreqwest are measured where they are installed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from typing import Any, NamedTuple

from gateway.bare_client import BareClient, HeaderLines

NAMES = ("own", "aiohttp", "pyreqwest", "httpx")
TYPE = "content-type"
JSON = "application/json"


class Head(NamedTuple):
    """The beginning of an answer. ``length`` is None for a stream."""

    status: int
    content_type: str
    length: int | None


Answer = AsyncIterator[Head | bytes]
Client = Callable[[str, bytes], Answer]
"""Posts a body to a path; gives the head, then the chunks as they come."""


def open_client(name: str, host: str, port: int) -> Client:
    """The client called so. Call it inside the running loop."""
    return {"own": _own, "aiohttp": _aiohttp, "pyreqwest": _pyreqwest, "httpx": _httpx}[name](host, port)


def _own(host: str, port: int) -> Client:
    client = BareClient(host, port)

    async def ask(path: str, body: bytes) -> Answer:
        queue = _Queue()
        head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\n{TYPE}: {JSON}\r\ncontent-length: {len(body)}\r\n\r\n"
        client.ask(head.encode() + body, queue)
        while (piece := await queue.get()) is not None:
            yield piece

    return ask


class _Queue(asyncio.Queue[Head | bytes | None]):
    """A sink that a coroutine reads; None is the end."""

    def head(self, status: int, headers: HeaderLines) -> None:
        told = {name.lower(): value for name, value in headers}
        length = told.get(b"content-length")
        self.put_nowait(Head(status, told[TYPE.encode()].decode(), int(length) if length else None))

    def data(self, chunk: bytes) -> None:
        self.put_nowait(chunk)

    def end(self) -> None:
        self.put_nowait(None)

    def fail(self) -> None:
        self.put_nowait(None)


def _aiohttp(host: str, port: int) -> Client:
    import aiohttp

    session = aiohttp.ClientSession(f"http://{host}:{port}", auto_decompress=False)

    async def ask(path: str, body: bytes) -> Answer:
        async with session.post(path, data=body, headers={TYPE: JSON}) as answer:
            yield Head(answer.status, answer.content_type, answer.content_length)
            async for chunk in answer.content.iter_any():
                yield chunk

    return ask


def _httpx(host: str, port: int) -> Client:
    client: Any = import_module("httpx").AsyncClient(base_url=f"http://{host}:{port}", timeout=None, trust_env=False)

    async def ask(path: str, body: bytes) -> Answer:
        async with client.stream("POST", path, content=body, headers={TYPE: JSON}) as answer:
            yield _head(answer.status_code, answer.headers)
            async for chunk in answer.aiter_raw():
                yield chunk

    return ask


def _pyreqwest(host: str, port: int) -> Client:
    client: Any = import_module("pyreqwest.client").ClientBuilder().build()
    base = f"http://{host}:{port}"

    async def ask(path: str, body: bytes) -> Answer:
        request = client.post(base + path).header(TYPE, JSON).body_bytes(body).build_streamed()
        async with request as answer:
            yield _head(answer.status, answer.headers)
            while chunk := await answer.body_reader.read_chunk():
                yield bytes(chunk)

    return ask


def _head(status: int, headers: Any) -> Head:  # noqa: ANN401 - a mapping of whichever client is measured
    length = headers.get("content-length")
    return Head(status, headers.get(TYPE, JSON), int(length) if length else None)
