"""What a client is told when nobody answered, each through real sockets."""

import pytest

from stillup.gateway.core.actions import Patience
from stillup.gateway.journal.read import read_exchanges
from stillup.gateway.journal.words import told
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from tests.gateway.app.conftest import KEYS, MESSAGES, SPEECHES, Client, asking

DOWN = Behaviour(failure=Failure.STATUS, status=529)
OVERLOADED = {"messages": "overloaded_error", "gemini": "UNAVAILABLE"}


def kind_of(speech, error):
    """What the protocol calls it."""
    return error["status"] if speech.protocol == "gemini" else error["type"]


@pytest.mark.parametrize("speech", SPEECHES, ids=repr)
@pytest.mark.parametrize(
    ("status", "reason", "says"),
    [(401, Reason.PLAIN, "refused the gateway's own key"), (402, Reason.QUOTA, "is used up")],
    ids=["refused", "used up"],
)
async def test_a_key_of_the_gateways_is_nothing_the_client_could_mend(speech, status, reason, says, a, b, start):
    gateway = await start(a, b)
    a.set(Behaviour(failure=Failure.STATUS, status=status, reason=reason))
    b.set(Behaviour(failure=Failure.STATUS, status=404))
    reply = await Client(gateway).ask(speech)
    assert reply.status == 503
    assert says in reply.error["message"]
    assert f"a-{speech.upstream}" in reply.error["message"]
    assert kind_of(speech, reply.error) == OVERLOADED.get(speech.protocol, "server_error")
    assert KEYS["A_KEY"] not in repr(reply.body)
    assert reply.header("x-stillup-upstream") == f"a-{speech.upstream}"


async def test_a_key_of_the_clients_is_the_clients_to_mend(a, start):
    gateway = await start(a, upstream="pass_credentials = true")
    a.set(Behaviour(failure=Failure.STATUS, status=401))
    assert (await Client(gateway).ask(MESSAGES)).status == 401


async def test_a_pinged_client_is_told_of_the_gateways_key_inside_its_stream(a, start):
    gateway = await start(a, patience=Patience(ping_s=0.05))
    a.set(Behaviour(failure=Failure.STATUS, status=429, retry_after="1"))
    async with asking(Client(gateway), MESSAGES) as line:
        pinged = await line.reply(until=b"ping")
        a.set(Behaviour(failure=Failure.STATUS, status=401))
        error = MESSAGES.error_in(await line.reply())
    assert pinged.status == 200
    assert error["type"] == "overloaded_error"
    assert "refused the gateway's own key" in error["message"]


async def test_who_failed_is_told_in_the_order_of_the_chain_by_name_and_model_in_plain_words(a, b, start):
    gateway = await start(a, b, more="deadline_s = 0.4", hedge_after_s=0.11, chain=["a-anthropic", "b-anthropic/other"])
    a.set(Behaviour(failure=Failure.HANG))
    b.set(DOWN)
    message = (await Client(gateway).ask(MESSAGES)).error["message"]
    assert message.endswith(
        f"(a-anthropic/{MESSAGES.model}: no first token in time; b-anthropic/other: it was overloaded)."
    )


async def test_an_answer_that_breaks_off_says_who_broke_it_in_plain_words(a, start):
    gateway = await start(a)
    a.set(Behaviour(failure=Failure.ENDS_EARLY, after=4))
    error = MESSAGES.error_in(await Client(gateway).ask(MESSAGES))
    assert error["message"] == f"a-anthropic/{MESSAGES.model}: its answer broke off"


async def test_every_answer_and_every_refusal_says_by_what_id_it_is_kept(a, b, start, tmp_path):
    gateway = await start(a, b, journal=True)
    client = Client(gateway)
    well = await client.ask(MESSAGES)
    a.set(Behaviour(failure=Failure.STATUS, status=400, headers={"request-id": "req_of_theirs"}))
    wrong = await client.ask(MESSAGES)
    a.set(Behaviour(failure=Failure.CUT, after=4))
    broken = await client.ask(MESSAGES)
    for server in (a, b):
        server.set(Behaviour(failure=Failure.EMPTY))
    failed = await client.ask(MESSAGES)
    unread = [
        await client.send("POST", "/v1/messages", [MESSAGES.key], b"no JSON"),
        await client.send("GET", "/nowhere"),
        await client.send("POST", "/v1/messages", [("origin", "https://evil.example")], MESSAGES.body()),
    ]
    kept = [exchange.id for exchange in read_exchanges(tmp_path / "journal")]
    assert [r.header("x-stillup-id") for r in (well, wrong, broken, failed)] == kept
    assert wrong.header("request-id") == "req_of_theirs"
    assert failed.header("request-id") == kept[3]
    assert all(r.header("x-stillup-id").startswith("req_") for r in unread)


async def test_what_a_client_was_told_of_failure_is_kept(a, b, start, tmp_path):
    gateway = await start(a, b, journal=True)
    replies = []
    for failing in (DOWN, Behaviour(failure=Failure.STATUS, status=401), Behaviour(failure=Failure.CUT, after=4)):
        a.set(failing)
        b.set(DOWN)
        replies.append(await Client(gateway).ask(MESSAGES))
    said = [told(exchange.answer()) for exchange in read_exchanges(tmp_path / "journal")]
    assert said == [reply.error["message"] for reply in replies[:2]] + [MESSAGES.error_in(replies[2])["message"]]


@pytest.mark.parametrize("first", [None, DOWN, Behaviour(failure=Failure.STATUS, status=402, reason=Reason.QUOTA)])
async def test_header_log_and_journal_give_the_same_reason(first, a, b, start, tmp_path):
    gateway = await start(a, b, journal=True)
    passages = []
    gateway.seen.metrics.ended = passages.append
    client = Client(gateway)
    a.set(first or Behaviour())
    replies = [await client.ask(MESSAGES) for _ in range(3)]
    for server in (a, b):
        server.set(Behaviour(failure=Failure.STATUS, status=400))
    replies += [await client.ask(MESSAGES)]
    reasons = [r.header("x-stillup-reason") for r in replies]
    assert [p.reason for p in passages] == reasons
    assert [exchange.end.reason for exchange in read_exchanges(tmp_path / "journal")] == reasons


async def test_a_broken_answer_is_noted_with_about_the_tokens_that_went_out(a, start, tmp_path):
    gateway = await start(a, journal=True)
    a.set(Behaviour(failure=Failure.CUT, after=40, tokens=60))
    await Client(gateway).ask(MESSAGES)
    (exchange,) = read_exchanges(tmp_path / "journal")
    assert 20 <= exchange.end.output_tokens <= 60
