"""What changes, told to those who listen."""

import asyncio
import json

import httpx
import msgspec
import pytest

from stillup.web.events import Events
from stillup.web.ring import Ring
from tests.web import boards


class Listener:
    """Reads what a page tells, event by event."""

    def __init__(self, address, query="", headers=None):
        self._client = httpx.Client(timeout=10)
        self._stream = self._client.stream("GET", f"{address}/events{query}", headers=headers)
        self.answer = self._stream.__enter__()
        self._lines = self.answer.iter_lines()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stream.__exit__(None, None, None)
        self._client.close()

    def next(self) -> dict:
        """The next event: its fields, with ``data`` read."""
        found: dict = {}
        for line in self._lines:
            if not line and "data" in found:
                return found
            if not line:
                found = {}  # nothing but how soon to come again
                continue
            name, _, value = line.partition(": ")
            found[name] = json.loads(value) if name == "data" else value
        raise EOFError


def test_who_comes_is_told_how_things_stand(stage):
    with Listener(stage.address) as listener:
        told = listener.next()
    assert listener.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (told["event"], told["data"]["seq"]) == ("board", 7)
    assert told["data"]["services"]["claude"] == {
        "state": "partial_outage",
        "confidence": "confirmed",
        "headline": "Claude: partial outage, confirmed",
    }


def test_each_change_is_told_before_the_board_that_shows_it_and_numbers_rise(stage):
    with Listener(stage.address) as listener:
        first = listener.next()
        change = boards.verdict()
        stage.show(boards.board(seq=8), change, boards.verdict(service="gemini"))
        told = [listener.next() for _ in range(3)]
    assert [t["event"] for t in told] == ["verdict", "verdict", "board"]
    assert told[0]["data"] == msgspec.to_builtins(change.wire())
    assert told[2]["data"]["seq"] == 8
    numbers = [int(t["id"].partition("-")[0]) for t in (first, *told)]
    assert numbers == sorted(set(numbers))


def test_whoever_is_told_of_a_board_is_given_its_page(stage):
    with Listener(stage.address) as listener:
        listener.next()
        before = httpx.get(f"{stage.address}/claude").text
        stage.show(boards.board(seq=8, claude=boards.calm("claude")))
        assert listener.next()["data"]["seq"] == 8
        assert httpx.get(f"{stage.address}/claude").text != before


def test_who_asks_for_one_service_hears_of_that_one_only(stage):
    with Listener(stage.address, "?service=gemini") as listener:
        assert set(listener.next()["data"]["services"]) == {"gemini"}
        stage.show(boards.board(seq=8), boards.verdict(), boards.verdict(service="gemini"))
        change, board = listener.next(), listener.next()
    assert (change["event"], change["data"]["service"]) == ("verdict", "gemini")
    assert set(board["data"]["services"]) == {"gemini"}


@pytest.mark.parametrize("query", ["?brief=1", "?brief=1&service=claude"])
def test_who_takes_the_page_anew_is_told_that_it_changed_and_no_more(stage, query):
    change = boards.verdict()
    with Listener(stage.address, query) as listener, Listener(stage.address) as other:
        heard = listener.next()["id"]
        other.next()
        stage.show(boards.board(seq=8), change, boards.verdict(service="gemini"))
        told = [listener.next() for _ in range(3 - ("service" in query))]
        assert other.next()["data"] == msgspec.to_builtins(change.wire())
    assert told[0]["data"] == {"service": "claude", "at": change.wire()["at"]}
    assert told[-1]["event"] == "board"
    with Listener(stage.address, f"{query}&after={heard}") as listener:
        assert [listener.next() for _ in told] == told


@pytest.mark.parametrize("how", ["header", "query"])
def test_who_was_away_for_a_moment_misses_nothing(stage, how):
    with Listener(stage.address) as listener:
        heard = listener.next()["id"]
        for seq in (8, 9):
            stage.show(boards.board(seq=seq), boards.verdict())
        live = [listener.next() for _ in range(4)]
    again = {"headers": {"last-event-id": heard}} if how == "header" else {"query": f"?after={heard}"}
    with Listener(stage.address, **again) as listener:
        assert [listener.next() for _ in range(4)] == live


def test_what_the_browser_heard_last_counts_more_than_what_the_address_says(stage):
    with Listener(stage.address) as listener:
        listener.next()
        stage.show(boards.board(seq=8), boards.verdict())
        change, board = listener.next(), listener.next()
    with Listener(stage.address, "?after=1", {"last-event-id": change["id"]}) as listener:
        assert listener.next() == board


def test_who_comes_from_another_page_of_the_same_numbers_is_shown_the_whole_board(stage):
    """Pages of a cluster that began at the same moment count alike, and told different things by that number."""
    with Listener(stage.address) as listener:
        number, _, life = listener.next()["id"].partition("-")
        stage.show(boards.board(seq=8), boards.verdict())
    assert life
    for heard in (number, f"{number}-0", f"{number}-{life[::-1]}0"):
        with Listener(stage.address, f"?after={heard}") as listener:
            assert [listener.next()["event"] for _ in range(2)] == ["reset", "board"]


@pytest.mark.parametrize("heard", ["1", "999999999999999999", "1-abc"])
def test_who_was_away_too_long_is_told_to_look_at_the_whole_anew(stage, heard):
    with Listener(stage.address, f"?after={heard}") as listener:
        assert [listener.next()["event"] for _ in range(2)] == ["reset", "board"]


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?service=nobody", {}, 404),
        ("?after=nonsense", {}, 400),
        ("?after=-1", {}, 400),
        ("?after=1-xyz", {}, 400),
        ("?after=1-", {}, 400),
        (f"?after=1-{'a' * 30}", {}, 400),
        ("?after=1e5", {}, 400),
        ("?after=%D9%A3", {}, 400),
        (f"?after={'9' * 30}", {}, 400),
        ("", {"last-event-id": "nonsense"}, 400),
    ],
)
def test_what_cannot_be_understood_is_refused(client, query, headers, status):
    assert client.get(f"/events{query}", headers=headers).status_code == status


def test_head_of_events_ends(served):
    answer = httpx.head(f"{served}/events")
    assert (answer.status_code, answer.content) == (200, b"")


def test_all_who_listen_are_let_go_when_the_page_ends(stage):
    with Listener(stage.address) as listener:
        listener.next()
        stage.front.close()
        with pytest.raises(EOFError):
            listener.next()


def test_who_comes_after_that_is_told_how_things_stand_and_let_go(stage):
    stage.front.close()
    with Listener(stage.address) as listener:
        assert listener.next()["event"] == "board"
        with pytest.raises(EOFError):
            listener.next()


# -- without a network ------------------------------------------------------------------------------------------------


class Connection:
    """One who listens, as the server would have it; reads only while ``reads`` is set."""

    def __init__(self, events, query=b"", headers=(), client=None):
        self.sent = []
        self.has_sent = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = asyncio.Event()
        self.is_aborted = False
        scope = {
            "query_string": query, "headers": list(headers), "client": client,
            "extensions": {"stillup.abort": self.abort},
        }  # fmt: skip
        self.task = asyncio.create_task(events.listen(scope, self.receive, self.send))

    def abort(self):
        self.is_aborted = True
        self.reads.set()
        self.gone.set()

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        await self.reads.wait()
        self.sent.append(message)
        self.has_sent.set()

    @property
    def text(self):
        return b"".join(m.get("body", b"") for m in self.sent).decode()

    async def until(self, text):
        async with asyncio.timeout(60):
            while text not in self.text:
                self.has_sent.clear()
                await self.has_sent.wait()


async def test_who_does_not_read_is_let_go_and_the_others_hear_everything(site_of):
    events = Events(site_of())
    slow, quick = Connection(events), Connection(events)
    await slow.until("board")
    await quick.until("board")
    slow.reads.clear()
    for seq in range(8, 208):
        events.publish(boards.board(seq=seq))
        await quick.until(f'"seq":{seq},')
    assert (slow.is_aborted, events.dropped, events.readers) == (True, 1, 1)
    assert not quick.is_aborted
    await slow.task
    quick.gone.set()
    await quick.task


async def test_who_goes_away_leaves_nothing_behind(site_of):
    events = Events(site_of())
    connections = [Connection(events) for _ in range(50)]
    for connection in connections:
        await connection.until("board")
    assert events.readers == 50
    for connection in connections:
        connection.gone.set()
        await connection.task
    assert events.readers == 0


async def test_when_all_places_are_taken_the_next_is_told_when_to_come_again(site_of):
    events = Events(site_of(), most=1)
    first = Connection(events)
    await first.until("board")
    second = Connection(events)
    with pytest.raises(Exception, match="Too many listen") as refused:
        await second.task
    assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "30"})
    first.gone.set()
    await first.task
    assert events.refused == 1


@pytest.mark.parametrize(
    ("others", "more"),
    [
        (["20.1.2.3", "20.1.2.3"], False),
        (["20.1.2.4", "20.1.2.3"], True),
        (["::ffff:20.1.2.3", "20.1.2.3"], False),
        (["127.0.0.1", "127.0.0.1"], True),
        (["192.168.1.2", "192.168.1.2"], True),
    ],
)
async def test_one_address_does_not_take_all_the_places(site_of, others, more):
    events = Events(site_of(), most_each=2)
    there = [Connection(events, client=(address, 1)) for address in others]
    for connection in there:
        await connection.until("board")
    another = Connection(events, client=(others[-1], 1))
    if more:
        await another.until("board")
        another.gone.set()
        await another.task
    else:
        with pytest.raises(Exception, match="Too many listen"):
            await another.task
    for connection in there:
        connection.gone.set()
        await connection.task
    again = Connection(events, client=(others[-1], 1))
    await again.until("board")
    again.gone.set()
    await again.task


async def test_silence_is_broken_by_a_comment(site_of):
    connection = Connection(Events(site_of(), ping_s=0.01))
    await connection.until(": still here\n\n")
    connection.gone.set()
    await connection.task


def test_a_headline_is_told_as_one_clean_line():
    ring = Ring(first=1)
    (told,) = ring.add(boards.board(claude=boards.claude(headline="down\r\n\u202eup \ud800\x1b[31m")), [])
    assert b'"headline":"down up [31m"' in told.whole


def test_the_ring_is_bounded_and_knows_what_it_has_lost():
    ring = Ring(first=1000)
    for seq in range(700):
        ring.add(boards.board(seq=seq), [])
    assert ring.since(1000, "", None) is None
    assert ring.since(ring.last - 513, "", None) is None
    assert ring.since(ring.last - 512, "", None).count(b"event: board") == 512
    assert ring.since(ring.last, "", None) == b""
    assert ring.since(ring.last - 1, "", None).count(b"event: board") == 1
    assert ring.since(ring.last + 1, "", None) is None
    assert ring.since(ring.last - 100, "", "claude").count(b"event: board") == 100


def test_a_new_process_gives_numbers_that_no_earlier_one_gave(site_of):
    ring = Ring(first=2000)
    assert ring.since(1999, "", None) is None
    assert ring.since(2000, "", None) == b""
