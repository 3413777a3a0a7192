"""What the judges say now of every service, as the bus has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillup.daemon.cluster.publish import VERDICTS, Word, unpack
from stillup.errors import BadDataError

if TYPE_CHECKING:
    from stillup.bus.base import Bus


async def words_of(bus: Bus) -> dict[str, Word]:
    """The newest word on each service that there is one on; what cannot be read is passed over.

    :raises stillup.errors.BusError: the bus does not answer.
    """
    found = {}
    for entry in await bus.table(VERDICTS).entries():
        try:
            word = unpack(entry.value or b"")
        except BadDataError:
            continue
        found[word.service] = word
    return found
