"""Law 9: what nobody can answer now is kept, and asked again when somebody can."""

from __future__ import annotations

import json
import stat

import pytest

from stillup.gateway.core.actions import Patience
from stillup.gateway.later.item import State
from stillup.gateway.later.shelf import read_items
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from tests.gateway.app.conftest import (
    CLIENTS_KEY,
    KEYS,
    MESSAGES,
    SPEECHES,
    STREAMS,
    WHOLES,
    Client,
    words,
)
from tests.gateway.app.putting_off import ALWAYS, DEFER, DOWN, QUICK, SHORT, get, only, put_off, until


@pytest.fixture
def recover(clock):
    """An upstream is well again, and so much time has passed that it is asked."""

    def recovered(gateway, *servers):
        for server in servers:
            server.set(Behaviour())
        clock.skip(600)

    return recovered


@pytest.mark.parametrize("speech", SPEECHES, ids=repr)
async def test_what_nobody_can_answer_is_answered_when_somebody_can(start, a, recover, speech):
    a.set(DOWN)
    gateway = await start(a, later=True, more=QUICK, patience=SHORT)
    client = Client(gateway)
    item_id = await put_off(client, speech)
    reply = await get(client, f"/{item_id}")
    assert (reply.status, json.loads(reply.body)["state"]) == (202, "waiting")
    recover(gateway, a)
    await until(lambda: only(gateway).state is State.ANSWERED)
    reply = await get(client, f"/{item_id}")
    assert reply.status == 200
    assert a.requests[-1].body == speech.body()
    assert speech.text(reply) == words("A")
    assert speech.ended(reply)
    assert reply.header("x-stillup-later") == item_id
    assert reply.header("x-stillup-upstream") == f"a-{speech.upstream}"


async def test_in_line_one_at_a_time_each_once(start, a, recover):
    a.set(DOWN)
    gateway = await start(a, later=True, more=QUICK, patience=SHORT)
    client = Client(gateway)
    for n in range(4):
        await put_off(client, MESSAGES, text=f"question {n}")
    asked = a.counts.requests
    recover(gateway, a)
    await until(lambda: all(item.state is State.ANSWERED for item in gateway.later.items))
    assert a.counts.requests == asked + 4
    assert [n for request in list(a.requests)[-4:] for n in range(4) if b"question %d" % n in request.body] == [
        0,
        1,
        2,
        3,
    ]


async def test_one_that_is_down_holds_up_nobody_elses(start, a, b, recover):
    a.set(DOWN)
    b.set(DOWN)
    routes = """
[[gateway.routes]]
match = "claude-*"
chain = ["a-anthropic"]
[[gateway.routes]]
match = "gpt-*"
chain = ["b-openai"]
"""
    gateway = await start(a, b, later=True, more=QUICK + routes, patience=SHORT)
    client = Client(gateway)
    first, second = await put_off(client, MESSAGES), await put_off(client, STREAMS[1])
    recover(gateway, b)
    await until(lambda: gateway.later.find(second, "").state is State.ANSWERED)
    assert gateway.later.find(first, "").state is not State.ANSWERED


async def test_without_a_word_nobodys_request_is_kept(start, a):
    a.set(DOWN)
    gateway = await start(a, later=True, patience=SHORT)
    reply = await Client(gateway).ask(MESSAGES)
    assert (reply.status, gateway.later.items) == (529, ())


@pytest.mark.parametrize("speech", SPEECHES, ids=repr)
async def test_by_the_configuration_alone_the_client_gets_an_error_that_it_can_try_again(start, a, speech):
    a.set(DOWN)
    gateway = await start(a, later=True, more=ALWAYS, patience=SHORT)
    reply = await Client(gateway).ask(speech)
    assert reply.status in (503, 504, 529)
    item = only(gateway)
    assert reply.header("x-stillup-later") == item.id
    assert item.id in reply.error["message"]
    assert reply.header("content-type") == "application/json"


async def test_a_client_that_tries_again_by_itself_is_kept_once(start, a):
    a.set(DOWN)
    gateway = await start(a, later=True, more=ALWAYS, patience=SHORT)
    client = Client(gateway)
    ids = {(await client.ask(MESSAGES)).header("x-stillup-later") for _ in range(3)}
    assert ids == {only(gateway).id}
    assert await put_off(client, MESSAGES) not in ids  # who asks for it twice means two


async def test_who_tried_again_and_was_answered_is_not_answered_twice(start, a, clock):
    a.set(DOWN)
    gateway = await start(a, later=True, more="defer = true\ndefer_pause_s = 3600", patience=SHORT)
    client = Client(gateway)
    await client.ask(MESSAGES)
    kept = await put_off(client, MESSAGES)
    a.set()
    gateway.desk._book.hosts.clear()
    reply = await client.ask(MESSAGES)
    assert reply.status == 200
    assert [item.id for item in gateway.later.items] == [kept]


async def test_a_client_may_say_no_where_all_are_kept(start, a):
    a.set(DOWN)
    gateway = await start(a, later=True, more=ALWAYS, patience=SHORT)
    reply = await Client(gateway).ask(MESSAGES, headers=[("x-stillup-defer", "0")])
    assert (reply.status, gateway.later.items) == (529, ())


@pytest.mark.parametrize("more", ["defer = false", ""])
async def test_where_nothing_may_be_kept_the_header_changes_nothing(start, a, more):
    a.set(DOWN)
    gateway = await start(a, later=bool(more), more=more, patience=SHORT)
    reply = await Client(gateway).ask(MESSAGES, headers=[DEFER])
    assert (reply.status, gateway.later.items) == (529, ())
    listed = json.loads((await get(Client(gateway), "")).body)
    assert listed == {"on": False, "trouble": None, "items": None}


@pytest.mark.parametrize(
    "failing",
    [
        Behaviour(failure=Failure.STATUS, status=400),
        Behaviour(failure=Failure.STATUS, status=400, reason=Reason.FILTER),
        Behaviour(failure=Failure.STATUS, status=401),
    ],
    ids=["wrong", "filtered", "our key"],
)
async def test_what_does_not_pass_is_the_clients_to_see(start, a, failing):
    a.set(failing)
    gateway = await start(a, later=True, more=ALWAYS, patience=SHORT)
    reply = await Client(gateway).ask(MESSAGES, headers=[DEFER])
    assert reply.status in (400, 401, 503)
    assert gateway.later.items == ()


async def test_lists_and_counts_are_of_no_use_later(start, a):
    a.set(DOWN)
    gateway = await start(a, later=True, more=ALWAYS, patience=SHORT)
    reply = await Client(gateway).send("GET", "/v1/models", [DEFER, ("x-api-key", "k"), ("anthropic-version", "1")])
    assert reply.status == 529
    assert gateway.later.items == ()


async def test_what_only_the_clients_key_opens_is_not_kept(start, a):
    a.set(DOWN)
    gateway = await start(a, later=True, more=ALWAYS, patience=SHORT, upstream="pass_credentials = true", environ={})
    reply = await Client(gateway).ask(MESSAGES, headers=[DEFER])
    assert (reply.status, gateway.later.items) == (529, ())


async def test_no_key_of_anybodys_is_in_what_is_kept_and_only_ours_is_sent(start, a, recover, tmp_path):
    a.set(DOWN)
    gateway = await start(a, later=True, more=QUICK, patience=SHORT)
    client = Client(gateway)
    await put_off(client, MESSAGES)
    await put_off(client, WHOLES[3])
    folder = tmp_path / "later"
    kept = b"".join(path.read_bytes() for path in folder.iterdir())
    assert CLIENTS_KEY.encode() not in kept
    assert all(key.encode() not in kept for key in KEYS.values())
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    recover(gateway, a)
    await until(lambda: all(item.state is State.ANSWERED for item in gateway.later.items))
    for request in list(a.requests)[-2:]:
        sent = b" ".join(value for _, value in request.headers)
        assert CLIENTS_KEY.encode() not in sent
        assert KEYS["A_KEY"].encode() in sent


async def test_a_request_that_was_being_asked_when_the_gateway_died_is_asked_again(start, a, tmp_path, recover):
    a.set(DOWN)
    gateway = await start(a, later=True, more=QUICK, patience=SHORT)
    item_id = await put_off(Client(gateway), MESSAGES)
    recover(gateway)
    a.set(Behaviour(failure=Failure.HANG))
    await until(lambda: only(gateway).state is State.RUNNING)
    await gateway.stop(0.0)  # as a kill: nobody tidies up
    (left,) = read_items(tmp_path / "later")
    assert (left.state, left.runs) == (State.RUNNING, 1)
    a.set()
    again = await start(a, later=True, more=QUICK, patience=SHORT)
    await until(lambda: again.later.items and only(again).state is State.ANSWERED)
    assert (only(again).id, only(again).runs) == (item_id, 2)


async def test_two_gateways_of_one_folder_do_not_answer_twice(start, a, b, recover):
    a.set(DOWN)
    b.set(DOWN)
    first = await start(a, later=True, more=QUICK, patience=SHORT)
    await put_off(Client(first), MESSAGES)
    second = await start(b, later=True, more=QUICK, patience=SHORT)
    reply = await Client(second).ask(MESSAGES, headers=[DEFER])
    assert reply.status == 529
    assert second.later.items == ()
    await first.stop(0.0)
    assert (await Client(second).ask(MESSAGES, headers=[DEFER])).status == 202
    assert len(second.later.items) == 2


async def test_an_answer_that_breaks_off_is_asked_again(start, a, recover):
    a.set(DOWN)
    gateway = await start(a, later=True, more=QUICK, patience=Patience(deadline_s=2))
    await put_off(Client(gateway), MESSAGES)
    recover(gateway)
    a.set(Behaviour(failure=Failure.CUT, after=3))
    await until(lambda: only(gateway).runs >= 1 and only(gateway).last)
    assert only(gateway).state is State.WAITING
    recover(gateway, a)
    await until(lambda: only(gateway).state is State.ANSWERED)


async def test_what_turns_out_to_be_wrong_is_kept_as_an_error(start, a, recover):
    a.set(DOWN)
    gateway = await start(a, later=True, more=QUICK, patience=SHORT)
    client = Client(gateway)
    item_id = await put_off(client, MESSAGES)
    recover(gateway)
    a.set(Behaviour(failure=Failure.STATUS, status=400))
    await until(lambda: only(gateway).state is State.FAILED)
    reply = await get(client, f"/{item_id}")
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")


async def test_it_is_journalled_and_counted_as_any_other(start, a, recover):
    a.set(DOWN)
    gateway = await start(a, later=True, more=QUICK, patience=SHORT, journal=True)
    await put_off(Client(gateway), MESSAGES)
    recover(gateway, a)
    await until(lambda: only(gateway).state is State.ANSWERED)
    gateway.outbox.flush()
    from stillup.gateway.journal.read import read_exchanges

    newest, oldest = read_exchanges(gateway.journal.folder, newest_first=True)
    assert (newest.id, oldest.id) == (only(gateway).run_id, only(gateway).request_id)
    assert (oldest.outcome, newest.outcome) == ("deferred", "answered")


async def test_somebody_is_told_once_of_all_that_came_and_never_what_it_was(start, a, recover):
    a.set(DOWN)
    gateway = await start(a, later=True, more=QUICK, patience=SHORT)
    notes = []
    gateway.runner.tell = notes.append
    for n in range(3):
        await put_off(Client(gateway), MESSAGES, text=f"secret {n}")
    recover(gateway, a)
    await until(lambda: notes)
    assert [note.title for note in notes] == ["stillup: 3 answers are there"]
    assert "secret" not in notes[0].text


async def test_a_stream_that_pings_began_ends_in_an_error_with_the_id(start, a):
    a.set(Behaviour(failure=Failure.HANG))
    patience = Patience(deadline_s=1.0, ping_s=0.2)
    gateway = await start(a, later=True, patience=patience)
    reply = await Client(gateway).ask(MESSAGES, headers=[DEFER])
    assert reply.status == 200
    assert only(gateway).id in MESSAGES.error_in(reply)["message"]


async def test_when_there_is_no_room_an_answer_gives_way_and_never_what_waits(start, a, recover):
    a.set(DOWN)
    told = []
    gateway = await start(a, later=True, more=f"{QUICK}\ndefer_max = 2", patience=SHORT, say=told.append)
    client = Client(gateway)
    await put_off(client, MESSAGES, text="one")
    recover(gateway, a)
    await until(lambda: only(gateway).state is State.ANSWERED)
    a.set(DOWN)
    waiting = [await put_off(client, MESSAGES, text=text) for text in ("two", "three")]
    assert [item.id for item in gateway.later.items] == waiting
    for _ in range(2):
        assert (await client.ask(MESSAGES, "four", headers=[DEFER])).status == 529
    assert told == ["no request can be put off any more: gateway.defer_max or gateway.defer_max_mb is reached"]


async def test_a_disk_that_takes_nothing_costs_nobody_the_error(start, a, tmp_path):
    a.set(DOWN)
    (tmp_path / "later").write_text("not a folder")
    told = []
    gateway = await start(a, later=True, patience=SHORT, say=told.append)
    client = Client(gateway)
    assert (await client.ask(MESSAGES, headers=[DEFER])).status == 529
    assert "no request can be put off for now" in told[0]
    assert len(told) == 1
    status = json.loads((await client.send("GET", "/stillup/status")).body)
    assert status["later"]["trouble"]


async def test_what_is_too_old_is_given_up_and_said(start, a, clock):
    a.set(DOWN)
    told = []
    gateway = await start(a, later=True, more="defer_days = 1", patience=SHORT, say=told.append)
    item_id = await put_off(Client(gateway), MESSAGES)
    gateway.wall_s = lambda: clock.wall_s() + 2 * 86_400
    gateway.later.prune()
    assert gateway.later.items == ()
    assert told == [f"{item_id} was given up: no upstream could answer it for 1 days"]
