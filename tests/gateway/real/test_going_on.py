"""An answer that breaks off is one whole message for the SDK's user, without a retry: another upstream goes on."""

import asyncio

import pytest

from stillup.sim.provider.behaviour import Behaviour, Called, Failure

SCRIPT = "It was a bright cold day in April, and the clocks were striking thirteen; nobody looked up from their work."
BREAKS = [
    Failure.CUT,
    Failure.CUT_INSIDE,
    Failure.CUT_RESET,
    Failure.ERROR_EVENT,
    Failure.MALFORMED,
    Failure.ENDS_EARLY,
    Failure.STALL,
    Failure.NO_END,
]
WITHIN_S = 12.0
"""Less than any patience but that for a stall."""
OTHERS = ["anthropic", "openai", "openai-responses", "gemini"]


def script(**more):
    return Behaviour(text=SCRIPT, verbatim=True, knows_its_end=True, **more)


def is_whole(client, said):
    """One message with every letter, ended properly, with a count that can be believed."""
    assert (said.text, said.stop, said.tools) == (SCRIPT, client.sdk.ends, [])
    assert said.parts in (1, None)
    # A user of Chat Completions is told the count where it asked for it.
    assert client.protocol == "chat" or len(SCRIPT) / 12 < said.tokens < len(SCRIPT) / 2


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("failure", BREAKS)
async def test_an_answer_that_breaks_after_its_first_words_is_whole(stream_client, failure, other, a, b, start):
    gateway = await start(a, b, other=other, more="stall_after_s = 0.2")
    a.set(script(failure=failure, after=7))
    b.set(script(keeps_rules=True, repeats=30))

    is_whole(stream_client, await stream_client.ask(gateway.address))

    # These two say why they end before their end marker, which is not missed then.
    asks_nobody = failure is Failure.NO_END and stream_client.protocol in ("messages", "chat")
    assert (a.counts.requests, b.counts.requests) == (1, 0 if asks_nobody else 1)


@pytest.mark.parametrize("after", [-3, -2, -1])
async def test_silence_inside_a_call_is_noticed_as_soon_as_any_other(stream_client, after, a, b, start):
    """What is held back lets nothing be passed on: the clock of the silence runs all the same."""
    call = Called("get_weather", {"location": "Paris"})
    tokens = 1 if stream_client.protocol == "gemini" else 3  # Gemini's calls come whole
    gateway = await start(a, b, more="stall_after_s = 0.1")
    words = SCRIPT[:12]
    a.set(Behaviour(text=words, verbatim=True, calls=(call,), failure=Failure.STALL, after=max(0, 3 + tokens + after)))
    b.set(Behaviour(text=words, verbatim=True, calls=(call,)))

    async with asyncio.timeout(WITHIN_S):
        said = await stream_client.ask(gateway.address, tools=True)

    assert (said.text, said.stop) == (words, stream_client.sdk.calls)
    assert said.tools == [("get_weather", {"location": "Paris"})]
