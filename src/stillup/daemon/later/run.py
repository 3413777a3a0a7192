"""Runs one command that waited, so that its exit code is kept even if whoever started it dies meanwhile.

A shell stands between: it holds the command's lock as its standard input, runs the command without it, and writes down
how it ended. The command has a session of its own: what ends the terminal, or ``stillup up``, does not end it. The
shell outlives the signals that end the command (a trap, unlike an ignored signal, is not handed on), and what it runs
is a program: `exit` or `exec` as a command would be its own end.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from stillup.daemon.later.command import Command, arguments
from stillup.daemon.later.shelf import Commands

_SHELL = """trap : HUP INT TERM
(exec "$@") </dev/null
code=$?
(umask 077; printf %s "$code" >"$0.new") && mv -f "$0.new" "$0"
exit "$code"
"""
_LOOK_S = 0.05


def start(commands: Commands, command: Command, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start it.

    :raises OSError: its folder is gone, or is somebody else's by now, its files cannot be written, or it runs already.
    """
    if command.owner is not None and Path(command.folder).stat().st_uid != command.owner:
        raise PermissionError(errno.EACCES, "its folder belongs to somebody else by now")
    lock = commands.hold(command.id)
    if lock is None:
        raise BlockingIOError(os.EX_TEMPFAIL, "it runs already")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_CLOEXEC
        out = os.open(commands.at(command.id, "out"), flags, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603 - the user's own command is the point
                ("/bin/sh", "-c", _SHELL, str(commands.at(command.id, "exit").absolute()), *arguments(command)),
                cwd=command.folder,
                env=dict(environment),
                stdin=lock,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        finally:
            os.close(out)
    finally:
        os.close(lock)  # the shell has its own


def stop(commands: Commands, command: Command, patience_s: float) -> None:
    """End one that runs, gently first. Blocks until it has ended, for twice the patience at most."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        # Only while its lock is held is the number surely its own.
        if not command.group or not commands.is_running(command.id):
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(command.group, number)
        for _ in range(round(patience_s / _LOOK_S)):
            if not commands.is_running(command.id):
                break
            time.sleep(_LOOK_S)
