"""Answers that are made once a board."""

import asyncio

import pytest

from stillup.web.prepared import Key, Prepared, may_be_kept
from stillup.web.traffic import Traffic
from tests.web import boards


class Application:
    """Counts what it is asked; answers with the board's number, when it is let."""

    def __init__(self, status=200, headers=(), size=1):
        self.board = boards.board(seq=1)
        self.asked = []
        self.is_asked = asyncio.Event()
        self.status, self.headers, self.size = status, list(headers), size
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.breaks = False

    async def __call__(self, scope, receive, send):
        self.asked.append(scope["path"])
        self.is_asked.set()
        seq = self.board.seq
        await self.may_go_on.wait()
        if self.breaks:
            raise RuntimeError
        headers = [(b"content-type", b"text/plain"), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": f"{scope['path']} of {seq}".encode() * self.size})

    def prepared(self, **bounds) -> Prepared:
        return Prepared(self, lambda: self.board, Traffic(), **bounds)


def key(path="/claude"):
    return Key(path, b"", b"127.0.0.1", "http")


async def text(answer, **how) -> str:
    """What an answer sends as its body."""
    sent = []

    async def send(message):
        sent.append(message)

    await answer.send(send, **{"packed": False, "is_head": False, "held": None, **how})
    return sent[1]["body"].decode()


async def test_all_who_come_at_once_share_one_making():
    app = Application()
    prepared = app.prepared()
    app.may_go_on.clear()
    crowd = [asyncio.create_task(prepared.make(key())) for _ in range(100)]
    await app.is_asked.wait()
    app.may_go_on.set()
    answers = await asyncio.gather(*crowd)
    assert len(app.asked) == 1
    assert len(set(map(id, answers))) == 1
    assert prepared.ready(key()) is answers[0]


async def test_the_one_who_came_first_may_go_away():
    app = Application()
    prepared = app.prepared()
    app.may_go_on.clear()
    first, second = (asyncio.create_task(prepared.make(key())) for _ in range(2))
    await app.is_asked.wait()
    first.cancel()
    app.may_go_on.set()
    assert await text(await second) == "/claude of 1"


async def test_the_next_board_ends_what_was_ready():
    app = Application()
    prepared = app.prepared()
    await prepared.make(key())
    app.board = boards.board(seq=2)
    assert prepared.ready(key()) is None
    assert await text(await prepared.make(key())) == "/claude of 2"


async def test_while_it_is_made_anew_the_old_one_goes_on_being_sent():
    app = Application()
    prepared = app.prepared()
    await prepared.make(key())
    app.board = boards.board(seq=2)
    app.may_go_on.clear()
    app.is_asked.clear()
    urgent, _ = prepared.wanted({"claude"})
    renewing = asyncio.create_task(prepared.renew_at_once(urgent))
    await app.is_asked.wait()
    assert await text(prepared.ready(key())) == "/claude of 1"
    app.may_go_on.set()
    await renewing
    assert await text(prepared.ready(key())) == "/claude of 2"


async def test_what_changed_and_what_is_most_asked_for_is_made_anew_before_anybody_is_told():
    app = Application()
    prepared = app.prepared()
    for path in ("/", "/a", "/b", "/c", "/d", "/gemini", "/claude", "/claude/history"):
        await prepared.make(key(path))
    for path in ("/a", "/b", "/c", "/d"):
        prepared.ready(key(path))
    app.board = boards.board(seq=2)
    urgent, rest = prepared.wanted({"claude"})
    assert {k.path for k in urgent} == {"/a", "/b", "/c", "/d", "/", "/claude"}
    assert {k.path for k in rest} == {"/gemini", "/claude/history"}
    assert prepared.ready(key("/gemini")) is None
    await prepared.renew_at_once(urgent)
    await prepared.renew(rest)
    assert await text(prepared.ready(key("/gemini"))) == "/gemini of 2"
    assert len(app.asked) == 16


async def test_what_nobody_asked_for_since_the_last_board_is_forgotten():
    app = Application()
    prepared = app.prepared()
    await prepared.make(key("/claude"))
    await prepared.make(key("/gemini"))
    for seq in (2, 3):
        app.board = boards.board(seq=seq)
        for keys in prepared.wanted(()):
            await prepared.renew(keys)
        prepared.ready(key("/claude"))
    assert prepared.ready(key("/claude")) is not None
    assert prepared.ready(key("/gemini")) is None
    assert len(prepared) == 1


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (404, []),
        (503, []),
        (302, []),
        (200, [(b"Set-Cookie", b"a=b")]),
        (200, [(b"cache-control", b"no-store")]),
        (200, [(b"x-evil", b"a\r\nset-cookie: b=c")]),
        (200, [(b"cache-control", b"private, max-age=5")]),
    ],
)
async def test_what_is_for_one_or_no_success_is_not_kept_and_not_tried_again_before_the_next_board(status, headers):
    app = Application(status, headers)
    prepared = app.prepared()
    for _ in range(3):
        assert await prepared.make(key()) is None
    assert (len(app.asked), len(prepared)) == (1, 0)
    app.board = boards.board(seq=2)
    assert await prepared.make(key()) is None
    assert len(app.asked) == 2


async def test_an_application_that_breaks_leaves_nothing_ready_and_nobody_waiting():
    app = Application()
    prepared = app.prepared()
    await prepared.make(key())
    app.board, app.breaks = boards.board(seq=2), True
    await prepared.renew_at_once(prepared.wanted(())[0])
    assert (await prepared.make(key()), len(prepared)) == (None, 0)


async def test_only_so_many_and_so_much_are_kept():
    app = Application(size=1000)
    few, little = app.prepared(most=10), app.prepared(most_bytes=100_000)
    for i in range(100):
        await few.make(key(f"/{i}"))
        await little.make(key(f"/{i}"))
    assert len(few) == 10
    assert 0 < little.size <= 100_000
    assert few.ready(key("/99")) is not None


async def test_for_nobody_in_particular_means_without_cookies_and_tokens():
    seen = []

    async def app(scope, receive, send):
        seen.append(dict(scope["headers"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    await Prepared(app, boards.board, Traffic()).make(key())
    assert seen == [{b"host": b"127.0.0.1", b"accept": b"text/html, */*"}]


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/", b"", True),
        ("/", b"task=coding", True),
        ("/", b"task=nonsense", False),
        ("/claude", b"x=1", False),
        ("/api/v2/summary.json", b"", True),
        ("/claude/feed.atom", b"", True),
        ("/claude/report", b"", False),
        ("/api/v1/reports", b"", False),
        ("/chat", b"", False),
        ("/events", b"", False),
        ("/metrics", b"", False),
        (f"/{'a' * 300}", b"", False),
    ],
)
def test_which_answers_can_be_the_same_for_everybody(path, query, expected):
    assert may_be_kept([p for p in path.split("/") if p], path, query) is expected
