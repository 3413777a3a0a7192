"""What the gateway's journal says was asked and who answered, by the name of the model that was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct, field

from stillup.errors import StoreError
from stillup.gateway.core.values import Operation, Protocol
from stillup.gateway.journal.read import Exchange, read_segment
from stillup.gateway.journal.records import TryRecord
from stillup.gateway.journal.segment import segments
from stillup.risk.need import Tokens, Used

MOST_BYTES = 256 << 20
"""Of the journal, its newest; reading more would keep a person waiting."""
_MOST_NAMES = 500
_AT_ONCE = 50
"""Exchanges: about three milliseconds."""


class Heap(Struct):
    """What one asked model came to."""

    asked: int = 0
    by: Counter[str] = field(default_factory=Counter)
    tokens: Tokens = Tokens()

    def add(self, other: Heap) -> None:
        """Have both together here."""
        self.asked += other.asked
        self.by += other.by
        self.tokens = self.tokens.plus(other.tokens)


class Usage(Struct, frozen=True, kw_only=True):
    """All of it: the hours from the oldest exchange that was read until now, and a heap by protocol and model."""

    hours: float = 0.0
    heaps: dict[tuple[str, str], Heap] = {}
    is_cut: bool = False
    """There is more, older, that was not read."""
    trouble: str = ""

    def of(self, fits: Callable[[str], bool]) -> Used | None:
        """Of the models whose name fits; None where none was asked."""
        heaps = [heap for (_, model), heap in self.heaps.items() if fits(model)]
        if not heaps:
            return None
        by: Counter[str] = Counter()
        tokens = Tokens()
        for heap in heaps:
            by += heap.by
            tokens = tokens.plus(heap.tokens)
        return Used(hours=self.hours, asked=sum(heap.asked for heap in heaps), by=dict(by), tokens=tokens)

    def matching(self, pattern: str, before: tuple[str, ...] = ()) -> Used | None:
        """Of the models that a route's pattern takes, and none of the routes before it."""
        return self.of(lambda name: fnmatchcase(name, pattern) and not any(fnmatchcase(name, b) for b in before))

    def likeliest(self, pattern: str, before: tuple[str, ...] = ()) -> str:
        """Of the models that a route's pattern takes the one that was asked most; empty where none was."""
        those = (name for _, name in self.most_asked(_MOST_NAMES))
        taken = (n for n in those if fnmatchcase(n, pattern) and not any(fnmatchcase(n, b) for b in before))
        return next(taken, "")

    def most_asked(self, most: int) -> list[tuple[Protocol, str]]:
        """The models that were asked most, by protocol."""
        those = sorted(self.heaps.items(), key=lambda item: -item[1].asked)
        known = {p.value: p for p in Protocol}
        return [(known[protocol], model) for (protocol, model), _ in those if model and protocol in known][:most]


class _Part(Struct):
    """What one file of the journal comes to, when it had so many bytes."""

    size: int
    heaps: dict[tuple[str, str], Heap] = {}
    oldest_s: float = float("inf")
    newest_s: float = float("-inf")


class Reading:
    """Looks into a journal now and then: a file that did not grow is not read again.

    At one look ``most_bytes`` are read, the newest first. What is older than ``most_age`` does not count; of a file
    that was read before, as a whole (a file has a day at most). ``pause`` is called between exchanges now and then, by
    who has other work to do; what it raises ends the look.
    """

    def __init__(
        self,
        folder: Path,
        most_bytes: int = MOST_BYTES,
        most_age: timedelta | None = None,
        pause: Callable[[], object] = lambda: None,
    ) -> None:
        self._folder, self._most_bytes, self._most_age, self._pause = folder, most_bytes, most_age, pause
        self._parts: dict[Path, _Part] = {}

    def look(self, now: datetime) -> Usage:
        """What the journal says now; empty where there is none. Blocks."""
        try:
            paths = segments(self._folder) if self._folder.is_dir() else []
        except OSError as exc:
            return Usage(trouble=f"the journal {self._folder} cannot be read: {exc.strerror or exc}")
        since_s = (now - self._most_age).timestamp() if self._most_age is not None else float("-inf")
        parts: dict[Path, _Part] = {}
        is_cut, read = False, 0
        for path in reversed(paths):
            try:
                size = path.stat().st_size
                part = self._parts.get(path)
                if part is None or part.size != size:
                    if read >= self._most_bytes:
                        is_cut = True
                        continue
                    read += size
                    part = _read(path, size, since_s, self._pause)
            except FileNotFoundError:
                continue  # deleted meanwhile: it was over its age
            except (OSError, StoreError) as exc:
                return Usage(trouble=str(exc))
            parts[path] = part
            if part.heaps and part.newest_s < since_s:
                break  # those before it are older still
        self._parts = parts
        return _usage([part for part in parts.values() if part.newest_s >= since_s], now, is_cut=is_cut)


def read_usage(folder: Path, now: datetime, most_bytes: int = MOST_BYTES) -> Usage:
    """From the journal's newest files; empty where there is none. Blocks."""
    return Reading(folder, most_bytes).look(now)


def _read(path: Path, size: int, since_s: float, pause: Callable[[], object]) -> _Part:
    part = _Part(size, {})
    for number, (_, exchange) in enumerate(read_segment(path)):
        if number % _AT_ONCE == 0:
            pause()
        part.newest_s = max(part.newest_s, exchange.at_s)
        if exchange.at_s >= since_s:
            part.oldest_s = min(part.oldest_s, exchange.at_s)
            _count(part.heaps, exchange)
    return part


def _usage(parts: Sequence[_Part], now: datetime, *, is_cut: bool) -> Usage:
    heaps: dict[tuple[str, str], Heap] = {}
    for part in parts:
        for name, heap in part.heaps.items():
            if name in heaps or len(heaps) < _MOST_NAMES:
                heaps.setdefault(name, Heap()).add(heap)
    oldest_s = min((part.oldest_s for part in parts), default=now.timestamp())
    hours = max(now.timestamp() - min(oldest_s, now.timestamp()), 0.0) / 3600
    return Usage(hours=hours, heaps=heaps, is_cut=is_cut)


def _count(heaps: dict[tuple[str, str], Heap], exchange: Exchange) -> None:
    """Tries of a drill are none of what people asked."""
    begin = exchange.begin
    name = (begin.protocol, begin.model)
    tries = [one for one in exchange.tries if not one.drill]
    asks = begin.operation in (Operation.GENERATE.value, Operation.EMBED.value)
    if not asks or not tries or (name not in heaps and len(heaps) >= _MOST_NAMES):
        return
    heap = heaps.setdefault(name, Heap())
    heap.asked += 1
    good = next((one for one in reversed(tries) if one.ok), None)
    if good is not None:
        heap.by[good.upstream] += 1
    for one in tries:
        heap.tokens = heap.tokens.plus(_tokens(one, answers=int(one is good)))


def _tokens(one: TryRecord, answers: int) -> Tokens:
    """Anthropic counts what a cache held beside the input, all others inside it."""
    read, write = one.cache_read_tokens or 0, one.cache_write_tokens or 0
    given = one.input_tokens or 0
    beside = one.protocol in (Protocol.ANTHROPIC.value, Protocol.BEDROCK.value, Protocol.VERTEX.value)
    return Tokens(
        answers=answers,
        input_tokens=given if beside else max(given - read - write, 0),
        output_tokens=one.output_tokens or 0,
        cache_read_tokens=read,
        cache_write_tokens=write,
    )
