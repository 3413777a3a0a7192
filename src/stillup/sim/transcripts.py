"""Folders in which command lines keep their sessions; they grow as the scenario's time passes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from stillup.sim.stories import Stories
from stillup.sim.wire import claude_code, codex, gemini_cli

_HISTORY = timedelta(hours=24)
"""How far before the first look the sessions reach back."""

Rows = Callable[[Stories, datetime, datetime], list[bytes]]

CLAUDE_CODE, CODEX, GEMINI_CLI = "projects", "codex", "gemini"
"""The folders' names below the common one."""


class Transcripts:
    """One session's file for each command line whose service the world has; rows are added, never changed.

    Claude Code's is always there: it tells of the scenario's own service where Claude is not among those watched.
    """

    def __init__(self, stories: Stories, folder: Path) -> None:
        self._stories = stories
        self.folder = folder
        self._files: dict[Path, Rows] = {folder / CLAUDE_CODE / "-simulated" / "simulated.jsonl": claude_code.rows}
        watched = {service.id for service in stories.services}
        if codex.SERVICE in watched:
            self._files[folder / CODEX / "2026" / "rollout-simulated.jsonl"] = codex.rows
        if gemini_cli.SERVICE in watched:
            self._files[folder / GEMINI_CLI / "simulated" / "chats" / "session-simulated.jsonl"] = gemini_cli.rows
        self._written: datetime | None = None

    def write(self, now: datetime) -> None:
        """Append what happened since the last call; a clock that went back adds nothing."""
        if self._written is not None and now <= self._written:
            return
        after = self._written or now - _HISTORY
        for path, rows in self._files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.writelines(rows(self._stories, after, now))
        self._written = now
