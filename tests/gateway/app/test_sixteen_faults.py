"""Sixteen faults of a provider, on every protocol.

Where another one answers or goes on, each client's protocol meets one other a fault, the next one each time. Every pair
of them is in test_translated (an answer of another) and in test_going_on (half an answer of another).
"""

import json

import pytest

from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from tests.gateway.app.conftest import PATHS, SPEECHES, STREAMS, Client, words
from tests.gateway.app.sparing import in_turn, never_again

EVERY = pytest.mark.parametrize("speech", SPEECHES, ids=repr)
STREAMED = pytest.mark.parametrize("speech", STREAMS, ids=repr)
SIXTY = 60
TEXT = "".join(f"w{i} " for i in range(SIXTY))
"""What every upstream says that holds the script: a token a word."""


def mixed(speeches, begin):
    """Clients' protocols, each with another upstream's."""
    return pytest.mark.parametrize(("speech", "other"), in_turn(speeches, list(PATHS), begin=begin), ids=str)


def status(number, **more):
    return Behaviour(failure=Failure.STATUS, status=number, **more)


def script(**more):
    return Behaviour(text=TEXT, **more)


def chain(speech, other):
    """A speaks the client's protocol, B another."""
    return [f"a-{speech.upstream}", f"b-{other}/other-1"]


async def whole(client, speech):
    """Ask, and see that the script came to its end, each word once."""
    reply = await client.ask(speech)
    assert (reply.status, reply.broken) == (200, False)
    assert (speech.text(reply), speech.ended(reply), speech.error_in(reply)) == (TEXT, True, None)
    return reply


async def answer_of(client, speech, name, count=10):
    """Ask, and see that this server gave a whole answer."""
    reply = await client.ask(speech)
    assert (reply.status, reply.broken) == (200, False)
    assert (speech.text(reply), speech.ended(reply)) == (words(name, count), True)
    assert speech.error_in(reply) is None if speech.stream else True
    return reply


@mixed(SPEECHES, 0)
async def test_s01_a_429_with_retry_after_is_not_asked_again_before_and_the_other_answers(
    speech, other, a, b, start, clock
):
    client = Client(await start(a, b, chain=chain(speech, other)))
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


@mixed(SPEECHES, 1)
async def test_s02_a_429_for_good_goes_elsewhere_and_is_not_hammered(speech, other, a, b, start, clock):
    client = Client(await start(a, b, chain=chain(speech, other)))
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


@mixed(SPEECHES, 2)
async def test_s04_a_503_for_good_goes_elsewhere(speech, other, a, b, start):
    client = Client(await start(a, b, chain=chain(speech, other)))
    a.set(status(503))
    for _ in range(4):
        await answer_of(client, speech, "B")
    assert a.counts.requests <= 2


@EVERY
async def test_s05_a_reset_before_the_headers_is_not_seen(speech, a, start):
    client = Client(await start(a))
    a.script([Behaviour(failure=Failure.RESET)])
    await answer_of(client, speech, "A")


@mixed(SPEECHES, 3)
async def test_s06_no_response_at_all_is_given_up_and_the_other_answers(speech, other, a, b, start):
    client = Client(await start(a, b, chain=chain(speech, other), hedge_after_s=0.11))
    a.set(Behaviour(failure=Failure.HANG))
    await answer_of(client, speech, "B")


@mixed(SPEECHES, 4)
async def test_s07_a_late_first_token_is_overtaken_by_the_other(speech, other, a, b, start):
    client = Client(await start(a, b, chain=chain(speech, other), hedge_after_s=0.11))
    a.set(Behaviour(first_token_after_s=20.0))
    await answer_of(client, speech, "B")


CUTS = [Failure.CUT, Failure.CUT_INSIDE, Failure.CUT_RESET]


@pytest.mark.parametrize("failure", CUTS)
@mixed(STREAMS, 0)
async def test_s08_a_cut_after_40_of_60_is_gone_on_with(failure, speech, other, a, b, start):
    client = Client(await start(a, b, chain=chain(speech, other)))
    a.set(script(failure=failure, after=40))
    b.set(script())
    reply = await whole(client, speech)
    assert (a.counts.requests, b.counts.requests) == (1, 1)
    who, _, characters = reply.trailer("x-stillup-continued").partition("@")
    assert who == f"b-{other}/other-1"
    # A reset overtakes what was sent before it.
    assert int(characters) == TEXT.index("w40 ") or failure is Failure.CUT_RESET


@pytest.mark.parametrize("failure", [*CUTS, Failure.ENDS_EARLY, Failure.WRONG_LENGTH])
@pytest.mark.parametrize("speech", [s for s in SPEECHES if not s.stream], ids=repr)
async def test_s08_a_cut_in_an_answer_that_is_no_stream_is_not_seen(failure, speech, a, b, start):
    client = Client(await start(a, b))
    a.set(Behaviour(failure=failure, after=40, tokens=SIXTY))
    await answer_of(client, speech, "B")


@mixed(STREAMS, 0)
async def test_s09_a_stall_is_gone_on_with_and_all_is_well_afterwards(speech, other, a, b, start, clock):
    client = Client(await start(a, b, chain=chain(speech, other), more="stall_after_s = 0.15"))
    a.script([script(failure=Failure.STALL, after=40)])
    a.set(script())
    b.set(script())
    await whole(client, speech)
    await a.until(lambda server: server.counts.gone == 1)  # what stalled is let go
    clock.skip(120.0)
    await whole(client, speech)
    assert (a.counts.requests, b.counts.requests) == (2, 1)


@mixed(STREAMS, 1)
async def test_s10_a_malformed_chunk_is_gone_on_with_and_nothing_of_it_reaches_the_client(speech, other, a, b, start):
    client = Client(await start(a, b, chain=chain(speech, other)))
    a.set(script(failure=Failure.MALFORMED, after=40))
    b.set(script())
    reply = await whole(client, speech)
    data = [line[6:] for line in bytes(reply.body).split(b"\n") if line.startswith(b"data: ")]
    assert all(json.loads(each) for each in data if each != b"[DONE]")
    assert (a.counts.requests, b.counts.requests) == (1, 1)


@STREAMED
async def test_s10_alone_the_same_goes_on(speech, a, start):
    client = Client(await start(a))
    a.script([script(failure=Failure.MALFORMED, after=40)])
    a.set(script())
    await whole(client, speech)
    assert a.counts.requests == 2


@pytest.mark.parametrize("other", PATHS)
@STREAMED
async def test_s11_a_stream_that_ends_without_its_marker_after_all_was_said_is_finished(speech, other, a, b, start):
    client = Client(await start(a, b, chain=chain(speech, other)))
    a.set(script(failure=Failure.NO_END))
    b.set(script(knows_its_end=True))
    await whole(client, speech)
    # In the other two the end marker is what says that all was said: without it nobody can tell, and B is asked.
    assert b.counts.requests == (speech.protocol not in ("messages", "chat"))


@mixed(SPEECHES, 5)
async def test_s12_too_long_for_one_goes_to_the_next_and_not_there_again(speech, other, a, b, start):
    client = Client(await start(a, b, chain=chain(speech, other)))
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


TAKES_A_BEGINNING = {"anthropic": "claude-sonnet-4-5", "openai": "mistral-large-2512"}
"""Models that are known to go on from the beginning of an answer itself, in a protocol that has a way to say so."""


@pytest.mark.parametrize(
    ("speech", "other"),
    # An upstream of OpenAI's is asked by Responses as its client asked, and those have no such way.
    [(s, o) for s in STREAMS for o in TAKES_A_BEGINNING if (s.protocol, o) != ("responses", "openai")],
    ids=str,
)
async def test_s14_a_fallbacks_refusal_of_a_prefix_is_no_end_and_is_met_once(speech, other, a, b, start, clock):
    names = [f"a-{speech.upstream}", f"b-{other}/{TAKES_A_BEGINNING[other]}"]
    client = Client(await start(a, b, chain=names))
    a.set(script(failure=Failure.CUT, after=40))
    b.set(script(rejects_prefix=True))
    await whole(client, speech)
    assert (a.counts.requests, b.counts.requests) == (1, 2)
    clock.skip(120.0)
    await whole(client, speech)
    assert (a.counts.requests, b.counts.requests) == (2, 3)


@mixed(STREAMS, 2)
async def test_s14_a_fallback_that_refuses_whatever_it_is_asked_does_not_mask_the_cut(speech, other, a, b, start):
    gateway = await start(a, b, chain=chain(speech, other))
    never_again(gateway)
    a.set(script(failure=Failure.CUT, after=40))
    b.set(status(400, reason=Reason.PREFILL))
    reply = await Client(gateway).ask(speech)
    assert not speech.ended(reply)
    assert TEXT.startswith(speech.text(reply))
    assert f"a-{speech.upstream}/{speech.model}: its answer broke off" in speech.error_in(reply)["message"]


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
