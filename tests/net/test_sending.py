"""What is sent goes out once, whole, to the address that was meant, and is never answered from what is kept."""

import pytest
from aiohttp import web

from stillup.errors import Refused
from stillup.net import Request
from stillup.secret import Secret


@pytest.fixture
async def site(connect, to_loopback):
    """A server that is not called loopback, so that the floor binds; it keeps what it was asked."""
    asked = []

    async def hear(request):
        asked.append((request.method, request.path, await request.text(), dict(request.headers)))
        if request.path == "/moved":
            raise web.HTTPTemporaryRedirect("/elsewhere")
        return web.json_response({"number": len(asked)})

    server = web.Application()
    server.router.add_route("*", "/{path:.*}", hear)
    runner = web.AppRunner(server)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    net = await connect(resolver=to_loopback)
    yield f"http://jobs.example:{runner.addresses[0][1]}", net, asked
    await runner.cleanup()


async def test_a_document_is_posted_as_json_with_the_headers_beside_it(site):
    url, net, asked = site

    answer = await net.fetch(
        Request(url=f"{url}/jobs", json=b'{"a": 1}', headers=(("Authorization", Secret("Bearer dummy")),))
    )

    method, path, body, headers = asked[0]
    assert (method, path, body) == ("POST", "/jobs", '{"a": 1}')
    assert (headers["Content-Type"], headers["Authorization"]) == ("application/json", "Bearer dummy")
    assert answer.body == b'{"number": 1}'


async def test_the_same_document_sent_twice_is_sent_twice(site):
    url, net, asked = site
    wanted = Request(url=f"{url}/jobs", json=b"{}")

    assert [(await net.fetch(wanted)).body for _ in range(2)] == [b'{"number": 1}', b'{"number": 2}']
    assert len(asked) == 2


async def test_what_was_sent_does_not_answer_who_asks_for_the_page(site):
    url, net, asked = site
    await net.fetch(Request(url=f"{url}/jobs", json=b"{}"))

    await net.fetch(Request(url=f"{url}/jobs"))

    assert [method for method, *_ in asked] == ["POST", "GET"]


async def test_a_document_does_not_follow_a_redirect(site):
    url, net, asked = site

    with pytest.raises(Refused, match="307"):
        await net.fetch(Request(url=f"{url}/moved", json=b"{}"))

    assert len(asked) == 1


async def test_a_job_of_our_own_is_asked_for_until_it_is_done(site):
    url, net, asked = site
    wanted = Request(url=f"{url}/jobs/1", ours=True)

    assert [(await net.fetch(wanted)).body for _ in range(2)] == [b'{"number": 1}', b'{"number": 2}']
    assert len(asked) == 2
