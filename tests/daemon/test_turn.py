"""Of several machines with one database one sends; when it is not heard of any more, another does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from stillup.board import Board
from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.alerts.alerting import Alerting
from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict
from stillup.store import open_store
from stillup.store.outbox import Status
from tests.channels.receivers import http_receiver
from tests.store.pgserver import PgServer


@pytest.fixture
def server() -> Iterator[PgServer]:
    server = PgServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def machine(server, tmp_path, monkeypatch):
    """Starts alerts on a machine of its own: a data folder of its own, the database of all."""
    monkeypatch.setattr("stillup.daemon.alerts.way.TICK_S", 0.2)
    running = []

    def start(name, address):
        text = f"""
            data = "{tmp_path / name}"
            store.url_env = "OURS"
            [[alerts.channels]]
            id = "hook"
            url = "{address}"
            [[alerts.rules]]
            id = "all"
            channels = ["hook"]
            """
        config = parse_config(text, {}, tmp_path / "stillup.toml")
        said = []
        alerting = Alerting(config, {"OURS": server.url("postgres")}, SystemClock(), said.append, grace_s=0.0)
        alerting.start()
        running.append(alerting)
        return alerting, said

    yield start
    for alerting in running:
        alerting.stop()


async def until(true):
    """Wait until it is so; what never is ends the test by its own limit."""
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


def change(word, minute):
    state = {"ok": State.OPERATIONAL, "partial": State.PARTIAL_OUTAGE}[word]
    at = datetime.now(UTC) - timedelta(minutes=3 - minute)
    return Verdict(at=at, service="claude", state=state, confidence=Confidence.CONFIRMED if state.is_fault else None)


async def test_each_alert_goes_out_once_from_whichever_machine_is_left(server, machine, monkeypatch):
    async with http_receiver() as receiver:
        address = f"http://{receiver.address}/hook"
        with open_store(server.url("postgres")) as store:
            first, _ = machine("one", address)
            await until(lambda: first._senders.is_sending)
            second, _ = machine("two", address)
            await until(lambda: store.outbox.state("main") is not None)
            store.commit_step([change("partial", 0)], [], {})
            for alerting in (first, second):
                alerting.show(Board(at=datetime.now(UTC), seq=1), [])
            await until(lambda: store.outbox.listed([Status.DELIVERED]))
            assert not second._senders.is_sending
            first.stop()
            await until(lambda: second._senders.is_sending)
            store.commit_step([change("ok", 2)], [], {})
            second.show(Board(at=datetime.now(UTC), seq=2), [])
            await until(lambda: len(receiver.got) == 2)
    assert [got["json"]["data"]["kind"] for got in receiver.got] == ["broke", "back"]


async def test_alerts_go_on_by_themselves_when_the_database_is_back(server, machine):
    async with http_receiver() as receiver:
        alerting, said = machine("one", f"http://{receiver.address}/hook")
        with open_store(server.url("postgres")) as store:
            await until(lambda: store.outbox.state("main") is not None)
            server.stop()
            await until(lambda: any("nothing listens at the database" in line for line in said))
            server.start()
            store.commit_step([change("partial", 0)], [], {})
            alerting.show(Board(at=datetime.now(UTC), seq=1), [])
            await until(lambda: receiver.got)
    assert [got["json"]["data"]["kind"] for got in receiver.got] == ["broke"]
