"""Reading a source into the vault: in pieces, each kept together with how far it was, so that it goes on anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path

from msgspec import Struct, field

from stillup.clock import Clock
from stillup.vault.ahead import ahead
from stillup.vault.apart import AHEAD_BYTES, LEAST_BYTES, Coming, coming, read_apart
from stillup.vault.importing import size_bytes
from stillup.vault.store import Batch, Vault
from stillup.vault.values import Importer, Skipped
from stillup.vault.write import Put

_BATCH_BYTES = 16 * 1024 * 1024
_BATCH_READS = 5_000
_BATCH_S = 5.0
_MOST_SKIPPED = 1_000


class Taken(Struct):
    """What came of a source so far. ``skipped`` are the first thousand."""

    puts: Counter[Put] = field(default_factory=Counter)
    skipped: list[Skipped] = field(default_factory=list)
    skips: int = 0
    done_bytes: int = 0
    resumed: bool = False
    """It went on where an earlier time had ended."""


def take(
    vault: Vault, source: Path, importer: Importer, clock: Clock, told: Callable[[Taken], None] = lambda _: None
) -> Taken:
    """Everything in a source that was not read before. ``told`` hears of it after each piece that is kept.

    It may end anywhere, by a signal too: what was kept is kept once, and the next time goes on behind it.

    :raises stillup.errors.StoreError: the vault cannot be written.
    """
    path = str(source.absolute())
    taken = Taken()
    mark = vault.mark_of(importer.name, path)
    taken.resumed = bool(mark)
    with _reading(source, importer, mark) as reads:
        for first in reads:
            with vault.batch(clock.wall_s()) as batch:
                last = _piece(batch, chain((first,), reads), taken, clock)
                batch.mark(importer.name, path, last.mark)
            taken.done_bytes = last.done_bytes
            told(taken)
    return taken


def _reading(source: Path, importer: Importer, mark: str) -> AbstractContextManager[Iterator[Coming]]:
    """In a process of its own where that is worth it, else in a thread."""
    if type(importer).__module__.startswith("stillup.") and size_bytes(source) >= LEAST_BYTES:
        return read_apart(source, importer, mark)
    return ahead(((one, one.size) for one in coming(importer.read(source, mark))), AHEAD_BYTES)


def _piece(batch: Batch, reads: Iterator[Coming], taken: Taken, clock: Clock) -> Coming:
    """Read on until there is enough for a transaction."""
    until = clock.monotonic_s() + _BATCH_S  # an import that is slow to read must show how far it is
    for count, one in enumerate(reads, start=1):
        last = one
        if one.skipped is not None:
            taken.skips += 1
            if len(taken.skipped) < _MOST_SKIPPED:
                taken.skipped.append(Skipped(where=one.skipped[0], why=one.skipped[1]))
        elif one.what is not None:
            taken.puts[batch.put(one.what)] += 1
        if count >= _BATCH_READS or batch.writer.waiting >= _BATCH_BYTES or clock.monotonic_s() >= until:
            break
    return last
