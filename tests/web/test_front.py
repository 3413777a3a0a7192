"""What stands before the application: bounds, names, origins, the token, answers that lie ready."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from litestar.testing import TestClient

from stillup.config.schema import Web
from stillup.secret import Secret
from stillup.web import front
from stillup.web.front import Front
from tests.web import boards

HERE = "http://127.0.0.1:8780"
TOKEN = "a-token-that-nobody-guesses"
ALWAYS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}


@pytest.fixture
def at(site_of):
    """A client of a page that is configured so; ``client.front`` is that page's front."""

    @contextmanager
    def open_client(settings=None, **rest):
        front = Front(site_of(settings=settings or Web(), **rest))
        with TestClient(front, base_url=HERE) as client:
            client.front = front
            client.follow_redirects = False
            yield client

    return open_client


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/?x=1", 200),
        ("GET", "/static/style.css", 200),
        ("GET", "/no/such/thing", 404),
        ("GET", "/chat", 401),
        ("POST", "/", 405),
        ("GET", "/healthz", 200),
        ("BREW", "/", 501),
        ("TRACE", "/", 501),
        ("GET", f"/{'a' * 9000}", 414),
    ],
)
def test_every_answer_carries_the_headers_that_keep_a_browser_safe(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.nip.io", "localhost.evil.example:8780"])
def test_a_name_that_is_not_ours_is_not_answered_to(client, host):
    answer = client.get("/", headers={"host": host})
    assert (answer.status_code, answer.json()["reason"]) == (421, "foreign_host")


@pytest.mark.parametrize("host", ["localhost:8780", "[::1]:8780", "192.0.2.4", "status.example.org"])
def test_names_that_are_ours_are_answered_to(at, host):
    with at(Web(hosts=("status.example.org",))) as client:
        assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_another_site_changes_nothing_here(client, method, headers):
    answer = client.request(method, "/claude", headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (403, "foreign_origin")


def test_another_site_may_link_here(client):
    assert client.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/claude", "/metrics", "/events", "/api/v1/services", "//claude", "/chat"])
def test_beyond_this_machine_nothing_is_read_without_the_token(at, path):
    with at(Web(listen="0.0.0.0:8780"), token=Secret(TOKEN)) as client:
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"authorization": "Bearer wrong"}).status_code == 401
        wrong = client.get(f"{path}?token=wrong")
        assert wrong.status_code == 401
        assert "not this page's token" in wrong.text


@pytest.mark.parametrize("path", ["/chat", "//chat", "/chat/", "/%63hat", "/chat/anything", "/./chat"])
def test_the_chat_is_behind_the_token_however_its_address_is_written(at, path):
    with at(token=Secret(TOKEN)) as client:
        answer = client.send(client.build_request("GET", HERE + path))
        assert answer.status_code in (401, 404)
        assert "<form" not in answer.text


def test_a_service_whose_name_begins_like_the_chat_is_no_chat(client):
    assert client.get("/chatgpt").status_code == 200


def test_the_token_in_an_address_lets_a_browser_in_once_and_stays_in_no_address(at):
    with at(Web(listen="0.0.0.0:8780"), token=Secret(TOKEN)) as client:
        let_in = client.get(f"/claude?task=coding&token={TOKEN}")
        assert (let_in.status_code, let_in.headers["location"]) == (303, "/claude?task=coding")
        cookie = let_in.headers["set-cookie"]
        assert TOKEN not in cookie
        assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
        assert client.get("/claude").status_code == 200
        client.cookies.clear()
        assert client.get("/claude", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "///evil.example"])
def test_letting_in_leads_nowhere_else(at, path):
    with at(token=Secret(TOKEN)) as client:
        answer = client.send(client.build_request("GET", f"{HERE}{path}?token={TOKEN}"))
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/")
        assert not answer.headers["location"].startswith(("//", "/\\"))


@pytest.mark.parametrize("path", ["/", "/api/v1/services", "/api/v1/incidents?limit=5", "/claude/badge.svg?label=x"])
@pytest.mark.parametrize("public", [False, True])
def test_what_is_read_with_the_token_is_kept_by_no_cache_on_the_way(at, path, public):
    with at(Web(listen="0.0.0.0:8780", public=public), token=Secret(TOKEN)) as client:
        kept = client.get(path, headers={"authorization": f"Bearer {TOKEN}"}).headers["cache-control"].split(", ")
        assert ("private" in kept) is not public


def test_a_public_page_is_read_by_anybody_but_what_was_spent_is_not(at):
    with at(Web(listen="0.0.0.0:8780", public=True), token=Secret(TOKEN)) as client:
        assert client.get("/claude").status_code == 200
        assert client.get("/metrics").status_code == 401
        assert client.get("/chat").status_code == 401


def test_who_only_counts_has_a_token_for_that_and_sees_nothing_else(at):
    settings = Web(listen="0.0.0.0:8780", public=True)
    with at(settings, token=Secret(TOKEN), metrics_token=Secret("only-for-who-counts")) as client:
        client.headers["authorization"] = "Bearer only-for-who-counts"
        assert client.get("/metrics").status_code == 200
        assert client.get("/vault").status_code == 401


def test_a_person_without_the_token_is_told_so_on_a_page(at):
    with at(Web(listen="0.0.0.0:8780"), token=Secret(TOKEN)) as client:
        answer = client.get("/", headers={"accept": "text/html"})
        assert answer.headers["content-type"].startswith("text/html")
        assert "token" in answer.text


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({f"x-{i}": "y" for i in range(200)}, 431, "headers_too_large"),
        ({"x": "y" * 40_000}, 431, "headers_too_large"),
        ({"content-length": "99999999999999999999"}, 413, "body_too_large"),
        ({"content-length": "-1"}, 413, "body_too_large"),
        ({"content-length": "nonsense"}, 413, "body_too_large"),
    ],
)
def test_what_is_too_much_is_refused_before_it_is_looked_at(client, headers, status, reason):
    answer = client.get("/claude", headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def test_a_body_that_does_not_say_its_size_is_bounded_too(served):
    def endless():
        for _ in range(200):
            yield b"x" * 1024

    answer = httpx.post(f"{served}/api/v1/reports", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_control_characters_in_an_address_are_refused(client):
    assert client.get("/cla%00ude").status_code == 400
    assert client.get("/cla%0d%0aude").status_code == 400


# -- answers that lie ready -------------------------------------------------------------------------------------------


def test_a_page_is_made_once_a_board(at):
    with at() as client:
        for _ in range(5):
            assert client.get("/claude").status_code == 200
        assert (client.front.traffic.rendered, client.front.traffic.ready) == (1, 4)


def test_no_cache_between_keeps_what_is_behind_the_token(at):
    with at(Web(listen="0.0.0.0:8780"), token=Secret(TOKEN)) as client:
        answer = client.get("/claude", headers={"authorization": f"Bearer {TOKEN}"})
        assert answer.headers["cache-control"] == "private, no-cache"


def test_a_new_board_is_seen_at_once(at):
    shown = [boards.board(seq=7)]
    with at(board=lambda: shown[0]) as client:
        assert "partial outage" in client.get("/claude").text
        shown[0] = boards.board(seq=8, claude=boards.calm("claude"))
        assert "partial outage" not in client.get("/claude").text.partition("</h1>")[2].partition("</section>")[0]


def test_a_crowd_that_comes_at_once_has_the_page_made_once(stage):
    with ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(lambda _: httpx.get(f"{stage.address}/claude"), range(64)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.text for a in answers}) == 1
    assert stage.front.traffic.rendered == 1


def test_an_answer_comes_packed_to_whoever_takes_that(served):
    plain = httpx.get(f"{served}/claude", headers={"accept-encoding": "identity"})
    with httpx.stream("GET", f"{served}/claude", headers={"accept-encoding": "br, gzip;q=0.5"}) as packed:
        raw = b"".join(packed.iter_raw())
        assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert plain.headers["etag"] != packed.headers["etag"]
    assert "accept-encoding" in plain.headers["vary"]


@pytest.mark.parametrize("accepted", ["identity", "", "gzip;q=0", "gzip; q=0.0", "br"])
def test_an_answer_comes_plain_to_whoever_does_not(served, accepted):
    assert "content-encoding" not in httpx.get(f"{served}/claude", headers={"accept-encoding": accepted}).headers


@pytest.mark.parametrize("held", ["{}", '"other", {}', "W/{}", '"a","b" , {} ,"c"', "*"])
def test_who_holds_the_answer_already_is_told_so(client, held):
    etag = client.get("/claude").headers["etag"]
    again = client.get("/claude", headers={"if-none-match": held.format(etag)})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    assert "content-length" not in again.headers


@pytest.mark.parametrize("held", ['"other"', "nonsense", '"', "", ", ,,", '"a"' + ',"b"' * 5000])
def test_who_holds_another_one_is_given_this(client, held):
    assert client.get("/claude", headers={"if-none-match": held}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/claude", "/static/style.css", "/claude/badge.svg", "//claude/", "/cl%61ude"])
@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_an_answer_is_the_same_whether_it_goes_out_at_once_or_through_the_server(served, method, path, accepted):
    def ask(**headers):
        asked = httpx.Request(method, f"{served}{path}", headers={"accept-encoding": accepted, **headers})
        with httpx.Client() as client:
            answer = client.send(asked)
        told = {k: v for k, v in answer.headers.items() if k not in ("date", "connection")}
        assert "date" in answer.headers
        return answer.status_code, told, answer.content

    ask()
    at_once = ask()
    assert at_once == ask(connection="close")
    held = {"if-none-match": at_once[1]["etag"]}
    assert ask(**held) == ask(connection="close", **held)
    assert ask(**held)[0] == 304


@pytest.mark.parametrize("path", ["/", "/claude", "/claude?x=1", "/static/style.css", "/healthz", "/no/such/page"])
def test_head_is_what_get_is_without_the_body(served, path):
    got, headed = httpx.get(f"{served}{path}"), httpx.head(f"{served}{path}")
    assert (headed.status_code, headed.content) == (got.status_code, b"")
    same = ("content-type", "etag", "cache-control")
    assert {name: headed.headers.get(name) for name in same} == {name: got.headers.get(name) for name in same}


async def test_ten_thousand_queries_leave_nothing_behind(site_of):
    front = Front(site_of())
    for i in range(10_000):
        assert await status_of(front, "/robots.txt", b"v=%d" % i) == 200
    assert len(front.prepared) == 0
    assert len(front.traffic.requests) == 1


async def status_of(front, path, query=b"") -> int:
    """The status of an answer, without a client's own work."""
    sent = []
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query,
        "headers": [(b"host", b"127.0.0.1:8780")], "scheme": "http", "server": ("127.0.0.1", 8780),
        "client": ("127.0.0.1", 1), "root_path": "", "http_version": "1.1", "state": {}, "asgi": {"version": "3.0"},
    }  # fmt: skip

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    await front(scope, receive, send)
    return sent[0]["status"]


def test_a_long_query_of_many_beginnings_of_a_mark_costs_no_more_than_another():
    query = b"=" + b"utm_" * 2_000
    assert front._MARKS.sub(b"", query) == query
    # Looked for only where a parameter begins: the same work for each of them, however often the word stands there.
    assert front._MARKS.search(b"xutm_source=1") is None
    assert front._MARKS.sub(b"", b"utm_source=1&task=chat&fbclid=2&gclid=3") == b"task=chat&"


def test_a_name_is_the_same_however_it_is_written(at):
    with at(Web(hosts=("status.example.org",))) as client:
        for host in ("status.example.org", "STATUS.example.org", "Status.Example.ORG"):
            assert client.get("/claude", headers={"host": f"{host}:8780"}).status_code == 200
        assert client.front.traffic.rendered == 1


def test_links_that_were_passed_on_are_answered_as_the_page_itself(at):
    with at() as client:
        for mark in ("", "?fbclid=1", "?utm_source=x&utm_medium=y", "?gclid=2"):
            assert client.get(f"/claude{mark}").status_code == 200
        assert client.front.traffic.rendered == 1


def test_names_that_anybody_can_make_up_leave_nothing_behind(at):
    with at() as client:
        for port in range(9000, 9050):
            assert client.get("/claude", headers={"host": f"127.0.0.1:{port}"}).status_code == 200
        assert len(client.front.prepared) == 0


def test_what_nobody_serves_is_not_kept(at):
    with at() as client:
        for i in range(50):
            assert client.get(f"/nothing-{i}").status_code == 404
        assert len(client.front.prepared) == 0


def test_the_form_is_made_for_each_who_asks(at):
    with at() as client:
        client.get("/claude/report")
        client.get("/claude/report")
        assert client.front.traffic.rendered == 0


def test_styles_are_kept_for_ever_under_their_mark_and_asked_for_without_it(client):
    marked = client.get("/").text.partition('href="/static/style.css')[2].partition('"')[0]
    assert "immutable" in client.get(f"/static/style.css{marked}").headers["cache-control"]
    assert "no-cache" in client.get("/static/style.css?v=another").headers["cache-control"]
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/nothing.css").status_code == 404
