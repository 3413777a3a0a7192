"""The database is there and not as it was: another's, one of some time ago, or one that takes nothing more."""

from __future__ import annotations

from stillup.store.outbox import Status
from tests.channels.receivers import http_receiver
from tests.daemon.aside.world import Story, keys, kinds, ready, rows, until


async def test_a_database_that_comes_back_as_another_installations_is_one_that_is_away(server, machine):
    story = Story(server)
    async with http_receiver() as receiver:
        one = machine("one", f"http://{receiver.address}/hook")
        await ready(server, one)
        story.goes("ok", one)
        story.is_written()
        await until(lambda: server.sql("SELECT cursor FROM alerts") == [(1,)])
        kept = server.sql("SELECT * FROM alerts")
        assert server.sql("UPDATE installation SET name = 'theirs' RETURNING since")
        story.goes("major", one)
        story.is_written()  # theirs: a change that is none of ours
        await until(lambda: kinds(receiver) == ["broke"])
        assert any("belongs to the installation 'theirs'" in line for line in one.said)
        story.goes("ok", one)
        await until(lambda: kinds(receiver) == ["broke", "back"])
        assert (server.sql("SELECT * FROM alerts"), rows(server)) == (kept, [])
        server.sql("UPDATE installation SET name = 'ours'")
        await until(lambda: not one.alerting.is_aside)
        await until(lambda: {r.message.key for r in rows(server, Status.DELIVERED)} == keys(receiver))
    assert kinds(receiver) == ["broke", "back"]


async def test_a_database_that_comes_back_as_it_was_before_the_outage_has_nobody_told_twice(server, machine):
    story = Story(server)
    async with http_receiver() as receiver:
        one = machine("one", f"http://{receiver.address}/hook", rule='services = ["claude"]')
        await ready(server, one)
        story.goes("ok", one)
        story.is_written()
        await until(lambda: server.sql("SELECT cursor FROM alerts") == [(1,)])
        ((cursor, value),) = server.sql("SELECT cursor, value FROM alerts")
        story.goes("partial", one)
        story.is_written()
        one.alerting.look()
        await until(lambda: rows(server, Status.DELIVERED))
        await until(lambda: one.alerting._aside.document.state.threads)
        await one.end()
        server.sql("DELETE FROM outbox; DELETE FROM transitions WHERE seq > 1")
        server.sql("UPDATE alerts SET cursor = %s, value = %s", values=(cursor, value))
        two = machine("two", f"http://{receiver.address}/hook", rule='services = ["claude"]')
        story.show(two)
        await until(lambda: any("as it was some time ago" in line for line in two.said))
        story.goes("ok", two)
        story.is_written()
        two.alerting.look()
        await until(lambda: "back" in kinds(receiver))
        await until(lambda: rows(server, Status.DELIVERED))
    assert kinds(receiver) == ["broke", "back"]


async def test_a_database_whose_disk_is_full_is_one_that_is_away_though_it_can_be_read(server, machine):
    story = Story(server)
    async with http_receiver() as receiver:
        one = machine("one", f"http://{receiver.address}/hook")
        await ready(server, one)
        story.goes("ok", one)
        story.is_written()
        await until(lambda: server.sql("SELECT cursor FROM alerts") == [(1,)])
        says = "RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'"
        server.sql(f"CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {says}; END $$")
        server.sql("CREATE TRIGGER is_full BEFORE INSERT OR UPDATE ON alerts FOR EACH ROW EXECUTE FUNCTION is_full()")
        story.goes("major", one)  # no judge can write it
        await until(lambda: kinds(receiver) == ["broke"])
        assert any("its disk is full" in line for line in one.said)
        story.goes("ok", one)
        await until(lambda: kinds(receiver) == ["broke", "back"])
        server.sql("DROP FUNCTION is_full CASCADE")
        await until(lambda: not one.alerting.is_aside)
        story.is_written()
        one.alerting.look()
        await until(lambda: {r.message.key for r in rows(server, Status.DELIVERED)} == keys(receiver))
    assert kinds(receiver) == ["broke", "back"]
