"""A database that may be ended, and monitors' alerts before it, which wait for nothing long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stillup.bus.local import LocalBus
from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.alerts import way
from stillup.daemon.alerts.alerting import Alerting
from stillup.daemon.alerts.aside import Aside
from stillup.daemon.alerts.on_bus import OnBus
from tests.daemon.aside.world import Machine
from tests.store.pgserver import PgServer


@pytest.fixture(autouse=True)
def _hurried(monkeypatch):
    monkeypatch.setattr("stillup.daemon.alerts.way.TICK_S", 0.2)
    monkeypatch.setattr(way, "PATIENCE_S", 0.3)
    monkeypatch.setattr(way, "SOON_S", 0.1)
    monkeypatch.setattr(way, "_PROBE_S", 0.2)


@pytest.fixture
def server() -> Iterator[PgServer]:
    server = PgServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def machine(server, tmp_path):
    bus, running = LocalBus(SystemClock()), []

    def start(name, address, more="", rule=""):
        text = f"""
            data = "{tmp_path / name}"
            store.url_env = "OURS"
            [[alerts.channels]]
            id = "hook"
            url = "{address}"
            {more}
            [[alerts.rules]]
            id = "all"
            channels = ["hook"]
            {rule}
            """
        config = parse_config(text, {}, tmp_path / "stillup.toml")
        said = []
        environ = {"OURS": server.url("postgres")}
        alerting = Alerting(config, environ, SystemClock(), said.append, grace_s=0.0, installation="ours")
        place = OnBus(bus, SystemClock(), name, lambda: True)
        alerting.start(None, Aside(place, said.append))
        running.append(Machine(name, alerting, place, said))
        return running[-1]

    yield start
    for one in running:
        await one.end()
