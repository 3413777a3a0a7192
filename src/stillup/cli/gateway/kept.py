"""A gateway that lives as long as somebody holds on to it: for ``stillup with`` where none runs.

It is a process of its own, so that the program it serves has the terminal to itself. It ends when its standard input
ends, which happens however its keeper goes, killed too, and no other program that came to it meanwhile needs it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from stillup.cli.gateway.address import is_gateway
from stillup.cli.gateway.hold import await_nobody, is_held
from stillup.cli.say import warn
from stillup.private import private_folder

if TYPE_CHECKING:
    from types import TracebackType

    from stillup.config import Config

_READY_S = 15.0
_STEP_S = 0.02
_ENDING_S = 12.0
"""Streams get ten seconds to end; a little more is waited."""
_LAST_WORDS = 2_000


class Kept:
    """A context in which a gateway runs; what it writes goes to ``gateway.log`` in the data folder, where that can be.

    :raises ChildProcessError: it does not start; the message has its last words.
    """

    def __init__(self, config: Config, url: str) -> None:
        self._url = url
        self._log = config.data_folder / "gateway.log"
        self._is_logged = False
        self._lock = lock_of(config)
        named = [str(config.path)] if config.path else []
        self._arguments = [sys.executable, "-P", "-m", "stillup.cli.gateway.kept", str(self._lock), *named]

    def __enter__(self) -> Self:
        log = self._opened()
        try:
            # A session of its own: Ctrl-C in the terminal is the program's, and must not end what it is talking to.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._arguments, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        finally:
            os.close(log)
        try:
            self._await()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        until = time.monotonic() + _ENDING_S
        while self._process.poll() is None:
            if is_held(self._lock):
                return  # other programs go on through it; it ends with the last of them
            if time.monotonic() > until:
                self._process.kill()
            time.sleep(_STEP_S)

    def _opened(self) -> int:
        """The log; a disk that takes none is no reason to keep the program from running."""
        try:
            private_folder(self._log.parent)
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as exc:
            warn(f"the gateway's log {self._log} cannot be written ({exc.strerror}); it runs without one")
            return os.open(os.devnull, os.O_WRONLY)
        self._is_logged = True
        return log

    def _await(self) -> None:
        for _ in range(round(_READY_S / _STEP_S)):
            if is_gateway(self._url, 0.5):
                return
            if self._process.poll() is not None:
                break
            time.sleep(_STEP_S)
        msg = f"the gateway does not start; {self._log} says:\n{self._last_words()}"
        if not self._is_logged:
            msg = "the gateway does not start; `stillup gateway` says why"
        raise ChildProcessError(msg)

    def _last_words(self) -> str:
        try:
            with self._log.open("rb") as file:
                return file.read()[-_LAST_WORDS:].decode("utf-8", "replace").strip()
        except OSError:
            return "nothing"


def lock_of(config: Config) -> Path:
    """What every program holds that needs a gateway which runs for programs only."""
    return config.data_folder / "gateway.lock"


def _end_with_keeper(lock: Path) -> None:
    """Wait for the keeper to let go, and others who came; then ask ourselves to end as anybody else would."""
    sys.stdin.buffer.read()
    await_nobody(lock)
    os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: list[str]) -> int:
    """Run the gateway of a configuration until standard input ends and nobody holds the lock."""
    from stillup.cli.main import run

    lock, *named = arguments
    threading.Thread(target=_end_with_keeper, args=(Path(lock),), name="keeper", daemon=True).start()
    return run(["gateway", *(["--config", named[0]] if named else [])])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
