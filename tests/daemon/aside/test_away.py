"""The database goes away, and people are told all the same: once, whoever tells them, and the database hears of it."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

import pytest

from stillup.daemon.alerts import way
from stillup.response.alerts.decide import decide
from stillup.response.alerts.values import Acked, Silence, Silenced
from stillup.store import open_store
from stillup.store.outbox import Status
from tests.channels.receivers import HANG, REFUSE, TAKE, http_receiver
from tests.daemon.aside.world import Story, keys, kinds, ready, rows, until


async def test_what_breaks_while_the_database_is_away_is_told_at_once_and_once(server, machine):
    story = Story(server)
    async with http_receiver() as receiver:
        one = machine("one", f"http://{receiver.address}/hook")
        await ready(server, one)
        story.goes("ok", one)
        story.is_written()
        story.show(one)
        server.stop()
        story.goes("major", one)
        await until(lambda: kinds(receiver) == ["broke"])
        story.goes("ok", one)
        await until(lambda: kinds(receiver) == ["broke", "back"])
        assert one.alerting.told_at("claude-1")
        server.start()
        await until(lambda: not one.alerting.is_aside)
        assert {r.message.key for r in rows(server, Status.DELIVERED)} == keys(receiver)
        story.is_written()  # what the judge had to keep back: it is decided on already
        story.goes("partial", one)
        story.is_written()
        one.alerting.look()
        await until(lambda: len(receiver.got) == 3)
        await until(lambda: {r.message.key for r in rows(server, Status.DELIVERED)} == keys(receiver))
    assert kinds(receiver) == ["broke", "back", "broke"]
    assert len(keys(receiver)) == 3


async def test_what_the_database_had_decided_goes_on_without_it(server, machine):
    story = Story(server)
    async with http_receiver() as receiver:
        one = machine("one", f"http://{receiver.address}/hook")
        await ready(server, one)
        story.goes("partial", one)
        story.is_written()
        one.alerting.look()
        await until(lambda: kinds(receiver) == ["broke"])
        server.stop()
        story.goes("major", one)
        await until(lambda: kinds(receiver) == ["broke", "changed"])
        two = machine("two", f"http://{receiver.address}/hook")
        await one.end()
        story.goes("ok", two)
        await until(lambda: kinds(receiver) == ["broke", "changed", "back"])
        server.start()
        await until(lambda: two.alerting._aside.document.state.aside)
        story.is_written()
        story.goes("ok", two)
        await until(lambda: {r.message.key for r in rows(server, Status.DELIVERED)} == keys(receiver))
    assert kinds(receiver) == ["broke", "changed", "back"]
    assert [got["json"]["data"]["revision"] for got in receiver.got] == [1, 2, 3]


async def test_what_was_asked_for_before_the_database_went_away_holds(server, machine):
    story = Story(server)
    async with http_receiver() as receiver:
        rule = 'escalate_after_s = 60\nescalate_to = ["hook"]\nservices = ["claude", "chatgpt"]'
        one = machine("one", f"http://{receiver.address}/hook", rule=rule)
        await ready(server, one)
        story.goes("partial", one)
        story.is_written()
        one.alerting.look()
        await until(lambda: "broke" in kinds(receiver))
        ends = datetime.now(UTC) + timedelta(hours=1)
        with open_store(server.url("postgres")) as store, store.outbox.deciding("main") as deciding:
            # As `stillup alert ack` and `stillup alert silence` do, at the last moment.
            state, settings = deciding.state, one.alerting._settings
            for event in (Acked("claude"), Silenced(Silence(service="chatgpt", ends=ends))):
                state = decide(settings, state, event, datetime.now(UTC)).state
            deciding.save(state, deciding.cursor)
        await until(lambda: not rows(server, Status.WAITING, Status.ATTEMPTING))  # decided on before that
        told = len(receiver.got)
        one.alerting.look()
        await until(lambda: one.alerting._aside.document.state.silences)
        server.stop()
        story.goes("partial", one)
        await until(lambda: one.alerting.is_aside)
        before = one.alerting._aside._revision
        story.goes("ok", one)
        await until(lambda: one.alerting._aside._revision > before and kinds(receiver)[-1] == "back")
        server.start()
        await until(lambda: not one.alerting.is_aside)
        with open_store(server.url("postgres")) as store:
            assert [s.service for s in store.outbox.state("main").silences] == ["chatgpt"]
    assert kinds(receiver)[told:] == ["back"]


@pytest.mark.parametrize(("more", "times"), [("", 2), ("repeat_in_doubt = false", 1)])
async def test_who_ends_between_sending_and_noting_leaves_it_in_doubt_and_the_next_does_as_the_channel_says(
    server, machine, more, times
):
    story = Story(server)
    async with http_receiver(HANG, TAKE) as receiver:
        one = machine("one", f"http://{receiver.address}/hook", more)
        await ready(server, one)
        server.stop()
        story.goes("major", one)
        await until(lambda: receiver.moods == [TAKE])
        two = machine("two", f"http://{receiver.address}/hook", more)
        await one.end()
        await until(lambda: two.alerting.is_aside)
        await until(lambda: not [m for m in two.alerting._aside.document.messages if m.done_at is None])
        story.goes("ok", two)
        await until(lambda: "back" in kinds(receiver))
        server.start()
        await until(lambda: not two.alerting.is_aside)
    assert kinds(receiver) == ["broke", "back"][2 - times :]
    wanted = {Status.DELIVERED} if times == 2 else {Status.DELIVERED, Status.DEAD}
    assert {r.status for r in rows(server)} == wanted
    assert len(rows(server)) == 2


async def test_who_stands_by_says_nothing_and_goes_on_when_the_other_is_gone(server, machine):
    story = Story(server)
    async with http_receiver() as receiver:
        one = machine("one", f"http://{receiver.address}/hook")
        await ready(server, one)
        two = machine("two", f"http://{receiver.address}/hook")
        server.stop()
        story.goes("major", one, two)
        await until(lambda: kinds(receiver) == ["broke"])
        assert not two.alerting.is_aside
        await one.end()
        await until(lambda: two.alerting.is_aside)
        story.goes("ok", two)
        await until(lambda: kinds(receiver) == ["broke", "back"])


async def test_a_channel_that_takes_nothing_gets_it_from_the_database_later(server, machine, monkeypatch):
    monkeypatch.setattr("stillup.response.alerts.delivery.HOPELESS_FIRST_S", 0.1)
    story = Story(server)
    async with http_receiver(REFUSE, REFUSE, TAKE) as receiver:
        one = machine("one", f"http://{receiver.address}/hook")
        await ready(server, one)
        monkeypatch.setattr("stillup.response.alerts.delivery.HOPELESS_FIRST_S", 3.0)
        server.stop()
        story.goes("major", one)
        await until(lambda: one.alerting.is_aside and receiver.moods == [REFUSE, TAKE])
        server.start()
        await until(lambda: not one.alerting.is_aside)
        assert rows(server, Status.WAITING, Status.ATTEMPTING)[0].tries >= 1
        await until(lambda: kinds(receiver) == ["broke"])
        await until(lambda: rows(server, Status.DELIVERED))


async def test_what_was_sent_as_the_database_went_away_is_not_sent_again(server, machine):
    story = Story(server)
    async with http_receiver() as receiver:
        one = machine("one", f"http://{receiver.address}/hook")
        await ready(server, one)
        send = None

        async def taken_as_the_database_goes(message):
            server.stop()
            return await send(message)

        await until(lambda: one.alerting._senders._running)
        sender = one.alerting._senders._running[0]
        send, sender.channel.send = sender.channel.send, taken_as_the_database_goes
        story.goes("major", one)
        story.is_written()
        one.alerting.look()
        await until(lambda: one.alerting.is_aside)
        server.start()
        await until(lambda: not one.alerting.is_aside)
        assert {r.status for r in rows(server)} == {Status.DELIVERED}
        story.goes("ok", one)
        story.is_written()
        one.alerting.look()
        await until(lambda: "back" in kinds(receiver))
    assert kinds(receiver) == ["broke", "back"]


async def test_a_database_that_hangs_is_one_that_is_away(server, machine):
    story = Story(server)
    async with http_receiver() as receiver:
        one = machine("one", f"http://{receiver.address}/hook")
        await ready(server, one)
        server.signal_all(signal.SIGSTOP)
        try:
            story.goes("major", one)
            await until(lambda: kinds(receiver) == ["broke"])
        finally:
            server.signal_all(signal.SIGCONT)
        await until(lambda: not one.alerting.is_aside)
        await until(lambda: {r.message.key for r in rows(server, Status.DELIVERED)} == keys(receiver))
    assert kinds(receiver) == ["broke"]


async def test_a_database_that_takes_no_writing_is_one_that_is_away(server, machine):
    story = Story(server)
    async with http_receiver() as receiver:
        one = machine("one", f"http://{receiver.address}/hook")
        await ready(server, one)
        server.sql("ALTER SYSTEM SET default_transaction_read_only = on")
        server.sql("SELECT pg_reload_conf()")
        story.goes("major", one)
        await until(lambda: kinds(receiver) == ["broke"])
        story.goes("ok", one)
        await until(lambda: kinds(receiver) == ["broke", "back"])
        server.sql("ALTER SYSTEM RESET default_transaction_read_only")
        server.sql("SELECT pg_reload_conf()")
        await until(lambda: not one.alerting.is_aside)
        await until(lambda: {r.message.key for r in rows(server, Status.DELIVERED)} == keys(receiver))
    assert kinds(receiver) == ["broke", "back"]


async def test_a_blink_of_the_database_changes_nothing(server, machine, monkeypatch):
    monkeypatch.setattr(way, "PATIENCE_S", 600.0)
    story = Story(server)
    async with http_receiver() as receiver:
        one = machine("one", f"http://{receiver.address}/hook")
        await ready(server, one)
        server.stop()
        story.goes("partial", one)
        await until(lambda: any("nothing listens" in line for line in one.said))
        server.start()
        story.is_written()
        await until(lambda: kinds(receiver) == ["broke"])
        assert not any("all the same" in line for line in one.said)
