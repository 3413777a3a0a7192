"""Answers of a server of our own, read as they come; nothing beyond this machine is asked."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import pytest

from stillup.errors import NotConfigured, SourceError, TooLarge, Unreachable
from stillup.net.stream import ask_here
from stillup.secret import Secret

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Who: me\r\n"


@asynccontextmanager
async def server(*pieces, then=None):
    """Answers every request with these pieces, one after the other, then does what ``then`` says."""
    heard, answering = [], []

    async def answer(reader, writer):
        answering.append(asyncio.current_task())
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then == "hang":
            await reader.read()
        writer.transport.abort() if then == "reset" else writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", heard
    await asyncio.gather(*answering, return_exceptions=True)


async def test_the_head_is_there_before_the_body():
    async with server(HEAD + b"\r\n", b"first", then="hang") as (url, _), ask_here(url) as answer:
        assert (answer.status, answer.headers["x-who"]) == (200, "me")
        assert await anext(answer.chunks) == b"first"


async def test_what_is_posted_goes_out_with_its_type_and_secrets():
    headers = {"x-key": Secret("dummy-key")}
    async with (
        server(HEAD + b"Content-Length: 2\r\n\r\nok") as (url, heard),
        ask_here(url, json=b"{}", headers=headers) as answer,
    ):
        assert await answer.body() == b"ok"
    assert heard[0].startswith(b"POST / ")
    assert b"x-key: dummy-key\r\n" in heard[0]
    assert b"application/json" in heard[0]


async def test_only_this_machine_is_asked():
    with pytest.raises(NotConfigured, match="not an address of this machine"):
        async with ask_here("http://192.0.2.1/"):
            pass


async def test_a_name_of_this_machine_that_is_somebody_elses_address_is_not_asked(monkeypatch):
    elsewhere = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [elsewhere])
    with pytest.raises(NotConfigured, match="not an address of this machine"):
        async with ask_here("http://x.localhost/", headers={"x-key": Secret("dummy-key")}):
            pass


async def test_a_head_that_comes_a_byte_now_and_then_is_silence():
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        gone = asyncio.ensure_future(reader.read())
        while not gone.done():
            writer.write(b"x")
            await asyncio.wait((gone,), timeout=0.02)
        writer.transport.abort()
        await asyncio.gather(gone, return_exceptions=True)
        answered.set()

    answered = asyncio.Event()
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        with pytest.raises(Unreachable, match="timed out"):
            async with ask_here(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/", silence_s=0.2):
                pass
        await answered.wait()


async def test_another_machine_is_asked_where_the_configuration_says_that_it_is_ours():
    with pytest.raises(Unreachable):
        async with ask_here("http://nowhere.invalid/", anywhere=True):
            pass


async def test_nobody_there_is_one_of_our_errors():
    with pytest.raises(Unreachable, match="refused"):
        async with ask_here("http://127.0.0.1:9/"):
            pass


@pytest.mark.parametrize("then", ["reset", None])
async def test_a_body_that_breaks_off_is_one_of_our_errors(then):
    async with server(HEAD + b"Content-Length: 99\r\n\r\nsome", then=then) as (url, _), ask_here(url) as answer:
        with pytest.raises(SourceError):
            await answer.body()


async def test_silence_inside_an_answer_ends_it():
    async with server(HEAD + b"\r\n", b"some", then="hang") as (url, _), ask_here(url, silence_s=0.2) as answer:
        with pytest.raises(Unreachable, match="timed out"):
            await answer.body()


async def test_an_answer_beyond_its_bound_is_given_up():
    async with server(HEAD + b"\r\n", b"x" * 5000) as (url, _), ask_here(url, max_bytes=1000) as answer:
        with pytest.raises(TooLarge):
            await answer.body(10_000)


async def test_a_body_is_cut_where_its_reader_has_enough():
    async with server(HEAD + b"\r\n", b"x" * 5000) as (url, _), ask_here(url) as answer:
        assert await answer.body(10) == b"x" * 10


async def test_a_redirect_is_not_followed():
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
    async with server(moved) as (url, heard), ask_here(url) as answer:
        assert answer.status == 302
    assert len(heard) == 1


async def test_what_stands_behind_the_body_is_told_once_it_is_read():
    chunks = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Last: word\r\nX-Last: two\r\n\r\n"
    async with server(chunks) as (url, _), ask_here(url) as answer:
        assert answer.trailers == {}
        assert await answer.body() == b"ok"
        assert answer.trailers == {"x-last": "word, two"}
    assert "x-last" not in answer.headers


@pytest.mark.parametrize(
    "answered",
    [
        b"SSH-2.0-OpenSSH\r\n",
        HEAD + b"Content-Encoding: gzip\r\n\r\nxx",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        HEAD + b"X-Long: " + b"x" * 200_000 + b"\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n",
        b"",
    ],
)
async def test_what_is_no_answer_to_read_is_one_of_our_errors(answered):
    async with server(answered) as (url, _):
        with pytest.raises(Unreachable):
            async with ask_here(url) as answer:
                await answer.body()


async def test_whoever_refuses_a_large_body_before_it_is_there_is_heard():
    refused = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
    async with server(refused, then="hang") as (url, _), ask_here(url, json=b"x" * 20_000_000) as answer:
        assert (answer.status, await answer.body()) == (413, b"no")


@pytest.mark.parametrize("headers", [{"x-key": Secret("dummy\r\nkey")}, {"x\nkey": "dummy-key"}])
async def test_what_cannot_be_sent_is_refused_without_being_repeated(headers):
    with pytest.raises(NotConfigured, match="cannot be sent") as refused:
        async with ask_here("http://127.0.0.1:9/", headers=headers):
            pass
    assert "dummy" not in repr(refused.value)
    assert refused.value.__context__ is None
