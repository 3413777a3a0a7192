"""The scripted provider as a tool: scripts, models of their own, what it remembers, and the port for orders."""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider.call import read_call
from stillup.sim.provider_server import ProviderServer

ASK = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}]}


async def status(client, server, **more) -> int:
    async with client.post(f"{server.url}/v1/messages", json=ASK | more) as answer:
        return answer.status


async def test_a_script_answers_one_request_each_and_then_as_set(provider, client):
    provider.script([Behaviour(failure=Failure.STATUS, status=500), Behaviour(failure=Failure.STATUS, status=529)])
    assert [await status(client, provider) for _ in range(3)] == [500, 529, 200]


async def test_one_model_may_fail_alone(provider, client):
    provider.set(Behaviour(failure=Failure.STATUS, status=503), model="opus")
    assert [await status(client, provider, model=m) for m in ("opus", "sonnet")] == [503, 200]
    provider.set()
    assert await status(client, provider, model="opus") == 200


async def test_a_share_of_requests_fails(provider, client):
    provider.set(Behaviour(failure=Failure.STATUS, status=500, share=0.5))
    found = [await status(client, provider) for _ in range(40)]
    assert 5 <= found.count(500) <= 35


async def test_what_does_not_fail_says_the_same(provider, client):
    provider.set(Behaviour(failure=Failure.STATUS, status=500, share=0.5, text="It is up.", verbatim=True))
    said = set()
    for _ in range(20):
        async with client.post(f"{provider.url}/v1/messages", json={"model": "m", "messages": []}) as answer:
            said.add((await answer.json())["content"][0]["text"] if answer.status == 200 else "")
    assert said == {"", "It is up."}


async def test_requests_are_remembered_as_they_came(provider, client):
    async with client.post(f"{provider.url}/v1/messages?beta=true", data=b'{"model": "m"}', headers={"X-Odd": "a"}):
        pass
    seen = provider.requests[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/messages?beta=true", b'{"model": "m"}')
    assert (b"X-Odd", b"a") in seen.headers
    assert seen.header("x-odd") == "a"


async def test_a_client_that_leaves_is_seen(provider):
    provider.set(Behaviour(failure=Failure.HANG))
    _, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    writer.write(b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n")
    await provider.until_asked()
    writer.close()
    await provider.until_idle()
    assert provider.requests[0].is_gone
    assert provider.counts.gone == 1


async def test_requests_on_one_connection_are_answered_in_turn(provider):
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    one = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n%b\r\n"
    writer.write(one % b"" + one % b"Connection: close\r\n")
    assert (await reader.read()).count(b"HTTP/1.1 200 OK") == 2
    writer.close()


async def test_what_is_no_http_is_refused(provider):
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    writer.write(b"nonsense\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_client_that_waits_for_leave_to_send_gets_it(provider):
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
    writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    writer.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/v1/messages", b"not json", 400),
        ("POST", "/v1/messages", b"[]", 400),
        ("POST", "/v1/messages", b"{}", 400),
        ("POST", "/v1/messages", b"[" * 100_000, 400),
        ("GET", "/v1/messages", b"", 405),
        ("GET", "/v1/nothing", b"", 404),
    ],
)
async def test_wrong_requests_are_refused_in_words(provider, client, method, path, body, expected):
    headers = {"anthropic-version": "2023-06-01"}
    async with client.request(method, provider.url + path, data=body or None, headers=headers) as answer:
        assert (answer.status, (await answer.json())["type"]) == (expected, "error")


async def test_a_key_may_be_demanded(provider, client):
    provider.set(Behaviour(needs_key=True))
    assert await status(client, provider) == 401
    async with client.post(f"{provider.url}/v1/messages", json=ASK, headers={"x-api-key": "dummy"}) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("target", "headers", "keys"),
    [
        ("/v1/models", {"anthropic-version": "2023-06-01"}, {"data", "has_more", "first_id", "last_id"}),
        ("/v1/models", {"authorization": "Bearer dummy"}, {"object", "data"}),
        ("/v1beta/models?key=dummy", {}, {"models"}),
    ],
)
async def test_the_list_of_models_has_the_shape_of_who_asks(provider, client, target, headers, keys):
    async with client.get(provider.url + target, headers=headers) as answer:
        assert set(await answer.json()) == keys


async def test_limits_nearly_used_up_are_told_in_headers(provider, client):
    provider.set(Behaviour(left=0.001))
    async with client.post(f"{provider.url}/v1/messages", json=ASK) as answer:
        assert answer.headers["anthropic-ratelimit-requests-remaining"] == "1"
    async with client.post(f"{provider.url}/v1/chat/completions", json=ASK) as answer:
        assert answer.headers["x-ratelimit-remaining-tokens"] == "400"


async def test_gemini_without_sse_is_one_growing_array(provider, client):
    url = f"{provider.url}/v1beta/models/m:streamGenerateContent"
    async with client.post(url, json={"contents": []}) as answer:
        rows = await answer.json()
    assert "".join(r["candidates"][0]["content"]["parts"][0]["text"] for r in rows).startswith("A0 A1 ")


@pytest.mark.parametrize(
    "path",
    [
        "/openai/deployments/gpt/chat/completions?api-version=1",
        "/chat/completions",
        "/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict",
        "/model/anthropic.claude-1/invoke",
        "/model/anthropic.claude-1/invoke-with-response-stream",
    ],
)
async def test_the_same_answers_stand_at_the_clouds_addresses(provider, client, path):
    async with client.post(provider.url + path, json={"model": "m", "messages": []}) as answer:
        assert answer.status == 200
        assert len(await answer.read()) > 300


def test_an_answer_is_cut_short_at_the_clients_limit():
    call = read_call("POST", "/v1/messages", {}, b'{"model": "m", "max_tokens": 3}')
    assert call.most_tokens == 3


async def test_the_port_for_orders_obeys():
    program = [sys.executable, "-m", "stillup.sim.provider_server", "B", "0", "0", "tokens=3"]
    child = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
    url, _, _, orders = (await child.stdout.readline()).decode().split()
    async with aiohttp.ClientSession() as client:

        async def order(path: str, **more):
            async with client.request("POST" if more else "GET", orders + path, **more) as answer:
                return answer.status, await answer.json()

        async with client.post(f"{url}/v1/messages", json=ASK) as answer:
            assert (await answer.json())["content"][0]["text"] == "B0 B1 B2 "
        assert (await order("/last"))[1]["target"] == "/v1/messages"
        assert (await order("/set?failure=status&status=429&retry_after=3"))[1]["status"] == 429
        await order("/script", json=[{"failure": "status", "status": 500}])
        found = []
        for _ in range(2):
            async with client.post(f"{url}/v1/messages", json=ASK) as answer:
                found.append(answer.status)
        assert found == [500, 429]
        assert (await order("/stats"))[1]["failed"] == 2
        assert (await order("/set?failure=nonsense"))[0] == 400
        assert (await order("/reset"))[1]["requests"] == 0
    child.terminate()
    assert await child.wait() == 0


@pytest.mark.parametrize("option", [["--vendor", "deepl"], ["--vendor=deepl"]])
async def test_as_a_program_it_stands_for_the_vendor_it_is_given(client, option):
    program = [
        sys.executable,
        "-m",
        "stillup.sim.provider_server",
        "B",
        "0",
        "0",
        *option,
        "failure=status",
        "status=456",
    ]
    child = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
    url = (await child.stdout.readline()).decode().split()[0]
    async with client.post(f"{url}/v2/translate", json={"text": ["a"], "target_lang": "DE"}) as answer:
        assert (answer.status, await answer.json()) == (456, {"message": "Quota Exceeded"})
    child.terminate()
    assert await child.wait() == 0


async def test_a_program_called_wrongly_says_how():
    program = [sys.executable, "-m", "stillup.sim.provider_server", "B"]
    child = await asyncio.create_subprocess_exec(*program, stderr=asyncio.subprocess.PIPE)
    _, said = await child.communicate()
    assert child.returncode == 64
    assert said.startswith(b"usage: ")


async def test_two_servers_tell_themselves_apart(client):
    async with ProviderServer("A") as a, ProviderServer("B") as b:
        for server, word in ((a, "A0 "), (b, "B0 ")):
            async with client.post(f"{server.url}/v1/messages", json=ASK) as answer:
                assert (await answer.json())["content"][0]["text"].startswith(word)
