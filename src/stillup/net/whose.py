"""Whose program listens on a port of this machine: another person's may call itself what it likes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENS = "0A"
_ADDRESS, _STATE, _UID = 1, 3, 7
_IPV4_LOOPBACK = "7F"
"""What 127.0.0.0/8 ends with there, mapped into IPv6 too: an address's words are written the other way round."""
_IPV6_LOOPBACK = "00000000000000000000000001000000"
_PEOPLE_FROM = 1_000
_OF_SERVICES = range(61_184, 65_520)
"""``DynamicUser=`` of systemd. Like users below 1,000 they are what the machine's owner set up."""


def is_somebody_elses(port: int, tables: Sequence[Path] = _TABLES, uid: int | None = None) -> bool:
    """Whether another person's program listens there on loopback; False also where the system does not say (not Linux).

    Root's, a service's and our own are nobody else's. Blocks; some milliseconds where there are thousands of sockets.
    """
    if os.name != "posix":
        return False
    me = os.geteuid() if uid is None else uid
    return any(other not in (0, me) and _is_person(other) for table in tables for other in _listeners(table, port))


def _is_person(uid: int) -> bool:
    return uid >= _PEOPLE_FROM and uid not in _OF_SERVICES


def _listeners(table: Path, port: int) -> Iterator[int]:
    """Users with a listener on that port that loopback reaches."""
    ending = f":{port:04X}"
    try:
        with table.open(encoding="ascii", errors="replace") as file:
            for line in file:
                fields = line.split()
                if len(fields) > _UID and fields[_STATE] == _LISTENS and fields[_ADDRESS].endswith(ending):
                    address = fields[_ADDRESS].partition(":")[0]
                    is_here = address.endswith(_IPV4_LOOPBACK) or address == _IPV6_LOOPBACK
                    if (is_here or not address.strip("0")) and fields[_UID].isdigit():
                        yield int(fields[_UID])
    except OSError:
        return
