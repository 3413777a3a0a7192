"""Pages that are written to harm whoever reads them: links that are none, and feeds that would make a fault calm."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from stillup.catalog.load import SourceHint
from stillup.errors import Malformed
from stillup.model.service import State
from stillup.model.signal import Declared
from stillup.sources.pages.recognise import candidates, recognise
from stillup.sources.statuspage import SOURCE as STATUSPAGE

FEED = b"""<rss><channel><title>Example</title><item><guid>g1</guid><title>API</title>
<pubDate>Mon, 11 May 2020 21:01:19 GMT</pubDate><description>&lt;b&gt;Resolved&lt;/b&gt; - x</description></item>
</channel></rss>"""


def linking(href: bytes) -> bytes:
    return b'<html><head><link type="application/rss+xml" href="%s"></head></html>' % href


def feeds(href: bytes) -> list[str]:
    return [at for source, at in candidates("https://s.example/status", linking(href)) if source.is_feed]


@pytest.mark.parametrize("href", [b"/feed.xml", b"https://s.example/feed.xml", b"//s.example/feed.xml"])
def test_a_feed_that_the_page_links_on_its_own_host_is_tried(href):
    assert feeds(href) == ["https://s.example/feed.xml"]


@pytest.mark.parametrize(
    "href",
    [
        b"/feed\x1b]0;owned\x07.xml",
        b"/feed\x00.xml",
        b"/feed\x7f.xml",
        b"//[",
        b"http://[::1",
        b"http://s.example/feed.xml",
        b"https://s.example:8443/feed.xml",
        b"https://me@s.example/feed.xml",
        b"https://s.example@127.0.0.1/feed.xml",
        b"//127.0.0.1/feed.xml",
        b"//2130706433/feed.xml",
        b"//169.254.169.254/latest/meta-data/feed.xml",
        b"//[::ffff:127.0.0.1]/feed.xml",
        b"file:///etc/feed.xml",
        b"javascript:feed()",
        b"\\\\evil.example/feed.xml",
    ],
)
def test_a_link_elsewhere_or_with_what_no_address_has_is_passed_over(href):
    assert all(at.startswith("https://s.example/") and at.isprintable() for at in feeds(href))
    assert "evil.example" not in {at.split("/")[2] for at in feeds(href)}


async def test_a_base_of_the_page_leads_nowhere(site, now):
    html = b'<html><head><base href="https://elsewhere.example/">%s</head></html>' % linking(b"feed.xml")
    server, net = await site({"/": html, "/feed.xml": FEED})
    assert (await recognise(server.url(), net, now)).base == server.url("/feed.xml")


async def test_a_feed_in_place_of_a_page_never_says_that_all_is_well(site, context):
    """A feed names what is open; that it names nothing is no word on how anything is."""
    server, net = await site({"/": linking(b"/feed.xml"), "/feed.xml": FEED})
    ctx = context(base_url=server.url().rstrip("/"))
    ctx = replace(ctx, service=replace(ctx.service, sources={"statuspage": SourceHint(url="https://old.example")}))
    try:
        reading = await STATUSPAGE.read(ctx, net)
    except Malformed:
        return
    assert State.OPERATIONAL not in {s.state for s in reading.signals if isinstance(s, Declared)}
    assert "operational" not in reading.says
