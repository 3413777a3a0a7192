"""Names, ports and certificates that do not work are told apart."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from stillup.errors import Blame, Unreachable
from stillup.net import Request, look_up
from stillup.testing import answers, http


async def words(net, url):
    with pytest.raises(Unreachable) as error:
        await net.fetch(Request(url=url))
    assert error.value.blame is Blame.NETWORK
    assert error.value.retryable
    return str(error.value)


async def test_a_closed_port_is_refused(connect):
    gone = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    closed = f"http://127.0.0.1:{gone.sockets[0].getsockname()[1]}/"
    gone.close()
    await gone.wait_closed()
    assert await words(await connect(), closed) == "127.0.0.1: refused"


async def test_a_name_that_does_not_exist_is_not_found(connect):
    text = await words(await connect(), "http://name.invalid/")
    assert text in ("name.invalid: DNS: name not found", "name.invalid: DNS: no answer")  # offline nobody answers


async def test_a_name_that_cannot_be_a_name_is_not_found(connect):
    with pytest.raises(Exception) as error:
        await (await connect()).fetch(Request(url=f"http://{'a' * 70}.invalid/"))
    assert type(error.value).__module__ == "stillup.errors"


async def test_localhost_is_looked_up_without_the_loops_threads():
    assert {a.ip for a in await look_up("localhost", 80)} <= {"127.0.0.1", "::1"}
    assert getattr(asyncio.get_running_loop(), "_default_executor", None) is None


async def test_a_look_up_that_hangs_ends_at_the_time_bound(connect):
    async def hang(_host, _port):
        await asyncio.Event().wait()

    assert await words(await connect(timeout_s=0.1, resolver=hang), "http://x.test/") == "x.test: timed out after 0.1 s"


def server_side(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


async def test_a_trusted_certificate_is_accepted(serve, connect, authority):
    server = await serve(answers(http(200, b"ok")), server_side(authority.issue_cert("127.0.0.1")))
    assert (await (await connect(tls=trusting(authority))).fetch(Request(url=server.url()))).body == b"ok"


async def test_an_unknown_authority_is_not_trusted(serve, connect, authority):
    server = await serve(answers(http()), server_side(authority.issue_cert("127.0.0.1")))
    assert await words(await connect(), server.url()) == "127.0.0.1: TLS: certificate not trusted"


async def test_an_expired_certificate_is_called_expired(serve, connect, authority):
    day = timedelta(days=1)
    now = datetime.now(UTC)
    old = authority.issue_cert("127.0.0.1", not_before=now - 9 * day, not_after=now - day)
    server = await serve(answers(http()), server_side(old))
    assert await words(await connect(tls=trusting(authority)), server.url()) == "127.0.0.1: TLS: certificate expired"


async def test_a_certificate_for_another_host_is_called_so(serve, connect, authority):
    server = await serve(answers(http()), server_side(authority.issue_cert("other.test")))
    text = await words(await connect(tls=trusting(authority)), server.url())
    assert text == "127.0.0.1: TLS: certificate is for another host"


async def test_a_server_without_tls_fails_in_the_handshake(connect):
    async def plain(_reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await words(await connect(), f"https://127.0.0.1:{port}/")).startswith("127.0.0.1: TLS: ")
