"""The vault is kept up with the gateway's journal and new transcripts, by a child process that runs now and then.

A child, so that reading and indexing hold up no stream, and so that whatever ends it ends nothing else.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from stillup.errors import UsageError
from stillup.gateway.journal.segment import segments

if TYPE_CHECKING:
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.vault.crypt import RawKeys
    from stillup.vault.store import Vault

LOOK_S = 60.0
_ANYWAY = 10
"""Looks after which it runs though the journal is as it was: transcripts may have grown."""
_PROGRAM = (sys.executable, "-P", "-m", "stillup")


def open_kept(config: Config, environ: Mapping[str, str], keys: RawKeys | None = None) -> Vault:
    """The vault that is there, for nobody who could be asked for a passphrase; ``keys`` for who opens it often.

    :raises stillup.errors.StillupError: there is none, or it cannot be opened.
    """
    from stillup.vault.crypt import is_encrypted
    from stillup.vault.passphrase import find_passphrase
    from stillup.vault.store import open_vault

    path = config.data_folder / "vault.db"
    if not path.exists():
        msg = f"There is no vault yet in {config.data_folder}: `stillup vault import` makes one."
        raise UsageError(msg)
    passphrase = find_passphrase(config.vault, environ) if is_encrypted(path) else None
    return open_vault(path, keys.of(path, passphrase) if keys and passphrase else passphrase)


def often_opened(config: Config, environ: Mapping[str, str]) -> Callable[[], Vault]:
    """The same for a page: what the passphrase becomes is remembered."""
    from stillup.vault.crypt import RawKeys

    keys = RawKeys()
    return lambda: open_kept(config, environ, keys)


class Following:
    """Runs ``stillup vault import --follow`` when there is something new. ``say`` is told once what is wrong."""

    def __init__(
        self, config: Config, clock: Clock, say: Callable[[str], None], program: Sequence[str] = _PROGRAM
    ) -> None:
        self._config, self._clock, self._say = config, clock, say
        self._program = program
        self._seen: tuple[str, int] | None = None
        self._looks = _ANYWAY
        self._said = ""

    async def go_on(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._clock.sleep(LOOK_S)
            if self.is_due():
                await self.run()

    def is_due(self) -> bool:
        """Whether there may be something new, and a vault to put it in."""
        config = self._config
        if config.vault.follow is False:
            return False
        if config.vault.follow is None and not (config.data_folder / "vault.db").exists():
            return False
        newest = self._newest()
        self._looks += 1
        if newest == self._seen and self._looks < _ANYWAY:
            return False
        self._seen, self._looks = newest, 0
        return True

    async def run(self) -> None:
        """Once, now."""
        where = ("--config", str(self._config.path)) if self._config.path is not None else ()
        command = (*self._program, "vault", "import", "--follow", *where)
        try:
            child = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
        except OSError as exc:
            self._tell(f"the vault cannot be kept up: {exc.strerror or type(exc).__name__}")
            return
        try:
            _, words = await child.communicate()
        except asyncio.CancelledError:
            if child.returncode is None:
                child.terminate()  # it goes on another time where it was
                await child.wait()
            raise
        if child.returncode:
            lines = words.decode("utf-8", "replace").strip().splitlines()
            self._tell(f"the vault is not kept up: {lines[-1].removeprefix('stillup: ') if lines else 'it ended'}")
        else:
            self._said = ""

    def _newest(self) -> tuple[str, int] | None:
        try:
            found = segments(self._config.data_folder / "journal")
            return (found[-1].name, found[-1].stat().st_size) if found else None
        except OSError:
            return None

    def _tell(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self._say(words)
