"""Claude Code's own transcripts on this machine: which of the user's real requests failed, and whose fault it was.

The words are those of :mod:`stillup.sources._local_tries`. A request that was itself wrong (400, 409, 413, 422) says
nothing of the service and is left out; so is an error line with neither status nor name, which might as well be a
quota, and one without a time, since nobody knows when it was.
"""

from __future__ import annotations

import os
from pathlib import Path

from stillup.sources._claude_code_rows import transcript
from stillup.sources._local_tries import LocalSource, Tries


class ClaudeCode(LocalSource):
    """The user's real requests, as Claude Code noted them."""

    id = "claude_code"
    component = "code"
    called = "Claude Code"

    def folder(self) -> Path:
        """Below ``CLAUDE_CONFIG_DIR``, as Claude Code itself has it."""
        return Path(os.environ.get("CLAUDE_CONFIG_DIR") or "~/.claude").expanduser() / "projects"

    def tries(self, lines: bytes) -> Tries:
        """Read transcript lines."""
        return transcript(lines)


SOURCE = ClaudeCode()
