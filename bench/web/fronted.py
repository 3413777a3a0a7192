"""A front that keeps public pages for a second (deploy/nginx/pages.conf): how much of a crowd reaches the page."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from urllib.parse import urlsplit

from gateway.figures import Cell, table

from web import wrk
from web.page import children, page
from web.watched import listeners, watched

CONNECTIONS = 64
_CONF = Path(__file__).parents[2] / "deploy" / "nginx" / "pages.conf"
_PATIENCE_S = 10.0


def report(asked: Namespace) -> str:
    """How many asked for the page at each change, and how many of them the page met; then a crowd that only looks."""
    if which("nginx") is None:
        return "## Behind a front\n\nnginx is not installed here."
    with (
        page("--play", "--public") as served,
        TemporaryDirectory() as folder,
        front(served.first()["address"], Path(folder)) as address,
    ):
        readers = listeners(address, asked.path, asked.listeners)
        with children([readers]):
            begun, cpu_s = len(served.told), served.cpu_s()
            sleep(asked.seconds)
            minutes, cpu_s = served.told[begun:], served.cpu_s() - cpu_s
            sleep(2.0)
            readers.say("enough")
            saw = watched(minutes, readers.rest(), asked.listeners)
        at_changes = _kept(folder, asked.path)
        load = wrk.said(wrk.start(f"{address}{asked.path}", CONNECTIONS, asked.seconds))
        crowd = _kept(folder, asked.path) - at_changes
    intro = (
        f"## Behind a front\n\n{asked.listeners} readers of `{asked.path}` through nginx, {saw.changes} changes of "
        f"verdict in {asked.seconds:.0f} s; then {CONNECTIONS} connections that ask as fast as they can (wrk)."
    )
    rows: list[list[Cell]] = [
        ["taken anew at a change", str(at_changes.total()), str(_through(at_changes)), ""],
        ["the crowd", str(crowd.total()), str(_through(crowd)), f"{load.per_second:,.0f}"],
    ]
    shown = table(("", "asked at the front", "of which the page met", "a second"), rows)
    note = f"The page's processor while {asked.seconds:.0f} s were played: {cpu_s:.1f} s. Missed: {saw.missing}."
    return f"{intro}\n\n{shown}\n\n{saw.table()}\n\n{note}"


@contextmanager
def front(page_address: str, folder: Path) -> Iterator[str]:
    """nginx before that page, in a folder of its own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = _CONF.read_text()
    text = text.replace("/var/cache/nginx/stillup", str(folder / "kept"))
    text = text.replace("127.0.0.1:8780", urlsplit(page_address).netloc).replace(
        "listen 8700", f"listen 127.0.0.1:{port}"
    )
    # Run by root, nginx's workers would be somebody else, who may not go into our folders.
    user = "user root;" if os.geteuid() == 0 else ""
    conf = folder / "nginx.conf"
    conf.write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/errors warn; worker_processes 1;\n"
        "worker_rlimit_nofile 20000; events { worker_connections 10000; }\n"
        f"http {{ log_format kept '$uri $upstream_cache_status $body_bytes_sent';\n"
        f"access_log {folder}/access kept; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n{text}\n}}\n"
    )
    process = subprocess.Popen(["nginx", "-e", str(folder / "errors"), "-c", str(conf)])
    try:
        until_s = monotonic() + _PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if monotonic() > until_s or process.poll() is not None:
                    raise
                sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


def _kept(folder: str, path: str) -> Counter[str]:
    """What became of requests for that page: HIT, MISS, EXPIRED …"""
    sleep(0.5)
    lines = (Path(folder) / "access").read_text().splitlines()
    return Counter(found[1] for line in lines if (found := re.match(rf"{re.escape(path)} (\S+) ", line)))


def _through(kept: Counter[str]) -> int:
    """How many the page met: who is answered with the old page (STALE) sends one more to fetch the new one."""
    return kept.total() - kept["HIT"] - kept["UPDATING"]
