"""Sixteen faults of a provider, on every protocol. Where going on in mid-answer is needed, what is done until then."""

import json

import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from tests.gateway.app.conftest import SPEECHES, STREAMS, Client, words

EVERY = pytest.mark.parametrize("speech", SPEECHES, ids=repr)
STREAMED = pytest.mark.parametrize("speech", STREAMS, ids=repr)
SIXTY = 60


def status(number, **more):
    return Behaviour(failure=Failure.STATUS, status=number, **more)


async def answer_of(client, speech, name, count=10):
    """Ask, and see that this server gave a whole answer."""
    reply = await client.ask(speech)
    assert (reply.status, reply.broken) == (200, False)
    assert (speech.text(reply), speech.ended(reply)) == (words(name, count), True)
    assert speech.error_in(reply) is None if speech.stream else True
    return reply


@EVERY
async def test_s01_a_429_with_retry_after_is_not_asked_again_before_and_the_other_answers(speech, a, b, start, clock):
    client = Client(await start(a, b))
    a.script([status(429, retry_after="2")])
    await answer_of(client, speech, "B")
    clock.skip(1.0)
    await answer_of(client, speech, "B")
    assert a.counts.requests == 1
    clock.skip(1.5)
    await answer_of(client, speech, "A")


@EVERY
async def test_s01_alone_it_is_waited_for(speech, a, start):
    client = Client(await start(a))
    a.script([status(429, headers={"retry-after-ms": "80"})])
    await answer_of(client, speech, "A")
    assert a.counts.requests == 2


@EVERY
async def test_s02_a_429_for_good_goes_elsewhere_and_is_not_hammered(speech, a, b, start, clock):
    client = Client(await start(a, b))
    a.set(status(429, retry_after="0"))
    for _ in range(8):
        await answer_of(client, speech, "B")
        clock.skip(0.5)
    assert a.counts.requests <= 5


@EVERY
async def test_s03_alone_after_one_500_the_same_is_asked_once_more(speech, a, start):
    client = Client(await start(a))
    a.script([status(500)])
    reply = await answer_of(client, speech, "A")
    assert reply.header("x-stillup-attempts") == "2"


@EVERY
async def test_s04_a_503_for_good_goes_elsewhere(speech, a, b, start):
    client = Client(await start(a, b))
    a.set(status(503))
    for _ in range(4):
        await answer_of(client, speech, "B")
    assert a.counts.requests <= 2


@EVERY
async def test_s05_a_reset_before_the_headers_is_not_seen(speech, a, start):
    client = Client(await start(a))
    a.script([Behaviour(failure=Failure.RESET)])
    await answer_of(client, speech, "A")


@EVERY
async def test_s06_no_response_at_all_is_given_up_and_the_other_answers(speech, a, b, start):
    client = Client(await start(a, b, hedge_after_s=0.11))
    a.set(Behaviour(failure=Failure.HANG))
    await answer_of(client, speech, "B")


@EVERY
async def test_s07_a_late_first_token_is_overtaken_by_the_other(speech, a, b, start):
    client = Client(await start(a, b, hedge_after_s=0.11))
    a.set(Behaviour(first_token_after_s=20.0))
    await answer_of(client, speech, "B")


CUTS = [Failure.CUT, Failure.CUT_INSIDE, Failure.CUT_RESET]


@pytest.mark.parametrize("failure", CUTS)
@STREAMED
async def test_s08_for_now_a_cut_after_40_of_60_ends_in_the_protocols_error_never_cleanly(failure, speech, a, b, start):
    client = Client(await start(a, b))
    a.set(Behaviour(failure=failure, after=40, tokens=SIXTY))
    reply = await client.ask(speech)
    assert (reply.status, reply.broken) == (200, False)
    said = speech.text(reply)
    assert words("A", 40).startswith(said)
    assert said == words("A", 40) or failure is Failure.CUT_RESET  # a reset overtakes what was sent before it
    assert not speech.ended(reply)
    assert speech.error_in(reply) is not None
    assert b.counts.requests == 0


@pytest.mark.parametrize("failure", [*CUTS, Failure.ENDS_EARLY, Failure.WRONG_LENGTH])
@pytest.mark.parametrize("speech", [s for s in SPEECHES if not s.stream], ids=repr)
async def test_s08_a_cut_in_an_answer_that_is_no_stream_is_not_seen(failure, speech, a, b, start):
    client = Client(await start(a, b))
    a.set(Behaviour(failure=failure, after=40, tokens=SIXTY))
    await answer_of(client, speech, "B")


@STREAMED
async def test_s09_for_now_a_stall_ends_in_the_protocols_error_and_all_is_well_afterwards(speech, a, b, start):
    client = Client(await start(a, b, more="stall_after_s = 0.15"))
    a.script([Behaviour(failure=Failure.STALL, after=40, tokens=SIXTY)])
    reply = await client.ask(speech)
    assert speech.text(reply) == words("A", 40)
    assert not speech.ended(reply)
    assert speech.error_in(reply) is not None
    await answer_of(client, speech, "A")


@STREAMED
async def test_s10_nothing_of_a_malformed_chunk_reaches_the_client(speech, a, start):
    client = Client(await start(a))
    a.set(Behaviour(failure=Failure.MALFORMED, after=40, tokens=SIXTY))
    reply = await client.ask(speech)
    assert speech.text(reply) == words("A", 40)
    assert speech.error_in(reply) is not None


@STREAMED
async def test_s11_a_stream_that_ends_without_its_marker_after_all_was_said_is_finished(speech, a, b, start):
    client = Client(await start(a, b))
    a.set(Behaviour(failure=Failure.NO_END, tokens=SIXTY))
    reply = await client.ask(speech)
    assert (reply.status, reply.broken) == (200, False)
    assert speech.text(reply) == words("A", SIXTY)
    # In the other two the end marker is what says that all was said: without it nobody can tell.
    assert (speech.error_in(reply) is None) is (speech.protocol in ("messages", "chat"))


@EVERY
async def test_s12_too_long_for_one_goes_to_the_next_and_not_there_again(speech, a, b, start):
    client = Client(await start(a, b))
    a.set(status(400, reason=Reason.CONTEXT))
    await answer_of(client, speech, "B")
    assert a.counts.requests == 1


@EVERY
async def test_s13_a_content_filters_reason_reaches_the_client_and_nobody_else_is_asked(speech, a, b, start):
    client = Client(await start(a, b))
    a.set(status(400, reason=Reason.FILTER))
    reply = await client.ask(speech)
    assert reply.status == 400
    assert reply.error["message"] == (await Client(a).ask(speech)).error["message"]
    assert b.counts.requests == 0


@STREAMED
async def test_s14_for_now_a_fallbacks_refusal_of_a_prefix_cannot_mask_the_cut(speech, a, b, start):
    client = Client(await start(a, b))
    a.set(Behaviour(failure=Failure.CUT, after=40, tokens=SIXTY))
    b.set(status(400, reason=Reason.PREFILL))
    reply = await client.ask(speech)
    assert "its answer broke off" in speech.error_in(reply)["message"]


@EVERY
async def test_s15_after_an_outage_of_a_minute_the_first_is_back(speech, a, b, start, clock):
    client = Client(await start(a, b))
    a.set(status(503))
    for _ in range(10):
        await answer_of(client, speech, "B")
        clock.skip(6.0)
    assert a.counts.requests < 10
    a.set()
    clock.skip(75.0)
    for _ in range(10):
        await answer_of(client, speech, "A")


@EVERY
async def test_s16_the_fallbacks_model_and_usage_are_told_and_the_failed_try_costs_nothing(speech, a, b, start):
    gateway = await start(a, b, chain=[f"a-{speech.upstream}", f"b-{speech.upstream}/other"])
    a.set(status(503))
    reply = await Client(gateway).ask(speech)
    assert reply.header("x-stillup-model") == "other"
    assert b'"other"' in reply.body
    metrics = (await Client(gateway).send("GET", "/metrics")).body.decode()
    tokens = [line for line in metrics.splitlines() if line.startswith("stillup_gateway_tokens_total{")]
    assert not [line for line in tokens if f'upstream="a-{speech.upstream}"' in line]
    status_ = json.loads((await Client(gateway).send("GET", "/stillup/status")).body)
    assert {t["upstream"]: (t["ok"], t["failed"]) for t in status_["targets"] if t["ok"] + t["failed"]} == {
        f"a-{speech.upstream}": (0, 1),
        f"b-{speech.upstream}": (1, 0),
    }
