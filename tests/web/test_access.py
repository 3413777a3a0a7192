"""Who may come in, and whose address a request has."""

import pytest

from stillup.config.schema import Web
from stillup.secret import Secret
from stillup.web.access import NOBODY, Access, Reason, client_address

HERE = Web()
BEYOND = Web(listen="0.0.0.0:8780")
TOKEN = Secret("correct-horse-battery")


def scope(peer, *forwarded):
    headers = [(b"host", b"x"), *((b"x-forwarded-for", f.encode()) for f in forwarded)]
    return {"type": "http", "client": (peer, 4711) if peer else None, "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("203.0.113.9", [], (), "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], (), "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], ("10.0.0.0/8",), "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1"], ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1, 10.0.0.2"], ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], ("10.0.0.0/8",), "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], ("10.0.0.1",), "10.0.0.1"),
        ("10.0.0.1", [""], ("10.0.0.1",), "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:5500"], ("10.0.0.1",), "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::7]:5500"], ("10.0.0.1",), "2001:db8::7"),
        ("::1", ["2001:DB8:0::7"], ("::1/128",), "2001:db8::7"),
        ("::ffff:192.0.2.5", [], (), "192.0.2.5"),
        ("::ffff:10.0.0.1", ["::ffff:192.0.2.5"], ("10.0.0.0/8",), "192.0.2.5"),
        ("fe80::1%eth0", [], (), "fe80::1"),
        (None, ["198.51.100.1"], ("10.0.0.0/8",), NOBODY),
        ("testclient", [], (), NOBODY),
    ],
)
def test_the_sender_is_the_last_address_that_no_trusted_proxy_has(peer, forwarded, trusted, expected):
    assert client_address(scope(peer, *forwarded), trusted) == expected


def test_a_very_long_chain_of_proxies_is_read_from_its_end_only():
    chain = ", ".join(["6.6.6.6", *["10.0.0.1"] * 100_000])
    assert client_address(scope("10.0.0.1", chain), ("10.0.0.0/8",)) == "10.0.0.1"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"127.0.0.1:8780", Reason.OPEN),
        (b"localhost", Reason.OPEN),
        (b"LOCALHOST:8780", Reason.OPEN),
        (b"page.localhost:1", Reason.OPEN),
        (b"[::1]:8780", Reason.OPEN),
        (b"192.168.1.5:8780", Reason.OPEN),
        (b"status.example.org", Reason.OPEN),
        (b"status.example.org.:443", Reason.OPEN),
        (b"page.example.org:8443", Reason.OPEN),
        (b"evil.example", Reason.FOREIGN_HOST),
        (b"localhost.evil.example", Reason.FOREIGN_HOST),
        (b"127.0.0.1.evil.example", Reason.FOREIGN_HOST),
        (b"127.0.0.1@evil.example", Reason.FOREIGN_HOST),
        (b"[::1].evil.example", Reason.FOREIGN_HOST),
        (b"localhost:8780:1", Reason.FOREIGN_HOST),
        (b"local host", Reason.FOREIGN_HOST),
        (b"\xff\xfe", Reason.FOREIGN_HOST),
        (b"a" * 300, Reason.FOREIGN_HOST),
        (b"localhost,localhost", Reason.FOREIGN_HOST),
        (b"", Reason.NO_HOST),
    ],
)
def test_only_our_own_names_and_plain_addresses_are_answered_to(host, expected):
    access = Access(Web(hosts=("status.example.org",), base_url="https://page.example.org"), None)
    assert access.host(host) is expected


@pytest.mark.parametrize(
    ("origin", "site", "expected"),
    [
        (None, None, Reason.OPEN),
        (None, b"none", Reason.OPEN),
        (None, b"same-origin", Reason.OPEN),
        (None, b"same-site", Reason.FOREIGN_ORIGIN),
        (None, b"cross-site", Reason.FOREIGN_ORIGIN),
        (b"http://127.0.0.1:8780", b"same-origin", Reason.OPEN),
        (b"http://127.0.0.1:9999", b"same-site", Reason.FOREIGN_ORIGIN),
        (b"https://page.example.org", None, Reason.OPEN),
        (b"http://page.example.org", None, Reason.FOREIGN_ORIGIN),
        (b"https://evil.example", None, Reason.FOREIGN_ORIGIN),
        (b"null", None, Reason.FOREIGN_ORIGIN),
        (b"", None, Reason.FOREIGN_ORIGIN),
    ],
)
def test_what_changes_something_must_come_from_our_own_page_or_from_none(origin, site, expected):
    access = Access(Web(base_url="https://page.example.org"), None)
    assert access.origin(b"127.0.0.1:8780", origin, site) is expected


@pytest.mark.parametrize(
    ("settings", "first", "needed"),
    [
        (HERE, "", False),
        (HERE, "metrics", False),
        (HERE, "chatgpt", False),
        (HERE, "chat", True),
        (Web(public=True), "metrics", True),
        (BEYOND, "", True),
        (BEYOND, "claude", True),
        (BEYOND, "api", True),
        (BEYOND, "metrics", True),
        (BEYOND, "static", False),
        (BEYOND, "healthz", False),
        (Web(listen="0.0.0.0:8780", public=True), "claude", False),
        (Web(listen="0.0.0.0:8780", public=True), "metrics", True),
        (Web(listen="0.0.0.0:8780", public=True), "chat", True),
        (Web(listen="status.example.org:80"), "", True),
        (Web(listen="[::1]:8780"), "", False),
    ],
)
def test_beyond_this_machine_all_is_behind_the_token_and_the_chat_always(settings, first, needed):
    assert Access(settings, TOKEN).needs_token(first) is needed


def test_the_token_opens_as_a_bearer_and_as_a_cookie_that_does_not_say_it():
    access = Access(BEYOND, TOKEN)
    cookie = access.set_cookie()
    assert TOKEN.reveal().encode() not in cookie
    assert {b"HttpOnly", b"SameSite=Strict"} <= set(cookie.split(b"; "))
    assert b"Secure" not in cookie
    assert access.known(b"Bearer correct-horse-battery", None) is Reason.TOKEN
    assert access.known(None, b"a=b; " + cookie.partition(b";")[0] + b"; c=d") is Reason.TOKEN


@pytest.mark.parametrize(
    ("authorization", "cookie", "expected"),
    [
        (None, None, Reason.NO_TOKEN),
        (b"Basic Y29ycmVjdA==", None, Reason.NO_TOKEN),
        (b"Bearer wrong", None, Reason.WRONG_TOKEN),
        (b"Bearer ", None, Reason.WRONG_TOKEN),
        (b"Bearer \xff", None, Reason.WRONG_TOKEN),
        (None, b"stillup=correct-horse-battery", Reason.NO_TOKEN),
        (None, b";;;=;==", Reason.NO_TOKEN),
    ],
)
def test_anything_else_is_no_token(authorization, cookie, expected):
    assert Access(BEYOND, TOKEN).known(authorization, cookie) is expected


def test_a_token_for_the_metrics_opens_nothing_else():
    access = Access(BEYOND, TOKEN, Secret("only-for-who-counts"))
    counts = b"Bearer only-for-who-counts"
    assert access.known(counts, None, "metrics") is Reason.TOKEN
    assert {access.known(counts, None, first) for first in ("", "chat", "vault", "claude")} == {Reason.WRONG_TOKEN}
    assert not access.token(b"only-for-who-counts")
    assert access.known(b"Bearer correct-horse-battery", None, "metrics") is Reason.TOKEN
    assert Access(BEYOND, TOKEN).known(b"Bearer ", None, "metrics") is Reason.WRONG_TOKEN
    assert "only-for" not in repr(access)


@pytest.mark.parametrize("token", [None, Secret("")])
def test_without_a_token_nobody_gets_where_one_is_needed(token):
    access = Access(BEYOND, token)
    name = access.cookie_name.encode()
    assert access.known(b"Bearer ", name + b"=") is not Reason.TOKEN
    assert access.known(None, name + b"=") is Reason.NO_TOKEN
    assert not access.token(b"")


def test_a_cookie_is_for_https_only_where_people_come_by_https():
    assert Access(Web(base_url="https://page.example.org"), TOKEN).set_cookie().endswith(b"; Secure")


def test_nothing_of_the_token_is_shown():
    assert "correct" not in repr(Access(BEYOND, TOKEN))
