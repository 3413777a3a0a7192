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


def quiet_feed(kind, title):
    """A feed of a page on which nothing has ever happened."""
    if kind == "atom":
        return b'<feed xmlns="http://www.w3.org/2005/Atom"><title>%s</title></feed>' % title
    return b'<rss version="2.0"><channel><title>%s</title></channel></rss>' % title


@pytest.mark.parametrize("kind", ["atom", "rss"])
async def test_a_feed_without_an_entry_is_recognised_by_its_title_where_a_person_chose_it(kind, site, now):
    link = b'<link rel="alternate" type="application/%s+xml" href="/f.xml">' % kind.encode()
    server, net = await site({"/": HTML % (link, b""), "/f.xml": quiet_feed(kind, b"Example Status")})
    found = await recognise(server.url(), net, now, takes_quiet_feeds=True)
    assert (found.source.id, found.base) == (kind, server.url("/f.xml"))
    assert (found.page.rows, found.page.incidents, found.page.whole) == ((), (), None)


@pytest.mark.parametrize(("title", "chosen"), [(b"Example Status", False), (b"Our blog", True), (b"Statusquo", True)])
async def test_a_feed_without_an_entry_that_no_one_chose_or_that_is_a_blogs_is_none(title, chosen, site, now):
    server, net = await site({"/": quiet_feed("rss", title)})
    with pytest.raises(Malformed):
        await recognise(server.url(), net, now, takes_quiet_feeds=chosen)
