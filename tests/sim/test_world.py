"""The world is really there: sites that answer, ports that close, connections that break, and nothing left behind."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import ssl
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from msgspec.structs import replace

from stillup.config import parse_config
from stillup.sim.load import load
from stillup.sim.world import World
from stillup.testing import FakeClock

APRIL = load("2026-04-07")


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A time on the day of the made-up scenario."""
    return datetime(2026, 1, 5, hour, minute, second, tzinfo=UTC)


def failing(mode: str, targets: tuple[str, ...] = ("edge", "inference"), whole: bool = False) -> str:
    """A fault that makes targets fail from 12:10 to 12:20, or all the time."""
    start, end = ("12:00", "14:00") if whole else ("12:10", "12:20")
    named = ", ".join(f'"{t}" = "{mode}"' for t in targets)
    return f"""
[[faults]]
id = "f"
from = 2026-01-05T{start}:00Z
to = 2026-01-05T{end}:00Z
layer = "edge"
targets = {{ {named} }}
"""


@pytest.fixture
async def client():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


SITES = [
    ("/statuspage/claude/api/v2/summary.json", 200, "application/json"),
    ("/statuspage/claude/api/v2/status.json", 200, "application/json"),
    ("/statuspage/claude/api/v2/components.json", 200, "application/json"),
    ("/statuspage/claude/api/v2/incidents.json", 200, "application/json"),
    ("/statuspage/chatgpt/api/v2/summary.json", 200, "application/json"),
    ("/statuspage/claude/history.atom", 200, "application/atom+xml"),
    ("/statuspage/nobody/api/v2/summary.json", 404, "text/html"),
    ("/statuspage/claude/api/v2/nothing.json", 404, "text/html"),
    ("/trends/trending/rss?geo=US", 200, "application/rss+xml"),
    ("/reddit/r/ClaudeAI+ClaudeCode/new/.rss", 200, "application/atom+xml"),
    ("/reddit/r/ClaudeAI/hot/.rss", 404, "text/html"),
    ("/reddit-oauth/r/ClaudeAI/new?limit=5", 200, "application/json"),
    ("/hn/api/v1/search_by_date?query=claude+down&tags=story", 200, "application/json"),
    ("/downdetector/v2/companies/search?slug=claude-ai", 200, "application/json"),
    ("/downdetector/v2/companies/999999", 404, "application/json"),
    ("/statusgator/api/v3/boards", 200, "application/json"),
    ("/statusgator/api/v3/boards/none/monitors", 404, "application/json"),
    ("/elsewhere", 404, "text/html"),
]


@pytest.mark.parametrize(("path", "status", "kind"), SITES)
async def test_every_site_answers_at_its_address(play, client, path, status, kind):
    world, _ = await play(APRIL, datetime(2026, 4, 7, 15, 0, tzinfo=UTC))

    async with client.get(world.base_url + path, headers={"Authorization": "Bearer x"}) as answer:
        assert (answer.status, answer.content_type) == (status, kind)
        assert await answer.read()


@pytest.mark.parametrize(
    "path", ["/reddit-oauth/r/ClaudeAI/new", "/downdetector/v2/companies/search", "/statusgator/api/v3/boards"]
)
async def test_a_site_that_wants_a_token_says_so_without_one(play, client, path):
    world, _ = await play(APRIL, APRIL.starts)

    async with client.get(world.base_url + path) as answer:
        assert answer.status == 401


async def test_the_status_page_honours_its_entity_tag_until_something_is_posted(play, client):
    world, clock = await play(APRIL, datetime(2026, 4, 7, 14, 40, tzinfo=UTC))
    url = f"{world.base_url}/statuspage/claude/api/v2/summary.json"
    async with client.get(url) as first:
        tag = {"If-None-Match": first.headers["ETag"]}

    clock.set(datetime(2026, 4, 7, 14, 50, tzinfo=UTC))
    async with client.get(url, headers=tag) as same:
        assert (same.status, await same.read()) == (304, b"")
    clock.set(datetime(2026, 4, 7, 14, 56, tzinfo=UTC))
    async with client.get(url, headers=tag) as changed:
        assert changed.status == 200


async def test_downdetector_shows_the_last_day_in_quarter_hours(play, client):
    world, _ = await play(APRIL, APRIL.ends)
    headers = {"Authorization": "Bearer x"}
    search = f"{world.base_url}/downdetector/v2/companies/search?slug=claude-ai"
    async with client.get(search, headers=headers) as found:
        (company,) = await found.json()

    async with client.get(f"{world.base_url}/downdetector/v2/companies/{company['id']}", headers=headers) as answer:
        day = await answer.json()

    assert len(day["stats_24"]) == len(day["baseline"]) == 96
    assert 340 <= sum(day["stats_24"]) <= 368
    assert sum(day["baseline"]) == pytest.approx(APRIL.usual.reports_per_day, rel=0.01)
    assert day["status"] == "success"


@pytest.mark.parametrize(("endpoint", "status"), [("edge", 200), ("sign_in", 500), ("console", 503), ("api_auth", 401)])
async def test_during_the_outage_sign_in_fails_and_the_api_asks_for_its_key(play, client, endpoint, status):
    world, clock = await play(APRIL, datetime(2026, 4, 7, 14, 40, tzinfo=UTC))

    async with client.get(world.url(endpoint)) as answer:
        assert answer.status == status
    clock.set(datetime(2026, 4, 7, 15, 12, tzinfo=UTC))
    async with client.get(world.url(endpoint)) as answer:
        assert answer.status == (401 if endpoint == "api_auth" else 200)


async def ask_model(client, world, **extra):
    body = {"model": "m", "max_tokens": 4, "messages": [], **extra}
    return client.post(f"{world.url('inference')}/v1/messages", json=body, headers={"x-api-key": "simulated-key"})


async def test_a_message_is_answered_whole_or_as_a_stream(play, client):
    world, _ = await play(APRIL, APRIL.starts)

    async with await ask_model(client, world) as whole:
        assert (await whole.json())["stop_reason"] == "end_turn"
    async with await ask_model(client, world, stream=True) as stream:
        assert stream.content_type == "text/event-stream"
        assert b"event: message_stop" in await stream.read()


@pytest.mark.parametrize(
    ("mode", "status", "kind"),
    [("server_error", 500, "api_error"), ("unavailable", 503, "api_error"), ("overloaded", 529, "overloaded_error")],
)
async def test_an_api_that_fails_says_so_in_the_providers_words(play, client, made_up, mode, status, kind):
    world, _ = await play(made_up(failing(mode)), at(12, 15))

    async with await ask_model(client, world) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["type"] == kind


@pytest.mark.parametrize("mode", ["html", "captive"])
async def test_a_page_of_html_may_stand_where_json_was_asked_for(play, client, made_up, mode):
    world, _ = await play(made_up(failing(mode)), at(12, 15))

    async with await ask_model(client, world) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")


async def test_a_stream_may_be_cut_in_the_middle(play, client, made_up):
    world, _ = await play(made_up(failing("stream_cut")), at(12, 15))

    async with await ask_model(client, world, stream=True) as answer:
        assert answer.status == 200
        assert b"content_block_delta" in await answer.content.readany()
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_a_stream_may_break_with_an_error_event(play, client, made_up):
    world, _ = await play(made_up(failing("stream_error")), at(12, 15))

    async with await ask_model(client, world, stream=True) as answer:
        body = await answer.read()
    assert b"event: error" in body
    assert b"overloaded_error" in body
    assert b"message_stop" not in body


@pytest.mark.parametrize(
    ("mode", "last"),
    [("ok", b"data: [DONE]"), ("stream_error", b'"server_is_overloaded"'), ("overloaded", b'"server_is_overloaded"')],
)
async def test_a_service_that_speaks_openais_protocol_answers_and_fails_in_it(play, client, made_up, mode, last):
    world, _ = await play(replace(made_up(failing(mode, ("inference",))), service="chatgpt"), at(12, 15))

    url = f"{world.url('inference')}/v1/chat/completions"
    headers = {"Authorization": "Bearer simulated-key"}
    async with client.post(url, json={"model": "m", "stream": True}, headers=headers) as answer:
        assert answer.status == (503 if mode == "overloaded" else 200)
        assert last in await answer.read()


@pytest.mark.parametrize(("body", "status"), [(b"{}", 400), (b"no json", 400), (b'{"model": "m"}', 200)])
async def test_an_api_refuses_what_is_no_request(play, client, body, status):
    world, _ = await play(APRIL, APRIL.starts)

    async with client.post(f"{world.url('inference')}/v1/messages", data=body, headers={"x-api-key": "k"}) as answer:
        assert answer.status == status


async def test_a_closed_port_refuses_and_opens_again_at_the_same_place(play, made_up):
    world, clock = await play(made_up(failing("refused")), at(12, 5))
    port = int(world.url("edge").rpartition(":")[2])
    await _connect(port)

    clock.set(at(12, 15))
    await world.sync()
    with pytest.raises(ConnectionRefusedError):
        await _connect(port)

    clock.set(at(12, 20))
    await world.sync()
    await _connect(port)


async def test_the_world_catches_up_with_its_clock_by_itself(play, made_up):
    world, clock = await play(made_up(failing("refused")), at(12, 5))
    port = int(world.url("edge").rpartition(":")[2])

    clock.set(at(12, 15))
    async with asyncio.timeout(5):
        while await _accepts(port):
            pass


async def _accepts(port: int) -> bool:
    try:
        await _connect(port)
    except ConnectionError:
        return False
    return True


async def _connect(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()


async def _exchange(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = int(world.url("edge").rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return reader, writer


async def _answer(world: World) -> bytes:
    reader, _ = await _exchange(world)
    return await reader.read()


async def test_a_reset_is_a_reset(play, made_up):
    world, _ = await play(made_up(failing("reset")), at(12, 15))

    with pytest.raises(ConnectionResetError):
        await _answer(world)


async def test_a_target_that_hangs_accepts_and_says_nothing_until_the_world_ends(made_up, tmp_path):
    async with World(made_up(failing("hang")), FakeClock(at(12, 15)), tmp_path) as world:
        reader, writer = await _exchange(world)
        reading = asyncio.create_task(reader.read(1))
        await asyncio.wait([reading], timeout=0.2)
        assert not reading.done()

    with pytest.raises(ConnectionResetError):
        await reading
    writer.close()


async def test_slow_headers_come_a_byte_at_a_time(play, made_up):
    world, _ = await play(made_up(failing("slow_headers")), at(12, 15))
    reader, writer = await _exchange(world)

    async with asyncio.timeout(5):
        assert await reader.read(100) == b"H"
        assert await reader.read(100) == b"T"
    writer.close()


async def test_a_connection_kept_alive_falls_silent_with_the_rest(play, made_up):
    world, clock = await play(made_up(failing("reset")), at(12, 5))
    reader, writer = await _exchange(world)
    assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"

    clock.set(at(12, 15))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        await reader.read()


async def test_plain_bytes_on_a_tls_port_fail_the_handshake(play, made_up):
    world, _ = await play(made_up(failing("tls", ("edge",), whole=True)), at(12, 15))
    assert world.url("edge").startswith("https://127.0.0.1:")

    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection("127.0.0.1", int(world.url("edge").rpartition(":")[2]), ssl=True)


async def test_a_name_that_does_not_resolve_is_one_that_never_can(play, made_up):
    world, _ = await play(made_up(failing("dns", ("edge",), whole=True)), at(12, 15))

    host = world.url("edge").removeprefix("http://")
    assert host.endswith(".invalid")
    with pytest.raises(socket.gaierror):
        await asyncio.get_running_loop().getaddrinfo(host, 80)


async def test_behind_a_captive_portal_every_address_shows_it(play, client):
    only_you = load("only-you")
    world, clock = await play(only_you, only_you.faults[0].from_)
    urls = [
        f"{world.base_url}/statuspage/claude/api/v2/summary.json",
        world.url("api_auth"),
        f"{world.url('controls0')}/generate_204",
    ]

    for url in urls:
        async with client.get(url) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
    clock.set(only_you.faults[0].to)
    async with client.get(urls[2]) as answer:
        assert answer.status == 204


async def test_transcripts_grow_as_time_passes_and_rows_are_never_rewritten(play, tmp_path):
    world, clock = await play(APRIL, datetime(2026, 4, 7, 14, 30, tzinfo=UTC))
    (file,) = (tmp_path / "transcripts").rglob("*.jsonl")
    before = file.read_bytes()
    assert b"isApiErrorMessage" not in before

    clock.set(datetime(2026, 4, 7, 15, 0, tzinfo=UTC))
    await world.sync()

    after = file.read_bytes()
    assert after.startswith(before)
    rows = [json.loads(line) for line in after.splitlines()]
    assert {r["apiErrorStatus"] for r in rows if r.get("isApiErrorMessage")} == {500}
    assert [r["timestamp"] for r in rows] == sorted(r["timestamp"] for r in rows)
    assert max(r["timestamp"] for r in rows) <= "2026-04-07T15:00:00.000Z"


async def test_a_clock_that_goes_back_adds_no_rows(play, tmp_path):
    world, clock = await play(APRIL, APRIL.ends)
    (file,) = (tmp_path / "transcripts").rglob("*.jsonl")
    before = file.read_bytes()

    clock.set(APRIL.starts)
    await world.sync()

    assert file.read_bytes() == before


async def test_a_body_larger_than_a_megabyte_is_refused(play, client):
    world, _ = await play(APRIL, APRIL.starts)

    async with client.post(world.url("inference"), data=io.BytesIO(b"x" * (1 << 21))) as answer:
        assert answer.status == 413


async def test_a_port_holds_so_many_connections_and_resets_the_rest(play, made_up):
    world, _ = await play(made_up(failing("hang")), at(12, 15))
    port = int(world.url("edge").rpartition(":")[2])
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(256)]

    with pytest.raises(ConnectionResetError):
        await _answer(world)
    for _, writer in silent:
        writer.close()


async def test_when_the_world_ends_its_ports_tasks_and_folder_are_gone():
    before = asyncio.all_tasks()
    async with World(APRIL, FakeClock(APRIL.starts)) as world:
        ports = [int(world.url(t).rpartition(":")[2]) for t in ("sources", "controls1", "edge", "inference")]
        folder = world.transcripts
        assert folder.is_dir()

    for port in ports:
        assert not await _accepts(port)
    assert asyncio.all_tasks() == before
    assert not folder.exists()


async def test_its_configuration_is_good_and_points_nowhere_else(play):
    world, _ = await play(APRIL, APRIL.starts)

    config = parse_config(world.config())

    assert config.services == ("claude",)
    for source in ("statuspage", "downdetector", "statusgator", "reddit", "hackernews", "google_trends"):
        setting = config.setting(source, "claude", world.environ())
        assert setting.base_url.startswith(f"{world.base_url}/")
        assert setting.interval_s == 60
    probe = config.setting("probe", "claude", {}).options
    assert all(url.startswith("http://127.0.0.1:") for url in probe["endpoints"].values())
    assert set(probe["endpoints"]) == {"edge", "sign_in", "console", "api_auth", "inference"}
    assert set(world.environ().values()) == {"simulated-key"}
    first, other = config.gateway.upstreams
    assert (first.base_url, first.service, first.component) == (world.url("requests"), "claude", "code")
    assert other.base_url == world.url("stand_in")


async def test_a_service_that_speaks_openais_protocol_has_a_stand_in_that_does_too(play, made_up):
    world, _ = await play(replace(made_up(), service="chatgpt"), at(12))

    first, other = parse_config(world.config()).gateway.upstreams
    assert (first.protocol, first.base_url, first.component) == ("openai", f"{world.url('requests')}/v1", "api")
    assert (other.protocol, other.base_url) == ("openai", f"{world.url('stand_in')}/v1")


async def test_a_service_that_no_program_asks_has_no_gateway(play, made_up):
    world, _ = await play(replace(made_up(), service="github"), at(12))

    assert parse_config(world.config()).gateway.upstreams == ()


async def test_modes_below_http_may_also_hit_the_sources_own_server(play, client, made_up):
    world, clock = await play(made_up(failing("reset", ("sources",))), at(12, 15))
    url = f"{world.base_url}/statuspage/claude/api/v2/status.json"

    with pytest.raises(aiohttp.ClientError):
        await client.get(url)
    clock.set(at(12, 20) + timedelta(seconds=1))
    async with client.get(url) as answer:
        assert answer.status == 200


async def test_the_sites_clocks_are_the_worlds(play, client):
    world, _ = await play(APRIL, datetime(2026, 4, 7, 14, 40, 9, tzinfo=UTC))

    async with client.get(f"{world.base_url}/statuspage/claude/api/v2/status.json") as answer:
        assert answer.headers.getall("Date") == ["Tue, 07 Apr 2026 14:40:09 GMT"]
