"""How much a log keeps: it is for those who come back, not an archive (that is the store)."""

from __future__ import annotations

from msgspec import Struct

from stillup.errors import BusRefused

MAX_BYTES = 1_000_000  # of one record, entry or word: what a NATS server takes unless told otherwise, less the headers


class LogLimits(Struct, frozen=True, kw_only=True):
    """Of each log, whichever is reached first; then the oldest records go."""

    max_bytes: int = 64 * 1024 * 1024  # NATS sets so much of its disk aside for each log
    max_age_s: float = 7 * 86_400.0
    same_id_s: float = 600.0


def must_fit(body: bytes) -> None:
    """What is said must be small enough for every bus.

    :raises stillup.errors.BusRefused: it is larger than ``MAX_BYTES``.
    """
    if len(body) > MAX_BYTES:
        msg = f"{len(body):,} bytes are too much for one message on the bus ({MAX_BYTES:,} at most)"
        raise BusRefused(msg)


def lost_records(log: str, after: int, newest: int) -> BusRefused:
    """A log that is shorter than what was read of it: its servers lost records, or somebody took it away."""
    return BusRefused(
        f"the log {log} ends with record {newest:,}, but record {after:,} was read of it: it has lost some"
    )
