"""Connections that mean no good: each comes to an end, and the page goes on."""

import socket
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn

from stillup.web.front import Front
from stillup.web.wire import Wire, configured

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


class Hasty(Wire):
    """In a hurry: what takes twenty seconds elsewhere takes a moment here."""

    head_s, body_s, unread_s = 0.2, 0.3, 0.3


@pytest.fixture
def opened(site_of, serve_with):
    """Opens a plain connection to a page that is in a hurry."""
    address = serve_with(Front(site_of()), Hasty)
    made = []

    def connect() -> socket.socket:
        parts = urlsplit(address)
        made.append(socket.create_connection((parts.hostname, parts.port), timeout=20))
        return made[-1]

    yield connect
    for sock in made:
        sock.close()
    assert httpx.get(f"{address}/healthz").status_code == 200


def rest(sock) -> bytes:
    """All that comes until the other side ends it."""
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        GET,
        GET + b"X-A: b\r\n",
        b"POST /claude HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
        b"POST /claude HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"\r\n",
    ],
)
def test_who_begins_and_does_not_go_on_is_let_go(opened, sent):
    sock = opened()
    sock.sendall(sent)
    rest(sock)  # it ends


def test_a_request_that_is_never_finished_after_a_good_one_is_let_go(opened):
    sock = opened()
    sock.sendall(GET + b"\r\n" + GET)
    assert rest(sock).startswith(b"HTTP/1.1 200")


def flood(sock) -> None:
    """Send what has no end, up to a bound; raises where the other side ends it."""
    for _ in range(1_000):
        sock.sendall(b"a" * 65_536)


CHUNKED = b"POST /claude/report HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "name", [b"Host: evil.example", b"Origin: https://evil.example", b"X-Forwarded-For: 192.0.2.9"]
)
async def test_what_stands_behind_a_body_is_no_header(serve_with, name):
    seen = []

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        seen.append([key for key, _ in scope["headers"]])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    parts = urlsplit(serve_with(app))
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as sock:
        sock.sendall(CHUNKED + b"1\r\nx\r\n0\r\n" + name + b"\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 204")
    assert seen == [[b"host", b"transfer-encoding"]]


@pytest.mark.parametrize("begun", [b"0\r\nX-A: ", b"1;"])
def test_what_has_no_end_behind_the_headers_is_cut_off_before_it_fills_the_memory(opened, begun):
    sock = opened()
    sock.sendall(CHUNKED + begun)
    with pytest.raises(ConnectionError):
        flood(sock)


def test_headers_without_end_are_refused_before_they_fill_the_memory(opened):
    sock = opened()
    sock.sendall(GET + b"X-A: ")
    try:
        for _ in range(1_000):
            sock.sendall(b"a" * 65_536)
    except OSError:
        return  # it was closed while we were still at it
    answer = rest(sock)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")


def test_many_requests_at_once_are_answered_one_after_the_other(opened):
    sock = opened()
    sock.sendall((GET + b"\r\n") * 2_000 + GET + b"Connection: close\r\n\r\n")
    assert rest(sock).count(b"HTTP/1.1 200 ") == 2_001


@pytest.mark.parametrize("count", [101, 3_000])
def test_headers_that_are_too_many_are_refused(opened, count):
    sock = opened()
    sock.sendall(GET + b"".join(b"X-%d: y\r\n" % i for i in range(count)) + b"\r\n")
    assert rest(sock).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_in_a_safe_answer(opened, sent):
    sock = opened()
    sock.sendall(sent)
    sock.shutdown(socket.SHUT_WR)
    answer = rest(sock)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert b"x-content-type-options: nosniff" in answer


def test_two_hosts_are_none(opened):
    sock = opened()
    sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert rest(sock).startswith(b"HTTP/1.1 421")


def test_an_absolute_address_is_judged_by_its_host_header(opened):
    sock = opened()
    sock.sendall(b"GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert rest(sock).startswith(b"HTTP/1.1 421")


def test_who_asks_for_much_and_reads_nothing_is_let_go(opened):
    sock = opened()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ask = b"GET /claude HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with pytest.raises(OSError):  # noqa: PT012 - whichever of them meets the end
        while True:
            sock.sendall(ask * 100)


def test_where_all_places_are_taken_the_next_is_turned_away(site_of, serve_with):
    address = serve_with(Front(site_of()), Wire, most_connections=3)
    parts = urlsplit(address)
    held = [socket.create_connection((parts.hostname, parts.port), timeout=20) for _ in range(3)]
    assert httpx.get(f"{address}/healthz").status_code == 503
    for sock in held:
        sock.close()


def test_the_server_says_nothing_of_itself_and_believes_no_proxy():
    config = configured(lambda: None, 10)
    assert (config.server_header, config.proxy_headers) == (False, False)
    assert isinstance(config, uvicorn.Config)
