"""Law 7: everything is written before it is forwarded, and nothing of it ever stands in an answer's way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Literal

from msgspec import Struct

from stillup.gateway.core.values import Ask, Target, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.journal import kept
from stillup.gateway.journal.names import Names
from stillup.gateway.journal.pieces import cut
from stillup.gateway.journal.records import Answering, Begin, End, Kind, Seam, TryRecord
from stillup.gateway.journal.retention import Pruned, prune
from stillup.gateway.journal.segment import Segment, begin_segment, nowhere
from stillup.private import private_folder

RETRY_S = 30.0
"""So long nothing is kept after the disk failed, before it is tried again."""
UNCUT_BYTES = 1024
"""A body up to here is kept as it came: storing it again costs less than looking for what was there before."""
_NO_USAGE = Usage()


class Settings(Struct, frozen=True, kw_only=True):
    """How much is kept, and when the disk must have it."""

    keep_days: float = 30.0
    max_bytes: int = 1024 * 1024 * 1024
    sync: Literal["none", "second", "always"] = "second"


class Entry(Struct, eq=False):
    """One exchange that is being kept: what its records are filed under."""

    id: str
    segment: Segment
    number: int
    open: bool = True


class Journal:
    """Writes exchanges down. All methods but :meth:`sync` and :meth:`prune` belong to one thread, the event loop's.

    Times (``at_s``) are the wall clock's, in seconds since the epoch. Nothing is written before :meth:`commit`, which
    the caller makes once for all that came in one turn of its loop, *before* it sends any of that on. No method raises
    for a disk that is full or broken: the journal stops, says so once, and tries again half a minute later. Exchanges
    that run meanwhile stay as they are, without an end.

    An exchange stays in the segment where it began, so that each segment can be read, and deleted, without the others.
    Cost of a small request with its begin, end and commit: about 7 µs; of a chunk: 0.2 µs, and half a µs in the commit.
    """

    def __init__(self, folder: Path, settings: Settings, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.settings = settings
        self.trouble = ""
        """Why nothing is kept at the moment; empty while all is well."""
        self.written_bytes = 0
        self.errors = 0
        self._say = say
        self._current: Segment | None = None
        self._open: list[Segment] = []
        self._names = Names()
        self._nowhere = nowhere()
        self._lock = Lock()  # held for as long as it takes to close a file or to copy its descriptor
        self._retry_at_s = 0.0
        self._sync_error: OSError | None = None
        self._always = settings.sync == "always"
        self._closed = False

    @classmethod
    def open(cls, folder: Path, at_s: float, settings: Settings, say: Callable[[str], None]) -> Journal:
        """Make the folder where it is missing. ``say`` is told, in a sentence, when keeping stops and goes on."""
        journal = cls(folder, settings, say)
        try:
            private_folder(folder)
        except OSError as error:
            journal._stop(error, at_s)
        return journal

    @classmethod
    def off(cls) -> Journal:
        """A journal that keeps nothing, for callers that need not know."""
        journal = cls(Path(os.devnull), Settings(sync="none"), lambda _: None)
        journal._closed = True
        return journal

    # --- an exchange, in the order of its life ---

    def begin(self, ask: Ask, id: str, at_s: float) -> Entry:  # noqa: A002
        """A client asked. The entry is what all that follows is told."""
        segment = self._current
        if segment is None or segment.is_full(at_s):
            segment = self._roll(at_s)
            if segment is None:
                return Entry(id, self._nowhere, 0)
        segment.exchanges += 1
        segment.running += 1
        number = segment.exchanges
        literals, refs = _stored(segment, ask.body, segment.ms(at_s))
        record = Begin(
            id=id,
            protocol=ask.protocol,
            operation=ask.operation,
            method=ask.method,
            path=ask.path,
            query=kept.query(ask.query),
            model=ask.model,
            stream=ask.stream,
            headers=kept.headers(ask.headers),
            literals=literals,
            refs=refs,
        )
        segment.add(Kind.BEGIN, number, at_s, record)
        return Entry(id, segment, number)

    def tried(self, entry: Entry, n: int, result: Try, at_s: float, *, why: str = "") -> None:
        """The ``n``-th try ended; ``why`` is the reason it was made."""
        if not entry.segment.alive:
            return
        target, usage = result.target, result.usage
        record = TryRecord(
            n=n,
            upstream=target.upstream,
            model=result.model,
            protocol=target.protocol,
            ok=result.ok,
            fault=result.fault,
            status=result.status,
            first_token_s=result.first_token_s,
            total_s=result.total_s,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            why=why,
            changes=result.changes,
            drill=result.drill,
        )
        entry.segment.add(Kind.TRY, entry.number, at_s, record)

    def answering(
        self,
        entry: Entry,
        n: int,
        target: Target,
        at_s: float,
        *,
        status: int,
        model: str = "",
        content_type: str = "",
        content_encoding: str = "",
    ) -> None:
        """What is forwarded from now on is the ``n``-th try's. The last three are of the head the client gets."""
        if entry.segment.alive:
            record = Answering(
                n, target.upstream, model or target.model, target.protocol, status, content_type, content_encoding
            )
            entry.segment.add(Kind.ANSWERING, entry.number, at_s, record)

    def seam(
        self,
        entry: Entry,
        n: int,
        target: Target,
        at_s: float,
        *,
        model: str,
        broken: int,
        fault: str,
        characters: int,
        form: str,
    ) -> None:
        """What is forwarded from now on is the ``n``-th try's, which goes on with what another began."""
        if entry.segment.alive:
            record = Seam(n, target.upstream, model, target.protocol, broken, fault, characters, form)
            entry.segment.add(Kind.SEAM, entry.number, at_s, record)

    def forwarded(self, entry: Entry, chunk: bytes) -> None:
        """These bytes go to the client as soon as they are committed; their time is the commit's."""
        segment = entry.segment
        if segment.alive:
            segment.pending.append((entry.number, chunk))

    def ended(
        self,
        entry: Entry,
        outcome: str,
        at_s: float,
        *,
        status: int | None = None,
        usage: Usage = _NO_USAGE,
        reason: str = "",
    ) -> None:
        """The exchange is over: call it for every entry, whatever happened; a second call is none."""
        if not entry.open:
            return
        entry.open = False
        segment = entry.segment
        segment.running -= 1
        if segment.alive:
            record = End(
                outcome,
                status,
                usage.input_tokens,
                usage.output_tokens,
                usage.cache_read_tokens,
                usage.cache_write_tokens,
                reason,
            )
            segment.add(Kind.END, entry.number, at_s, record)

    # --- the disk ---

    def commit(self, at_s: float) -> None:
        """Write all that waits: one write, or one for each segment in which an exchange still runs.

        With ``sync = "always"`` it also waits for the disk.
        """
        if self._sync_error is not None:
            self._stop(self._sync_error, at_s)
        for segment in self._open:
            if segment.pending:
                try:
                    self.written_bytes += segment.flush(at_s)
                    if self._always:
                        segment.sync()
                except OSError as error:
                    self._stop(error, at_s)
                    return
        if len(self._open) > 1:
            self._close_finished()

    def sync(self) -> None:
        """Wait until the disk has all that was committed. For another thread, each second; else it costs nothing."""
        if self.settings.sync != "second":
            return
        for segment in list(self._open):
            with self._lock:  # only for the copy: the loop must never wait for the disk here
                if not (segment.alive and segment.dirty):
                    continue
                fd = os.dup(segment.fd)
            try:
                segment.sync(fd)
            except OSError as error:
                self._sync_error = error  # the loop's thread stops the journal
            finally:
                os.close(fd)

    def prune(self, at_s: float) -> Pruned:
        """Delete the oldest segments beyond what may be kept. For another thread, each minute or so."""
        if self._closed:
            return Pruned()
        try:
            return prune(self.folder, at_s, keep_days=self.settings.keep_days, max_bytes=self.settings.max_bytes)
        except OSError:  # the folder cannot be read: the writer meets that too, and says it
            return Pruned()

    def close(self, at_s: float) -> None:
        """Write what waits, let the disk have it, and keep nothing from now on."""
        self.commit(at_s)
        self.sync()
        self._closed = True
        self._drop_all()

    def _roll(self, at_s: float) -> Segment | None:
        """The segment for new exchanges, or None while nothing is kept."""
        if self._closed or 0 < self._retry_at_s - at_s <= RETRY_S:  # more: the clock was set back
            return None
        try:
            private_folder(self.folder)
            segment = begin_segment(self.folder, at_s, self._names)
        except OSError as error:
            self._stop(error, at_s)
            return None
        if self._current is not None:
            self._current.known.clear()  # nothing begins there any more
        self._current = segment
        self._open = [*self._open, segment]  # a new list: another thread may be reading the old one
        if self.trouble:
            self.trouble = ""
            self._say("the journal is kept again")
        return segment

    def _stop(self, error: OSError, at_s: float) -> None:
        self._sync_error = None
        self._drop_all()
        self.errors += 1
        self._retry_at_s = at_s + RETRY_S
        if not self.trouble:
            self.trouble = error.strerror or type(error).__name__
            self._say(f"the journal is not kept for now: {self.trouble} ({self.folder}); requests go on")

    def _drop_all(self) -> None:
        with self._lock:
            for segment in self._open:
                segment.close()
        self._open = []
        self._current = None

    def _close_finished(self) -> None:
        over = [s for s in self._open if s is not self._current and s.running == 0 and not s.pending]
        if not over:
            return
        for segment in over:
            if segment.dirty and self.settings.sync == "second":
                continue  # the next `sync` has it first
            with self._lock:
                segment.close()
        self._open = [s for s in self._open if s.alive]


def _stored(segment: Segment, body: bytes, ms: int) -> tuple[tuple[bytes, ...], bytes]:
    """The body as literals and the names of blobs between them."""
    if len(body) <= UNCUT_BYTES:
        return (body,), b""
    literals, refs, at = [], [], 0
    for start, stop in cut(body):
        literals.append(body[at:start])
        refs.append(segment.refer(body[start:stop], ms))
        at = stop
    literals.append(body[at:])
    return tuple(literals), b"".join(refs)
