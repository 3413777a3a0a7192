"""Law 7 and what must never be kept: the journal while it is written, a killed gateway's, and no secret anywhere."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager

import pytest

from stillup.gateway.journal.read import read_exchanges
from stillup.sim.provider.behaviour import Behaviour, Failure
from tests.gateway.app.conftest import (
    CLIENTS_KEY,
    KEYS,
    MESSAGES,
    SPEECHES,
    STREAMS,
    Client,
    asking,
    config_of,
)

OUR_TOKEN = "dummy-token-of-ann-0123456789"
SAID = "a-prompt-of-mine"


class At:
    """A gateway in another process."""

    def __init__(self, port):
        self.port = port


@asynccontextmanager
async def running(tmp_path, servers, more="", *arguments):
    """A real `stillup gateway` in a process of its own; its standard error goes to a file."""
    path, log = tmp_path / "stillup.toml", tmp_path / "stderr"
    urls = {s.name.lower(): s.url for s in servers}
    path.write_text(f'data = "{tmp_path / "data"}"\n{config_of(urls, more=more)}')
    environ = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")} | KEYS
    with log.open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stillup", "gateway", "--config", str(path), *arguments,
            env=environ | {"ANN": OUR_TOKEN}, stderr=err, stdout=err,
        )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            while b"listens on" not in log.read_bytes():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.02)
        port = int(log.read_text().split("listens on http://", 1)[1].split()[0].rpartition(":")[2])
        yield process, At(port)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def kept(folder):
    return list(read_exchanges(folder))


@pytest.mark.parametrize("speech", STREAMS, ids=repr)
async def test_every_piece_that_a_client_has_is_kept_already(speech, a, start, tmp_path):
    gateway = await start(a, journal=True)
    a.set(Behaviour(gap_s=0.002))
    async with asking(Client(gateway), speech) as line:
        got = b""
        for n in range(10):
            got += (await line.reply(until=f"A{n} ".encode())).body
            assert kept(tmp_path / "journal")[0].answer().startswith(got)


@pytest.mark.parametrize("speech", SPEECHES, ids=repr)
async def test_what_is_kept_is_what_was_asked_and_answered(speech, a, b, start, tmp_path):
    gateway = await start(a, b, journal=True)
    a.set(Behaviour(failure=Failure.STATUS, status=500))
    reply = await Client(gateway).ask(speech)
    (found,) = kept(tmp_path / "journal")
    assert (found.body(), found.answer()) == (speech.body(), reply.body)
    assert [(t.upstream, t.ok) for t in found.tries] == [
        (f"a-{speech.upstream}", False),
        (f"b-{speech.upstream}", True),
    ]
    assert found.outcome == "answered"


async def test_without_a_journal_nothing_is_kept(a, start, tmp_path):
    await Client(await start(a)).ask(MESSAGES)
    assert list(tmp_path.iterdir()) == []


async def test_a_gateway_killed_in_mid_stream_has_kept_every_byte_it_forwarded(a, tmp_path):
    a.set(Behaviour(failure=Failure.STALL, after=5))
    async with running(tmp_path, [a]) as (process, gateway), asking(Client(gateway), MESSAGES, SAID) as line:
        reply = await line.reply(until=b"A4 ")
        process.send_signal(signal.SIGKILL)
        await process.wait()
    (found,) = kept(tmp_path / "data" / "journal")
    assert found.answer().startswith(reply.body)
    assert found.body() == MESSAGES.body(SAID)
    assert found.outcome == "unfinished"


async def test_the_journal_can_be_switched_off(a, tmp_path):
    async with running(tmp_path, [a], "journal = false") as (_, gateway):
        assert MESSAGES.ended(await Client(gateway).ask(MESSAGES, SAID))
    assert not (tmp_path / "data" / "journal").exists()


async def test_what_other_users_ask_is_not_kept_by_default(a, tmp_path):
    users = '[[gateway.users]]\nid = "ann"\ntoken_env = "ANN"'
    async with running(tmp_path, [a], users) as (_, gateway):
        reply = await Client(gateway).ask(MESSAGES, SAID, [("x-stillup-token", OUR_TOKEN)])
    assert reply.status == 200
    assert not (tmp_path / "data" / "journal").exists()


async def test_no_key_is_in_any_file_metric_status_or_word_of_the_gateway(a, b, tmp_path):
    """Keys are sent in every place where one could stand, and an upstream repeats ours in its errors."""
    ours = KEYS["A_KEY"]
    a.set(Behaviour(failure=Failure.STATUS, status=401, headers={"x-debug": f"key {ours}"}))
    secrets = [CLIENTS_KEY, *KEYS.values(), "sk-ant-oat01-dummy-subscription", "dummy-cookie", "dummy-query-key"]
    secrets.append("dummy-basic")
    shown = b""
    log = tmp_path / "access.log"
    async with running(tmp_path, [a, b], "", "--log", str(log)) as (process, gateway):
        client = Client(gateway)
        for speech in SPEECHES:
            more = [("cookie", secrets[-3]), ("proxy-authorization", f"Basic {secrets[-1]}"), ("api-key", CLIENTS_KEY)]
            if speech.protocol == "messages":
                more.append(("authorization", f"Bearer {secrets[-4]}"))
            join = "&" if "?" in speech.path else "?"
            headers = [speech.key, *more]
            reply = await client.send("POST", f"{speech.path}{join}key={secrets[-2]}", headers, speech.body(SAID))
            assert reply.status == 200, reply
            shown += bytes(reply.body) + repr(reply.headers).encode()
        b.set(Behaviour(failure=Failure.STATUS, status=401))
        for speech in SPEECHES:
            reply = await client.ask(speech)
            shown += bytes(reply.body) + repr(reply.headers).encode()
        for path in ("/metrics", "/stillup/status", "/v1/nothing?key=dummy-query-key"):
            shown += bytes((await client.send("GET", path)).body)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    found = {(s, str(f.name)) for f in files for s in secrets if s.encode() in f.read_bytes()}
    assert found == set()
    assert [s for s in secrets if s.encode() in shown] == []
    assert {f.suffix for f in files} >= {".log", ".journal"}
    assert SAID.encode() not in log.read_bytes() + (tmp_path / "stderr").read_bytes()
