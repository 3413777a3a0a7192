"""The monitor's state on the disk: a watch that begins anew goes on where the last one ended.

Without it every start would have to learn anew what is usual, in the midst of an outage from the outage itself, and
would open a second incident for a fault that it had told of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, json

from stillup import __version__
from stillup.catalog.load import Service
from stillup.daemon.jobs import forecaster, monitor_of, profile_of, settings_of
from stillup.errors import BadDataError
from stillup.private import private_folder, replace_file

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.model.verdict import Verdict
    from stillup.sources.poller import Report
    from stillup.store.store import Store
    from stillup.verdict.monitor import Monitor

_EVERY = timedelta(minutes=10)
_OLDEST = timedelta(days=7)
"""What was usual longer ago is learned anew."""
_MOST_BYTES = 64 << 20

Say = Callable[[str], None]


class _Head(Struct, frozen=True):
    """The file's first line: of which stillup and which catalogue the state is, and of when."""

    stillup: str
    profiles: str
    at: datetime


class KeptState:
    """Keeps one monitor's state: every ten minutes, at each change, and at the end. A :class:`Listener` of it.

    A state that cannot be written is said once; the watch goes on without. Costs some 6 ms and 60 kB a service.
    """

    def __init__(
        self, monitor: Monitor, config: Config, services: Sequence[Service], say: Say, *, is_ours: bool = True
    ) -> None:
        self._monitor = monitor
        self._profiles = _profiles(services)
        self._path = _path(config, self._profiles)
        self._say = say
        self._kept_at: datetime | None = None
        self._judged_at: datetime | None = None
        self._fails = False
        self._is_ours = is_ours

    def heard(self, report: Report) -> None:
        """A reading changes nothing before it is judged."""

    def trouble(self, why: str) -> None:
        """What the database cannot keep is no trouble here."""

    def judged(self, now: datetime, changes: Sequence[Verdict]) -> None:
        """A minute was judged: keep the state if it is time."""
        self._judged_at = now
        if changes or self._kept_at is None or now - self._kept_at >= _EVERY:
            self.keep()

    def keep(self) -> None:
        """Keep it now, if anything was judged at all and no other process keeps the history of these services."""
        if self._judged_at is None or not self._is_ours:
            return
        self._kept_at = self._judged_at
        head = _Head(__version__, self._profiles, self._judged_at)
        try:
            private_folder(self._path.parent)
            # Not waited for the disk: an older state does no harm.
            replace_file(self._path, json.encode(head) + b"\n" + self._monitor.checkpoint())
            self._fails = False
        except OSError as exc:
            if not self._fails:
                self._say(f"what is learned will be lost with this process: {self._path}: {exc.strerror or exc}")
            self._fails = True


def begin(
    config: Config, services: Sequence[Service], store: Store | None, now: datetime, say: Say
) -> tuple[Monitor, list[str]]:
    """A monitor that goes on where the last one ended, and the services it knows; else a new one, and none.

    A state that is too old, damaged, or of another version, catalogue or setting is left alone.
    """
    from stillup.verdict.monitor import Monitor

    profiles = _profiles(services)
    path = _path(config, profiles)
    _tidy(config.data_folder, now)
    state = _read(path, profiles, now)
    if state is None:
        return monitor_of(config, services, store, now), []
    try:
        monitor = Monitor.restore(state, profile_of, settings_of(config), forecaster())
    except BadDataError as exc:
        say(f"{path}: {exc}; what is usual is learned anew")
        return monitor_of(config, services, store, now), []
    return monitor, [s.id for s in services if monitor.verdicts(s.id)]


def _path(config: Config, profiles: str) -> Path:
    """Who watches other services has another state; two that watch the same overwrite each other's, as well."""
    return config.data_folder / f"monitor-{profiles[:12]}.state"


def _read(path: Path, profiles: str, now: datetime) -> bytes | None:
    try:
        with path.open("rb") as file:
            head = json.decode(file.readline(1000), type=_Head)
            if (head.stillup, head.profiles) != (__version__, profiles) or not now - _OLDEST < head.at <= now:
                return None
            state = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError):  # none yet, or no state at all
        return None
    return state if len(state) <= _MOST_BYTES else None


def _tidy(folder: Path, now: datetime) -> None:
    """Drop what nobody will go on with: states of other catalogues, and drafts that a killed process left."""
    for path in folder.glob("*monitor-*.state*"):
        with suppress(OSError):
            if now.timestamp() - path.stat().st_mtime > _OLDEST.total_seconds():
                path.unlink()


def _profiles(services: Sequence[Service]) -> str:
    """A digest of what the catalogue knows of the services: a state keeps the profiles that it was made with."""
    return blake2b(repr([profile_of(s.id) for s in services]).encode(), digest_size=16).hexdigest()
