"""A real browser before the real page: Debian's Chromium, driven by Playwright, over loopback.

``opened(path, …)`` opens a page and, when the test is over, fails it where the browser complained: an error on its
console, a breach of the content policy, a request to another host. ``shoot`` keeps a picture in $TEST_SCREENSHOTS.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from sys import path as places
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from stillup.board import Board
from stillup.config.schema import Web
from stillup.daemon.web import Serving
from stillup.model.verdict import Verdict
from stillup.secret import Secret

places.insert(0, str(Path(__file__).parent.parent))
from tests.web import boards
from tests.web.browser.asking import TOKEN

CHROMIUM = Path(os.environ.get("STILLUP_CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
DESK = 1280
STILL = boards.NOW + timedelta(seconds=5)
"""The moment of the made-up board; a page opened ``at=None`` has the true time."""


# Of a module, not of the session: while it is there this thread has a running loop, and asynchronous tests of other
# files could not run.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Where there is none the test is left out, or fails where $TEST_BROWSER is ``required``."""
    if not CHROMIUM.exists():
        why = f"no browser at {CHROMIUM}"
        if os.environ.get("TEST_BROWSER") == "required":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class MinuteClock:
    """The made-up board's moment, which a test may move."""

    def __init__(self) -> None:
        self.at = STILL

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class Shown:
    """A page that is being served. ``show`` puts another board on it, as the monitor does each minute."""

    def __init__(self, board: Board, **parts) -> None:
        self.clock = parts.pop("clock", None) or MinuteClock()
        self.said: list[str] = []
        told = {"archive": boards.MadeUpArchive(), **parts}
        settings = told.pop("settings", Web(listen="127.0.0.1:0"))
        self.serving = Serving(settings, self.clock, board, say=self.said.append, **told)
        self.url = self.serving.start()

    def show(self, board: Board, *changes: Verdict) -> None:
        self.clock.at = board.at + timedelta(seconds=5)
        self.serving.show(board, changes)


@pytest.fixture
def shown() -> Iterator[Callable[..., Shown]]:
    """Serves a board; what else is named goes to :class:`~stillup.daemon.web.Serving`."""
    yield from _starter()


@pytest.fixture(scope="module")
def shown_to_all() -> Iterator[Callable[..., Shown]]:
    """The same, for all tests of a file: for boards that none of them changes."""
    yield from _starter()


def _starter() -> Iterator[Callable[..., Shown]]:
    running: list[Shown] = []

    def start(board: Board | None = None, **parts) -> Shown:
        running.append(Shown(board or boards.board(), **parts))
        return running[-1]

    yield start
    for one in running:
        one.serving.stop()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens an address: ``width`` and ``scheme`` of the screen, ``scripts`` or none, the clock's ``zone``, ``at``.

    ``prepare`` is called with the page before anything is loaded.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def watch(page: Page, host: str) -> None:
        page.on("console", lambda m: complaints.append(m.text) if _is_complaint(m) else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.on("request", lambda r: _check(r.url, host, complaints))

    def open_(
        url: str, *, width=DESK, scheme="light", scripts=True, zone="UTC", at=STILL, may_complain=False,
        prepare=lambda page: None, **more,
    ) -> Page:  # fmt: skip
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            java_script_enabled=scripts,
            timezone_id=zone,
            **more,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        if not may_complain:
            watch(page, urlsplit(url).netloc)
        if at is not None:
            page.clock.set_fixed_time(at)
        prepare(page)
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints


def _is_complaint(message: ConsoleMessage) -> bool:
    """Not, that there is no server any more: only a test that has stopped it can see that."""
    return message.type in ("error", "warning") and "net::ERR_CONNECTION_REFUSED" not in message.text


def _check(url: str, host: str, complaints: list[str]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("data", "about") and parts.netloc != host:
        complaints.append(f"asks another host: {url}")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    folder = Path(os.environ.get("TEST_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def shoot(pictures) -> Callable[[Page, str], None]:
    """Keeps a picture of the whole page under a name."""
    return lambda page, name: page.screenshot(path=pictures / f"{name}.png", full_page=True)


@pytest.fixture
def barriers() -> Callable[..., list[str]]:
    """What axe finds that keeps people out (WCAG 2.1 A and AA, and its good practices): empty when all is well.

    ``colours``: only what hangs on them, of a page that was looked through whole in others.
    """
    axe = Axe()

    def find(page: Page, *, colours: bool = False) -> list[str]:
        options = {"resultTypes": ["violations"]} | ({"runOnly": COLOUR_RULES} if colours else {})
        found = axe.run(page, options=options).response["violations"]
        return [f"{v['id']}: {n['target']} {n.get('failureSummary', '')}" for v in found for n in v["nodes"]]

    return find


@pytest.fixture
def chat(talk, shown, opened):
    """Opens the chat, let in by its link."""
    page = shown(gateway=talk.url, token=Secret(TOKEN))
    return lambda **how: opened(f"{page.url}/chat?token={TOKEN}", at=None, **how)
