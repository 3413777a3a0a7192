"""A test that hangs fails by itself: to end the interpreter takes the worker along, and leaves its servers behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

MOST_S = 285.0
"""Below ``faulthandler_timeout``, which is for what no signal reaches."""
_AGAIN_S = 5.0
"""What is raised in a callback of an event loop is only logged there: then once more."""


@contextmanager
def bounded(seconds: float = MOST_S, again_s: float = _AGAIN_S) -> Iterator[None]:
    """Within it, the main thread fails after so long."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        pytest.fail(f"it was not over within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    left_s, every_s = signal.setitimer(signal.ITIMER_REAL, seconds, again_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s, every_s)
        signal.signal(signal.SIGALRM, before)
