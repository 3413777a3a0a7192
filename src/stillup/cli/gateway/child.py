"""Run a program in the foreground as if nothing stood before it: signals go on to it, its exit code comes back."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from stillup.cli.say import warn

NOT_FOUND, NOT_RUNNABLE = 127, 126
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def run_child(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """The program's exit code; 128 and its number after a signal, 127 and 126 as shells say them."""
    try:
        child = subprocess.Popen(arguments, env=dict(environ))  # noqa: S603 - the user's own command is the point
    except OSError as exc:
        return cannot_run(arguments[0], exc)
    with _signals_to(child):
        code = child.wait()
    return 128 - code if code < 0 else code


def cannot_run(program: str, exc: OSError) -> int:
    """Say why a program cannot be run, and with which code that ends."""
    warn(f"{program}: {exc.strerror}")
    return NOT_FOUND if isinstance(exc, FileNotFoundError) else NOT_RUNNABLE


@contextmanager
def _signals_to(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """What the terminal sends reaches the child by itself; what only we get is passed on."""

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    before = {number: signal.signal(number, signal.SIG_IGN) for number in _FROM_TERMINAL}
    before |= {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
