"""A redirect is followed only where it is safe to go; the proxy of the environment is used, and never for loopback."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from stillup.errors import NotConfigured, Refused, Unreachable
from stillup.net import Request
from stillup.net.names import is_loopback, is_public
from stillup.net.route import follow, is_closed
from stillup.secret import Secret
from stillup.testing import answers, http


async def test_a_redirect_is_followed_to_its_answer(serve, connect):
    async def script(head, writer):
        writer.write(http(302, Location="/there?x=1") if head.target == "/" else http(200, head.target.encode()))

    server = await serve(script)
    assert (await (await connect()).fetch(Request(url=server.url()))).body == b"/there?x=1"


async def test_a_loop_of_redirects_ends_after_five(serve, connect):
    server = await serve(answers(http(302, Location="/again")))
    with pytest.raises(Refused, match=r"127.0.0.1: redirects more than 5 times"):
        await (await connect()).fetch(Request(url=server.url()))
    assert len(server.heads) == 6


async def test_a_redirect_without_an_address_is_a_refusal(serve, connect):
    server = await serve(answers(http(302)))
    with pytest.raises(Refused, match="answered 302"):
        await (await connect()).fetch(Request(url=server.url()))


async def test_secrets_stay_with_the_first_origin(serve, connect):
    second = await serve(answers(http(200, b"ok")))
    first = await serve(answers(http(307, Location=second.url("/x"))))
    headers = (("X-Api-Key", Secret("hunter2")), ("Accept", "application/json"))
    await (await connect()).fetch(Request(url=first.url(), headers=headers))
    assert first.heads[0].headers["x-api-key"] == "hunter2"
    assert "x-api-key" not in second.heads[0].headers
    assert second.heads[0].headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("here", "location", "words"),
    [
        ("https://a.test/", "http://a.test/", "redirects from https to http"),
        ("http://a.test/", "ftp://a.test/", "no web address"),
        ("http://a.test/", "file:///etc/passwd", "no web address"),
        ("http://a.test/", "javascript:alert(1)", "no web address"),
        ("http://a.test/", "mailto:x@y", "no web address"),
        ("http://a.test/", "http://[::1", "no web address"),
        ("http://a.test/", "http://127.0.0.1/", "a private address"),
        ("http://a.test/", "http://127.1/", "a private address"),
        ("http://a.test/", "http://2130706433/", "a private address"),
        ("http://a.test/", "http://１２７.0.0.1/", "a private address"),
        ("http://a.test/", "http://LOCALHOST./", "a private address"),
        ("http://a.test/", "http://x.localhost/", "a private address"),
        ("http://a.test/", "//10.0.0.1/", "a private address"),
        ("http://a.test/", "http://169.254.169.254/latest/meta-data", "a private address"),
        ("http://a.test/", "http://[::1]/", "a private address"),
        ("http://a.test/", "http://[::ffff:10.0.0.1]/", "a private address"),
        ("http://a.test/", "http://[fe80::1%25eth0]/", "a private address"),
        ("http://a.test/", "http://0.0.0.0/", "a private address"),
        ("http://a.test/", "http://user:secret@192.168.1.1/", "a private address"),
    ],
)
def test_a_public_page_cannot_send_us_anywhere_unsafe(here, location, words):
    with pytest.raises(Refused, match=words) as error:
        follow(URL(here), location, 302, wary=True)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("here", "location", "there"),
    [
        ("http://a.test/x/y", "z?q=1#part", "http://a.test/x/z?q=1"),
        ("http://a.test/", "https://a.test/", "https://a.test/"),
        ("https://a.test/", "//b.test/", "https://b.test/"),
        ("http://a.test/", "http://1.1.1.1/", "http://1.1.1.1/"),
        ("http://a.test/", "http://user:pw@b.test/", "http://b.test/"),
    ],
)
def test_a_safe_redirect_is_followed(here, location, there):
    assert follow(URL(here), location, 302, wary=True) == URL(there)


@given(st.text(max_size=60))
def test_any_location_at_all_is_followed_to_a_safe_place_or_refused(location):
    try:
        there = follow(URL("https://a.test/x"), location, 302, wary=True)
    except Refused:
        return
    assert there.scheme == "https"
    assert not is_closed(there.raw_host)


@given(st.ip_addresses())
def test_an_address_is_public_or_closed_and_never_both(ip):
    assert is_public(str(ip)) != is_closed(str(ip))


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost", "localhost.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"]
)
def test_loopback_is_known_by_name(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.test", "10.0.0.1", "notlocalhost", "1.1.1.1", "0.0.0.0"])
def test_other_hosts_are_not_loopback(host):
    assert not is_loopback(host)


async def test_the_environments_proxy_is_asked_for_other_hosts_and_not_for_loopback(serve, connect, monkeypatch):
    proxy, direct = await serve(answers(http(200, b"by proxy"))), await serve(answers(http(200, b"direct")))
    monkeypatch.setenv("http_proxy", proxy.url().replace("http://", "http://me:pw@"))
    net = await connect()
    assert (await net.fetch(Request(url="http://status.test/page"))).body == b"by proxy"
    assert proxy.heads[0].target == "http://status.test/page"
    assert proxy.heads[0].headers["proxy-authorization"] == "Basic bWU6cHc="
    assert (await net.fetch(Request(url=direct.url()))).body == b"direct"


async def test_no_proxy_is_respected(serve, connect, monkeypatch, to_loopback):
    direct = await serve(answers(http(200, b"direct")))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "status.test")
    net = await connect(resolver=to_loopback)
    assert (await net.fetch(Request(url=direct.url(host="www.status.test")))).body == b"direct"


async def test_a_proxy_that_is_away_or_refuses_is_named(serve, connect, monkeypatch):
    forbidding = await serve(answers(http(407)))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", forbidding.url())
    net = await connect()
    with pytest.raises(Unreachable, match=r"status.test: proxy: refused"):
        await net.fetch(Request(url="http://status.test/"))
    with pytest.raises(Unreachable, match=r"status.test: proxy answered 407"):
        await net.fetch(Request(url="https://status.test/"))


async def test_a_proxy_we_cannot_speak_to_is_the_users_to_mend(connect, monkeypatch):
    monkeypatch.setenv("http_proxy", "socks5://me:hunter2@127.0.0.1:9")
    with pytest.raises(NotConfigured, match="the proxy of the environment must be") as error:
        await (await connect()).fetch(Request(url="http://status.test/"))
    assert "hunter2" not in str(error.value)


async def test_a_public_page_behind_a_proxy_cannot_send_us_to_loopback(serve, connect, monkeypatch):
    inside = await serve(answers(http(200, b"internal")))
    proxy = await serve(answers(http(302, Location=inside.url())))
    monkeypatch.setenv("http_proxy", proxy.url())
    with pytest.raises(Refused, match="redirects to a private address"):
        await (await connect()).fetch(Request(url="http://status.test/"))
    assert inside.heads == []


async def test_a_name_that_leads_to_a_private_address_is_met_when_it_is_looked_up(
    serve, connect, monkeypatch, to_loopback
):
    inside = await serve(answers(http(200, b"internal")))
    proxy = await serve(answers(http(302, Location=inside.url(host="intranet.test"))))
    monkeypatch.setenv("http_proxy", proxy.url())
    monkeypatch.setenv("no_proxy", "intranet.test")
    net = await connect(resolver=to_loopback)
    assert (await net.fetch(Request(url=inside.url(host="intranet.test")))).body == b"internal"  # the user's own wish
    with pytest.raises(Refused, match=r"intranet.test: redirects to a private address"):
        await net.fetch(Request(url="http://status.test/"))
    assert len(inside.heads) == 1


async def test_one_private_host_may_send_us_to_another(serve, connect, to_loopback):
    second = await serve(answers(http(200, b"ok")))
    first = await serve(answers(http(302, Location=second.url(host="b.test"))))
    answer = await (await connect(resolver=to_loopback)).fetch(Request(url=first.url(host="a.test")))
    assert answer.body == b"ok"
