"""The eleven laws of the gateway, each through real sockets."""

import json
from datetime import UTC, datetime

import pytest

from stillup.clock import SystemClock
from stillup.gateway.core.actions import Patience
from stillup.gateway.core.views import Prior
from stillup.gateway.journal.read import read_exchanges
from stillup.model.service import Confidence, State
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider.connection import Request
from stillup.sim.provider_server import ProviderServer
from tests.gateway.app.conftest import (
    CLIENTS_KEY,
    KEYS,
    MESSAGES,
    SPEECHES,
    STREAMS,
    WHOLES,
    Client,
    Speech,
    asking,
    words,
)

DOWN = Behaviour(failure=Failure.STATUS, status=529)
BETWEEN = {"host", "content-length", "connection", "transfer-encoding"}
CREDENTIALS = {"authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"}
speeches = pytest.mark.parametrize("speech", SPEECHES, ids=repr)


def lines(request: Request):
    """The header lines of a request for the other end, in order and as they were written."""
    named = [(k.decode(), v.decode()) for k, v in request.headers]
    return [(k, v) for k, v in named if k.lower() not in BETWEEN | CREDENTIALS]


class Standing(SystemClock):
    """Two answers of a provider with it say the same time."""

    def now(self):
        return datetime(2026, 4, 7, 12, tzinfo=UTC)


@pytest.fixture
async def timeless():
    async with ProviderServer("A", clock=Standing()) as server:
        yield server


@speeches
async def test_law_1_what_is_asked_and_answered_passes_to_the_byte(speech, timeless, start):
    a = timeless
    gateway = await start(a)
    mine = [("X-Mine", "Ünicode".encode().decode("latin-1")), ("anthropic-beta", "one,two"), ("X-mine", "again")]
    body = speech.body("naïve \\u00e9  {spaces}")
    whole = [speech.key, ("Cookie", "s=1"), ("x-stillup-token", "t"), ("Accept-Encoding", "gzip, deflate"), *mine]

    direct = Client(a)
    through = Client(gateway)
    mine_bytes = [(k, v.encode("latin-1")) for k, v in whole]
    from_a = await direct.send("POST", speech.path, mine_bytes, body)
    from_gateway = await through.send("POST", speech.path, mine_bytes, body)

    one, two = a.requests
    assert two.body == one.body == body
    assert (two.method, two.target) == (one.method, one.target)
    assert lines(two) == [line for line in lines(one) if line[0] != "x-stillup-token"]
    assert from_gateway.body == from_a.body
    theirs = [h for h in from_a.headers if h[0].decode() not in BETWEEN | {"request-id", "x-request-id"}]
    ours = [h for h in from_gateway.headers if not h[0].startswith(b"x-stillup-")]
    assert [h for h in ours if h[0].decode() not in BETWEEN | {"request-id", "x-request-id"}] == theirs


@speeches
async def test_law_2_when_all_failed_the_client_gets_the_firsts_error_in_its_own_protocol(speech, a, b, start):
    gateway = await start(a, b)
    a.set(Behaviour(failure=Failure.STATUS, status=503, retry_after="40"))
    b.set(Behaviour(failure=Failure.STATUS, status=400))

    reply = await Client(gateway).ask(speech)

    direct = await Client(a).ask(speech)
    assert (reply.status, reply.header("retry-after")) == (503, "40")
    assert reply.error["message"] == direct.error["message"]
    assert reply.header("x-stillup-upstream") == f"a-{speech.upstream}"


@speeches
async def test_law_2_a_wrong_request_is_the_clients_to_see(speech, a, b, start):
    gateway = await start(a, b)
    a.set(Behaviour(failure=Failure.STATUS, status=400))

    reply = await Client(gateway).ask(speech)

    assert (reply.status, reply.error["message"]) == (400, (await Client(a).ask(speech)).error["message"])
    assert b.counts.requests == 0


@pytest.mark.parametrize("speech", STREAMS, ids=repr)
async def test_law_2_the_deadline_is_kept_and_names_who_was_silent(speech, a, b, start):
    gateway = await start(a, b, more="deadline_s = 0.8", hedge_after_s=0.11)
    for server in (a, b):
        server.set(Behaviour(failure=Failure.HANG))

    reply = await Client(gateway).ask(speech)

    assert reply.status == 504
    for name in ("a", "b"):
        assert f"{name}-{speech.upstream}/{speech.model}: no first token in time" in reply.error["message"]


@pytest.mark.parametrize("speech", STREAMS, ids=repr)
async def test_law_3_an_end_without_the_end_marker_is_no_whole_answer(speech, a, start):
    gateway = await start(a)
    a.set(Behaviour(failure=Failure.ENDS_EARLY, after=4))

    reply = await Client(gateway).ask(speech)

    assert speech.text(reply) == words("A", 10)  # it is asked to go on, four words at a time
    assert not speech.ended(reply)
    assert speech.error_in(reply) is not None
    assert a.counts.requests < 10


@pytest.mark.parametrize("speech", STREAMS, ids=repr)
async def test_law_4_the_commit_point_is_the_first_content_not_the_first_byte(speech, a, b, start):
    """A sends its head and what comes before the first word, and then an error: all of that is taken back."""
    gateway = await start(a, b)
    a.set(Behaviour(failure=Failure.ERROR_EVENT, after=0))

    reply = await Client(gateway).ask(speech)

    assert (speech.text(reply), speech.ended(reply), speech.error_in(reply)) == (words("B"), True, None)


@pytest.mark.parametrize("speech", [s for s in STREAMS if s.protocol != "gemini"], ids=repr)
async def test_law_4_a_waiting_client_is_pinged_and_still_gets_a_clean_answer(speech, a, b, start):
    gateway = await start(a, b, patience=Patience(ping_s=0.05))
    a.set(Behaviour(failure=Failure.HANG))
    async with asking(Client(gateway), speech) as line:
        pinged = await line.reply(until=b"ping")
        a.set(DOWN)
        a.release()
        reply = await line.reply()
    assert (pinged.status, pinged.header("content-type")) == (200, "text/event-stream; charset=utf-8")
    assert speech.said(reply.body) in (words("A"), words("B"))
    assert speech.ended(reply)


@pytest.mark.parametrize("speech", [s for s in STREAMS if s.protocol != "gemini"], ids=repr)
async def test_law_4_a_pinged_client_is_told_of_failure_inside_its_stream(speech, a, start):
    gateway = await start(a, patience=Patience(ping_s=0.05, deadline_s=0.3))
    a.set(Behaviour(failure=Failure.HANG))

    reply = await Client(gateway).ask(speech)

    assert (reply.status, reply.broken) == (200, False)
    assert "The time for the request is over (a-" in speech.error_in(reply)["message"]


async def test_law_5_retry_after_is_obeyed_and_never_delays_the_next(a, b, start):
    gateway = await start(a, b)
    client = Client(gateway)
    a.set(Behaviour(failure=Failure.STATUS, status=429, retry_after="30"))
    replies = [await client.ask(MESSAGES) for _ in range(5)]
    assert {MESSAGES.text(r) for r in replies} == {words("B")}
    assert a.counts.requests == 1


class Outage:
    """What a monitor says: everything of the services in ``out`` is confirmed to be down."""

    def __init__(self, *out):
        self.out = out

    def prior(self, service, component, model):
        if service not in self.out:
            return Prior()
        return Prior(state=State.MAJOR_OUTAGE, confidence=Confidence.CONFIRMED, probability=0.99)


ON_CLAUDE = {"a": 'key_env = "A_KEY"\nservice = "claude"\ncomponent = "api"', "b": 'key_env = "B_KEY"'}


@speeches
async def test_law_6_a_confirmed_outage_reroutes_the_very_first_request(speech, a, b, start):
    gateway = await start(a, b, view=Outage("claude"), upstream=ON_CLAUDE)
    a.set(Behaviour(failure=Failure.HANG))
    reply = await Client(gateway).ask(speech)
    assert (speech.text(reply), reply.header("x-stillup-reason")) == (words("B"), "outage_confirmed")
    assert a.counts.requests == 0


async def test_law_6_in_a_confirmed_outage_the_trickle_alone_goes_there_and_costs_nobody_an_error(a, b, start, clock):
    gateway = await start(a, b, view=Outage("claude"), upstream=ON_CLAUDE, hedge_after_s=0.11)
    a.set(Behaviour(failure=Failure.HANG))
    client = Client(gateway)
    await client.ask(MESSAGES)
    clock.skip(16.0)
    replies = [await client.ask(MESSAGES) for _ in range(10)]
    assert {MESSAGES.text(r) for r in replies} == {words("B")}
    assert a.counts.requests == 1


async def test_law_6_own_successes_outrank_the_verdict_until_the_next_fault(a, b, start, clock):
    gateway = await start(a, b, view=Outage("claude"), upstream=ON_CLAUDE)
    client = Client(gateway)
    first = await client.ask(MESSAGES)
    clock.skip(16.0)
    well = [MESSAGES.text(await client.ask(MESSAGES))[0] for _ in range(10)]
    a.set(DOWN)
    again = [MESSAGES.text(await client.ask(MESSAGES))[0] for _ in range(3)]
    a.set()
    assert MESSAGES.text(first) == words("B")
    assert well == ["A"] * 10
    assert again == ["B"] * 3
    assert a.counts.requests == 11


async def test_law_6_a_limit_of_this_key_alone_stays_here(a, b, start):
    seen = []

    class Told:
        def tried(self, result):
            seen.append(result)

    gateway = await start(a, b, observer=Told())
    a.set(Behaviour(failure=Failure.STATUS, status=402, reason=Reason.QUOTA))
    await Client(gateway).ask(MESSAGES)
    status = json.loads((await Client(gateway).send("GET", "/stillup/status")).body)
    target = next(t for t in status["targets"] if t["upstream"] == "a-anthropic")
    assert target["condition"] == "key_blocked"
    assert target["evidence"] == 0.0
    assert [(r.ok, r.fault) for r in seen] == [(False, "quota"), (True, None)]


async def test_law_7_each_piece_is_on_disk_before_the_client_has_it(a, start, tmp_path):
    gateway = await start(a, journal=True)
    a.set(Behaviour(failure=Failure.STALL, after=3))
    async with asking(Client(gateway), MESSAGES) as line:
        reply = await line.reply(until=b"A2 ")
        kept = next(iter(read_exchanges(tmp_path / "journal"))).answer()
        assert kept.startswith(reply.body)


async def test_law_7_the_request_is_on_disk_before_the_upstream_sees_it(raw, start, tmp_path):
    found = []

    async def answer(writer, head, body):
        found.extend(x.body() for x in read_exchanges(tmp_path / "journal"))
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}")

    gateway = await start(await raw(answer), journal=True)
    await Client(gateway).ask(MESSAGES)
    assert found == [MESSAGES.body()]


@speeches
async def test_law_8_the_answer_says_who_gave_it(speech, a, b, start):
    gateway = await start(a, b)
    client = Client(gateway)
    first = await client.ask(speech)
    a.set(DOWN)
    second = await client.ask(speech)
    third = await client.ask(speech)
    told = [[r.header(f"x-stillup-{x}") for x in ("upstream", "model", "attempts", "reason")] for r in (first, second)]
    assert told[0] == [f"a-{speech.upstream}", speech.model, "1", "first_choice"]
    assert told[1] == [f"b-{speech.upstream}", speech.model, "2", "overloaded"]
    assert [third.header(f"x-stillup-{x}") for x in ("attempts", "reason")] == ["1", "breaker_open"]


@speeches
async def test_law_8_errors_say_it_too_in_harmless_characters(speech, a, start):
    gateway = await start(a, chain=[f"a-{speech.upstream}/ünic⏎de"])
    a.set(Behaviour(failure=Failure.STATUS, status=400, headers={"x-stillup-upstream": "evil"}))
    reply = await Client(gateway).ask(speech)
    assert reply.header("x-stillup-upstream") == f"a-{speech.upstream}"
    assert reply.header("x-stillup-model") == "?nic?de"
    assert reply.header("x-stillup-attempts") == "1"
    assert reply.header("x-stillup-reason") == "bad_request"


async def test_law_9_a_local_model_at_the_end_of_the_chain_is_the_last_resort(a, b, start):
    """Queueing for later comes with a later stage."""
    gateway = await start(a, b, chain=["a-openai", "b-openai/local"])
    a.set(DOWN)
    speech = Speech("chat", stream=False)
    reply = await Client(gateway).ask(speech)
    assert (speech.text(reply), json.loads(reply.body)["model"]) == (words("B"), "local")


@pytest.mark.parametrize("speech", WHOLES, ids=repr)
async def test_law_10_an_upstream_gets_its_own_key_and_never_the_clients(speech, a, start):
    gateway = await start(a)
    await Client(gateway).ask(speech, headers=[("cookie", "session=dummy"), ("proxy-authorization", "Basic x")])
    text = " ".join(f"{k!r} {v!r}" for k, v in a.requests[0].headers)
    assert KEYS["A_KEY"] in text
    assert CLIENTS_KEY not in text
    assert "session=dummy" not in text
    assert "Basic x" not in text


@pytest.mark.parametrize("speech", WHOLES, ids=repr)
async def test_law_10_the_clients_key_goes_nowhere_it_does_not_belong(speech, a, start):
    gateway = await start(a, upstream="")
    await Client(gateway).ask(speech)
    assert CLIENTS_KEY not in repr(a.requests[0].headers)


@pytest.mark.parametrize("speech", WHOLES, ids=repr)
async def test_law_10_the_clients_key_passes_where_the_configuration_says_so(speech, a, start):
    gateway = await start(a, upstream="pass_credentials = true")
    await Client(gateway).ask(speech)
    assert CLIENTS_KEY in repr(a.requests[0].headers)


async def test_law_10_a_subscriptions_token_stays_here_even_where_credentials_pass(a, start):
    gateway = await start(a, upstream="pass_credentials = true")
    token = "sk-ant-oat01-dummy"
    await Client(gateway).send("POST", MESSAGES.path, [("authorization", f"Bearer {token}")], MESSAGES.body())
    assert token not in repr(a.requests[0].headers)


HOSTS = {"localhost": 200, "127.0.0.1:8790": 200, "[::1]": 200, "evil.example": 403, "localhost.evil.example": 403}


@pytest.mark.parametrize(("host", "status"), HOSTS.items())
async def test_law_11_a_foreign_name_that_points_here_is_refused(host, status, a, start):
    gateway = await start(a)
    reply = await Client(gateway).send("POST", MESSAGES.path, [MESSAGES.key], MESSAGES.body(), host=host)
    assert reply.status == status
    assert a.counts.requests == (status == 200)


@pytest.mark.parametrize(
    "header", [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
)
@pytest.mark.parametrize("path", ["/v1/messages", "/stillup/status", "/metrics"])
async def test_law_11_a_web_page_of_another_site_is_refused(path, header, a, start):
    gateway = await start(a)
    method = "POST" if path == "/v1/messages" else "GET"
    body = MESSAGES.body() if method == "POST" else b""
    reply = await Client(gateway).send(method, path, [MESSAGES.key, header], body)
    assert reply.status == 403
    assert a.counts.requests == 0


async def test_law_11_a_preflight_of_another_site_is_refused_and_no_answer_invites_one(a, start):
    gateway = await start(a)
    asked = [("origin", "https://evil.example"), ("access-control-request-method", "POST")]
    reply = await Client(gateway).send("OPTIONS", "/v1/messages", asked)
    assert reply.status == 403
    plain = await Client(gateway).send("OPTIONS", "/v1/messages")
    assert plain.status == 204
    assert not [k for r in (reply, plain) for k, _ in r.headers if k.startswith(b"access-control")]
