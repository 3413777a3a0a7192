"""What a cluster holds at one moment: memory of processes, bytes of streams of NATS and of tables of PostgreSQL."""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.store.pgserver import PgServer

MB = 1_048_576
_HEAP = re.compile(r"^# (\w+) = (\d+)", re.MULTILINE)
_TABLES = """
SELECT c.relname, pg_relation_size(c.oid), pg_indexes_size(c.oid), pg_total_relation_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' AND pg_total_relation_size(c.oid) > 0 ORDER BY 1
"""


class Stream(Struct, frozen=True):
    """Live bytes as NATS counts them, records, and the number of the last; ``disk`` of its files."""

    bytes: int
    records: int
    last: int
    disk: int


class Table(Struct, frozen=True):
    """Bytes of a table of PostgreSQL: its heap, its indexes, all of it; and its rows."""

    heap: int
    indexes: int
    total: int
    rows: int


def rss_mb(pid: int) -> float:
    """What of a process is in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MB


def pss_mb(pids: Iterable[int]) -> float:
    """Of several that share memory: each page is counted once."""
    total_kb = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # a backend that has just ended
        total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total_kb / 1024


def disk_bytes(*paths: Path) -> int:
    """What files take on the disk."""
    total = 0
    for path in paths:
        for file in [path] if path.is_file() else path.rglob("*"):
            try:
                total += file.stat().st_blocks * 512 if file.is_file() else 0
            except OSError:
                continue  # it was taken away meanwhile
    return total


def streams(monitoring: str, store: Path) -> dict[str, Stream]:
    """Those of one server, by name; ``monitoring`` is its HTTP address, ``store`` its JetStream folder."""
    told = _json(f"{monitoring}/jsz?streams=true")
    found = {}
    for account in told.get("account_details", ()):
        folder = store / "jetstream" / account["name"] / "streams"
        for one in account.get("stream_detail", ()):
            state = one["state"]
            found[one["name"]] = Stream(
                state["bytes"], state["messages"], state["last_seq"], disk_bytes(folder / one["name"])
            )
    return found


def heap_mb(profiling: str) -> dict[str, float]:
    """The Go heap of a NATS server after a collection: what is in use, and what the system was asked for."""
    with urllib.request.urlopen(f"{profiling}/debug/pprof/heap?debug=1&gc=1", timeout=10) as answer:
        told = dict(_HEAP.findall(answer.read().decode()))
    return {name: int(told[name]) / MB for name in ("HeapAlloc", "HeapInuse", "HeapIdle", "HeapReleased", "Sys")}


def tables(server: PgServer, database: str) -> dict[str, Table]:
    """Those of a database, by name."""
    found = {}
    for name, heap, indexes, total in server.sql(_TABLES, database):
        ((rows,),) = server.sql(f'SELECT count(*) FROM "{name}"', database)
        found[name] = Table(heap, indexes, total, rows)
    return found


class Held(Struct, frozen=True, kw_only=True):
    """All of it; memory in MB, the rest in bytes. ``copying`` is what of the disk is for copies among servers."""

    memory: dict[str, float]
    heap: dict[str, float]
    streams: dict[str, Stream]
    tables: dict[str, Table]
    disk: int
    copying: int

    @property
    def log(self) -> int:
        """Bytes of all logs."""
        return sum(stream.bytes for name, stream in self.streams.items() if "_log_" in name)

    @property
    def log_disk(self) -> int:
        """Of their files."""
        return sum(stream.disk for name, stream in self.streams.items() if "_log_" in name)

    @property
    def signals(self) -> int:
        """Bytes of the signals' tables of days that have any."""
        return sum(t.heap + t.indexes for name, t in self.tables.items() if name.startswith("signals") and t.rows)


def slope(values: Sequence[float]) -> float:
    """The slope a step of the later half of values, by least squares."""
    later = values[len(values) // 2 :]
    n = len(later)
    if n < 2:
        return 0.0
    middle, mean = (n - 1) / 2, sum(later) / n
    return sum((x - middle) * (y - mean) for x, y in enumerate(later)) / sum((x - middle) ** 2 for x in range(n))


def _json(url: str) -> dict:  # type: ignore[type-arg]
    with urllib.request.urlopen(url, timeout=10) as answer:
        return msgspec.json.decode(answer.read())  # type: ignore[no-any-return]
