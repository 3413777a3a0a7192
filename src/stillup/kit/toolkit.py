"""Your backup toolkit: two or three services for each task, chosen once in quiet times, and how the last test went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from stillup.catalog.load import Service, find_service
from stillup.catalog.offers import LEANS, ability
from stillup.errors import BadDataError, UsageError
from stillup.model.service import Capability
from stillup.private import private_folder, replace_file

LOCAL = "local"
"""A model on this machine, whichever answers."""

FRESH = timedelta(days=31)
"""A test that is older says little of today."""

MOST = 3
_MAX_BYTES = 1 << 20


class Trial(Struct, frozen=True, kw_only=True):
    """How a test went: ``works`` None where nothing could be learned."""

    at: datetime
    works: bool | None
    says: str


class Backup(Struct, frozen=True, kw_only=True):
    """One chosen service (a catalogue id, or :data:`LOCAL`) and its last test."""

    service: str
    trial: Trial | None = None


class Toolkit(Struct, frozen=True, kw_only=True):
    """What was chosen, by task."""

    tasks: dict[Capability, tuple[Backup, ...]] = {}

    @property
    def services(self) -> tuple[str, ...]:
        """Everything chosen, each once."""
        return tuple(dict.fromkeys(b.service for backups in self.tasks.values() for b in backups))

    def with_choice(self, task: Capability, services: Sequence[str]) -> Toolkit:
        """With those for a task; none takes the task out. Tests made before stay with whom they are of."""
        trials = {b.service: b.trial for backups in self.tasks.values() for b in backups}
        tasks = {t: backups for t, backups in self.tasks.items() if t is not task}
        if services:
            tasks[task] = tuple(Backup(service=s, trial=trials.get(s)) for s in services)
        return Toolkit(tasks=tasks)

    def with_trials(self, trials: dict[str, Trial]) -> Toolkit:
        """With new tests in the place of older ones."""
        return Toolkit(
            tasks={
                task: tuple(structs.replace(b, trial=trials.get(b.service, b.trial)) for b in backups)
                for task, backups in self.tasks.items()
            }
        )


def load_toolkit(path: Path) -> Toolkit:
    """What was chosen; nothing where the file is not there.

    :raises BadDataError: it cannot be used.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            msg = f"{path} is too long for a toolkit; mend it or take it away"
            raise BadDataError(msg)
        return msgspec.json.decode(path.read_bytes(), type=Toolkit)
    except FileNotFoundError:
        return Toolkit()
    except (OSError, msgspec.DecodeError) as exc:
        msg = f"{path} cannot be used as your toolkit ({exc}); mend it or take it away"
        raise BadDataError(msg) from exc


def save_toolkit(path: Path, toolkit: Toolkit) -> None:
    """Keep it, for its owner alone.

    :raises BadDataError: it cannot be written.
    """
    try:
        private_folder(path.parent)
        replace_file(path, msgspec.json.format(msgspec.json.encode(toolkit), indent=2))
    except OSError as exc:
        msg = f"{path} cannot be written: {exc.strerror or exc}"
        raise BadDataError(msg) from exc


def chosen(words: str, task: Capability, instead_of: Service) -> tuple[list[str], list[str]]:
    """The services meant by names with commas between them, and what is to be said of the choice.

    :raises UsageError: one is unknown, cannot do the task, or is what the toolkit is to replace; or they are too many.
    """
    names = list(dict.fromkeys(_meant(word) for word in words.split(",") if word.strip()))
    if len(names) > MOST:
        msg = f"{len(names)} are no toolkit; choose two or three"
        raise UsageError(msg)
    found = [find_service(name) for name in names if name != LOCAL]
    for service in found:
        if service.id == instead_of.id:
            msg = f"{service.name} is what the toolkit is to stand in for"
            raise UsageError(msg)
        if ability(service, task) is None:
            msg = (
                f"{service.name} is not known for {task.value}; `stillup alternatives --task {task.value}` shows who is"
            )
            raise UsageError(msg)
    return names, list(_shared(instead_of, found))


def _meant(word: str) -> str:
    return LOCAL if word.strip().lower() == LOCAL else find_service(word).id


def _shared(instead_of: Service, found: Sequence[Service]) -> list[str]:
    """What falls together with what is to be replaced, or with each other."""
    says = []
    for service in found:
        both = in_common(instead_of, service)
        if both:
            says.append(f"{service.name} and {instead_of.name} can fail together: {', '.join(both)}.")
    together = set.intersection(*(_bases(s) for s in found)) if len(found) > 1 else set()
    if together:
        says.append(f"All of them stand on {', '.join(sorted(together))}.")
    if len(found) == 1:
        says.append("One is a single point of failure again; a second one costs nothing to name.")
    return says


def in_common(one: Service, other: Service) -> tuple[str, ...]:
    """Ids of the services whose fault would most likely hit both: what both stand on, or one of the two itself."""
    mine, theirs = _bases(one), _bases(other)
    each = {s.id for s, bases in ((one, theirs), (other, mine)) if s.id in bases}
    return tuple(sorted((mine & theirs) | each))


def _bases(service: Service) -> set[str]:
    return {d.service for d in service.dependencies if d.confidence >= LEANS}
