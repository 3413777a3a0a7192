"""Where commands that wait are kept: files for their owner alone, each written as a whole or not at all.

::

    commands/ID.command   the :class:`Command` (JSON)      replaced whenever something comes of it
    commands/ID.out       what it wrote, both streams
    commands/ID.exit      its exit code                    written by the shell that ran it, when it ended
    commands/ID.lock      held by that shell: whether it still runs, however whoever started it ended
    commands/change       held for the moment of a change
    commands/line         held by the one process that runs them
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from stillup.daemon.later.command import Command
from stillup.daemon.lock import Lock
from stillup.errors import UsageError
from stillup.private import check_folder, hold, open_lock, private_folder, replace_file, sync

if TYPE_CHECKING:
    from stillup.config import Config

_ID = re.compile(r"cmd_[0-9a-f]{24}")
_KINDS = ("command", "exit", "exit.new", "lock", "out")
_DAY_S = 86_400.0
_LONGEST_CODE = 8
_LEFT_OUT = b"\n[... left out: the output was longer than what is kept of it ...]\n"


def commands_folder(config: Config) -> Path:
    """Where they are kept."""
    return config.data_folder / "commands"


def new_id() -> str:
    """For a command that is added."""
    return "cmd_" + secrets.token_hex(12)


class Commands:
    """All that wait, run, or are over. Any process may read, and change them within :meth:`changing`.

    Every method may raise OSError for the disk.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def line(self) -> Lock:
        """The place of the one process that runs them."""
        return Lock(self.folder / "line")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """While inside, nobody else changes anything: not for longer than a look at the folder takes."""
        private_folder(self.folder)
        handle = open_lock(self.folder / "change")
        try:
            hold(handle, wait=True)
            yield
        finally:
            os.close(handle)

    def read(self) -> list[Command]:
        """All of them, in line. One that cannot be read is passed over."""
        if not self.folder.exists():
            return []
        check_folder(self.folder)
        found = (self.find(path.stem) for path in self.folder.glob("cmd_*.command") if _ID.fullmatch(path.stem))
        return sorted((c for c in found if c is not None), key=lambda c: (c.number, c.id))

    def find(self, command_id: str) -> Command | None:
        """That one; None where it is not there, or cannot be read."""
        if not _ID.fullmatch(command_id):
            return None
        try:
            found = msgspec.json.decode(self.at(command_id, "command").read_bytes(), type=Command)
        except (OSError, msgspec.DecodeError):
            return None
        return found if found.id == command_id and found.words else None

    def add(self, command: Command, most: int) -> Command:
        """Put one at the end of the line.

        :raises UsageError: so many wait already.
        """
        with self.changing():
            there = self.read()
            self._make_room(there, most)
            command = replace(command, number=max((c.number for c in there), default=0) + 1)
            self.put(command)
        self.sync(command)
        return command

    def put(self, command: Command) -> None:
        """Keep what is known of it now."""
        replace_file(self.at(command.id, "command"), msgspec.json.encode(command))

    def drop(self, command_id: str) -> None:
        """Forget it and everything of it."""
        for kind in _KINDS:
            self.at(command_id, kind).unlink(missing_ok=True)

    def prune(self, now_s: float, keep_days: float) -> None:
        """Forget results that are too old."""
        for command in self.read():
            if command.stage.is_over and now_s - (command.done_at_s or command.added_at_s) > keep_days * _DAY_S:
                self.drop(command.id)

    def sync(self, command: Command) -> None:
        """Wait until the disk has it."""
        sync(self.at(command.id, "command"), self.folder)

    def at(self, command_id: str, kind: str) -> Path:
        """Its file of a kind."""
        return self.folder / f"{command_id}.{kind}"

    # --- what the shell that runs it leaves

    def hold(self, command_id: str) -> int | None:
        """Its lock, to be handed on to the shell that runs it; None while one runs it already."""
        handle = open_lock(self.at(command_id, "lock"))
        if hold(handle):
            return handle
        os.close(handle)
        return None

    def is_running(self, command_id: str) -> bool:
        """Whether the shell that runs it lives."""
        handle = self.hold(command_id) if self.at(command_id, "lock").exists() else -1
        if handle is not None and handle >= 0:
            os.close(handle)
        return handle is None

    def exit_code(self, command_id: str) -> int | None:
        """How it ended; None where it has not, or nobody was there to write it down."""
        try:
            text = self.at(command_id, "exit").read_bytes()[:_LONGEST_CODE]
        except OSError:
            return None
        return int(text) if text.isdigit() else None

    def output(self, command_id: str) -> bytes:
        """What it wrote so far."""
        try:
            return self.at(command_id, "out").read_bytes()
        except OSError:
            return b""

    def cut_output(self, command_id: str, most_bytes: int) -> None:
        """Where it wrote more than is kept, keep the beginning and the end. What it writes just then may be lost."""
        path, half = self.at(command_id, "out"), most_bytes // 2
        try:
            if path.stat().st_size <= most_bytes + half:
                return
            with path.open("r+b") as file:
                file.seek(-half, os.SEEK_END)
                end = file.read(half)
                file.truncate(half)
            with path.open("ab") as file:
                file.write(_LEFT_OUT + end)
        except OSError:  # it is gone, or the disk is full: the command goes on
            return

    def _make_room(self, there: Sequence[Command], most: int) -> None:
        over = sorted((c for c in there if c.stage.is_over), key=lambda c: c.done_at_s or 0.0)
        excess = len(there) + 1 - most
        if excess > len(over):
            msg = f"{len(there) - len(over)} commands wait already; `later.max_commands` ({most}) is how many may"
            raise UsageError(msg)
        for command in over[: max(0, excess)]:
            self.drop(command.id)
