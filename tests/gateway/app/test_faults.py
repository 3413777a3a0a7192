"""The drill switch: every way of failing, put into live routing, and told apart from a real outage."""

from __future__ import annotations

import asyncio
import json

import pytest

from stillup.gateway.faults.drill import MODES, Mode
from stillup.sim.provider.behaviour import Behaviour
from tests.gateway.app.conftest import (
    CLOUD,
    KEYS,
    MESSAGES,
    SPEECHES,
    STREAMS,
    WHOLES,
    Client,
    asking,
    words,
)
from tests.gateway.app.sparing import in_turn, never_again

SCRIPT = " ".join(f"word{n}" for n in range(40))
STATUSES = ("400", "401", "403", "408", "429", "500", "502", "503", "529")
BEFORE = [mode for mode in MODES if not Mode(mode).is_real and mode not in (Mode.HANG, Mode.PINGS)]
SILENT = [Mode.HANG, Mode.PINGS, Mode.STALL]
AFTER = [Mode.CUT, Mode.CUT_INSIDE, Mode.CUT_RESET, Mode.ERROR_EVENT, Mode.MALFORMED, Mode.ENDS_EARLY, Mode.STALL]


async def begin(client, upstream, mode, headers=(), **more):
    """Begin a drill; the gateway's answer."""
    body = {"upstream": upstream, "mode": str(mode), "for_s": 60} | more
    return await client.send("POST", "/stillup/fault", headers, json.dumps(body).encode())


AT_ONCE = [*BEFORE, "500", "529", "429", "401"]


@pytest.mark.parametrize(("mode", "speech"), [*in_turn(AT_ONCE, STREAMS), *in_turn(AT_ONCE, WHOLES)], ids=str)
async def test_what_fails_before_its_first_word_is_answered_by_the_next_and_never_asked(start, a, b, mode, speech):
    gateway = await start(a, b)
    client = Client(gateway)
    name = f"a-{speech.upstream}"
    assert (await begin(client, name, mode)).status == 200
    reply = await client.ask(speech)
    assert speech.text(reply) == words("B")
    assert speech.ended(reply)
    assert reply.header("x-stillup-drill") == f"{name}={mode}"
    assert a.counts.requests == 0


@pytest.mark.parametrize("mode", STATUSES)
@pytest.mark.parametrize("speech", STREAMS, ids=repr)
async def test_a_status_is_said_in_the_protocols_own_words(start, a, mode, speech):
    gateway = await start(a)
    never_again(gateway)
    client = Client(gateway)
    await begin(client, f"a-{speech.upstream}", mode)
    reply = await client.ask(speech)
    assert reply.status in (int(mode), 503)
    assert reply.header("x-stillup-drill")
    assert mode == "401" or "drill" in reply.error["message"]  # whose words may repeat a key, so they are not shown


@pytest.mark.parametrize("mode", [Mode.HANG, Mode.PINGS])
async def test_silence_is_borne_no_longer_than_a_real_ones(start, a, b, mode):
    gateway = await start(a, b, hedge_after_s=0.2)
    client = Client(gateway)
    await begin(client, "a-anthropic", mode)
    reply = await client.ask(MESSAGES)
    assert MESSAGES.text(reply) == words("B")
    assert reply.header("x-stillup-drill") == f"a-anthropic={mode}"


@pytest.mark.parametrize("mode", AFTER)
@pytest.mark.parametrize("speech", STREAMS, ids=repr)
async def test_what_breaks_inside_its_answer_is_gone_on_with(start, a, b, mode, speech):
    for server in (a, b):
        server.set(Behaviour(text=SCRIPT, verbatim=True))
    names = [f"{x}-{speech.upstream}" for x in "ab"]
    gateway = await start(a, b, more="stall_after_s = 0.3", chain=names)
    client = Client(gateway)
    await begin(client, names[0], mode, after=3)
    reply = await client.ask(speech)
    assert speech.text(reply) == SCRIPT
    assert speech.ended(reply)
    assert (a.counts.requests, b.counts.requests) == (1, 1)
    assert reply.header("x-stillup-drill") == f"{names[0]}={mode}"


@pytest.mark.parametrize("mode", AFTER)
async def test_what_was_said_before_it_broke_is_real(start, a, mode):
    a.set(Behaviour(text=SCRIPT, verbatim=True))
    gateway = await start(a, more="stall_after_s = 0.3", chain=["a-anthropic"])
    never_again(gateway)
    client = Client(gateway)
    await begin(client, "a-anthropic", mode, after=3)
    said = MESSAGES.said((await client.ask(MESSAGES)).body)
    assert said
    assert SCRIPT.startswith(said)
    assert said != SCRIPT


@pytest.mark.parametrize("mode", AFTER)
async def test_an_answer_with_fewer_pieces_is_broken_before_its_end(start, a, mode):
    a.set(Behaviour(tokens=2))
    gateway = await start(a, more="stall_after_s = 0.3", chain=["a-anthropic"])
    never_again(gateway)
    client = Client(gateway)
    await begin(client, "a-anthropic", mode, after=500)
    reply = await client.ask(MESSAGES)
    assert not MESSAGES.ended(reply)


@pytest.mark.parametrize("mode", [*AFTER[:-1]])
async def test_a_whole_answer_is_broken_too(start, a, b, mode):
    gateway = await start(a, b)
    client = Client(gateway)
    whole = WHOLES[0]
    await begin(client, "a-anthropic", mode)
    reply = await client.ask(whole)
    assert whole.text(reply) == words("B")


@pytest.mark.parametrize("mode", [Mode.SLOW_HEADERS, Mode.SLOW_FIRST_TOKEN])
@pytest.mark.parametrize("speech", SPEECHES, ids=repr)
async def test_a_slow_one_is_slow_and_whole(start, a, clock, mode, speech):
    gateway = await start(a)
    client = Client(gateway)
    await begin(client, f"a-{speech.upstream}", mode, delay_s=0.3)
    before = clock.monotonic_s()
    reply = await client.ask(speech)
    assert speech.text(reply) == words("A")
    assert clock.monotonic_s() - before >= 0.3


async def test_breakers_take_part_and_the_monitor_is_told_nothing(start, a, b):
    class Heard:
        def __init__(self):
            self.results = []

        def tried(self, result):
            self.results.append(result)

    heard = Heard()
    gateway = await start(a, b, observer=heard)
    client = Client(gateway)
    await begin(client, "a-anthropic", "529")
    await client.ask(MESSAGES)
    reply = await client.ask(MESSAGES)
    assert reply.header("x-stillup-reason") == "breaker_open"
    assert [(r.target.upstream, r.ok) for r in heard.results] == [("b-anthropic", True)] * 2
    status = json.loads((await client.send("GET", "/stillup/status")).body)
    (ailing,) = [t for t in status["targets"] if t["upstream"] == "a-anthropic"]
    assert (ailing["condition"], ailing["last_fault"]) == ("open", "overloaded")


async def test_everybody_who_looks_is_told_of_a_drill(start, a, b):
    told = []
    gateway = await start(a, b, say=told.append, journal=True)
    client = Client(gateway)
    await begin(client, "a-anthropic", "hang", share=0.5)
    status = json.loads((await client.send("GET", "/stillup/status")).body)
    (drill,) = status["drills"]
    assert (drill["upstream"], drill["mode"], drill["share"]) == ("a-anthropic", "hang", 0.5)
    assert 0 < drill["left_s"] <= 60
    assert json.loads((await client.send("GET", "/stillup/fault")).body)["drills"][0]["upstream"] == "a-anthropic"
    assert told == ["DRILL: a-anthropic fails with hang for 60 s"]
    ended = json.loads((await client.send("DELETE", "/stillup/fault?upstream=a-anthropic")).body)
    assert ended == {"ended": ["a-anthropic"]}
    assert told[1].startswith("DRILL: a-anthropic is itself again")
    assert MESSAGES.text(await client.ask(MESSAGES)) == words("A")


async def test_who_is_kept_waiting_by_a_drill_is_let_go_at_its_end(start, a):
    gateway = await start(a)
    client = Client(gateway)
    await begin(client, "a-anthropic", "hang")
    async with asking(client, MESSAGES) as line:
        async with asyncio.timeout(10):
            while not gateway.in_flight:  # noqa: ASYNC110 - nobody signals it
                await asyncio.sleep(0.01)
        await client.send("DELETE", "/stillup/fault")
        reply = await line.reply()
    assert MESSAGES.text(reply) == words("A")


async def test_it_ends_by_itself(start, a):
    gateway = await start(a)
    client = Client(gateway)
    await begin(client, "a-anthropic", "refused", for_s=0.05)
    async with asyncio.timeout(10):
        while gateway.faults.shown():  # noqa: ASYNC110 - nobody signals it
            await asyncio.sleep(0.01)
    assert MESSAGES.text(await client.ask(MESSAGES)) == words("A")
    assert json.loads((await client.send("GET", "/stillup/status")).body)["drills"] == []


async def test_a_restart_forgets_it(start, a):
    gateway = await start(a)
    await begin(Client(gateway), "a-anthropic", "refused")
    await gateway.stop(0.0)
    again = await start(a)
    assert MESSAGES.text(await Client(again).ask(MESSAGES)) == words("A")


async def test_a_client_that_leaves_in_a_drill_leaves_nothing_behind(start, a):
    gateway = await start(a)
    client = Client(gateway)
    await begin(client, "a-anthropic", "hang")
    async with asking(client, MESSAGES) as line:
        async with asyncio.timeout(10):
            while not gateway.in_flight:  # noqa: ASYNC110 - nobody signals it
                await asyncio.sleep(0.01)
        line.reset()
    async with asyncio.timeout(10):
        while gateway.in_flight:  # noqa: ASYNC110 - nobody signals it
            await asyncio.sleep(0.01)
    (drill,) = gateway.faults._drills.values()
    assert drill.silent == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "that is no drill"),
        (b"[]", "that is no drill"),
        (b"[" * 4000, "that is no drill"),
        (b"{" * 5000, "at most 4096 bytes"),
        (b'{"upstream": "a-anthropic", "mode": "hang"}', "for_s"),
        (b'{"upstream": "a-antropic", "mode": "hang", "for_s": 5}', "did you mean a-anthropic?"),
        (b'{"upstream": "zzz", "mode": "hang", "for_s": 5}', "there are: a-anthropic, a-openai, a-gemini"),
        (b'{"upstream": "a-anthropic", "mode": "hung", "for_s": 5}', "did you mean hang?"),
        (b'{"upstream": "a-anthropic", "mode": "status", "for_s": 5}', "no way to fail is called 'status'"),
        (b'{"upstream": "a-anthropic", "mode": "200", "for_s": 5}', "200 is no error's status; allowed: 400 to 599"),
        (b'{"upstream": "a-anthropic", "mode": "hang", "for_s": 0}', "for_s is 0; allowed: a number above 0 to 86400"),
        (
            b'{"upstream": "a-anthropic", "mode": "hang", "for_s": 1, "after": ' + b"9" * 400 + b"}",
            "after is far too much",
        ),
        (b'{"upstream": "a-anthropic", "mode": "hang", "for_s": 86401}', "for_s is 86401; allowed"),
        (b'{"upstream": "a-anthropic", "mode": "hang", "for_s": 1e999}', "no drill"),
        (b'{"upstream": "a-anthropic", "mode": "hang", "for_s": 5, "share": 2}', "share is 2; allowed"),
        (b'{"upstream": "a-anthropic", "mode": "cut", "for_s": 5, "after": -1}', "after is -1; allowed"),
        (b'{"upstream": "a-anthropic", "mode": "cut", "for_s": 5, "delay_s": -1}', "delay_s is -1; allowed"),
        (b'{"upstream": "a-anthropic", "mode": "cut", "for_s": 5, "more": 1}', "unknown field"),
    ],
)
async def test_what_is_no_drill_is_refused_with_what_is_allowed(start, a, body, says):
    gateway = await start(a)
    reply = await Client(gateway).send("POST", "/stillup/fault", (), body)
    assert reply.status == 400
    assert says in reply.error["message"]
    assert gateway.faults.shown() == ()


async def test_the_page_of_a_stranger_may_not_begin_one(start, a):
    gateway = await start(a)
    reply = await begin(Client(gateway), "a-anthropic", "hang", [("origin", "https://evil.example")])
    assert reply.status == 403
    assert gateway.faults.shown() == ()


USERS = """
drill_users = ["ann"]
[[gateway.users]]
id = "ann"
token_env = "ANN"
[[gateway.users]]
id = "bob"
token_env = "BOB"
"""


async def test_where_there_are_users_only_those_who_may_do(start, a):
    environ = KEYS | {"ANN": "dummy-token-of-ann-0123", "BOB": "dummy-token-of-bob-0123"}
    gateway = await start(a, more=USERS, environ=environ)
    client = Client(gateway)
    ann, bob = (("x-stillup-token", environ[name]) for name in ("ANN", "BOB"))
    assert (await begin(client, "a-anthropic", "hang")).status == 401
    refused = await begin(client, "a-anthropic", "hang", [bob])
    assert refused.status == 403
    assert "gateway.drill_users" in refused.error["message"]
    assert (await begin(client, "a-anthropic", "hang", [ann])).status == 200
    assert (await client.send("DELETE", "/stillup/fault", [bob])).status == 403
    (shown,) = json.loads((await client.send("GET", "/stillup/fault", [bob])).body)["drills"]
    assert shown["by"] == "ann"


@pytest.mark.parametrize("model", ["anthropic.claude-simulated-1", "amazon.nova-simulated-1"])
@pytest.mark.parametrize("mode", [*BEFORE, "529", *AFTER])
async def test_amazons_event_streams_fail_and_break_as_well(start, a, b, mode, model):
    for server in (a, b):
        server.set(Behaviour(text=SCRIPT, verbatim=True))
    more = f"stall_after_s = 0.3\n{CLOUD.format(url=a.url)}"
    gateway = await start(b, more=more, chain=[f"cloud/{model}", "b-anthropic"])
    client = Client(gateway)
    await begin(client, "cloud", mode, after=6)
    reply = await client.ask(MESSAGES)
    assert MESSAGES.text(reply) == SCRIPT
    assert MESSAGES.ended(reply)
    assert reply.header("x-stillup-drill") == f"cloud={mode}"
    assert a.counts.requests == (mode in AFTER)
