"""Which process keeps the history of which service: of several with one data folder the first, until it ends.

Two that judge the same service see it differently, for one began later or hears less. Were both kept, the record of an
incident would be the one's in one minute and the other's in the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stillup.daemon.lock import Lock

FOLDER = "watched"


@contextmanager
def claimed(data: Path, services: Iterable[str]) -> Iterator[frozenset[str]]:
    """The services whose history is this process's to keep while this lasts; the others are being kept already.

    ``data`` is the data folder.
    """
    with ExitStack() as held:
        locks = {service: held.enter_context(Lock(data / FOLDER / f"{service}.lock")) for service in services}
        yield frozenset(service for service, lock in locks.items() if lock.taken())


def told_only(names: Iterable[str]) -> str:
    """One sentence on services whose history another process keeps."""
    return f"another stillup keeps the history of {', '.join(names)} in this data folder; this one only tells of it"
