"""The page over a made-up board: in this process (``client``), or served on loopback (``served``)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
import uvicorn
from litestar.testing import TestClient

from stillup.board import Board
from stillup.config.schema import Web
from stillup.model.verdict import Verdict
from stillup.secret import Secret
from stillup.web.app import build
from stillup.web.front import Front
from stillup.web.site import Site
from stillup.web.wire import Wire, configured
from tests.web import boards, paged, talking


class StillClock:
    """Always the same moment; the steady clock stands too."""

    def now(self) -> datetime:
        return boards.NOW + timedelta(seconds=5)

    def monotonic_s(self) -> float:
        return 1000.0

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def made_up_site(**rest) -> Site:
    shown = rest.pop("shown", boards.board())
    told = {"settings": Web(), "clock": StillClock(), "board": lambda: shown, "archive": boards.MadeUpArchive()}
    return Site(**{**told, **rest})


@pytest.fixture
def site_of() -> Callable[..., Site]:
    """Makes a site; what is named stands in for the made-up board, the archive, the clock, the settings."""
    return made_up_site


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """A client that speaks to the page without a network; one for all tests of a file: to build it is most of a test.

    None of them changes what it shows. Where what was counted matters, ``opened`` gives one of the test's own.
    """
    with TestClient(Front(made_up_site()), base_url="http://127.0.0.1:8780") as client:
        yield client


@pytest.fixture
def opened(site_of) -> Iterator[Callable[..., TestClient]]:
    """Makes clients like ``client``; what is named stands in for the made-up board, the archive, the settings."""
    with ExitStack() as stack:
        yield lambda **rest: stack.enter_context(TestClient(Front(site_of(**rest)), base_url="http://127.0.0.1:8780"))


@pytest.fixture
def serve_with() -> Iterator[Callable[..., str]]:
    """Serves an ASGI application on a free loopback port, by a protocol of choice; gives its address."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []
    fronts: list[Front] = []

    def start(app, wire: type[Wire] = Wire, most_connections: int = 1_000, peers=None) -> str:
        config = configured(app, most_connections, wire, peers=peers)
        config.host, config.port, config.timeout_graceful_shutdown = "127.0.0.1", 0, 1
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        fronts.extend([app] if isinstance(app, Front) else [])
        until_s = time.monotonic() + 60
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive() or server.started, "the server ended before it began"
            assert time.monotonic() < until_s, "the server does not begin"
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for front in fronts:
        front.close()
    for server, thread in running:
        server.should_exit = True
        thread.join(5)


@pytest.fixture
def serve(serve_with) -> Callable[..., str]:
    """Serves an ASGI application on a free loopback port; gives its address."""
    return serve_with


@pytest.fixture
def served(site_of, serve) -> str:
    """The address of the made-up page."""
    return serve(Front(site_of()))


class Stage:
    """A page whose board can be changed while it is looked at."""

    def __init__(self, site_of, serve, shown: Board) -> None:
        self._shown = shown
        self.front = Front(site_of(board=lambda: self._shown))
        self.address = serve(self.front)

    def show(self, board: Board, *changes: Verdict) -> None:
        """The next board; whoever listens is told."""
        self._shown = board
        self.front.show(board, changes)


@pytest.fixture
def stage(site_of, serve) -> Stage:
    """The made-up page, with the next board shown by ``stage.show``."""
    return Stage(site_of, serve, boards.board())


@pytest.fixture
def showing(site_of) -> Iterator[Callable[..., TestClient]]:
    """A client of the page over a board of one's own; what is named stands in for services of the made-up one."""
    opened = []

    def show(**rest) -> TestClient:
        board = rest.pop("board", None) or boards.board(**rest.pop("services", {}))
        client = TestClient(
            build(site_of(shown=board, desk=paged.OpenDesk(), **rest)), base_url="http://127.0.0.1:8780"
        )
        opened.append(client)
        return client.__enter__()

    yield show
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def talk(tmp_path):
    """A gateway before two scripted providers."""
    with talking.Talking(tmp_path / "journal") as world:
        yield world


@pytest.fixture
def page_of(site_of, serve):
    """Serves the page before a gateway; gives something to ask it with."""

    def make(gateway, **rest):
        return talking.Page(serve(Front(site_of(gateway=gateway, token=Secret(talking.TOKEN), **rest))))

    return make


@pytest.fixture
def page(talk, page_of):
    """The page before ``talk``."""
    return page_of(talk.url)
