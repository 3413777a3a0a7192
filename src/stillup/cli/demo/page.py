"""The demo's page as its viewer meets it: its address said, a browser opened, kept until they have seen enough."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from stillup.cli.say import warn

if TYPE_CHECKING:
    from rich.console import Console

    from stillup.daemon.demo.page import DemoPage


class Wishes(NamedTuple):
    """What is wanted of the page."""

    page: bool
    opens: bool
    stay: bool


def wishes(*, headless: bool, page: bool | None, opens: bool | None, stay: bool | None) -> Wishes:
    """What is wanted where the viewer has not said: a page unless headless, a browser and patience on a terminal."""
    is_terminal = sys.stdout.isatty() and sys.stdin.isatty()
    wants = page if page is not None else not headless
    return Wishes(
        page=wants,
        opens=wants and (opens if opens is not None else is_terminal and _has_display()),
        stay=wants and (stay if stay is not None else is_terminal and not headless),
    )


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Screen:
    """What is said of the page; ``page`` is None where none is wanted."""

    def __init__(self, out: Console, wanted: Wishes) -> None:
        self._out = out
        self._wanted = wanted
        self._address = ""
        self.page: DemoPage | None = None
        if wanted.page:
            from stillup.daemon.demo.page import DemoPage

            self.page = DemoPage(self._told, warn, self._alerted)

    def _told(self, address: str) -> None:
        self._address = address
        self._out.print(f"On a page too: {address}", style="bold")
        self._out.print()
        if self._wanted.opens:
            import webbrowser

            with suppress(webbrowser.Error, OSError):
                webbrowser.open(address)

    def _alerted(self, title: str) -> None:
        self._out.print(f"         ✉ an alert goes out: {title}", style="magenta")

    async def stay(self) -> None:
        """Keep the page until Enter or Ctrl-C, where that is wanted and there is one."""
        if not (self._wanted.stay and self._address):
            return
        self._out.print(f"\nThe page stays at {self._address} until Enter or Ctrl-C.", style="bold")
        with suppress(asyncio.CancelledError):  # Ctrl-C: enough seen is no failure
            await _enter()


async def _enter() -> None:
    """Wait for a line on standard input, or its end."""
    loop, pressed = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(sys.stdin.fileno(), pressed.set)
    except (OSError, ValueError, NotImplementedError):  # closed, or a system whose loop cannot wait for it
        return
    try:
        await pressed.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
