"""The official SDKs see no error as long as anybody can answer."""

import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure, Reason

HEDGE_S = 0.05
"""For what only ever fails by silence; the others fail at once, so it does not matter to them."""

ANYWHERE = [
    Behaviour(failure=failure)
    for failure in (
        Failure.REFUSED,
        Failure.RESET_AT_ONCE,
        Failure.RESET,
        Failure.CLOSED,
        Failure.HANG,
        Failure.SLOW_HEADERS,
        Failure.HTML,
        Failure.WRONG_TYPE,
        Failure.ERROR_FIRST,
        Failure.EMPTY,
        Failure.OPENING_ONLY,
        Failure.PINGS,
    )
]
AT_THE_FIRST_TOKEN = [
    Behaviour(failure=failure, after=0)
    for failure in (
        Failure.CUT,
        Failure.CUT_INSIDE,
        Failure.CUT_RESET,
        Failure.STALL,
        Failure.ERROR_EVENT,
        Failure.MALFORMED,
        Failure.ENDS_EARLY,
    )
]
STATUSES = [
    Behaviour(failure=Failure.STATUS, status=status) for status in (401, 402, 403, 408, 429, 500, 502, 503, 504, 529)
]
SPECIAL = [
    Behaviour(failure=Failure.STATUS, status=429, reason=Reason.QUOTA),
    Behaviour(failure=Failure.STATUS, status=429, retry_after="3600"),
    Behaviour(failure=Failure.STATUS, status=409, headers={"x-should-retry": "true"}),
    Behaviour(failure=Failure.STATUS, status=302, headers={"Location": "https://login.example.invalid/"}),
    Behaviour(first_token_after_s=3_600),
    Behaviour(headers_after_s=3_600),
]
MODES = [*ANYWHERE, *AT_THE_FIRST_TOKEN, *STATUSES, *SPECIAL]
SOME = [ANYWHERE[0], *AT_THE_FIRST_TOKEN[:2], AT_THE_FIRST_TOKEN[3], STATUSES[-1]]
BROKEN = [
    *(Behaviour(failure=failure, after=9) for failure in (Failure.CUT, Failure.CUT_RESET, Failure.CUT_INSIDE)),
    *(Behaviour(failure=failure) for failure in (Failure.MALFORMED, Failure.ENDS_EARLY, Failure.WRONG_LENGTH)),
]


def named(mode):
    parts = [mode.failure.value]
    if mode.failure is Failure.STATUS:
        parts += [str(mode.status), *([mode.reason.value] if mode.reason is not Reason.PLAIN else [])]
        parts += ["retry_after"] if mode.retry_after else []
    parts += ["slow_first_token"] if mode.first_token_after_s else []
    parts += ["silent"] if mode.headers_after_s else []
    return "-".join(parts)


async def is_answered_by_the_second(client, mode, gateway, a, b, words):
    a.set(mode)

    said = await client.ask(gateway.address)

    assert (said.text, said.stop) == (words("B"), client.sdk.ends)
    assert (a.counts.connections, b.counts.requests) == (mode.failure is not Failure.REFUSED, 1)


@pytest.mark.parametrize("mode", MODES, ids=named)
async def test_whatever_the_first_upstream_does_before_its_first_word_the_answer_is_the_second_ones(
    client, mode, a, b, start, words
):
    await is_answered_by_the_second(client, mode, await start(a, b, hedge_after_s=HEDGE_S), a, b, words)


@pytest.mark.parametrize("mode", SOME, ids=named)
async def test_so_it_is_for_a_synchronous_client(sync_client, mode, a, b, start, words):
    await is_answered_by_the_second(sync_client, mode, await start(a, b, hedge_after_s=HEDGE_S), a, b, words)


@pytest.mark.parametrize("mode", BROKEN, ids=named)
async def test_a_whole_answer_that_breaks_anywhere_is_asked_for_again_elsewhere(whole_client, mode, a, b, start, words):
    """Nothing of it has gone out yet, so wherever it breaks is before the first word."""
    await is_answered_by_the_second(whole_client, mode, await start(a, b), a, b, words)


@pytest.mark.parametrize("mode", [Behaviour(), Behaviour(failure=Failure.DRIP)], ids=["healthy", "drip"])
async def test_the_first_choice_answers_as_long_as_it_can(client, mode, a, b, start, words):
    gateway = await start(a, b)
    a.set(mode)

    said = await client.ask(gateway.address)

    assert (said.text, said.stop) == (words("A"), client.sdk.ends)
    assert b.counts.requests == 0


async def test_a_tool_is_called_through_the_gateway(client, a, b, start):
    gateway = await start(a, b)

    said = await client.ask(gateway.address, tools=True)

    assert (said.text, said.stop, said.tools) == ("", client.sdk.calls, [("get_weather", {"location": "Paris"})])


async def test_whatever_tool_the_model_wants_is_called_with_what_it_says(client, a, start):
    gateway = await start(a)
    command = {"command": "printf '%s' \"ä\u2028\" | wc -c", "timeout": 5}
    a.set(Behaviour(tool="Bash", arguments=command))

    said = await client.ask(gateway.address, tools=True)

    assert said.tools == [("Bash", command)]


async def test_a_tool_is_called_by_the_second_where_the_first_is_down(client, a, b, start):
    gateway = await start(a, b)
    a.set(Behaviour(failure=Failure.ERROR_FIRST))

    said = await client.ask(gateway.address, tools=True)

    assert (said.stop, said.tools) == (client.sdk.calls, [("get_weather", {"location": "Paris"})])


async def test_a_client_that_keeps_asking_during_an_outage_never_sees_it(stream_client, a, b, start):
    """Twenty requests, of which the outage takes the middle ones."""
    gateway = await start(a, b)
    said = []
    for n in range(20):
        a.set(Behaviour(failure=Failure.STATUS) if 5 <= n < 15 else Behaviour())
        said.append(await stream_client.ask(gateway.address))

    assert {answer.stop for answer in said} == {stream_client.sdk.ends}
    assert [answer.text[0] for answer in said[:15]] == [*"AAAAA", *"BBBBBBBBBB"]
    assert a.counts.failed < 5
