"""Laws 2, 3 and 4 as a table: whatever the first upstream does before its first word, no client sees an error."""

import asyncio

import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from tests.gateway.app.conftest import STREAMS, WHOLES, Client, words
from tests.gateway.app.sparing import in_turn

HEDGE_S = 0.11
"""Nobody is called late for less than a tenth of a second."""
ASKED = 6
_OPEN_AT_LEAST_S = 0.8
"""So long a breaker stays open before somebody may look again."""


def status(number, **more):
    return Behaviour(failure=Failure.STATUS, status=number, **more)


ONE = [
    *(Behaviour(failure=f) for f in (Failure.REFUSED, Failure.HANG, Failure.SLOW_HEADERS, Failure.HTML)),
    *(Behaviour(failure=f) for f in (Failure.WRONG_TYPE, Failure.PINGS)),
    Behaviour(failure=Failure.STALL, after=0),
    Behaviour(first_token_after_s=3_600),
    Behaviour(headers_after_s=3_600),
    *(status(number) for number in (401, 402, 403, 529)),
    status(503, headers={"retry-after": "30"}),
    status(429, reason=Reason.QUOTA),
    status(429, retry_after="3600"),
    status(302, headers={"Location": "https://login.example.invalid/"}),
]
"""What is conclusive: the first request meets it, and then nobody."""
TWO = [
    *(Behaviour(failure=f) for f in (Failure.RESET_AT_ONCE, Failure.RESET, Failure.CLOSED, Failure.EMPTY)),
    *(Behaviour(failure=f) for f in (Failure.OPENING_ONLY, Failure.ERROR_FIRST)),
    *(
        Behaviour(failure=f, after=0)
        for f in (Failure.CUT, Failure.CUT_INSIDE, Failure.CUT_RESET, Failure.MALFORMED, Failure.ENDS_EARLY)
    ),
    Behaviour(failure=Failure.ERROR_EVENT, after=0),
    *(status(number) for number in (408, 500, 502, 504)),
]
"""What may happen once: the second in a row is believed."""
FOUR = [status(409, headers={"x-should-retry": "true"})]
"""What is a race of the client's as often as not."""
ALL = [status(429)]
"""OpenAI's limit says that it is over in 20 ms: it is believed, and asked again then."""
MODES = [
    *((mode, ASKED) for mode in ALL),
    *((mode, 1) for mode in ONE),
    *((mode, 2) for mode in TWO),
    *((mode, 4) for mode in FOUR),
]


SPOKEN = (Failure.PINGS, Failure.OPENING_ONLY, Failure.ERROR_FIRST, Failure.ERROR_EVENT, Failure.ENDS_EARLY)
"""What each protocol has events of its own for is met in all of them, the rest in one stream and one whole answer."""
MET = [
    *((mode, speech) for mode in MODES if mode[0].failure in SPOKEN for speech in STREAMS),
    *in_turn([mode for mode in MODES if mode[0].failure not in SPOKEN], STREAMS),
    *in_turn(MODES, WHOLES),
]


def named(mode):
    if not isinstance(mode, tuple):
        return repr(mode)
    behaviour, _ = mode
    parts = [behaviour.failure.value]
    if behaviour.failure is Failure.STATUS:
        parts += [str(behaviour.status), *([behaviour.reason.value] if behaviour.reason is not Reason.PLAIN else [])]
        parts += ["retry_after"] if behaviour.retry_after or "retry-after" in behaviour.headers else []
    parts += ["slow_first_token"] if behaviour.first_token_after_s else []
    parts += ["silent"] if behaviour.headers_after_s else []
    return "-".join(parts)


@pytest.mark.parametrize(("mode", "speech"), MET, ids=named)
async def test_no_client_sees_an_error_and_the_first_upstream_is_left_alone(mode, speech, a, b, start):
    behaviour, believed_after = mode
    gateway = await start(a, b, hedge_after_s=HEDGE_S)
    client, clock = Client(gateway), asyncio.get_running_loop()
    a.set(behaviour)
    began_s = clock.time()

    replies = [await client.ask(speech) for _ in range(ASKED)]

    looked_again = int((clock.time() - began_s) / _OPEN_AT_LEAST_S)
    assert [(r.status, r.broken, speech.text(r), speech.ended(r)) for r in replies] == [
        (200, False, words("B"), True)
    ] * ASKED
    assert b.counts.requests == ASKED
    if behaviour.failure is not Failure.REFUSED:
        asked = max(a.counts.requests, a.counts.connections if behaviour.failure is Failure.RESET_AT_ONCE else 0)
        assert 1 <= asked <= believed_after + looked_again
    assert {r.header("x-stillup-upstream") for r in replies} == {f"b-{speech.upstream}"}
