"""Whose software makes a page: told by its answers; what its HTML names only says whom to try first."""

import pytest

from stillup.errors import Malformed, RateLimited, Unreachable
from stillup.net import Net
from stillup.sources.pages.recognise import candidates, recognise
from stillup.testing import FakeClock, answers, http, serving

HTML = b"<!DOCTYPE html><html><head>%s</head><body>%s</body></html>"


async def test_a_page_is_recognised_by_an_answer_in_a_platforms_format(site, answer, now):
    server, net = await site({"/": HTML % (b"", b""), "/api/v2/summary.json": answer("statuspage/quiet.json")})
    found = await recognise(server.url(), net, now)
    assert found.source.id == "statuspage"
    assert found.base == server.url().rstrip("/")
    assert {row.name for row in found.page.rows} >= {"claude.ai"}


async def test_a_page_without_any_html_is_recognised_too(site, answer, now):
    server, net = await site({"/api/v2/summary.json": answer("statuspage/quiet.json")})
    assert (await recognise(server.url(), net, now)).source.id == "statuspage"


async def test_a_name_in_the_html_alone_recognises_nothing(site, now):
    server, net = await site({"/": HTML % (b"", b"powered by statuspage.io and incident.io")})
    with pytest.raises(Malformed, match=r"no status page software that is known here answers at 127\.0\.0\.1"):
        await recognise(server.url(), net, now)
    assert len(server.heads) < 20


@pytest.mark.parametrize(("reply", "error"), [(http(429), RateLimited), (b"", Unreachable)])
async def test_a_page_that_asks_for_patience_or_is_away_is_not_tried_further(reply, error, now):
    async with serving(answers(reply)) as server, Net(FakeClock(), timeout_s=5.0) as net:
        with pytest.raises(error):
            await recognise(server.url(), net, now)
        assert len(server.heads) == 1


def test_the_platform_that_the_html_names_is_tried_first():
    first, base = next(candidates("https://s.example", HTML % (b"", b'<script src="//cdn.statuspage.io/a.js">')))
    assert (first.id, base) == ("statuspage", "https://s.example")


def test_no_platform_is_tried_twice_and_the_one_that_failed_is_left_out():
    tried = [(source.id, base) for source, base in candidates("https://s.example", b"", leave_out="statuspage")]
    assert len(tried) == len(set(tried))
    assert "statuspage" not in {source for source, _ in tried}
