"""What was put off, seen and ordered over the gateway's own paths."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from stillup.gateway.journal.read import read_exchanges
from stillup.gateway.later.item import State
from stillup.gateway.later.shelf import Bounds, Shelf
from stillup.sim.provider.behaviour import Behaviour, Failure
from tests.gateway.app.conftest import KEYS, MESSAGES, Client
from tests.gateway.app.putting_off import DEFER, DOWN, QUICK, SHORT, get, only, put_off, until


async def test_one_may_be_asked_now_or_forgotten(start, a):
    a.set(DOWN)
    gateway = await start(a, later=True, more="defer_pause_s = 3600", patience=SHORT)
    client = Client(gateway)
    first, second = [await put_off(client, MESSAGES, text=text) for text in ("one", "two")]
    a.set()
    gateway.later.pauses.failed(("a-anthropic",), gateway.now() + 3600)  # by itself it would not be asked for long
    reply = await client.send("POST", f"/stillup/later/{second}/run")
    assert reply.status == 202
    await until(lambda: gateway.later.find(second, "").state is State.ANSWERED)
    assert gateway.later.find(first, "").state is State.WAITING
    assert (await client.send("DELETE", f"/stillup/later/{first}")).status == 200
    assert (await get(client, f"/{first}")).status == 404
    assert (await client.send("POST", f"/stillup/later/{second}/run")).status == 409
    assert [item.id for item in gateway.later.items] == [second]


async def test_one_that_is_being_asked_can_be_forgotten_too(start, a, tmp_path):
    a.set(DOWN)
    gateway = await start(a, later=True, more=QUICK, patience=SHORT)
    client = Client(gateway)
    item_id = await put_off(client, MESSAGES)
    a.set(Behaviour(failure=Failure.HANG))
    assert json.loads((await client.send("POST", "/stillup/later/run")).body)["asked"] == 1
    await until(lambda: only(gateway).state is State.RUNNING)
    assert (await client.send("DELETE", f"/stillup/later/{item_id}")).status == 200
    await until(lambda: not gateway.in_flight)
    assert [path.name for path in (tmp_path / "later").iterdir()] == ["lock"]


async def test_without_users_no_id_is_told_for_it_would_open_an_answer(start, a):
    a.set(DOWN)
    gateway = await start(a, later=True, more=QUICK, patience=SHORT)
    client = Client(gateway)
    item_id = await put_off(client, MESSAGES)
    for path in ("/stillup/later", "/stillup/status", "/metrics"):
        assert item_id.encode() not in (await client.send("GET", path)).body
    assert item_id.encode() not in (await client.send("POST", "/stillup/later/run")).body


USERS = """
[[gateway.users]]
id = "ann"
token_env = "ANN"
[[gateway.users]]
id = "bob"
token_env = "BOB"
"""


async def test_where_there_are_users_one_sees_only_ones_own(start, a, tmp_path):
    a.set(DOWN)
    environ = KEYS | {"ANN": "dummy-token-of-ann-0123", "BOB": "dummy-token-of-bob-0123"}
    gateway = await start(a, later=True, more=QUICK + USERS, patience=SHORT, environ=environ)
    client = Client(gateway)
    ann, bob = (("x-stillup-token", environ[name]) for name in ("ANN", "BOB"))
    reply = await client.ask(MESSAGES, headers=[DEFER, ann])
    path = json.loads(reply.body)["url"]
    assert (await client.send("GET", path)).status == 401
    assert (await client.send("GET", path, [ann])).status == 202
    for method, rest in (("GET", ""), ("GET", "/state"), ("POST", "/run"), ("DELETE", "")):
        assert (await client.send(method, path + rest, [bob])).status == 404
    assert json.loads((await client.send("GET", "/stillup/later", [bob])).body)["items"] == []
    assert json.loads((await client.send("POST", "/stillup/later/run", [bob])).body)["asked"] == 0
    assert len(json.loads((await client.send("GET", "/stillup/later", [ann])).body)["items"]) == 1


async def test_who_waits_with_one_does_not_wait_behind_anothers_many(start, a, clock):
    a.set(DOWN)
    environ = KEYS | {"ANN": "dummy-token-of-ann-0123", "BOB": "dummy-token-of-bob-0123"}
    gateway = await start(a, later=True, more=QUICK + USERS, patience=SHORT, environ=environ)
    client = Client(gateway)
    ann, bob = (("x-stillup-token", environ[name]) for name in ("ANN", "BOB"))
    for n, who in enumerate((ann, ann, ann, bob)):
        assert (await client.ask(MESSAGES, text=f"question {n}", headers=[DEFER, who])).status == 202
    a.set()
    clock.skip(600)
    await until(lambda: all(item.state is State.ANSWERED for item in gateway.later.items))
    asked = [n for request in list(a.requests)[-4:] for n in range(4) if b"question %d" % n in request.body]
    assert asked == [0, 3, 1, 2]


async def test_one_that_is_to_wait_asks_nobody_before_its_turn(start, a):
    gateway = await start(a, later=True, more=QUICK, patience=SHORT, journal=True)
    client = Client(gateway)
    reply = await client.ask(MESSAGES, headers=[("x-stillup-defer", "queue")])
    told = json.loads(reply.body)
    assert (reply.status, told["state"], reply.header("x-stillup-later")) == (202, "waiting", told["id"])
    await until(lambda: only(gateway).state is State.ANSWERED)
    assert MESSAGES.ended(await get(client, f"/{told['id']}"))
    gateway.outbox.flush()
    put, asked = read_exchanges(gateway.journal.folder)
    assert (put.id, put.outcome, put.tries) == (only(gateway).request_id, "deferred", ())
    assert (asked.id, asked.outcome, len(asked.tries)) == (only(gateway).run_id, "answered", 1)
    assert dict(a.requests[-1].headers)[b"idempotency-key"]


async def test_one_that_may_have_been_answered_is_asked_again_only_by_its_own_name(start, a, tmp_path):
    a.set(DOWN)
    first = await start(a, later=True, more="defer_pause_s = 3600", patience=SHORT)
    ids = [await put_off(Client(first), MESSAGES, text=text) for text in ("one", "two")]
    await first.stop(0.0)
    shelf = Shelf(tmp_path / "later", Bounds(), print)
    assert shelf.is_ours()
    for item_id in ids:
        shelf.put(replace(shelf.items[item_id], state=State.RUNNING, runs=1, run_id="req_of_the_dead"))
    shelf.close()
    a.set()
    told, before = [], a.counts.requests
    gateway = await start(a, later=True, more=f"{QUICK}\ndefer_again = false", patience=SHORT, say=told.append)
    client = Client(gateway)
    await until(lambda: [item.state for item in gateway.later.items] == [State.UNSURE] * 2)
    assert [line.partition(":")[0] for line in told] == ids
    assert "nobody knows what came of it; `stillup later run" in told[0]
    assert json.loads((await client.send("POST", "/stillup/later/run")).body)["asked"] == 0
    assert (await client.send("POST", f"/stillup/later/{ids[1]}/run")).status == 202
    await until(lambda: gateway.later.find(ids[1], "").state is State.ANSWERED)
    assert (gateway.later.find(ids[0], "").state, a.counts.requests) == (State.UNSURE, before + 1)
    status = json.loads((await client.send("GET", "/stillup/status")).body)["later"]
    assert (status["unsure"], status["answered"], status["waiting"]) == (1, 1, 0)


async def test_what_its_client_calls_the_same_is_one_request_also_when_it_is_answered(start, a):
    gateway = await start(a, later=True, more=QUICK, patience=SHORT)
    client = Client(gateway)
    queue, first, second = ("x-stillup-defer", "queue"), ("idempotency-key", "k1"), ("Idempotency-Key", "k2")
    ids = {json.loads((await client.ask(MESSAGES, headers=[queue, first])).body)["id"] for _ in range(2)}
    await until(lambda: all(item.state is State.ANSWERED for item in gateway.later.items))
    ids.add(json.loads((await client.ask(MESSAGES, headers=[queue, first])).body)["id"])
    assert len(ids) == 1
    assert json.loads((await client.ask(MESSAGES, headers=[queue, second])).body)["id"] not in ids
    await until(lambda: all(item.state is State.ANSWERED for item in gateway.later.items))
    assert a.counts.requests == 2


@pytest.mark.parametrize(
    ("more", "environ", "status"), [("defer = false", KEYS, 409), ("", {}, 409), ("defer_max_mb = 1", KEYS, 507)]
)
async def test_what_cannot_wait_is_refused_with_the_reason(start, a, more, environ, status):
    bare = {} if environ else {"upstream": "pass_credentials = true"}
    gateway = await start(a, later=True, more=more, patience=SHORT, environ=environ, **bare)
    text = "x" * (2 << 20) if status == 507 else "hello"
    reply = await Client(gateway).ask(MESSAGES, text, headers=[("x-stillup-defer", "queue")])
    assert reply.status == status
    assert reply.error["message"]
    assert (gateway.later.items, a.counts.requests) == ((), 0)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/later_000000000000000000000000", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/later_0/state/x", 404),
        ("POST", "", 404),
        ("DELETE", "", 404),
        ("PUT", "/run", 404),
        ("GET", "/%00", 404),
    ],
)
async def test_what_is_not_there_is_said_to_be_not_there(start, a, method, path, status):
    gateway = await start(a, later=True)
    reply = await Client(gateway).send(method, f"/stillup/later{path}")
    assert reply.status == status
    assert reply.error["message"]
