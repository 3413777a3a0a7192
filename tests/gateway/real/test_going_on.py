"""An answer that breaks off is one whole message for the SDK's user, without a retry: another upstream goes on."""

import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure

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
