"""Addresses to a connection. Both IP versions are tried, and which of them failed is kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Sequence

from stillup.net import Address
from stillup.sources.ladder.faults import Stage, fault_of, is_missing_family

_PER_FAMILY = 3
_NEXT_S = 0.25  # the connection attempt delay of RFC 8305
_LATE_S = 0.25
_NAMES: dict[int, str] = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6"}

_Lane = asyncio.Task[socket.socket]


class Dialled:
    """A connected socket, and the lane of the other IP version, which may still be on its way."""

    def __init__(self, sock: socket.socket, others: dict[_Lane, int]) -> None:
        self.sock = sock
        self._others = others
        self._loop = asyncio.get_running_loop()
        self._started_s = self._loop.time()

    async def notes(self) -> list[str]:
        """What became of the other IP version, in words; ends its lane."""
        late = self._loop.time() - self._started_s > _LATE_S
        notes = [note for lane, family in self._others.items() if (note := _note(lane, _NAMES[family], late=late))]
        await _drop(self._others)
        return notes


async def connect(addresses: Sequence[Address], port: int) -> Dialled:
    """The first connection to stand, of one lane per IP version, both started at once.

    Browsers give IPv6 a head start and forget the loser; a probe wants to know how both are.

    :raises OSError: no address could be reached; the reason that says most.
    """
    by_family = {family: [a for a in addresses if a.family == family] for family in _NAMES}
    lanes = {asyncio.create_task(_lane(found, port)): family for family, found in by_family.items() if found}
    if not lanes:
        raise socket.gaierror(socket.EAI_NONAME, "no address of a version we speak")
    try:
        winner = await _first(list(lanes))
    except BaseException:
        await _drop(lanes)
        raise
    return Dialled(winner.result(), {lane: family for lane, family in lanes.items() if lane is not winner})


async def _lane(addresses: Sequence[Address], port: int) -> socket.socket:
    """The first of one version's addresses to be reached, each started a little after the one before it."""
    tries = [
        asyncio.create_task(_sock_connect(address, port, n * _NEXT_S))
        for n, address in enumerate(addresses[:_PER_FAMILY])
    ]
    winner: _Lane | None = None
    try:
        winner = await _first(tries)
        return winner.result()
    finally:
        await _drop([task for task in tries if task is not winner])


async def _first(tries: Sequence[_Lane]) -> _Lane:
    """The first that succeeds.

    :raises OSError: none does.
    """
    running = set(tries)
    while running:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task.exception() is None:
                return task
    errors = [error for task in tries if (error := task.exception()) is not None]
    # "no route for IPv6 here" explains nothing when IPv4 was refused
    raise next((error for error in errors if not is_missing_family(error)), errors[0])


async def _sock_connect(address: Address, port: int, delay_s: float) -> socket.socket:
    await asyncio.sleep(delay_s)
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)  # noqa: FBT003  the standard library's own signature
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (address.ip, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _note(lane: _Lane, name: str, *, late: bool) -> str:
    if not lane.done():
        return f"{name} does not answer" if late else ""
    error = lane.exception()
    if not isinstance(error, OSError) or is_missing_family(error):
        return ""
    return f"{name} fails: {fault_of(error, Stage.TCP)}"


async def _drop(lanes: Collection[_Lane]) -> None:
    for lane in lanes:
        lane.cancel()
    for ended in await asyncio.gather(*lanes, return_exceptions=True):
        if isinstance(ended, socket.socket):
            ended.close()
