"""Where alerts keep what they decide: the database, or a passing one where there is none; and who of several sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from stillup.daemon.alerts.turn import Held, Turn
from stillup.daemon.lock import Lock
from stillup.errors import StoreError
from stillup.model.evidence import Evidence
from stillup.model.verdict import Verdict

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.store.store import Store


class Kept:
    """The database alerts stand on, open while inside."""

    store: Store

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        say: Callable[[str], None],
        installation: str | None = None,
    ) -> None:
        """``installation``: whose it has to be, now and whenever it has been away; None where that is not asked."""
        self._installation = installation
        self._where = config.store_at(environ)
        self._folder = config.data_folder
        self._say = say
        self._stack = ExitStack()
        self.is_passing = False
        """It is one for the life of this process."""
        self._pruned: date | None = None

    def __enter__(self) -> Self:
        from stillup.store import open_store

        try:
            self.store = self._stack.enter_context(open_store(self._where, late=True))
            if self._installation is not None:
                self.store.keep_to(self._installation)
        except StoreError as exc:
            self._say(f"{exc}; what is decided is forgotten when this process ends")
            folder = self._stack.enter_context(TemporaryDirectory(prefix="stillup-"))
            self.store = self._stack.enter_context(open_store(Path(folder) / "alerts.db"))
            self.is_passing = True
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def is_alone(self) -> bool:
        """Whether only this machine has it."""
        return isinstance(self._where, Path) or self.is_passing

    def turn(self, party: str) -> Turn:
        """Who of those with this database sends for a party."""
        if self.is_alone:
            return self._stack.enter_context(Lock(self._folder / f"alerts-{party}.lock"))
        held = Held(self.store.outbox, party, uuid4().hex, self._say)
        self._stack.callback(held.give_up)
        return held

    def commit(self, changes: Sequence[Verdict]) -> None:
        """Where the monitor has no database either, keep its changes in the passing one."""
        if self.is_passing and changes:
            self.store.commit_step(changes, [], {})

    def grounds(self, verdict: Verdict) -> Sequence[Evidence]:
        """What a verdict rested on."""
        with suppress(StoreError):
            for component in dict.fromkeys((None, verdict.component)):
                found = self.store.evidence(verdict.at, verdict.service, component)
                if found:
                    return found
        return ()

    def prune(self, now: datetime, keep: timedelta) -> None:
        """Once a day drop what is long over."""
        if self._pruned != now.date():
            self._pruned = now.date()
            self.store.outbox.prune(now, keep)
