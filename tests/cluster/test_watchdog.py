"""Who watches stillup: processes that are missing, services that are not judged, signs of life that cease."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiohttp import web as http

from stillup.board import Board
from stillup.config import parse_config
from stillup.config.cluster import Expect
from stillup.daemon.cluster.publish import VERDICTS, Word, pack
from stillup.daemon.heartbeat import Heartbeat, Pulse
from stillup.daemon.roles.beat import (
    REPLICAS,
    STANDS_S,
    Beat,
    Beating,
    must_be_alone,
    present,
    table_of,
    unpack,
)
from stillup.daemon.roles.beat import pack as packed
from stillup.daemon.roles.watchdog import Watch, _Watchdog, message_of, unjudged
from stillup.daemon.roles.watchdog import after as owed_after
from stillup.errors import BadDataError, ConfigError, UsageError
from stillup.net import Net
from stillup.response.alerts.reasons import Kind
from stillup.testing import FakeClock
from tests.cluster.roles import here_of

T = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)


def beat(replica: str, role: str = "monitor", **says: str) -> Beat:
    return Beat(replica=replica, life=f"{replica}.0", role=role, version="1", since=T, says=says)


def after(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


# -- what is wrong -----------------------------------------------------------------------------------------------------


def test_a_role_is_missed_once_it_was_short_of_processes_for_a_while():
    watch = Watch(Expect(monitor=2), 30)
    one = [beat("m1")]
    assert watch.look(T, one, ()) == ()
    assert watch.look(after(29), one, ()) == ()
    assert watch.look(after(30), one, ()) == ("1 of 2 monitor processes are there",)
    assert watch.look(after(31), [*one, beat("m2")], ()) == ()


def test_a_restart_within_that_time_is_nothing():
    watch = Watch(Expect(web=1), 30)
    watch.look(T, [], ())
    watch.look(after(20), [beat("w1", "web")], ())
    assert watch.look(after(40), [], ()) == ()


def test_that_nothing_is_kept_is_told_without_the_database_and_not_for_a_moment():
    watch, stuck = Watch(Expect(), 30), [beat("m1", trouble="the database is away"), beat("m2")]
    assert watch.look(T, stuck, ()) == ()
    assert watch.look(after(30), stuck, ()) == ("nothing is kept: the database is away (says m1)",)
    assert watch.look(after(31), [beat("m1", trouble=""), beat("m2")], ()) == ()
    assert watch.look(after(32), stuck, ()) == ()


def test_services_that_nobody_judged_are_named_the_first_of_many():
    judged = {"claude": T, "chatgpt": after(-200)}
    assert unjudged(judged, ["claude", "chatgpt", "gemini"], T, 180) == ["chatgpt", "gemini"]
    assert unjudged({"claude": after(86_400)}, ["claude"], T, 180) == ["claude"], "a day that is yet to come"
    (said,) = Watch(Expect(), 30).look(T, [], [f"s{n}" for n in range(9)])
    assert said == "not judged lately: s0, s1, s2, s3, s4 and 4 more"


def test_the_word_to_channels_says_what_is_wrong_and_later_that_it_is_over():
    broke, back = message_of(["1 of 2 monitor processes are there"], T), message_of([], after(60))
    assert (broke.kind, back.kind) == (Kind.BROKE, Kind.BACK)
    assert broke.short == "1 of 2 monitor processes are there"
    assert "not a service" in broke.long.replace("not of a service", "not a service")


async def test_the_first_monitor_by_name_speaks_once_and_the_others_keep_silent():
    clock, said = FakeClock(T), {"m1": [], "m2": []}
    text = "[cluster.expect]\nhub = 1\n[watchdog]\nsilent_after_s = 10"
    first = here_of(text, clock=clock, say=said["m1"].append)
    second = here_of(text, clock=clock, say=said["m2"].append, bus=first.bus, replica="m2")
    for here in (first, second):
        await Beating(first.bus, clock, beat(here.replica), {}, here.say).beat()
    dogs = [_Watchdog(first), _Watchdog(second)]

    async def look():
        for name in ("chatgpt", "claude"):
            word = Word(at=clock.now(), service=name, seq=1, fence=1)
            await first.bus.table(VERDICTS).put(name, pack(word))
        for dog in dogs:
            await dog.look()

    await look()
    assert dogs[0].why_not() == ""
    await clock.advance(10)
    await look()
    await look()
    assert [dog.why_not() for dog in dogs] == ["0 of 1 hub processes are there"] * 2
    await Beating(first.bus, clock, beat("h1", "hub"), {}, first.say).beat()
    await look()
    assert said["m2"] == []
    assert [line.partition(":")[0] for line in said["m1"]] == [
        "this installation is in trouble",
        "this installation is whole again",
    ]


async def test_a_service_that_nobody_judges_is_trouble_but_not_in_the_first_minutes():
    clock = FakeClock(T)
    here = here_of(clock=clock)
    dog = _Watchdog(here)
    await dog.look()
    assert dog.why_not() == ""
    await clock.advance(200)
    await dog.look()
    assert dog.why_not() == "not judged lately: chatgpt, claude"


async def test_what_is_wrong_goes_to_the_channels_that_are_named_and_to_no_other(called):
    clock = FakeClock(T)
    text = (
        f'[[alerts.channels]]\nid = "ops"\nurl = "{called.url}/ops"\n'
        f'[[alerts.channels]]\nid = "all"\nurl = "{called.url}/all"\n'
        '[cluster.expect]\nhub = 1\n[watchdog]\nsilent_after_s = 10\ntell = ["ops"]'
    )
    dog = _Watchdog(here_of(text, clock=clock))
    await dog.look()
    await clock.advance(10)
    await dog.look()
    await dog.look()
    assert called.calls == ["/ops"]


async def test_a_word_that_was_not_taken_when_the_speaker_died_is_sent_by_the_next_one_once(called):
    clock, said = FakeClock(T), {"m1": [], "m2": [], "m3": []}
    text = (
        f'[[alerts.channels]]\nid = "ops"\nurl = "{called.url}/ops"\n'
        f'[[alerts.channels]]\nid = "all"\nurl = "{called.url}/all"\n'
        '[cluster.expect]\nhub = 1\n[watchdog]\nsilent_after_s = 10\ntell = ["ops", "all"]'
    )
    first = here_of(text, clock=clock, say=said["m1"].append)
    second, third = (here_of(text, clock=clock, say=said[m].append, bus=first.bus, replica=m) for m in ("m2", "m3"))
    alive = [(Beating(first.bus, clock, beat(h.replica), {}, h.say), _Watchdog(h)) for h in (first, second, third)]

    async def look(those):
        for beating, _ in those:
            await beating.beat()
        for _, dog in those:
            for name in ("chatgpt", "claude"):
                word = Word(at=clock.now(), service=name, seq=1, fence=1)
                await first.bus.table(VERDICTS).put(name, pack(word))
            await dog.look()

    called.answers["/ops"] = 503
    await look(alive)
    await clock.advance(10)
    await look(alive)
    assert called.calls == ["/ops", "/all"]
    called.answers.clear()
    await clock.advance(STANDS_S + 1)
    await look(alive[1:])
    await clock.advance(STANDS_S + 1)
    await look(alive[2:])
    assert called.calls == ["/ops", "/all", "/ops"]
    assert len({key for path, key in called.keys if path == "/ops"}) == 1
    await Beating(first.bus, clock, beat("h1", "hub"), {}, first.say).beat()
    await look(alive[2:])
    assert (len(said["m1"]), said["m2"]) == (2, [])  # that it is wrong, and that it was not taken
    assert [line.partition(":")[0] for line in said["m3"]] == ["this installation is whole again"]
    assert called.calls[3:] == ["/ops", "/all"]


async def test_a_speaker_that_begins_anew_does_not_say_again_what_it_has_said_nor_that_it_is_over():
    clock, said = FakeClock(T), []
    here = here_of("[cluster.expect]\nhub = 1\n[watchdog]\nsilent_after_s = 10", clock=clock, say=said.append)
    for _ in range(2):
        await Beating(here.bus, clock, beat(here.replica), {}, here.say).beat()
        dog = _Watchdog(here)
        await dog.look()
        await clock.advance(10)
        await dog.look()
    assert [line.partition(":")[0] for line in said] == ["this installation is in trouble"]


# -- who is there ------------------------------------------------------------------------------------------------------


async def test_who_says_nothing_any_more_is_gone_and_who_leaves_is_gone_at_once():
    here = here_of(clock=FakeClock(T))
    for name in ("b", "a"):
        await Beating(here.bus, here.clock, beat(name), {"owns": "p1"}, here.say).beat()
    assert [(b.replica, b.says) for b in await present(here.bus)] == [("a", {"owns": "p1"}), ("b", {"owns": "p1"})]
    await here.clock.advance(STANDS_S + 1)
    assert await present(here.bus) == []


async def test_a_name_that_somebody_lives_under_is_refused_and_one_that_was_left_behind_is_not():
    clock = FakeClock(T)
    here = here_of(clock=clock)
    living = Beating(here.bus, clock, beat("m1"), {}, here.say)
    await living.beat()

    class Ticking(FakeClock):
        """Whoever waits lets the other one speak, or time pass."""

        async def sleep(self, seconds):
            if is_alive:
                await living.beat()
            else:
                await clock.advance(STANDS_S + 1)

    is_alive = True
    with pytest.raises(UsageError, match="another process is called 'm1'"):
        await must_be_alone(here.bus, Ticking(T), "m1", is_given=True)
    is_alive = False
    await must_be_alone(here.bus, Ticking(T), "m1", is_given=True)
    await must_be_alone(here.bus, Ticking(T), "m2", is_given=True)


async def test_one_of_another_version_that_has_the_name_is_told_of_in_words():
    here = here_of(clock=FakeClock(T))
    table = table_of(here.bus)
    await table.put("m1", b"of 2031")

    class Ticking(FakeClock):
        async def sleep(self, seconds):
            await table.put("m1", b"of 2031")

    with pytest.raises(UsageError, match="of another version of stillup, is called 'm1'"):
        await must_be_alone(here.bus, Ticking(T), "m1", is_given=True)


async def test_two_that_meet_under_one_name_later_say_so_once_each():
    clock, said = FakeClock(T), []
    here = here_of(clock=clock)
    one, other = (
        Beating(here.bus, clock, msgspec.structs.replace(beat("m1"), life=life), {}, said.append)
        for life in ("m1.a", "m1.b")
    )
    for _ in range(3):
        await one.beat()
        await other.beat()
    assert len(said) == 2
    assert all("another process is called 'm1'" in line for line in said)


async def test_one_that_was_cut_off_for_a_while_does_not_take_itself_for_another():
    clock, said = FakeClock(T), []
    here = here_of(clock=clock)
    beating = Beating(here.bus, clock, beat("m1"), {}, said.append)
    await beating.beat()
    await clock.advance(STANDS_S + 1)
    await beating.beat()
    await beating.beat()
    assert said == []


@pytest.mark.parametrize("value", [b"", b"\x00", b"{}", b"\x81" * 40_000, packed(beat("x")) + b"x"])
def test_what_is_no_sign_of_a_process_is_refused(value):
    with pytest.raises(BadDataError):
        unpack(value)


async def test_one_that_cannot_be_read_hides_nobody():
    here = here_of(clock=FakeClock(T))
    await table_of(here.bus).put("odd", b"\x00")
    await Beating(here.bus, here.clock, beat("m1"), {}, here.say).beat()
    assert [b.replica for b in await present(here.bus)] == ["m1"]
    assert REPLICAS == "replicas"


# -- signs of life -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def called():
    """An address that is called, and the times it was."""
    calls, status, answers, keys = [], [200], {}, []

    async def answer(request):
        calls.append(request.path)
        keys.append((request.path, request.headers.get("webhook-id")))
        return http.Response(status=answers.get(request.path, status[0]))

    app = http.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = http.AppRunner(app)
    await runner.setup()
    site = http.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told = {"calls": calls, "status": status, "answers": answers, "keys": keys}
    calls_to = type("Called", (), told | {"url": f"http://127.0.0.1:{runner.addresses[0][1]}"})
    yield calls_to
    await runner.cleanup()


async def test_a_sign_of_life_is_given_while_all_is_well_and_not_while_it_is_not(called):
    clock, said, why = FakeClock(T), [], [""]
    config = parse_config(f'[watchdog]\nurl = "{called.url}/ping/0a1b"')
    heartbeat = Heartbeat(config, {}, clock, said.append, lambda: why[0])
    async with Net(clock) as net:
        assert await heartbeat.beat(net, f"{called.url}/ping/0a1b")
        why[0] = "claude is not judged"
        assert not await heartbeat.beat(net, f"{called.url}/ping/0a1b")
        assert not await heartbeat.beat(net, f"{called.url}/ping/0a1b")
        why[0] = ""
        assert await heartbeat.beat(net, f"{called.url}/ping/0a1b")
    assert called.calls == ["/ping/0a1b"] * 2
    assert said == ["no sign of life is given: claude is not judged", "signs of life are given again"]


async def test_a_call_that_is_not_taken_is_said_once_without_the_address_that_is_a_secret(called):
    clock, said = FakeClock(T), []
    called.status[0] = 500
    heartbeat = Heartbeat(parse_config(""), {}, clock, said.append, str)
    async with Net(clock) as net:
        for _ in range(3):
            assert not await heartbeat.beat(net, f"{called.url}/ping/secret-0a1b")
    assert len(said) == 1
    assert "secret-0a1b" not in said[0]


async def test_an_address_in_a_variable_must_be_there_and_be_one():
    config = parse_config('[watchdog]\nurl_env = "W"')
    for environ in ({}, {"W": "ftp://x"}):
        with pytest.raises(ConfigError, match="W"):
            await Heartbeat(config, environ, FakeClock(T), print, str).go_on()


async def test_without_an_address_nobody_is_called():
    await Heartbeat(parse_config(""), {}, FakeClock(T), print, str).go_on()


async def test_on_one_machine_all_is_well_while_minutes_are_judged():
    clock = FakeClock(T)
    pulse = Pulse(clock, 180)
    assert pulse.why_not() == "nothing was judged yet"
    pulse.show(Board(at=T, services={}))
    assert pulse.why_not() == ""
    await clock.advance(181)
    assert pulse.why_not() == "the last judged minute is 2026-04-07 14:00 UTC"


# -- a word that was not taken -----------------------------------------------------------------------------------------


def troubled(called, clock, said):
    text = (
        f'[[alerts.channels]]\nid = "ops"\nurl = "{called.url}/ops"\n'
        f'[[alerts.channels]]\nid = "all"\nurl = "{called.url}/all"\n'
        '[cluster.expect]\nhub = 1\n[watchdog]\nsilent_after_s = 10\ntell = ["ops", "all"]'
    )
    here = here_of(text, clock=clock, say=said.append)
    return here, _Watchdog(here)


async def test_a_word_that_a_channel_did_not_take_is_sent_again_until_it_is_and_never_after(called):
    clock, said = FakeClock(T), []
    _, dog = troubled(called, clock, said)
    called.status[0] = 503
    await dog.look()
    for _ in range(10):  # at 10, 30 and 60 of a hundred seconds
        await clock.advance(10)
        await dog.look()
    assert called.calls == ["/ops", "/all"] * 3
    assert len([line for line in said if "not taken by ops" in line]) == 1
    called.status[0] = 200
    for _ in range(90):
        await clock.advance(10)
        await dog.look()
    assert called.calls == ["/ops", "/all"] * 4


async def test_who_never_took_that_something_is_wrong_is_not_told_that_it_is_over(called):
    clock, said = FakeClock(T), []
    here, dog = troubled(called, clock, said)
    called.status[0] = 503
    await dog.look()
    await clock.advance(10)
    await dog.look()
    called.status[0] = 200
    await Beating(here.bus, clock, beat("h1", "hub"), {}, here.say).beat()
    await clock.advance(5)
    await dog.look()
    assert called.calls == ["/ops", "/all"]
    assert dog.why_not() == ""


def test_each_channel_is_owed_what_it_has_not_taken():
    broke, back = message_of(["x"], T), message_of([], after(60))
    owed = owed_after(broke, {}, ["a", "b"])
    assert {channel: each.message for channel, each in owed.items()} == {"a": broke, "b": broke}
    del owed["a"]  # it took it
    assert {channel: each.message for channel, each in owed_after(back, owed, ["a", "b"]).items()} == {"a": back}
