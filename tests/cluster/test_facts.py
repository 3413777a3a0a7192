"""Pages of a cluster know the gateways' chains, what passed through them and faults that are played, from the bus."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from stillup.daemon.roles import gateway as gateway_role
from stillup.daemon.roles.examine import Mark, gateways_say
from stillup.daemon.roles.facts import said_by_gateways
from stillup.gateway.controls import FAULT_PATH
from tests.cluster.gateways import CONFIG, ENVIRON
from tests.cluster.roles import BOUND_S, here_of
from tests.cluster.test_web import Page

NOBODY = "http://127.0.0.1:9"


class OneGateway:
    """The role on a bus of this process."""

    def __init__(self, page, data, life, change=("", "")):
        text = CONFIG.format(data=data, drain_s=0, more="journal = true", a=NOBODY, b=NOBODY).replace(*change)
        self.here = here_of(
            text, bus=page.bus, clock=page.clock, say=page.said.append, environ=ENVIRON, life=life, replica=life[:4]
        )

    async def __aenter__(self):
        self._life = asyncio.create_task(gateway_role.serve(self.here))
        return self

    async def __aexit__(self, *_):
        self.here.stop.tell()
        with suppress(asyncio.CancelledError):
            await self._life


async def heard(page, count):
    async with asyncio.timeout(BOUND_S):
        while len(found := await said_by_gateways(page.bus)) != count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
    return found


async def read(page, path):
    return await page.read(path, token=(page.data / "web.token").read_text().strip())


async def until_shown(page, path, word):
    async with asyncio.timeout(BOUND_S):
        while word not in (shown := (await read(page, path))[1]):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.1)
    return shown


async def test_the_page_shows_the_chains_of_gateways_and_which_differ_and_the_doctor_says_so(tmp_path):
    other = ('chain = ["a/claude-sonnet-4-5", "b/claude-sonnet-4-5"]', 'chain = ["b/claude-sonnet-4-5"]')
    async with Page(tmp_path / "page") as page:
        async with OneGateway(page, tmp_path / "1", "gw-1.a"), OneGateway(page, tmp_path / "2", "gw-2.b", other):
            found = await heard(page, 2)
            shown = await until_shown(page, "/risk", "gw-1: Everything through the gateway")
            assert "gw-2: Everything through the gateway" in shown
            assert "Gateways differ in their chains (gw-1; gw-2)" in shown
            assert not any(key in shown for key in ENVIRON.values())
            (finding,) = gateways_say(found)
            assert finding.mark is Mark.WORTH_A_WORD
            assert "gateways differ in their chains (gw-1; gw-2)" in f"{finding.name} {finding.says}"
        assert await heard(page, 0) == [], "who ends takes it back"


async def test_a_fault_that_a_gateway_plays_shows_at_the_page_within_seconds_and_goes_with_it(tmp_path):
    async with Page(tmp_path / "page") as page, OneGateway(page, tmp_path / "1", "gw-1.a") as one:
        await heard(page, 1)
        url = one.here.beats["gateway"] + FAULT_PATH
        body = {"upstream": "a", "mode": "hang", "for_s": 60}
        async with page.http.post(url, json=body) as answer:
            assert answer.status == 200, await answer.text()
        assert "At gw-1, a fails with hang" in await until_shown(page, "/drills", "fails with hang")
        (finding,) = gateways_say(await heard(page, 1))
        assert "plays a fault: a fails with hang" in finding.says
        async with page.http.delete(url) as answer:
            assert answer.status == 200
        async with asyncio.timeout(BOUND_S):
            while "fails with hang" in (await read(page, "/drills"))[1]:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.1)
