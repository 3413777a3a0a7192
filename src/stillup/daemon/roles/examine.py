"""How a cluster is, as seen from here: bus, database, clocks, processes, partitions. What ``stillup doctor`` shows.

Nothing is changed by looking: no database is made, brought up to date or claimed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup import __version__
from stillup.bus.lease import STANDS_S, claim_of
from stillup.bus.open import open_bus
from stillup.daemon.cluster.owning import LEASES
from stillup.daemon.cluster.partitions import Partition, partitions_of
from stillup.daemon.cluster.publish import Word
from stillup.daemon.cluster.skew import MOST_S, Skew
from stillup.daemon.gateways import Heard, differing, listed
from stillup.daemon.roles.beat import ROLES, SKEW_S, Beat, digest_of, present
from stillup.daemon.roles.facts import said_by_gateways
from stillup.daemon.roles.running import limits, watched, where
from stillup.daemon.roles.said import words_of
from stillup.errors import BusError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stillup.bus.base import Bus
    from stillup.clock import Clock
    from stillup.config import Config

_PATIENCE_S = 15.0
_LATE = timedelta(minutes=3)
_BEHIND = 2_000
"""Records that a judge may be behind before it is worth a word: some minutes of a busy log."""


class Mark(StrEnum):
    """How a finding is to be taken."""

    WELL = "well"
    WORTH_A_WORD = "worth_a_word"
    WRONG = "wrong"


class Finding(Struct, frozen=True, kw_only=True):
    """One line: what was looked at, and what was found."""

    mark: Mark
    part: str
    """``bus``, ``database``, ``clock``, ``process`` or ``partition``."""
    name: str
    says: str


async def examine(config: Config, environ: Mapping[str, str], clock: Clock) -> list[Finding]:
    """Look at all of it, within a quarter of a minute.

    :raises stillup.errors.ConfigError: a key's file cannot be read.
    """
    database = asyncio.create_task(asyncio.to_thread(_database, config, environ))
    found = await _bus(config, environ, clock)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            found.insert(1, await database)
    except TimeoutError:
        found.insert(1, _finding(Mark.WRONG, "database", "", f"did not answer within {_PATIENCE_S:.0f} s"))
    return found


# -- the bus and what is on it -----------------------------------------------------------------------------------------


async def _bus(config: Config, environ: Mapping[str, str], clock: Clock) -> list[Finding]:
    servers = ", ".join(config.cluster.bus)
    try:
        bus = await open_bus(where(config, environ, "doctor"), clock, limits=limits(config))
    except BusError as exc:
        return [_finding(Mark.WRONG, "bus", servers, str(exc))]
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await _seen(bus, config, clock, servers)
    except (BusError, TimeoutError) as exc:
        return [_finding(Mark.WRONG, "bus", servers, str(exc) or f"did not answer within {_PATIENCE_S:.0f} s")]
    finally:
        await bus.close()


async def _seen(bus: Bus, config: Config, clock: Clock, servers: str) -> list[Finding]:
    if not bus.is_there:
        return [_finding(Mark.WRONG, "bus", servers, getattr(bus, "trouble", None) or "does not answer")]
    began_s = clock.monotonic_s()
    skew = Skew(bus, clock)
    skew_s = await skew.measure()
    took_ms = (clock.monotonic_s() - began_s) * 1000
    services, now = watched(config), clock.now()
    beats = await present(bus)
    words = await words_of(bus)
    found = [_finding(Mark.WELL, "bus", servers, f"answers in {took_ms:.0f} ms, prefix {config.cluster.prefix!r}")]
    if skew_s is None or abs(skew_s) > SKEW_S:
        found.append(_finding(Mark.WRONG, "clock", "here", skew.says))
    else:
        found.append(_finding(Mark.WELL, "clock", "here", f"agrees with the bus to {abs(skew_s):.2f} s"))
    found += processes(config, beats, digest_of(services), now)
    found += gateways_say(await said_by_gateways(bus))
    leases = {
        e.key: c.holder for e in await bus.table(LEASES, stands_s=STANDS_S).entries() if (c := claim_of(e)) is not None
    }
    for partition in partitions_of(services):
        oldest, newest = await bus.log(partition.log).ends()
        said = [words[s] for s in partition.services if s in words]
        found.append(partition_says(partition, leases.get(partition.name, ""), (oldest, newest), said, now))
    return found


def processes(config: Config, beats: Sequence[Beat], watches: str, now: datetime) -> Iterator[Finding]:
    """A line for each process, and for each role that lacks some."""
    for beat in beats:
        wrong = list(_wrong_with(beat, watches))
        age = _span(now - beat.since)
        says = ", ".join(f"{name} {text}" for name, text in beat.says.items() if text and name != "trouble")
        mark = Mark.WRONG if wrong else Mark.WELL
        told = "; ".join([*wrong, f"{beat.version} on {beat.host}, up {age}", *([says] if says else [])])
        yield _finding(mark, "process", f"{beat.role} {beat.replica}", told)
    for role in ROLES:
        there, wanted = sum(b.role == role for b in beats), getattr(config.cluster.expect, role)
        if there < wanted:
            yield _finding(Mark.WRONG, "process", role, f"{there} of {wanted} are there")
    if not any(b.role == "monitor" for b in beats):
        yield _finding(Mark.WRONG, "process", "monitor", "there is none, so nothing is judged")


def gateways_say(heard: Sequence[Heard]) -> Iterator[Finding]:
    """Where gateways differ in their chains, and what they play."""
    groups = differing(heard)
    if len(groups) > 1:
        told = "; ".join(listed(names) for names in groups[:4])
        more = f"; and {len(groups) - 4} more" if len(groups) > 4 else ""
        says = f"differ in their chains ({told}{more}): the same request is answered by others at each; /risk has them"
        yield _finding(Mark.WORTH_A_WORD, "process", "gateways", says)
    for one in heard:
        for fault in one.facts.faults:
            says = f"plays a fault: {fault.upstream} fails with {fault.mode} until {fault.until:%H:%M} UTC"
            yield _finding(Mark.WORTH_A_WORD, "process", f"gateway {one.name}", says)


def _wrong_with(beat: Beat, watches: str) -> Iterator[str]:
    if beat.skew_s is not None and abs(beat.skew_s) > SKEW_S:
        which = "ahead" if beat.skew_s > 0 else "behind"
        what = ": it judges nothing" if abs(beat.skew_s) > MOST_S and beat.role == "monitor" else ""
        yield f"its clock is {abs(beat.skew_s):.1f} s {which}{what}"
    if beat.watches and beat.watches != watches:
        yield "it was told to watch other services than this configuration names"
    if beat.version != __version__:
        yield f"it is of version {beat.version}, this is {__version__}"
    if beat.says.get("trouble"):
        yield f"{beat.says['trouble']}: what it judges waits to be written"


def partition_says(
    partition: Partition, holder: str, ends: tuple[int, int], said: Sequence[Word], now: datetime
) -> Finding:
    """Who judges it, how long its log is, how far behind its judge."""
    oldest, newest = ends
    name = f"{partition.name} ({', '.join(partition.services)})"
    kept = f"log of {max(0, newest - oldest + 1)} records"
    if not holder:
        return _finding(Mark.WRONG, "partition", name, f"nobody judges it; {kept}")
    if len(said) < len(partition.services):
        return _finding(Mark.WORTH_A_WORD, "partition", name, f"{holder} judges it, and has said nothing yet; {kept}")
    at, behind = min(w.at for w in said), newest - min(w.seq for w in said)
    what = f"{holder} judges it, last {at:%H:%M} UTC; {kept}, {max(0, behind)} not judged yet"
    if now - at > _LATE:
        return _finding(Mark.WRONG, "partition", name, f"{what}: that is {_span(now - at)} ago")
    return _finding(Mark.WORTH_A_WORD if behind > _BEHIND else Mark.WELL, "partition", name, what)


# -- the database ------------------------------------------------------------------------------------------------------


def _database(config: Config, environ: Mapping[str, str]) -> Finding:
    from stillup.store.engine import Access
    from stillup.store.opening import database_at

    name = ""
    try:
        with closing(database_at(config.store_at(environ), create=False)) as database:
            name = database.where
            with database.begin(Access.READ) as conn:
                mark, says = database_says(conn, name, config.cluster.prefix)
    except StoreError as exc:
        mark, says = Mark.WRONG, str(exc)
    return _finding(mark, "database", name, says)


def database_says(conn: Connection, name: str, prefix: str) -> tuple[Mark, str]:
    """Whether processes of this version and installation can use it, and why not.

    :raises StoreError: it is another program's, or a move into it was not finished.
    """
    from stillup.store import owner
    from stillup.store.dialect import is_postgresql, takes_no_writing
    from stillup.store.move import refuse_half_moved
    from stillup.store.schema import revision_of
    from stillup.store.tables import HEAD

    revision = revision_of(conn, name)
    if revision is None:
        return Mark.WORTH_A_WORD, "is empty: the first process makes its tables"
    is_server = is_postgresql(conn.dialect)
    kind = f"{'PostgreSQL' if is_server else 'SQLite, on this machine alone'}, schema {revision}"
    if revision > HEAD:
        return Mark.WRONG, f"{kind}: made by a newer stillup, processes of this version (up to {HEAD}) refuse it"
    if revision < HEAD:
        return Mark.WORTH_A_WORD, f"{kind}: the next process of this version that begins brings it to {HEAD}"
    whose = owner.whose(conn)
    if whose is not None and whose != prefix:
        return Mark.WRONG, f"belongs to the installation {whose!r}, not to this"
    refuse_half_moved(conn, name)
    if takes_no_writing(conn):
        return Mark.WRONG, f"{kind}: takes no writing (read-only, or a standby); what is judged waits to be written"
    return Mark.WELL if is_server else Mark.WORTH_A_WORD, kind


def _finding(mark: Mark, part: str, name: str, says: str) -> Finding:
    return Finding(mark=mark, part=part, name=name, says=says)


def _span(length: timedelta) -> str:
    seconds = length.total_seconds()
    for limit, size, unit in ((90, 1, "s"), (5_400, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{max(0, round(seconds / size))} {unit}"
    return f"{round(seconds / 86_400)} days"
