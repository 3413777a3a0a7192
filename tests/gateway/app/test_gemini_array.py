"""Gemini's stream without ``alt=sse`` is one JSON array: a valid one whoever answers, and where the stream breaks."""

import json

import pytest

from stillup.sim.provider.behaviour import Behaviour, Called, Failure
from tests.gateway.app.conftest import STREAMS, Client

GEMINI = next(speech for speech in STREAMS if speech.protocol == "gemini")
PATH = f"/v1beta/models/{GEMINI.model}:streamGenerateContent"
TEXT = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen."
SCRIPT = {"text": TEXT, "verbatim": True}
others = pytest.mark.parametrize("other", ["gemini", "anthropic", "openai"])


async def asked(a, b, start, other):
    gateway = await start(a, b, chain=["a-gemini", f"b-{other}"], match="gemini*")
    reply = await Client(gateway).send("POST", PATH, [GEMINI.key], GEMINI.body())
    return reply, json.loads(bytes(reply.body))


def said(elements):
    parts = [p for e in elements for c in e.get("candidates", ()) for p in c.get("content", {}).get("parts", ())]
    return "".join(part.get("text", "") for part in parts)


def ends(elements):
    return [c["finishReason"] for e in elements for c in e.get("candidates", ()) if "finishReason" in c]


@others
async def test_it_is_whole_whoever_answers(other, a, b, start):
    a.set(Behaviour(failure=Failure.RESET))
    b.set(Behaviour(**SCRIPT))
    reply, elements = await asked(a, b, start, other)
    assert (reply.header("content-type").partition(";")[0], said(elements)) == ("application/json", TEXT)
    assert ends(elements) == ["STOP"]


@others
@pytest.mark.parametrize("failure", [Failure.CUT, Failure.CUT_INSIDE, Failure.CUT_RESET, Failure.ERROR_EVENT])
async def test_it_is_whole_where_it_breaks_and_another_goes_on(other, failure, a, b, start):
    a.set(Behaviour(failure=failure, after=9, **SCRIPT))
    b.set(Behaviour(calls=(Called("f", {"a": 1}),), **SCRIPT))
    _, elements = await asked(a, b, start, other)
    assert (said(elements), ends(elements)) == (TEXT, ["STOP"])
    calls = [p["functionCall"] for e in elements for p in e["candidates"][0]["content"]["parts"] if "functionCall" in p]
    assert [(call["name"], call["args"]) for call in calls] == [("f", {"a": 1})]


async def test_it_is_valid_where_nobody_can_go_on(a, b, start):
    a.set(Behaviour(failure=Failure.CUT, after=9, **SCRIPT))
    b.set(Behaviour(failure=Failure.STATUS, status=503))
    _, elements = await asked(a, b, start, "gemini")
    assert TEXT.startswith(said(elements))
    assert "error" in elements[-1]
