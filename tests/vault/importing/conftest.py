"""Exports made by the tests: nobody's real ones."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from stillup.vault.importing import recognise
from stillup.vault.values import Conversation, Read, Skipped

_MEASURED = """
import sys
from pathlib import Path
from stillup.vault.importing import recognise
importer = recognise(Path(sys.argv[1]))
kinds = [type(read.what).__name__ for read in importer.read(Path(sys.argv[1]))]
status = Path("/proc/self/status").read_text()  # getrusage still counts what the parent had before exec
most = int(status.split("VmHWM:")[1].split()[0]) // 1024
print(kinds.count("Conversation"), kinds.count("Skipped"), most)
"""


@pytest.fixture
def zipped(tmp_path: Path) -> Callable[..., Path]:
    """A zip of these members; what is no bytes is written as JSON."""

    def make(members: dict[str, Any], name: str = "export.zip") -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for member, body in members.items():
                file.writestr(member, body if isinstance(body, bytes) else json.dumps(body))
        return path

    return make


@pytest.fixture
def told() -> Callable[..., list[Read]]:
    """All that is read of a source, which some importer must know."""

    def read(source: Path, mark: str = "") -> list[Read]:
        importer = recognise(source)
        assert importer is not None, source.name
        return list(importer.read(source, mark))

    return read


@pytest.fixture
def measured() -> Callable[[Path], tuple[int, int, int]]:
    """Conversations, skips and the most MiB that a process reading the source ever had."""

    def run(source: Path) -> tuple[int, int, int]:
        command = [sys.executable, "-c", _MEASURED, str(source)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        conversations, skipped, mib = map(int, done.stdout.split())
        return conversations, skipped, mib

    return run


@pytest.fixture
def split() -> Callable[[Iterable[Read]], tuple[list[Conversation], list[Skipped]]]:
    """Conversations and skips apart."""

    def parts(reads: Iterable[Read]) -> tuple[list[Conversation], list[Skipped]]:
        whats = [read.what for read in reads]
        return (
            [what for what in whats if isinstance(what, Conversation)],
            [what for what in whats if isinstance(what, Skipped)],
        )

    return parts


def claude_talk(number: int = 1, **more: Any) -> dict[str, Any]:
    """A conversation as Claude exports it."""
    return {
        "uuid": f"talk-{number}",
        "name": f"Talk {number}",
        "created_at": "2026-01-02T03:04:05.000000Z",
        "updated_at": "2026-01-02T03:05:05.000000Z",
        "account": {"uuid": "me"},
        "chat_messages": [claude_says("human", f"question {number}", 1), claude_says("assistant", "answer", 2)],
        **more,
    }


def claude_says(sender: str, text: str, number: int, **more: Any) -> dict[str, Any]:
    """A message as Claude exports it."""
    return {
        "uuid": f"message-{number}",
        "text": text,
        "content": [{"type": "text", "text": text, "citations": []}],
        "sender": sender,
        "created_at": "2026-01-02T03:04:05.000000Z",
        "attachments": [],
        "files": [],
        **more,
    }


@pytest.fixture
def talk() -> Callable[..., dict[str, Any]]:
    return claude_talk


@pytest.fixture
def says() -> Callable[..., dict[str, Any]]:
    return claude_says
