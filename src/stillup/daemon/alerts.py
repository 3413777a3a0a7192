"""Alerts: what changed is decided on, put into the outbox, and delivered, in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from stillup.board import Board
from stillup.clock import Clock
from stillup.model.verdict import Verdict

if TYPE_CHECKING:
    from stillup.config import Config

Say = Callable[[str], None]


class Alerting:
    """Decides who is told what, and tells them.

    Everything happens in a thread of its own with a database connection of its own: :meth:`show` only hands a board
    over. What was committed by the monitor and not decided on when a process died is caught up at the start.
    """

    def __init__(self, config: Config, environ: Mapping[str, str], clock: Clock, say: Say) -> None:
        """``say`` is told of trouble.

        :raises stillup.errors.ConfigError: a channel's address or secret cannot be had.
        """
        self._config = config
        self._environ = environ
        self._clock = clock
        self._say = say

    @property
    def is_wanted(self) -> bool:
        """Whether there is any rule; without one nothing of the rest does anything."""
        return False

    def start(self, page: str | None = None) -> None:
        """Begin; ``page`` is the address of the web page, for links, as ``http://127.0.0.1:8780``."""

    def show(self, board: Board, changes: Sequence[Verdict]) -> None:
        """Take a judged minute; returns at once. ``changes`` are already in the store."""

    def stop(self) -> None:
        """Finish what is being sent, at most a few seconds. Blocks."""

    def metrics(self) -> bytes:
        """Counts in Prometheus' text format, for ``/metrics``. Any thread may ask."""
        return b""
