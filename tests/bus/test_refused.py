"""A NATS that answers and cannot serve: said in a sentence, at once, without a secret in it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nats as nats_client
import nkeys
import pytest
import trustme
from nats.js.api import StreamConfig

from stillup.bus.jetstream.faults import fault
from stillup.bus.limits import LogLimits
from stillup.bus.open import Where, open_bus
from stillup.clock import SystemClock
from stillup.errors import BusError, BusRefused
from stillup.secret import Secret
from tests.cluster.nats_server import NatsServer, program

pytestmark = pytest.mark.skipif(program() is None, reason="there is no nats-server here")
PASSWORD = "dummy-" + "hunter2" * 3


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., NatsServer]]:
    """Starts a server with a config of the test's own."""
    started: list[NatsServer] = []

    def start(config: str = "", **rest: object) -> NatsServer:
        started.append(NatsServer(tmp_path / f"nats{len(started)}", config=config, **rest).start())
        return started[-1]

    yield start
    for server in started:
        server.stop()


@asynccontextmanager
async def bus_at(*servers: str, limits: LogLimits | None = None, **rest: object) -> AsyncIterator:
    bus = await open_bus(Where(servers=servers, **rest), SystemClock(), limits=limits)
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def somebody_else(server: NatsServer) -> AsyncIterator:
    """Another program on the same server."""
    client = await nats_client.connect(server.url)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def test_nats_without_jetstream(serve):
    server = serve(jetstream=False)
    with pytest.raises(BusRefused, match="without JetStream, which stillup needs: start nats-server with -js"):
        async with bus_at(server.url):
            pass


@pytest.mark.parametrize(
    "given", [{}, {"user": "stillup", "password": Secret("wrong" + PASSWORD)}, {"token": Secret("wrong" + PASSWORD)}]
)
async def test_wrong_credentials(serve, given, caplog):
    caplog.set_level("DEBUG")
    server = serve(f'authorization {{ user: stillup, password: "{PASSWORD}" }}')
    with pytest.raises(BusRefused, match="refuses the credentials") as refused:
        async with bus_at(server.url, **given):
            pass
    assert PASSWORD not in f"{refused.value!r} {refused.value.__cause__!r} {caplog.text}"


async def test_right_credentials(serve):
    server = serve(f'authorization {{ user: stillup, password: "{PASSWORD}" }}')
    async with bus_at(server.url, user="stillup", password=Secret(PASSWORD)) as bus:
        assert await bus.log("a").append("one", b"x") == 1
    other = serve(f'authorization {{ token: "{PASSWORD}" }}')
    async with bus_at(other.url, token=Secret(PASSWORD)) as bus:
        assert await bus.log("a").append("one", b"x") == 1


async def test_a_user_may_do_only_what_stillup_needs(serve, reads):
    allowed = 'publish: ["stillup.>", "$KV.*.>", "$JS.API.>", "$JS.FC.>"], subscribe: ["stillup.>", "_INBOX.>"]'
    user = f'user: stillup, password: "{PASSWORD}", permissions: {{ {allowed} }}'
    server = serve(f"authorization {{ users: [ {{ {user} }} ] }}")
    async with bus_at(server.url, user="stillup", password=Secret(PASSWORD)) as bus:
        for n in range(50):
            await bus.log("a").append(f"i{n}", bytes(100_000))  # enough for the server to ask whether we keep up
        assert len(await reads(bus.log("a").read(0)).first(50)) == 50
        await bus.table("a", stands_s=5.0).put("k", b"x")
        assert (await reads(bus.table("a", stands_s=5.0).watch()).first(1))[0].value == b"x"
        await bus.table("a", stands_s=5.0).delete("k")
        await bus.shelf("a").put("k", bytes(600_000))
        assert len(await bus.shelf("a").get("k")) == 600_000
        ear = reads(bus.hear("a"))
        while not ear.seen:
            await bus.tell("a", b"x")
            await bus.now()


async def test_a_user_who_may_not_do_what_stillup_needs(serve):
    user = f'user: stillup, password: "{PASSWORD}", permissions: {{ publish: ["stillup.>"] }}'
    server = serve(f"authorization {{ users: [ {{ {user} }} ] }}")
    with pytest.raises(BusRefused, match="does not let this user do what stillup needs") as refused:
        async with bus_at(server.url, user="stillup", password=Secret(PASSWORD)):
            pass
    assert "$js.api.info" in str(refused.value)


async def test_a_credentials_file_of_decentralised_accounts(serve, tmp_path):
    operator, system, account, user, stranger = (
        nkeys.from_seed(nkeys.encode_seed(bytes([n]) * 32, prefix))
        for n, prefix in enumerate(
            [nkeys.PREFIX_BYTE_OPERATOR, *[nkeys.PREFIX_BYTE_ACCOUNT] * 2, *[nkeys.PREFIX_BYTE_USER] * 2]
        )
    )
    room = dict.fromkeys(("subs", "conn", "leaf", "data", "payload", "mem_storage", "disk_storage", "streams"), -1)
    room |= dict.fromkeys(("imports", "exports", "consumer"), -1) | {"wildcards": True}
    says = {
        "operator": signed(operator, operator, {"type": "operator", "system_account": public(system)}),
        "system": signed(operator, system, {"type": "account"}),
        "account": signed(operator, account, {"type": "account", "limits": room}),
    }
    server = serve(
        f"operator: {says['operator']}\nresolver: MEMORY\n"
        f"resolver_preload: {{ {public(system)}: {says['system']}, {public(account)}: {says['account']} }}"
    )
    anything = {"type": "user", "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1}
    for holder, key in (("ours", user), ("theirs", stranger)):
        word = signed(account if holder == "ours" else stranger, key, anything)
        (tmp_path / f"{holder}.creds").write_text(
            f"-----BEGIN NATS USER JWT-----\n{word}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{key.seed.decode()}\n------END USER NKEY SEED------\n"
        )
    async with bus_at(server.url, credentials=tmp_path / "ours.creds") as bus:
        assert await bus.log("a").append("one", b"x") == 1
    with pytest.raises(BusRefused, match="refuses the credentials"):
        async with bus_at(server.url, credentials=tmp_path / "theirs.creds"):
            pass


def public(pair: nkeys.KeyPair) -> str:
    return pair.public_key.decode()


def signed(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, says: dict[str, object]) -> str:
    """A claim as NATS reads it (JWT with ed25519-nkey)."""

    def part(value: object) -> str:
        raw = json.dumps(value).encode() if isinstance(value, dict) else value
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    claim = {"jti": "one", "iat": 1, "iss": public(issuer), "name": "trial", "sub": public(subject)}
    text = part({"typ": "JWT", "alg": "ed25519-nkey"}) + "." + part(claim | {"nats": says | {"version": 2}})
    return text + "." + part(issuer.sign(text.encode()))


async def test_a_password_in_the_address_is_never_shown(serve):
    server = serve(f'authorization {{ user: stillup, password: "{PASSWORD}" }}')
    address = server.url.replace("//", f"//stillup:wrong{PASSWORD}@")
    with pytest.raises(BusRefused) as refused:
        async with bus_at(address):
            pass
    assert PASSWORD not in str(refused.value)
    assert f"127.0.0.1:{server.port}" in str(refused.value)


@pytest.mark.parametrize("server", ["http://h", "nats://h:99999", "nats://[::1", "nats://", "h:4222", "h", ""])
async def test_an_address_that_is_none(server):
    with pytest.raises(BusRefused, match="must be like nats://host:4222"):
        async with bus_at(server):
            pass


async def test_a_credentials_file_that_is_not_there_or_is_none(serve, tmp_path):
    server = serve(f'authorization {{ user: stillup, password: "{PASSWORD}" }}')
    (tmp_path / "odd.creds").write_text("this is no credentials file\n")
    for name in ("odd.creds", "none.creds"):
        with pytest.raises(BusRefused, match=r"credentials"):
            async with bus_at(server.url, credentials=tmp_path / name):
                pass


async def test_a_stream_of_that_name_that_is_somebody_elses(serve):
    server = serve()
    async with somebody_else(server) as js:
        await js.add_stream(StreamConfig(name="stillup_log_signals_a", subjects=["theirs"]))
        await js.publish("theirs", b"their record")
        async with bus_at(server.url) as bus:
            with pytest.raises(BusRefused, match="belongs to something else: give this installation a prefix"):
                await bus.log("signals.a").append("one", b"x")
            with pytest.raises(BusRefused, match="belongs to something else"):
                await anext(bus.log("signals.a").read(0))
        assert (await js.stream_info("stillup_log_signals_a")).state.messages == 1


async def test_a_stream_of_somebody_else_that_takes_our_subjects(serve):
    server = serve()
    async with somebody_else(server) as js:
        await js.add_stream(StreamConfig(name="everything", subjects=["stillup.>"]))
        async with bus_at(server.url) as bus:
            with pytest.raises(BusRefused, match="a stream of somebody else already takes"):
                await bus.log("signals.a").append("one", b"x")


async def test_what_a_newer_stillup_made(serve):
    server = serve()
    async with somebody_else(server) as js:
        await js.add_stream(
            StreamConfig(name="stillup_log_signals_a", subjects=["stillup.log.signals.a"], metadata={"stillup": "99"})
        )
        async with bus_at(server.url) as bus:
            with pytest.raises(BusRefused, match="made by a newer stillup"):
                await bus.log("signals.a").append("one", b"x")


async def test_two_installations_on_one_server_know_nothing_of_each_other(serve, reads):
    server = serve()
    async with bus_at(server.url, prefix="one") as one, bus_at(server.url, prefix="one-two") as other:
        await one.log("signals.a").append("same", b"one")
        await one.table("verdicts").put("claude", b"one")
        await one.shelf("checkpoints").put("claude", b"one")
        ears = [reads(bus.hear("gateway.open")) for bus in (one, other)]
        while not ears[0].seen:
            await one.tell("gateway.open", b"one")
            await one.now()
        assert await other.log("signals.a").ends() == (1, 0)
        assert await other.table("verdicts").get("claude") is None
        assert await other.shelf("checkpoints").get("claude") is None
        assert await other.log("signals.a").append("same", b"other") == 1
        assert ears[1].seen == []


@pytest.mark.parametrize("prefix", ["", "Up", "a b", "a.b", "a_b", "-a", "a" * 33])
async def test_a_prefix_that_cannot_be_one(prefix):
    with pytest.raises(BusRefused, match="must be up to 32 small letters"):
        async with bus_at("nats://127.0.0.1:1", prefix=prefix):
            pass


async def trouble_at(port: int) -> str | None:
    async with bus_at(f"nats://127.0.0.1:{port}", wait_s=0.3) as bus:
        assert not bus.is_there
        return bus.trouble


INFO = 'INFO {"server_id":"x","version":"%s","headers":true,"max_payload":1048576,"jetstream":true}\r\n'


@pytest.mark.parametrize(
    ("greeting", "says"),
    [
        (INFO % "2.9.25", "NATS 2.9 is too old: stillup needs 2.11 or newer"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "NATS at"),
        ("INFO {not json\r\n", "NATS at"),
        ("INFO []\r\n", "NATS at"),
        ("INFO " + "x" * 200_000 + "\r\n", "NATS at"),
        ("\x00\xff" * 100, "NATS at"),
        ("-ERR 'go away'\r\n", "NATS at"),
        (INFO % "not a version", "NATS at"),
        ("", "NATS at"),
    ],
    ids=["old", "http", "no json", "a list", "long", "bytes", "error", "odd version", "nothing"],
)
async def test_something_that_is_no_nats_we_know(greeting, says):
    async def answer(reader, writer):
        writer.write(greeting.encode())
        with suppress(ConnectionError):
            while await reader.readline():
                writer.write(b"PONG\r\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        try:
            trouble = await trouble_at(port)
        except BusRefused as refused:
            trouble = str(refused)
        assert says in trouble


async def test_a_server_with_no_room_left_says_so_and_keeps_what_it_has(serve):
    server = serve(room="40MB")
    async with bus_at(server.url, limits=LogLimits(max_bytes=30 * 1024 * 1024)) as bus:
        await bus.log("a").append("one", b"x")
        with pytest.raises(BusError, match="no room left"):
            await bus.log("b").append("one", b"x")
        assert await bus.log("a").append("two", b"x") == 2


async def test_a_server_that_takes_only_small_messages(serve):
    server = serve("max_payload: 64KB")
    async with bus_at(server.url) as bus:
        assert await bus.log("a").append("small", b"x") == 1
        with pytest.raises(BusRefused, match="max_payload must be 1 MB"):
            await bus.log("a").append("large", bytes(100_000))


async def test_other_limits_are_taken_over_by_a_log_that_stands(serve):
    server = serve()
    async with bus_at(server.url) as bus:
        await bus.log("a").append("one", bytes(10_000))
    async with bus_at(server.url, limits=LogLimits(max_bytes=25_000)) as bus:
        for n in range(5):
            await bus.log("a").append(f"i{n}", bytes(10_000))
        assert (await bus.log("a").ends())[0] > 1


async def test_more_copies_than_there_are_servers(serve):
    server = serve()
    async with bus_at(server.url, replicas=3) as bus:
        with pytest.raises(BusError, match="too few servers up to keep 3 copies"):
            await bus.log("a").append("one", b"x")


async def test_over_tls_with_the_right_authority_only(serve, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    ours = authority.issue_cert("127.0.0.1")
    ours.private_key_pem.write_to_path(tmp_path / "key.pem")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    server = serve(f'tls {{ cert_file: "{tmp_path}/cert.pem", key_file: "{tmp_path}/key.pem" }}')
    address = server.url.replace("nats:", "tls:")
    async with bus_at(address, ca=tmp_path / "ca.pem") as bus:
        assert await bus.log("a").append("one", b"x") == 1
    for wrong in ("other.pem", "none.pem", "key.pem"):
        with pytest.raises(BusRefused, match=r"not vouched for|is not there|TLS files"):
            async with bus_at(address, ca=tmp_path / wrong) as bus:
                await bus.log("a").append("one", b"x")


@pytest.mark.parametrize("scheme", ["tls", "nats"])
async def test_nothing_is_sent_to_a_server_that_offers_no_tls_where_tls_was_asked_for(tmp_path, scheme):
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    heard: list[bytes] = []

    async def answer(reader, writer):
        writer.write((INFO % "2.15.1").encode().replace(b"}", b',"auth_required":true}'))
        heard.append(await reader.read(1000))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(BusRefused, match="offers no TLS, which was asked for; nothing was sent"):
            async with bus_at(address, ca=tmp_path / "ca.pem", user="u", password=Secret(PASSWORD)):
                pass
    assert heard == [b""]


async def test_a_stream_that_was_taken_away_is_made_anew(serve, reads):
    server = serve()
    async with bus_at(server.url) as bus, somebody_else(server) as js:
        watched = reads(bus.table("verdicts").watch())
        await bus.table("verdicts").put("a", b"1")
        await watched.first(1)
        await bus.log("a").append("one", b"x")
        for name in ("stillup_log_a", "KV_stillup_table_verdicts"):
            await js.delete_stream(name)
        with pytest.raises(BusError, match="does not answer"):
            await bus.log("a").append("two", b"x")
        assert await bus.log("a").append("two", b"x") == 1
        assert (await watched.until(lambda seen: seen[-1].value is None))[-1].key == "a"
        await bus.table("verdicts").put("b", b"1")
        assert (await watched.until(lambda seen: seen[-1].value == b"1"))[-1].key == "b"


async def test_a_damaged_thing_on_a_shelf_is_none(serve):
    server = serve()
    async with bus_at(server.url) as bus, somebody_else(server) as js:
        await bus.shelf("checkpoints").put("claude", bytes(600_000))
        await js.purge_stream("stillup_shelf_checkpoints", subject="stillup.shelf.checkpoints.claude.*.1")
        assert await bus.shelf("checkpoints").get("claude") is None
        await bus.shelf("checkpoints").put("claude", b"whole")
        await js.publish("stillup.shelf.checkpoints.claude.whole", b"\xff{")
        assert await bus.shelf("checkpoints").get("claude") is None
        await bus.shelf("checkpoints").put("claude", b"whole again")
        assert await bus.shelf("checkpoints").get("claude") == b"whole again"


async def test_a_shelf_keeps_no_more_than_two_of_a_thing(serve):
    server = serve()
    async with bus_at(server.url) as bus, somebody_else(server) as js:
        for n in range(6):
            await bus.shelf("checkpoints").put("claude", bytes([n]) * 1_100_000)
        assert (await js.stream_info("stillup_shelf_checkpoints")).state.messages == 2 * 3 + 1


async def test_a_record_somebody_else_put_into_a_log_is_read_as_it_is(serve, reads):
    server = serve()
    async with bus_at(server.url) as bus, somebody_else(server) as js:
        await bus.log("a").append("ours", b"x")
        await js.publish("stillup.log.a", b"theirs")
        await js.publish("stillup.log.a", b"odd", headers={"Nats-Msg-Id": "%ff%zz"})
        records = await reads(bus.log("a").read(0)).first(3)
        assert [r.body for r in records] == [b"x", b"theirs", b"odd"]


def test_every_error_of_nats_becomes_one_of_ours():
    import nats.errors
    import nats.js.errors

    kinds = [
        kind
        for module in (nats.errors, nats.js.errors)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    assert len(kinds) > 40
    bare = {"__init__": lambda self: None, "__str__": lambda self: "words", "description": None, "err_code": None}
    for kind in kinds:
        said = fault(type(kind.__name__, (kind,), bare)())
        assert isinstance(said, BusError)
        assert str(said)
