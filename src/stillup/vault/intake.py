"""Reading a source into the vault: in pieces, each kept together with how far it was, so that it goes on anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from msgspec import Struct, field

from stillup.clock import Clock
from stillup.vault.ahead import ahead
from stillup.vault.store import Batch, Vault
from stillup.vault.values import Importer, Read, Skipped
from stillup.vault.write import Put, Ready, made_ready

_AHEAD_BYTES = 16 * 1024 * 1024
_BATCH_BYTES = 16 * 1024 * 1024
_BATCH_READS = 2_000
_BATCH_S = 2.0
_MOST_SKIPPED = 1_000

_Coming = tuple[Read, list[Ready]]


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
    with ahead(_made_ready(importer.read(source, mark)), _AHEAD_BYTES) as reads:
        for first in reads:
            with vault.batch(clock.wall_s()) as batch:
                last = _piece(batch, chain((first,), reads), taken, clock)
                batch.mark(importer.name, path, last.mark)
            taken.done_bytes = last.done_bytes
            told(taken)
    return taken


def _made_ready(reads: Iterator[Read]) -> Iterator[tuple[_Coming, int]]:
    for read in reads:
        ready = [] if isinstance(read.what, Skipped) else made_ready(read.what)
        yield (read, ready), sum(one.size for one in ready)


def _piece(batch: Batch, reads: Iterator[_Coming], taken: Taken, clock: Clock) -> Read:
    """Read on until there is enough for a transaction."""
    until = clock.monotonic_s() + _BATCH_S  # an import that is slow to read must show how far it is
    for count, (read, ready) in enumerate(reads, start=1):
        last = read
        if isinstance(read.what, Skipped):
            taken.skips += 1
            if len(taken.skipped) < _MOST_SKIPPED:
                taken.skipped.append(read.what)
        else:
            taken.puts[batch.put(read.what, ready)] += 1
        if count >= _BATCH_READS or batch.writer.waiting >= _BATCH_BYTES or clock.monotonic_s() >= until:
            break
    return last
