"""Single keys from a terminal, as they are pressed and without an echo; whatever happens, it is left as it was."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_MOST = 32


class Keys:
    """Calls ``press`` from the running event loop for each key between :meth:`start` and :meth:`stop`.

    Where standard input is no terminal, or the system has no such terminals, no key is ever pressed.
    """

    def __init__(self, press: Callable[[str], None]) -> None:
        self._press = press
        self._fd: int | None = None
        self._before: list[int | list[bytes | int]] = []

    def start(self) -> None:
        """Take the keys."""
        try:
            import termios
            import tty
        except ImportError:  # pragma: no cover - not a POSIX system
            return
        with suppress(OSError, ValueError, AttributeError, termios.error):
            fd = sys.stdin.fileno()
            self._before = termios.tcgetattr(fd)
            tty.setcbreak(fd)
            self._fd = fd
            asyncio.get_running_loop().add_reader(fd, self._read)

    def stop(self) -> None:
        """Put the terminal back as it was."""
        if self._fd is None:
            return
        import termios

        fd, self._fd = self._fd, None
        asyncio.get_running_loop().remove_reader(fd)
        with suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSADRAIN, self._before)

    def _read(self) -> None:
        if self._fd is None:
            return
        try:
            pressed = os.read(self._fd, _MOST)
        except OSError:
            pressed = b""
        if not pressed:  # nobody is at the other end any more
            asyncio.get_running_loop().remove_reader(self._fd)
        for key in pressed.decode("ascii", "ignore"):
            self._press(key)


@contextmanager
def on_signals(end: Callable[[], None], leave: Callable[[], None], again: Callable[[], None]) -> Iterator[None]:
    """While inside, being told to end ends by ``end``, and Ctrl-Z leaves the screen before the program stops.

    ``again`` takes the screen back when it goes on.
    """

    def pause() -> None:
        leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        again()

    loop = asyncio.get_running_loop()
    wanted = {"SIGTERM": end, "SIGHUP": end, "SIGTSTP": pause}
    held = [getattr(signal, name) for name in wanted if hasattr(signal, name)]
    with suppress(NotImplementedError):  # this system's event loop takes no signals
        for number in held:
            loop.add_signal_handler(number, wanted[signal.Signals(number).name])
    try:
        yield
    finally:
        for number in held:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
