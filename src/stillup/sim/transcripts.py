"""A folder of Claude Code transcripts that grows as the scenario's time passes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from stillup.sim.stories import Stories
from stillup.sim.wire.claude_code import rows

_HISTORY = timedelta(hours=24)
"""How far before the first look the transcript reaches back."""


class Transcripts:
    """One session's file below ``folder/projects``; rows are added, never changed."""

    def __init__(self, stories: Stories, folder: Path) -> None:
        self._stories = stories
        self.folder = folder
        self._file = folder / "projects" / "-simulated" / "simulated.jsonl"
        self._written: datetime | None = None

    def write(self, now: datetime) -> None:
        """Append what happened since the last call; a clock that went back adds nothing."""
        if self._written is not None and now <= self._written:
            return
        after = self._written or now - _HISTORY
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab") as file:
            file.writelines(rows(self._stories, after, now))
        self._written = now
