"""Memory of the page alone: idle, full of connections and readers, after a stampede."""

from __future__ import annotations

import socket
from argparse import Namespace
from urllib.parse import urlsplit

from gateway.figures import Cell, table

from web import wrk
from web.page import children, page
from web.watched import listeners

_NAMES = 20_000


def report(asked: Namespace) -> str:
    """Resident memory after each of these, one after the other."""
    with page() as served:
        address = served.first()["address"]
        seen = [("idle, with the judgement and the world that it was played from", served.rss_mb())]
        wrk.said(wrk.start(f"{address}{asked.path}", 64, 2))
        seen.append(("after a stampede of 2 s", served.rss_mb()))
        at = urlsplit(address)
        opened = [socket.create_connection((at.hostname or "", at.port or 0)) for _ in range(asked.connections)]
        seen.append((f"{asked.connections:,} connections that do nothing", served.rss_mb()))
        readers = listeners(address, asked.path, asked.listeners)
        with children([readers]):
            seen.append((f"and {asked.listeners} readers", served.rss_mb()))
            for sock in opened:
                sock.close()
            _ask(at.hostname or "", at.port or 0, asked.path)
            seen.append((f"and {_NAMES:,} different queries", served.rss_mb()))
        wrk.said(wrk.start(f"{address}{asked.path}", 64, 5))
        seen.append(("after another stampede of 5 s, all others gone", served.rss_mb()))
    rows: list[list[Cell]] = [[says, mb, mb - seen[0][1]] for says, mb in seen]
    return "## Memory of the page\n\n" + table(("", "MB", "above idle"), rows)


def _ask(host: str, port: int, path: str) -> None:
    """So many requests that differ in their query alone; what comes back is not looked at."""
    with socket.create_connection((host, port)) as sock:
        for i in range(_NAMES):
            ask = f"HEAD /robots.txt?{path}={i} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"
            sock.sendall(ask.encode())
            if not sock.recv(65_536):
                return
