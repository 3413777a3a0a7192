"""From a base URL to a connection: what stands in the way, TLS, proxies."""

import asyncio
import base64
import socket
import ssl

import pytest
import trustme

from stillup.gateway.core.fault import Fault
from stillup.gateway.wire.dial import Place, ProxyRefused, fault_of, verified

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("url", "place", "authority", "address"),
    [
        ("https://api.example/v1/", Place("https", "api.example", 443, "/v1"), "api.example", "api.example:443"),
        ("http://API.example:80", Place("http", "api.example", 80, ""), "api.example", "api.example:80"),
        ("http://api.example:443", Place("http", "api.example", 443, ""), "api.example:443", "api.example:443"),
        ("http://[::1]:9001", Place("http", "::1", 9001, ""), "[::1]:9001", "[::1]:9001"),
        ("https://[::1]", Place("https", "::1", 443, ""), "[::1]", "[::1]:443"),
        ("https://key@api.example", Place("https", "api.example", 443, ""), "api.example", "api.example:443"),
    ],
)
def test_a_place_is_read_out_of_a_base_url(url, place, authority, address):
    assert Place.of(url) == place
    assert place.authority == authority
    assert place.address == address


@pytest.mark.parametrize(
    ("exc", "fault"),
    [
        (ConnectionRefusedError(), Fault.REFUSED),
        (OSError(113, "No route to host"), Fault.REFUSED),
        (ProxyRefused(), Fault.REFUSED),
        (TimeoutError(), Fault.CONNECT_TIMEOUT),
        (OSError(110, "Connection timed out"), Fault.CONNECT_TIMEOUT),
        (socket.gaierror(-2, "Name or service not known"), Fault.DNS),
        (ssl.SSLCertVerificationError(), Fault.TLS),
        (ssl.SSLEOFError(), Fault.TLS),
        (ConnectionResetError(), Fault.RESET),
        (ConnectionAbortedError(), Fault.RESET),
        (BrokenPipeError(), Fault.RESET),
    ],
)
def test_every_way_not_to_get_there_has_its_fault(exc, fault):
    assert fault_of(exc) is fault


def test_the_systems_trust_is_read_once_and_checks_names():
    assert verified() is verified()
    assert verified().check_hostname
    assert verified().verify_mode is ssl.CERT_REQUIRED


async def test_nobody_listening_is_refused(asking):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        heard = await asking(f"http://127.0.0.1:{unused.getsockname()[1]}").ask()

    assert heard.events == [("failed", Fault.REFUSED)]


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example"])
async def test_what_can_be_no_name_is_dns(asking, host):
    assert (await asking(f"http://{host}:9").ask()).events == [("failed", Fault.DNS)]


async def test_a_name_is_looked_up(asking, upstream):
    upstream.plays(OK)

    assert (await asking(f"http://localhost:{upstream.port}").ask()).body == b"ok"


# --- TLS


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def serves(authority, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
async def secured(upstream_with, authority):
    async with upstream_with(serves(authority, "localhost")) as upstream:
        upstream.plays(OK, OK)
        yield upstream


async def test_tls_carries_requests_and_its_connections_are_used_again(asking, secured, trusting):
    asked = asking(f"https://localhost:{secured.port}", tls=trusting)

    assert (await asked.ask()).body == b"ok"
    assert (await asked.ask()).body == b"ok"
    assert len(secured.talks) == 1


async def test_a_large_request_and_a_cancelled_one_go_well_with_tls(asking, secured, trusting):
    async def script(talk):
        secured.requests.append(await talk.request())
        await talk.send(OK)
        await talk.request()
        asked_again.set()
        await talk.until_closed()

    secured.script, asked_again = script, asyncio.Event()
    asked = asking(f"https://localhost:{secured.port}", tls=trusting)
    body = b"y" * 2_000_000

    assert (await asked.ask(b"POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n", body)).body == b"ok"
    assert secured.requests[0].endswith(body)
    heard = asked.start()
    await asked_again.wait()
    heard.call.cancel()
    await asked.until(lambda: not asked.pool._all)
    assert not heard.events


@pytest.mark.parametrize("case", ["untrusted", "wrong name", "no TLS"])
async def test_a_server_that_cannot_prove_who_it_is_is_a_tls_fault(
    asking, secured, upstream, trusting, case, quiet_servers
):
    host, port, tls = "localhost", secured.port, trusting
    if case == "untrusted":
        tls = None
    elif case == "wrong name":
        host = "127.0.0.1"
    else:
        port = upstream.port

        async def script(talk):
            await talk.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            await talk.until_closed()

        upstream.script = script

    asked = asking(f"https://{host}:{port}", tls=tls)
    heard = await asked.ask()

    assert heard.events == [("failed", Fault.TLS)]
    assert not secured.requests
    assert not asked.pool._all


async def test_a_server_that_accepts_and_then_says_nothing_is_a_connect_timeout(asking, upstream):
    async def script(talk):
        await talk.until_closed()
        gone.set()

    upstream.script, gone = script, asyncio.Event()

    heard = await asking(f"https://localhost:{upstream.port}", connect_within_s=0.05).ask()

    assert heard.events == [("failed", Fault.CONNECT_TIMEOUT)]
    await gone.wait()


@pytest.mark.parametrize("turns", range(0, 20, 2))
async def test_a_call_cancelled_during_the_handshake_leaves_no_socket(asking, secured, trusting, turns, quiet_servers):
    asked = asking(f"https://localhost:{secured.port}", tls=trusting)
    heard = asked.start()
    for _ in range(turns):
        await asyncio.sleep(0)

    heard.call.cancel()

    await asked.until(lambda: not asked.pool._tasks and (heard.over.is_set() or not asked.pool._all))
    assert heard.kinds in ([], ["head", "data", "end"])


# --- proxies


def plays_proxy(upstream, answer: bytes) -> None:
    """A proxy that says this, and is then itself what the tunnel leads to."""

    async def script(talk):
        upstream.requests.append(await talk.request())
        await talk.send(answer)
        while True:
            upstream.requests.append(await talk.request())
            await talk.send(OK)

    upstream.script = script


@pytest.mark.parametrize(
    "opened",
    [
        b"HTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.0 200\r\nVia: x\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
async def test_a_proxy_is_asked_for_a_tunnel_and_shown_its_own_credentials_only(asking, upstream, opened):
    plays_proxy(upstream, opened)
    proxy = f"http://us%3Aer:p%40ss@127.0.0.1:{upstream.port}"
    asked = asking("http://api.example:8080/v1", proxy=proxy)
    request = b"GET / HTTP/1.1\r\nx-api-key: dummy\r\n\r\n"

    assert (await asked.ask(request)).body == b"ok"
    assert (await asked.ask(request)).body == b"ok"

    credentials = base64.b64encode(b"us:er:p@ss").decode()
    head = (
        "CONNECT api.example:8080 HTTP/1.1\r\nHost: api.example:8080\r\n"
        f"Proxy-Authorization: Basic {credentials}\r\n\r\n"
    )
    assert upstream.requests == [head.encode(), request, request]


async def test_a_proxy_may_be_named_without_its_scheme_or_credentials(asking, upstream):
    plays_proxy(upstream, b"HTTP/1.1 200 OK\r\n\r\n")

    assert (await asking("http://[::1]:8080", proxy=f"127.0.0.1:{upstream.port}").ask()).body == b"ok"
    assert upstream.requests[0] == b"CONNECT [::1]:8080 HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"",
    ],
    ids=["407", "502", "no status", "no HTTP", "half a head", "a huge head", "nothing"],
)
async def test_a_proxy_that_opens_no_tunnel_is_refused_and_not_asked_again(asking, upstream, answer):
    async def script(talk):
        upstream.requests.append(await talk.request())
        await talk.send(answer)

    upstream.script = script
    heard = await asking("http://api.example", proxy=f"http://127.0.0.1:{upstream.port}").ask()

    assert heard.kinds == ["failed"]
    assert heard.fault in (Fault.REFUSED, Fault.RESET)  # what it left unread of a huge head is a reset
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("scheme", ["https", "socks5"])
async def test_a_proxy_of_another_kind_is_refused_and_never_shown_its_password_in_the_clear(asking, upstream, scheme):
    plays_proxy(upstream, b"HTTP/1.1 200 OK\r\n\r\n")

    heard = await asking("http://api.example", proxy=f"{scheme}://u:p@127.0.0.1:{upstream.port}").ask()

    assert heard.events == [("failed", Fault.REFUSED)]
    assert not upstream.talks


async def test_a_call_cancelled_while_the_proxy_thinks_leaves_no_socket(asking, upstream):
    async def script(talk):
        await talk.request()
        asked_for.set()
        await talk.until_closed()
        gone.set()

    upstream.script, asked_for, gone = script, asyncio.Event(), asyncio.Event()
    heard = asking("http://api.example", proxy=f"http://127.0.0.1:{upstream.port}").start()
    await asked_for.wait()

    heard.call.cancel()

    await gone.wait()
    assert not heard.events
