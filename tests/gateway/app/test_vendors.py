"""Vendors that speak OpenAI's protocol in words of their own: whatever they fail with, the client gets an answer."""

from __future__ import annotations

import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider_server import ProviderServer
from tests.gateway.app.conftest import STREAMS, WHOLES, Client, words

CHAT_STREAM, CHAT = STREAMS[1], WHOLES[1]
STATUS = Failure.STATUS
FAILURES = [
    ("openrouter", Behaviour(failure=STATUS, status=503), "overloaded"),
    ("openrouter", Behaviour(failure=STATUS, status=402), "quota"),
    ("openrouter", Behaviour(failure=Failure.ERROR_EVENT, status=502, after=0), "server_error"),
    ("openrouter", Behaviour(failure=Failure.ERROR_EVENT, status=503, after=0, pings=3), "overloaded"),
    ("deepseek", Behaviour(failure=STATUS, status=503), "overloaded"),
    ("deepseek", Behaviour(failure=STATUS, status=402), "quota"),
    ("mistral", Behaviour(failure=STATUS, status=429, reason=Reason.CAPACITY), "overloaded"),
    ("groq", Behaviour(failure=STATUS, status=503), "overloaded"),
    ("xai", Behaviour(failure=STATUS, status=429, reason=Reason.QUOTA), "quota"),
    ("ollama", Behaviour(failure=Failure.ERROR_EVENT, after=0), "error_event"),
    ("ollama", Behaviour(failure=Failure.ERROR_FIRST), "error_event"),
    ("llamacpp", Behaviour(failure=STATUS, status=503, reason=Reason.LOADING), "overloaded"),
]


@pytest.mark.parametrize(
    ("vendor", "behaviour", "reason"), FAILURES, ids=[f"{v}-{b.failure}-{b.status}" for v, b, _ in FAILURES]
)
async def test_the_next_upstream_answers_and_the_reason_is_the_right_one(vendor, behaviour, reason, b, start):
    async with ProviderServer("A", vendor=vendor) as a:
        a.set(behaviour)
        reply = await Client(await start(a, b)).ask(CHAT_STREAM)
    assert (CHAT_STREAM.text(reply), CHAT_STREAM.ended(reply)) == (words("B"), True)
    assert reply.header("x-stillup-reason") == reason


async def test_a_bad_key_of_ours_that_xai_refuses_with_400_is_no_fault_of_the_request(b, start):
    async with ProviderServer("A", vendor="xai") as a:
        a.set(Behaviour(failure=STATUS, status=400))
        reply = await Client(await start(a, b)).ask(CHAT)
    assert (reply.status, CHAT.text(reply)) == (200, words("B"))


async def test_openrouters_error_in_the_middle_of_an_answer_is_no_end_of_it(b, start):
    async with ProviderServer("A", vendor="openrouter") as a:
        a.set(Behaviour(failure=Failure.ERROR_EVENT, status=502, after=3))
        reply = await Client(await start(a, b)).ask(CHAT_STREAM)
    assert CHAT_STREAM.text(reply) == "A0 A1 A2 " + words("B")  # B has a script of its own
    assert CHAT_STREAM.ended(reply)
    assert CHAT_STREAM.error_in(reply) is None


@pytest.mark.parametrize("vendor", ["openrouter", "deepseek"])
@pytest.mark.parametrize("speech", [CHAT_STREAM, CHAT], ids=repr)
async def test_what_keeps_an_answer_alive_reaches_the_client_and_no_failover_is_made_of_it(vendor, speech, b, start):
    async with ProviderServer("A", vendor=vendor) as a:
        a.set(Behaviour(pings=5))
        reply = await Client(await start(a, b)).ask(speech)
    assert (speech.text(reply), speech.ended(reply)) == (words("A"), True)
    assert reply.header("x-stillup-attempts") == "1"
