"""The page of a cluster: what the judges say is shown, and what nobody has judged lately is unknown."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from stillup.bus.local import LocalBus
from stillup.clock import SystemClock
from stillup.daemon.cluster.publish import BOARDS, VERDICTS, Shown, Word, pack, pack_board
from stillup.daemon.roles import web
from stillup.daemon.roles.boards import STANDS, Boards
from stillup.model.service import State
from tests.cluster.roles import BOUND_S, SERVICES, here_of, shown

T = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def said(service: str, state: State, at: datetime) -> Shown:
    return Shown(at=at, board=shown(service, state, at), resumed=True)


def word(service: str, at: datetime) -> Word:
    return Word(at=at, service=service, seq=1, fence=1)


@pytest.fixture
def boards():
    return Boards(SERVICES, T)


def test_before_anything_was_judged_there_is_no_board(boards):
    assert boards.due(T + MINUTE) is None


def test_what_one_judge_shows_stands_beside_services_that_nobody_spoke_of_yet(boards):
    boards.take(said("claude", State.MAJOR_OUTAGE, T))
    board, changes = boards.due(T)
    assert (board.seq, board.at, changes) == (1, T, [])
    assert board.services["claude"].state is State.MAJOR_OUTAGE
    assert board.services["chatgpt"].state is State.UNKNOWN
    assert boards.due(T) is None, "nothing is new"


def test_a_service_that_no_monitor_ever_spoke_of_is_said_to_have_none(boards):
    boards.take(said("claude", State.OPERATIONAL, T))
    assert "next full minute" in boards.due(T)[0].services["chatgpt"].because
    boards.take(said("claude", State.OPERATIONAL, T + 2 * STANDS))
    board, _ = boards.due(T + 2 * STANDS)
    assert "no monitor was heard since this page began at 14:00 UTC" in board.services["chatgpt"].because


def test_a_change_is_told_once(boards):
    boards.take(said("claude", State.OPERATIONAL, T))
    boards.due(T)
    boards.take(said("claude", State.MAJOR_OUTAGE, T + MINUTE))
    _, (change,) = boards.due(T + MINUTE)
    assert (change.service, change.state) == ("claude", State.MAJOR_OUTAGE)
    boards.take(said("claude", State.MAJOR_OUTAGE, T + 2 * MINUTE))
    assert boards.due(T + 2 * MINUTE)[1] == []


def test_an_older_minute_changes_nothing(boards):
    boards.take(said("claude", State.OPERATIONAL, T + MINUTE))
    boards.take(said("claude", State.MAJOR_OUTAGE, T))
    assert boards.due(T + MINUTE)[0].services["claude"].state is State.OPERATIONAL


def test_a_minute_far_to_come_is_no_judgement_and_silences_none_that_follow(boards):
    boards.take(said("claude", State.OPERATIONAL, T + timedelta(days=9)))
    assert boards.due(T)[0].services["claude"].state is State.UNKNOWN
    boards.judged_at(word("claude", T))
    boards.take(said("claude", State.MAJOR_OUTAGE, T))
    assert boards.due(T + MINUTE)[0].services["claude"].state is State.MAJOR_OUTAGE


def test_what_was_told_long_ago_and_is_heard_again_makes_no_judgement_old(boards):
    boards.take(said("claude", State.OPERATIONAL, T))
    boards.judged_at(word("claude", T + 99 * MINUTE))
    boards.take(said("claude", State.OPERATIONAL, T))
    assert boards.due(T + 99 * MINUTE)[0].services["claude"].state is State.OPERATIONAL


def test_a_service_whose_judge_is_gone_becomes_unknown_and_the_others_stand(boards):
    boards.take(said("claude", State.MAJOR_OUTAGE, T))
    boards.take(said("chatgpt", State.OPERATIONAL, T))
    boards.due(T)
    late = T + STANDS + MINUTE
    boards.judged_at(word("chatgpt", late))
    board, (change,) = boards.due(late)
    assert board.services["chatgpt"].state is State.OPERATIONAL
    assert board.services["claude"].state is State.UNKNOWN
    assert "Nobody has judged it since 2026-04-07 14:00 UTC" in board.services["claude"].because
    assert (change.service, change.state) == ("claude", State.UNKNOWN)


def test_a_service_that_was_never_watched_here_is_passed_over(boards):
    boards.take(said("gemini", State.MAJOR_OUTAGE, T))
    boards.judged_at(word("gemini", T))
    assert boards.due(T) is None


class Page:
    """The role on a bus of this process, served on loopback."""

    def __init__(self, data, drain_s=0, more="", cluster="", **given):
        self.clock = SystemClock()
        self.bus = LocalBus(self.clock)
        self.said = []
        self.data = data
        listen = f'data = "{data}"\n[web]\nlisten = "127.0.0.1:0"\n{more}\n[cluster]\ndrain_s = {drain_s}\n{cluster}'
        self.here = here_of(listen, bus=self.bus, clock=self.clock, say=self.said.append, **given)

    async def __aenter__(self):
        self._life = asyncio.create_task(web.serve(self.here))
        async with asyncio.timeout(BOUND_S):
            while "page" not in self.here.beats and not self._life.done():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        self.url = self.here.beats["page"]
        self.http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_):
        await self.http.close()
        self.here.stop.tell()
        with suppress(asyncio.CancelledError):
            await self._life

    async def read(self, path, *, token=""):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with self.http.get(self.url + path, headers=headers) as answer:
            return answer.status, await answer.text()

    async def show(self, service, state, headline):
        now = self.clock.now()
        value = pack_board(Shown(at=now, board=shown(service, state, now, headline)))
        await self.bus.table(BOARDS).put(service, value)
        await self.bus.table(VERDICTS).put(service, pack(word(service, now)))


async def test_a_browser_that_listens_hears_of_a_change_and_the_page_shows_it(tmp_path):
    async with Page(tmp_path) as page, asyncio.timeout(BOUND_S):
        assert (await page.read("/readyz"))[0] == 503
        await page.show("claude", State.OPERATIONAL, "Claude works")
        async with page.http.get(page.url + "/events") as events:
            while b"operational" not in await events.content.readline():
                pass
            await page.show("claude", State.MAJOR_OUTAGE, "Claude is out")
            while b'"state":"major_outage"' not in await events.content.readline():
                pass
        assert (await page.read("/readyz"))[0] == 200
        assert "Claude is out" in (await page.read("/api/v1/services/claude"))[1]


async def test_one_that_is_told_to_end_answers_on_keeps_no_connection_and_sends_whoever_looks_elsewhere(tmp_path):
    async with Page(tmp_path, drain_s=600) as page, asyncio.timeout(BOUND_S):
        await page.show("claude", State.OPERATIONAL, "Claude works")
        while (await page.read("/readyz"))[0] != 200:
            pass
        page.here.stop.tell()
        while (await page.read("/readyz")) != (503, "not ready: it is being ended\n"):
            pass
        for path in ("/", "/readyz", "/api/v1/services/claude"):
            async with page.http.get(page.url + path) as answer:
                assert answer.headers["connection"] == "close"
                assert answer.status == (503 if path == "/readyz" else 200)


async def test_a_page_that_begins_anew_on_a_bus_where_nothing_was_said_yet_shows_what_it_knew(tmp_path):
    async with Page(tmp_path) as page, asyncio.timeout(BOUND_S):
        await page.show("claude", State.MAJOR_OUTAGE, "Claude is out")
        while "Claude is out" not in (await page.read("/api/v1/services/claude"))[1]:
            pass
        kept = page.here.kept
    async with Page(tmp_path, kept=kept) as page, asyncio.timeout(BOUND_S):
        while (await page.read("/readyz"))[0] != 200:
            pass
        assert "Claude is out" in (await page.read("/api/v1/services/claude"))[1]
        await page.show("claude", State.OPERATIONAL, "Claude works")
        while "Claude works" not in (await page.read("/api/v1/services/claude"))[1]:
            pass


async def test_what_another_installation_said_is_not_shown_after_a_new_configuration(tmp_path):
    async with Page(tmp_path) as page, asyncio.timeout(BOUND_S):
        await page.show("claude", State.MAJOR_OUTAGE, "Claude is out")
        while "Claude is out" not in (await page.read("/api/v1/services/claude"))[1]:
            pass
        kept = page.here.kept
    async with Page(tmp_path, cluster='prefix = "another"', kept=kept) as page, asyncio.timeout(BOUND_S):
        await page.show("chatgpt", State.OPERATIONAL, "ChatGPT works")
        while (await page.read("/readyz"))[0] != 200:
            pass
        assert "Claude is out" not in (await page.read("/api/v1/services/claude"))[1]


async def test_what_is_said_under_names_that_nobody_watches_is_not_kept(tmp_path):
    async with Page(tmp_path) as page, asyncio.timeout(BOUND_S):
        for n in range(20):
            await page.bus.table(BOARDS).put(f"no-such-{n}", b"\x00" * 1000)
        await page.show("chatgpt", State.OPERATIONAL, "ChatGPT works")
        while "ChatGPT works" not in (await page.read("/api/v1/services/chatgpt"))[1]:
            pass
        assert {key for _, _, key in page.here.kept} == {"chatgpt"}


async def test_what_a_newer_version_says_is_passed_over_and_told(tmp_path):
    async with Page(tmp_path) as page, asyncio.timeout(BOUND_S):
        await page.bus.table(BOARDS).put("claude", b"\x00\x01")
        await page.show("chatgpt", State.OPERATIONAL, "ChatGPT works")
        while "ChatGPT works" not in (await page.read("/api/v1/services/chatgpt"))[1]:
            pass
        assert [line for line in page.said if "cannot be read by this version" in line]


async def test_a_page_without_its_database_says_so_and_shows_the_rest(tmp_path):
    async with Page(tmp_path) as page, asyncio.timeout(BOUND_S):
        await page.show("claude", State.OPERATIONAL, "Claude works")
        assert (await page.read("/"))[0] == 200
        status, text = await page.read("/incidents")
        assert status in (200, 503)
        assert "Traceback" not in text


async def test_a_page_of_a_cluster_has_what_that_of_one_process_has_and_says_what_it_lacks(tmp_path):
    more = 'gateway_url = "http://127.0.0.1:9/prefix"'
    async with Page(tmp_path, more=more) as page, asyncio.timeout(BOUND_S):
        token = (tmp_path / "web.token").read_text().strip()
        lacks = {
            "/risk": "What was seen from here is left out: the database is away",
            "/sla": "the database is away",
            "/sla/switch?service=claude": "the database is away",
            "/drills": "no outage has been practised yet",
            "/vault": f"There is no vault yet in {tmp_path}",
            "/chat": "No gateway answers at http://127.0.0.1:9/prefix",
        }
        for path, words in lacks.items():
            assert (await page.read(path))[0] == 401
            status, text = await page.read(path, token=token)
            assert (status, words in text) == (200, True), text
        front = (await page.read("/"))[1]
        assert all(f'href="{path}"' in front for path in ("/risk", "/sla", "/drills", "/vault", "/chat"))
