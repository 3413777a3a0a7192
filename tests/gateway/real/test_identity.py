"""What an SDK sends reaches the upstream to the byte, and what the upstream says reaches the SDK likewise."""

import asyncio

import anthropic
import httptools
import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider_server import ProviderServer
from stillup.testing import FakeClock

CREDENTIALS = {b"authorization", b"x-api-key", b"x-goog-api-key"}
BETWEEN_HOPS = {b"host", b"connection", b"content-length", b"transfer-encoding", b"keep-alive"}
UNSAID = {b"accept-encoding"}
"""Codings that the gateway cannot read are taken out, or it could not tell a broken answer; see below."""


def end_to_end(request):
    """The header lines of a request that are meant for the other end, by lower-case name, in order."""
    lines = [(name.lower(), value) for name, value in request.headers]
    return [line for line in lines if line[0] not in CREDENTIALS | BETWEEN_HOPS | UNSAID]


async def test_the_upstream_gets_the_same_bytes_through_the_gateway_as_without_it(client, b, start):
    gateway = await start(b)

    await client.ask(b.url)
    await client.ask(gateway.address)

    direct, through = b.requests
    assert (through.method, through.target) == (direct.method, direct.target)
    assert through.body == direct.body
    assert end_to_end(through) == end_to_end(direct)
    asked, wanted = (set(r.header("accept-encoding").split(", ")) for r in (through, direct))
    assert asked <= wanted
    assert "gzip" in asked or "gzip" not in wanted


async def test_tools_reach_the_upstream_to_the_byte(client, b, start):
    gateway = await start(b)

    await client.ask(b.url, tools=True)
    await client.ask(gateway.address, tools=True)

    direct, through = b.requests
    assert through.body == direct.body


async def test_betas_and_headers_of_the_callers_own_reach_the_upstream(b, start):
    gateway = await start(b)
    headers = {"anthropic-beta": "context-1m-2025-08-07,made-up-2099-01-01", "X-Team": "blue"}

    for url in (b.url, gateway.address):
        async with anthropic.AsyncAnthropic(base_url=url, api_key="dummy", max_retries=0) as client:
            await client.messages.create(
                model="claude-simulated-1",
                max_tokens=64,
                messages=[{"role": "user", "content": "zwölf Boxkämpfer 🥊 \u2028"}],
                extra_headers=headers,
                extra_body={"made_up": {"z": 1, "a": [1.0, 1e22, "\u2028"]}},
            )

    direct, through = b.requests
    assert through.body == direct.body
    assert end_to_end(through) == end_to_end(direct)
    assert through.header("anthropic-beta") == headers["anthropic-beta"]


async def test_the_upstreams_own_key_replaces_the_clients(client, b, start):
    gateway = await start(b)

    await client.ask(gateway.address)

    sent = {name.lower(): value for name, value in b.requests[0].headers if name.lower() in CREDENTIALS}
    assert list(sent.values()) in ([b"dummy-key-of-b"], [b"Bearer dummy-key-of-b"])


class Raw:
    """Everything the server sent on one connection, read by a parser."""

    def __init__(self):
        self.status, self.headers, self.body, self.is_whole = 0, [], b"", False
        self._parser = httptools.HttpResponseParser(self)

    def on_header(self, name, value):
        self.headers.append((name.lower(), value))

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.status, self.is_whole = self._parser.get_status_code(), True

    def feed(self, data):
        self._parser.feed_data(data)


async def raw(url, request):
    """Send what an SDK sent, again; what comes back, to the byte."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{request.method} {request.target} HTTP/1.1".encode(), *(b"%b: %b" % line for line in request.headers)]
    writer.write(b"\r\n".join([*lines, b"", request.body]))
    answer = Raw()
    while not answer.is_whole:
        answer.feed(await reader.read(65_536))
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.fixture
async def b():
    """One whose clock stands still: nothing it says depends on when it is asked."""
    async with ProviderServer("B", clock=FakeClock()) as server:
        yield server


async def test_the_client_gets_the_same_bytes_through_the_gateway_as_without_it(client, b, start):
    gateway = await start(b)
    await client.ask(b.url)
    request = b.requests[0]

    answers = []
    for url in (b.url, gateway.address):
        b.reset()
        answers.append(await raw(url, request))

    direct, through = answers
    assert (through.status, through.body) == (direct.status, direct.body)
    added = [line for line in through.headers if line[0].startswith(b"x-stillup-")]
    assert [line for line in through.headers if line not in added] == [
        line for line in direct.headers if line[0] not in BETWEEN_HOPS
    ] + [line for line in through.headers if line[0] in BETWEEN_HOPS]
    assert (b"x-stillup-attempts", b"1") in added
    assert len(added) == 5


async def test_an_errors_bytes_are_the_upstreams_own(client, b, start):
    gateway = await start(b)
    await client.ask(b.url)
    request = b.requests[0]
    b.set(Behaviour(failure=Failure.STATUS, status=400))

    answers = []
    for url in (b.url, gateway.address):
        b.reset()
        answers.append(await raw(url, request))

    direct, through = answers
    assert (through.status, through.body) == (400, direct.body)
