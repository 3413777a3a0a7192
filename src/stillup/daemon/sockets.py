"""Sockets to listen on, opened before anything else starts: what cannot be had is said at once."""

from __future__ import annotations

import os
import socket
from ipaddress import ip_address

from stillup.errors import UsageError

_SPARE = 256
"""Files that the rest of the process may need: database, sources, journal."""


def open_sockets(listen: str, backlog: int, key: str) -> tuple[list[socket.socket], str, str]:
    """Listen on ``host:port``: the sockets, the address with the port that was had, and its URL from this machine.

    ``key`` of the configuration is where another address could be named.

    A name with several addresses (``localhost``) is listened to on all of them that can be had.

    :raises stillup.errors.UsageError: the first of them cannot be had.
    """
    host, _, text = listen.rpartition(":")
    host, port = host.strip("[]"), int(text)
    opened: list[socket.socket] = []
    try:
        for family, at in _addresses(host, port):
            try:
                opened.append(_open(family, at, port, backlog))
            except OSError:
                if not opened:
                    raise
            port = int(opened[0].getsockname()[1])
    except OSError as exc:
        why = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc.strerror or str(exc)
        msg = f"cannot listen on {listen}: {why}; `{key}` names another address"
        raise UsageError(msg) from exc
    shown = f"[{host}]" if ":" in host else host
    return opened, f"{shown}:{port}", f"http://{_from_here(host)}:{port}"


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    """What a name means, IPv4 first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    each = dict.fromkeys((entry[0], str(entry[4][0])) for entry in found)
    return sorted(each, key=lambda pair: pair[0] != socket.AF_INET)


def _open(family: socket.AddressFamily, at: str, port: int, backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let another program take the same address
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and ip_address(at.partition("%")[0]).is_loopback:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((at, port))
        sock.listen(backlog)
        sock.settimeout(0)
    except OSError:
        sock.close()
        raise
    return sock


def _from_here(host: str) -> str:
    try:
        at = ip_address(host)
    except ValueError:
        return host
    if at.is_unspecified:
        return "127.0.0.1" if at.version == 4 else "[::1]"
    return f"[{host}]" if at.version == 6 else host


def room_for(wanted: int) -> int:
    """How many connections can be held at once: ``wanted``, or what the system lets a process open, less some spare.

    The soft bound on open files is raised towards the hard one; it is a habit from the days of ``select``.
    """
    try:
        import resource
    except ImportError:  # pragma: no cover - not a POSIX system
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _SPARE
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(16, min(wanted, soft - _SPARE))
