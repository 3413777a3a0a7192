"""The keyboard while a drill goes on: Ctrl-C ends it, and steps by hand are asked for."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillup.cli.drill.live import Lines
    from stillup.drill.values import Step

_MOST_BYTES = 4_096
_YES, _NO, _SKIP = ("y", "yes"), ("n", "no"), ("s", "skip")

Ask = Callable[["Step"], Awaitable[bool | None]]


@contextmanager
def until_told(aborted: asyncio.Event, interrupted: asyncio.Event) -> Iterator[None]:
    """The first Ctrl-C ends the drill in order; a second one ends the program."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        aborted.set()
        interrupted.set()
        for number in numbers:
            loop.remove_signal_handler(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    with suppress(NotImplementedError):  # not on Windows: Ctrl-C ends the program there, and the faults with it
        for number in numbers:
            loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        with suppress(NotImplementedError):
            for number in numbers:
                loop.remove_signal_handler(number)


def asking(view: Lines, aborted: asyncio.Event) -> Ask:
    """Asks whether a step by hand was done; an answer that is none, or none at all, is None."""
    turn, skips = asyncio.Lock(), asyncio.Event()

    async def ask(step: Step) -> bool | None:
        from stillup.drill.words import line

        async with turn:
            if aborted.is_set() or skips.is_set():
                return None
            note = f" ({line(step.note, 80)})" if step.note else ""
            view.ask(f"By hand: {line(step.says, 300)}{note}\n  Done? y, n, s: skip all that follow, Enter: not said")
            typed = await _typed(aborted)
            if typed in _SKIP:
                skips.set()
            return True if typed in _YES else False if typed in _NO else None

    return ask


async def _typed(aborted: asyncio.Event) -> str:
    """A line from the keyboard; empty when the drill is broken off meanwhile. No thread: it could not be ended."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        if not line.done():
            line.set_result(os.read(sys.stdin.fileno(), _MOST_BYTES).decode("utf-8", "replace"))

    off = asyncio.create_task(aborted.wait())
    try:
        loop.add_reader(sys.stdin.fileno(), read)
    except (NotImplementedError, OSError, ValueError):
        off.cancel()
        return ""
    try:
        off.add_done_callback(lambda _: None if line.done() else line.set_result(""))
        return (await line).strip().lower()
    finally:
        loop.remove_reader(sys.stdin.fileno())
        off.cancel()
