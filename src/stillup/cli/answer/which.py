"""Which services are meant by the words of a command line, and which of them can do a task."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from stillup.catalog.load import Service, catalogue, find_service
from stillup.catalog.offers import ability, able
from stillup.model.service import Capability

ALL = "all"
"""The word for every service of the catalogue."""


class Which(Struct, frozen=True, kw_only=True):
    """The services to look at, and those that were named and cannot do the task.

    ``everything``: the whole catalogue is meant, so a service about which no source can be asked is nobody's fault.
    """

    can: tuple[Service, ...]
    cannot: tuple[Service, ...] = ()
    task: Capability | None = None
    everything: bool = False


def is_one(names: Sequence[str]) -> bool:
    """Whether one service is meant, as far as the words say."""
    return len(names) == 1 and not _is_all(names[0])


def which(names: Sequence[str], task: Capability | None = None) -> Which:
    """The services meant, each once: as they are named, and for a task in the catalogue's order of preference.

    Of everything, those that most people talk to come first.

    :raises stillup.errors.UsageError: one of them is not known.
    """
    everything = any(map(_is_all, names))
    ranked = able(task or Capability.CHAT)
    named = [*ranked, *catalogue().values()] if everything else [find_service(name) for name in names]
    services = tuple({s.id: s for s in named}.values())
    if task is None:
        return Which(can=services, everything=everything)
    there = {s.id for s in services}
    return Which(
        can=tuple(s for s in ranked if s.id in there),
        cannot=() if everything else tuple(s for s in services if ability(s, task) is None),
        task=task,
        everything=everything,
    )


def _is_all(word: str) -> bool:
    return word.strip().lower() == ALL
