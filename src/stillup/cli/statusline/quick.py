"""A GET to this machine that loads next to nothing and waits no longer than it is told."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import msgspec

from stillup.secret import Secret

_MOST_BYTES = 1 << 20


def get(base: str, patience_s: float, token: Secret | None, path: str) -> Mapping[str, Any] | None:
    """The JSON object there; None where nobody answers with one. ``base`` is ``http://HOST:PORT`` and what follows."""
    address, slash, before = base.removeprefix("http://").partition("/")
    host, _, port = address.rpartition(":")
    lines = [f"GET {slash}{before}{path} HTTP/1.1", f"Host: {address}", "Accept: application/json", "Connection: close"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token.reveal()}")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), patience_s) as link:
            link.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            answer = bytearray()
            while (piece := link.recv(65_536)) and len(answer) < _MOST_BYTES:
                answer += piece
    except (OSError, ValueError):
        return None
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
        return None
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, dict) else None
