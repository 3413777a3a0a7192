"""Where an import stands, as a short text: ``seal-member-at`` and what an importer adds.

The seal is a check on what the mark was made for: with another file under the same name the import begins anew, which
costs time and nothing else, for what is there already is not kept twice.
"""

from __future__ import annotations

from hashlib import sha256

from msgspec import Struct

_SEAL = 12


class Mark(Struct, frozen=True, kw_only=True):
    """Everything before byte ``at`` of the member numbered ``member`` is done; ``more`` is the importer's own."""

    member: int = 0
    at: int = 0
    more: str = ""

    def written(self, seal: str) -> str:
        """For the store."""
        return f"{seal}-{self.member}-{self.at}" + (f"-{self.more}" if self.more else "")


def seal_of(data: bytes) -> str:
    """A short check on bytes that do not change as long as it is the same source."""
    return sha256(data).hexdigest()[:_SEAL]


def mark_of(written: str, seal: str) -> Mark:
    """The mark, or the beginning where it was made for something else."""
    found, *rest = written.split("-", 3)
    if found != seal or len(rest) < 2 or not (rest[0].isascii() and rest[0].isdigit() and rest[1].isdigit()):
        return Mark()
    return Mark(member=int(rest[0]), at=int(rest[1]), more=rest[2] if len(rest) > 2 else "")
