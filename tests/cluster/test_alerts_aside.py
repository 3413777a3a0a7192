"""Real monitors, NATS and PostgreSQL: the database is killed, then the monitor that tells of the outage."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest

from stillup.bus.lease import claim_of
from stillup.bus.open import open_bus
from stillup.catalog.load import find_service
from stillup.clock import SystemClock
from stillup.daemon.cluster.partitions import partitions_of
from stillup.daemon.cluster.records import Heard, pack
from stillup.model.service import State
from stillup.model.signal import Alive, Declared
from stillup.registry import usable_sources
from stillup.store import open_store
from stillup.store.outbox import Status
from tests.channels.receivers import HANG, TAKE, http_receiver
from tests.cluster.roles import Process
from tests.daemon.aside.world import keys, kinds, until
from tests.store.pgserver import PgServer

(PARTITION,) = partitions_of([find_service("claude")])


@pytest.fixture
def server():
    server = PgServer()
    server.start()
    yield server
    server.remove()


def config(nats, tmp_path, name, address):
    off = "\n".join(f"[sources.{spec.id}]\nenabled = false" for spec in usable_sources())
    path = tmp_path / f"{name}.toml"
    path.write_text(
        f'data = "{tmp_path}/{name}"\nservices = ["claude"]\nstore.url_env = "OURS"\n{off}\n'
        f'[[alerts.channels]]\nid = "hook"\nurl = "{address}"\n[[alerts.rules]]\nid = "all"\nchannels = ["hook"]\n'
        f'[cluster]\nbus = ["{nats.servers[0]}"]\nprefix = "{nats.prefix}"\nname = "{name}"\n'
    )
    return path


async def holder(bus):
    entry = await bus.table("leases", stands_s=6.0).get("alerts")
    return claim_of(entry).holder if entry and entry.value else ""


async def test_an_outage_is_told_without_the_database_though_who_tells_it_is_killed_meanwhile(nats, tmp_path, server):
    bus = await open_bus(nats, SystemClock())
    environ = {"OURS": server.url("postgres")}
    running = []

    async def start(name, address):
        running.append(await Process.start("monitor", config=config(nats, tmp_path, name, address), environ=environ))
        return running[-1]

    async def say(id_, state):
        at = await bus.now()
        told = (
            Declared(at=at - timedelta(minutes=2), service="claude", source="statuspage", component="web", state=state),
            Alive(at=at - timedelta(minutes=2), service="claude", source="statuspage"),
        )
        await bus.log(PARTITION.log).append(id_, pack(Heard(signals=told, by="test")))

    def state():
        with open_store(server.url("postgres")) as store:
            return store.outbox.state("main")

    try:
        async with http_receiver(HANG, TAKE) as receiver:
            address = f"http://{receiver.address}/hook"
            one = await start("one", address)
            await until(state)
            two = await start("two", address)
            await two.until("monitor two")
            server.stop(signal.SIGQUIT)
            await say("broken", State.MAJOR_OUTAGE)
            await until(lambda: receiver.moods == [TAKE])  # it was handed over, and nobody says that it was taken
            assert (await holder(bus)).startswith("one.")
            one.tell(signal.SIGKILL)
            await until(lambda: kinds(receiver) == ["broke"])
            assert (await holder(bus)).startswith("two.")
            server.start()
            await two.until("has what was said meanwhile")
            with open_store(server.url("postgres")) as store:
                (row,) = store.outbox.listed()
            assert (row.status, row.tries) == (Status.DELIVERED, 2)
            assert keys(receiver) == {row.message.key}
            await until(lambda: _has_looked_at_changes(server))  # those that waited in the judge: decided on already
            two.tell(signal.SIGTERM)
            assert await two.code() == 0
            assert kinds(receiver) == ["broke"]
    finally:
        for process in running:
            await process.end()
        await bus.close()


def _has_looked_at_changes(server):
    with open_store(server.url("postgres")) as store:
        changes = list(store.transitions("claude"))
        with store.outbox.deciding("main") as deciding:
            return bool(changes) and not deciding.changes(1)
