"""The bus of deploy/: its three servers find each other by a password of their own, and nobody else joins them."""

import asyncio
import re
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import nats
import pytest
import yaml
from nats.errors import Error
from nats.js.api import StreamConfig

from stillup.testing import free_port
from tests.cluster.nats_server import program

pytestmark = pytest.mark.skipif(program() is None, reason="there is no nats-server here")
DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
NAMES = ("nats-1", "nats-2", "nats-3")
PASSWORDS = {"BUS_PASSWORD": "bus-dummy", "ROUTE_PASSWORD": "b0123456789abcdef"}
BOUND_S = 60.0


class Three:
    """The three of the compose file, each at ports of its own instead of a host of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.clients = {name: free_port() for name in NAMES}
        self.routes = {name: free_port() for name in NAMES}
        self._running = ExitStack()

    def environment(self, name, **passwords):
        """What compose gives it, with a host's port in the place of the host."""
        given = PASSWORDS | passwords
        values = {
            key: re.sub(r"\$\{(\w+):[^}]*\}", lambda m: given[m[1]], value)
            for key, value in SERVICES[name]["environment"].items()
        }
        for other, port in self.routes.items():
            values = {key: value.replace(f"{other}:6222", f"127.0.0.1:{port}") for key, value in values.items()}
        return values

    @contextmanager
    def server(self, name, text, client, route, environment):
        for was, port in (("4222", client), ("6222", route)):
            text = text.replace(f'listen: "0.0.0.0:{was}"', f'listen: "127.0.0.1:{port}"')
        text = text.replace('http: "127.0.0.1:8222"', f'http: "127.0.0.1:{free_port()}"')
        config = self.folder / f"{name}.conf"
        config.write_text(text.replace("/data", str(self.folder / name)))
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen([program(), "-c", config], env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(BOUND_S)

    def start(self, name, text):
        self._running.enter_context(
            self.server(name, text, self.clients[name], self.routes[name], self.environment(name))
        )

    def said(self, name):
        return (self.folder / f"{name}.log").read_text()

    async def client(self, name):
        url = f"nats://127.0.0.1:{self.clients[name]}"
        return await nats.connect(url, user="stillup", password=PASSWORDS["BUS_PASSWORD"], connect_timeout=BOUND_S)

    def close(self):
        self._running.close()


@pytest.fixture
def text():
    return (DEPLOY / "nats.conf").read_text("utf-8")


@pytest.fixture
def three(tmp_path, text):
    made = Three(tmp_path)
    try:
        for name in NAMES:
            made.start(name, text)
        yield made
    finally:
        made.close()


async def until(holds):
    async with asyncio.timeout(BOUND_S):
        while True:
            with suppress(Error, OSError):
                if found := await holds():
                    return found
            await asyncio.sleep(0.05)


async def copied(three):
    """A stream with a copy at each of them, which only servers that have joined can make."""

    async def made():
        client = await three.client("nats-1")
        try:
            stream = client.jetstream(timeout=5)
            await stream.add_stream(StreamConfig(name="S", subjects=["s.>"], num_replicas=3))
            return await stream.publish("s.a", b"secret")
        finally:
            await client.close()

    return await until(made)


async def test_ours_join_each_other_and_keep_three_copies(three):
    assert (await copied(three)).seq == 1


@contextmanager
def stranger(three, text, asks, says):
    """A server that nobody asks for a password; the port where it takes clients. ``None``: it asks or says nothing."""
    auth = "" if asks is None else f'authorization {{ user: server, password: "{asks}" }}'
    text = re.sub(r"  authorization \{ user: server.*\n", f"  {auth}\n", text)
    text = re.sub(r"\nauthorization \{ user: stillup.*\n", "\n", text)
    said = "" if says is None else f"server:{says}@"
    routes = ", ".join(f'"nats://{said}127.0.0.1:{port}"' for port in three.routes.values())
    text = re.sub(r"routes: \[.*\]", f"routes: [{routes}]", text)
    client, route = free_port(), free_port()
    with three.server("stranger", text, client, route, {"NAME": "stranger"}):
        yield client


async def at(port):
    return await until(lambda: nats.connect(f"nats://127.0.0.1:{port}", connect_timeout=BOUND_S))


@pytest.mark.parametrize(
    ("asks", "says"),
    [(None, None), ("guessed", "guessed"), ("", ""), (PASSWORDS["ROUTE_PASSWORD"], None)],
    ids=["none", "guessed", "empty", "asked for but not said"],
)
async def test_a_stranger_that_comes_to_their_port_does_not_join_and_hears_nothing(three, text, asks, says):
    await copied(three)
    with stranger(three, text, asks, says) as port:

        async def refused():
            return all("Authentication Failure" in three.said(name) for name in NAMES)

        await until(refused)
        theirs, ours = await at(port), await three.client("nats-2")
        heard, kept = await theirs.subscribe("s.>"), await ours.subscribe("s.>")
        await theirs.publish("s.forged", b"x")
        await theirs.flush()
        await ours.jetstream().publish("s.b", b"secret")
        assert (await kept.next_msg(timeout=BOUND_S)).subject == "s.b"
        await theirs.flush()
        assert [(await heard.next_msg()).subject for _ in range(heard.pending_msgs)] == ["s.forged"]
        await theirs.close()
        await ours.close()


async def test_who_has_the_password_joins_and_hears_all(three, text):
    """So what keeps the others out is the password."""
    await copied(three)
    with stranger(three, text, PASSWORDS["ROUTE_PASSWORD"], PASSWORDS["ROUTE_PASSWORD"]) as port:
        theirs, ours = await at(port), await three.client("nats-2")
        heard = await theirs.subscribe("s.>")

        async def comes():
            await ours.publish("s.c", b"secret")
            await ours.flush()
            return heard.pending_msgs

        assert await until(comes)
        await theirs.close()
        await ours.close()


async def test_a_bus_that_had_no_such_password_is_given_one_server_by_server(tmp_path, text):
    """As who updates deploy/ does it: those with and those without work together meanwhile."""
    older = re.sub(r"  authorization \{ user: server.*\n", "", text)
    three = Three(tmp_path)
    try:
        with ExitStack() as before:
            stacks = {name: ExitStack() for name in NAMES}
            for name, stack in stacks.items():
                before.enter_context(stack)
                environment = {
                    k: v.replace("server:b0123456789abcdef@", "") for k, v in three.environment(name).items()
                }
                stack.enter_context(three.server(name, older, three.clients[name], three.routes[name], environment))
            await copied(three)
            for n, name in enumerate(NAMES):
                stacks[name].close()
                three.start(name, text)

                async def taken():
                    client = await three.client(NAMES[0])
                    try:
                        stream = client.jetstream(timeout=5)
                        info = await stream.stream_info("S")
                        if not (info.cluster and all(replica.current for replica in info.cluster.replicas or ())):
                            return None
                        return await stream.publish("s.a", b"secret")
                    finally:
                        await client.close()

                assert (await until(taken)).seq == n + 2
    finally:
        three.close()
