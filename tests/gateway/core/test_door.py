"""Who may come in: names of this machine, no web page, a token beyond loopback."""

import pytest

from stillup.gateway.core.door import SAYS, Door, Entry, Reason, User
from stillup.gateway.core.values import Headers
from stillup.secret import Secret

ANN = User("ann", Secret("dummy-ann"))
BOB = User("bob", Secret("dummy-bób"))
LOCAL = Door(is_loopback=True)
SHARED = Door(is_loopback=False, users=[ANN, BOB])
HOST = (b"Host", b"localhost:8790")


def entry(door: Door, *more: tuple[bytes, bytes], query: str = "") -> Entry:
    return door.admit((HOST, *more), query)


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"LocalHost:8790",
        b"localhost:8790 ",
        b"127.0.0.1",
        b"127.0.0.1:8790",
        b"127.8.9.1:80",
        b"[::1]",
        b"[::1]:8790",
        b"stillup.localhost:8790",
    ],
)
def test_every_name_of_loopback_is_let_in(host):
    assert LOCAL.admit(((b"host", host),)) == Entry(Reason.LOCAL)


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"evil.example:8790",
        b"localhost.evil.example",
        b"evil-localhost",
        b"127.0.0.1.evil.example",
        b"127.0.0.1@evil.example",
        b"evil.example@localhost",
        b"localhost:8790@evil.example",
        b"localhost:port",
        b"localhost/evil",
        b"0.0.0.0:8790",
        b"192.168.1.2",
        b"[::]",
        b"[fe80::1]",
        b"[::1]evil.example",
        b"[::1",
        b"::1",
        b"127.1",
        b"2130706433",
        b"\xe2\x80\x8blocalhost",
        b"\xff",
    ],
)
def test_a_name_that_a_strangers_dns_could_point_here_is_refused(host):
    assert LOCAL.admit(((b"Host", host),)).reason is Reason.FOREIGN_HOST


def test_a_name_that_the_configuration_gives_is_let_in():
    door = Door(is_loopback=True, hosts=["Host.Docker.Internal"])

    assert door.admit(((b"Host", b"host.docker.internal:8790"),)).is_open


@pytest.mark.parametrize("headers", [(), ((b"Host", b""),), ((b"Host", b" "),), (HOST, HOST), (HOST, (b"HOST", b"x"))])
def test_no_host_and_two_hosts_are_refused(headers: Headers):
    assert LOCAL.admit(headers).reason is Reason.NO_HOST


@pytest.mark.parametrize(
    "origin",
    [
        b"https://evil.example",
        b"http://localhost:3000",
        b"http://localhost:8790.evil.example",
        b"http://evil.example@localhost:8790",
        b"null",
        b"",
        b"http://[",
        b"vscode-webview.evil.example",
        b"file://",
        b"\xff\xfe",
    ],
)
def test_a_web_page_of_another_site_is_refused(origin):
    assert entry(LOCAL, (b"Origin", origin)).reason is Reason.FOREIGN_ORIGIN


def test_one_foreign_origin_among_several_is_enough():
    ours = (b"Origin", b"http://localhost:8790")

    assert entry(LOCAL, ours, (b"origin", b"https://evil.example")).reason is Reason.FOREIGN_ORIGIN


@pytest.mark.parametrize("origin", [b"http://localhost:8790", b"HTTP://LOCALHOST:8790", b"vscode-webview://abc"])
def test_our_own_page_and_an_editor_on_this_machine_are_let_in(origin):
    assert entry(LOCAL, (b"Origin", origin)).is_open


@pytest.mark.parametrize(
    ("site", "is_open"), [(b"cross-site", False), (b"Cross-Site ", False), (b"same-origin", True), (b"none", True)]
)
def test_what_the_browser_says_of_the_caller_counts_without_an_origin_too(site, is_open):
    assert entry(LOCAL, (b"Sec-Fetch-Site", site)).is_open is is_open


def test_beyond_loopback_nobody_comes_in_without_users():
    """Fails closed: that the configuration asks for users is one lock, this is the other."""
    assert entry(Door(is_loopback=False)).reason is Reason.NO_TOKEN
    assert entry(Door(is_loopback=False), (b"x-api-key", b"any")).reason is Reason.WRONG_TOKEN


def test_an_empty_token_opens_nothing():
    door = Door(is_loopback=False, users=[User("nobody", Secret(""))])

    assert entry(door, (b"x-stillup-token", b"")).reason is Reason.NO_TOKEN
    assert entry(door, (b"x-api-key", b"")).reason is Reason.NO_TOKEN


def test_beyond_loopback_the_host_is_anybodys_but_a_foreign_page_is_refused_all_the_same():
    token = (b"x-stillup-token", b"dummy-ann")

    assert SHARED.admit(((b"Host", b"gateway.example"), token)).user == "ann"
    headers = ((b"Host", b"gateway.example"), token, (b"Origin", b"https://evil.example"))
    assert SHARED.admit(headers).reason is Reason.FOREIGN_ORIGIN


@pytest.mark.parametrize(
    ("header", "is_key"),
    [
        ((b"x-stillup-token", b"dummy-ann"), False),
        ((b"X-Stillup-Token", b" dummy-ann "), False),
        ((b"x-api-key", b"dummy-ann"), True),
        ((b"X-Goog-Api-Key", b"dummy-ann\t"), True),
        ((b"api-key", b"dummy-ann"), True),
        ((b"Authorization", b"Bearer dummy-ann"), True),
        ((b"authorization", b"bearer  dummy-ann"), True),
    ],
)
def test_a_token_is_taken_where_the_official_clients_can_put_it(header, is_key):
    assert entry(SHARED, header) == Entry(Reason.TOKEN, "ann", is_key)


def test_a_token_may_be_the_key_of_the_query():
    assert entry(SHARED, query="alt=sse&key=dummy%2Dann") == Entry(Reason.TOKEN, "ann", key_is_token=True)


def test_a_key_whose_name_is_written_in_another_way_is_none():
    """Whoever takes the token out of the query again looks for ``key=``: what is hidden from that must not count."""
    assert entry(SHARED, query="%6bey=dummy-ann").reason is Reason.NO_TOKEN


def test_a_token_that_is_no_ascii_is_compared_as_utf_8():
    assert entry(SHARED, (b"x-api-key", "dummy-bób".encode())).user == "bob"
    assert entry(SHARED, (b"x-api-key", "dummy-bób".encode("latin-1"))).reason is Reason.WRONG_TOKEN


def test_a_key_beside_our_token_is_the_clients_own_and_may_be_passed_on():
    seen = entry(SHARED, (b"x-stillup-token", b"dummy-ann"), (b"x-api-key", b"dummy-own-key"))

    assert seen == Entry(Reason.TOKEN, "ann", key_is_token=False)


@pytest.mark.parametrize("key", [b"dummy-ann", "dummy-bób".encode()])
def test_a_token_sent_in_both_places_is_never_passed_on_as_a_key(key):
    seen = entry(SHARED, (b"x-stillup-token", b"dummy-ann"), (b"x-api-key", key))

    assert seen == Entry(Reason.TOKEN, "ann", key_is_token=True)


@pytest.mark.parametrize(
    "headers",
    [
        ((b"x-stillup-token", b"dummy-eve"),),
        ((b"x-stillup-token", b"dummy-eve"), (b"x-api-key", b"dummy-ann")),
        ((b"x-stillup-token", b"dummy-ann"), (b"x-stillup-token", b"dummy-ann")),
        ((b"x-api-key", b"dummy-an"),),
        ((b"authorization", b"Basic dummy-ann"),),
    ],
)
def test_a_wrong_or_doubled_token_is_refused(headers):
    assert entry(SHARED, *headers).reason is Reason.WRONG_TOKEN


def test_users_of_a_gateway_on_loopback_need_their_tokens_too():
    door = Door(is_loopback=True, users=[ANN])

    assert entry(door).reason is Reason.NO_TOKEN
    assert entry(door, (b"x-api-key", b"dummy-ann")).user == "ann"


def test_every_refusal_has_its_sentence_and_no_token_is_in_any_repr():
    assert set(SAYS) == set(Reason) - {Reason.LOCAL, Reason.TOKEN}
    assert "dummy" not in f"{SHARED!r} {ANN!r} {entry(SHARED, (b'x-api-key', b'dummy-ann'))!r}"


def test_an_editors_webview_is_let_in_though_the_browser_in_it_says_cross_site():
    door = Door(is_loopback=True)
    lines = ((b"host", b"localhost:8790"), (b"origin", b"vscode-webview://abc"), (b"sec-fetch-site", b"cross-site"))
    assert door.admit(lines).is_open


def test_other_names_of_this_machine_can_be_configured():
    door = Door(is_loopback=True, hosts=["host.docker.internal"])
    assert door.admit(((b"host", b"Host.Docker.Internal:8790"),)).is_open
    assert door.admit(((b"host", b"other.internal:8790"),)).reason is Reason.FOREIGN_HOST
