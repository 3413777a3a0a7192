"""Whose a report is when a proxy stands in front: nobody may say it for themselves, or one would be a crowd."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from shutil import which
from time import monotonic, sleep
from urllib.parse import urlsplit

import pytest
from web.fronted import front

from stillup.web.access import client_address

DEPLOY = Path(__file__).parents[2] / "deploy"
WITHIN_S = 20.0
SAID = (
    [("X-Forwarded-For", "203.0.113.7")],
    [("X-Forwarded-For", "203.0.113.7"), ("x-forwarded-for", "198.51.100.9, 127.0.0.1")],
    [("X-Forwarded-For", "203.0.113.7, 127.0.0.1, 127.0.0.1"), ("X-Real-IP", "203.0.113.7")],
    [("X_Forwarded_For", "203.0.113.7"), ("Forwarded", "for=203.0.113.7"), ("True-Client-IP", "203.0.113.7")],
    [("X-Forwarded-For", "203.0.113.7"), ("Connection", "x-forwarded-for")],
)
"""What a sender may try, from an address that is itself believed: that of the proxy's own machine."""


def behind(name: str):
    """An application that tells where a request seems to come from, and that it was the one it came to."""

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        body = f"{name} {client_address(scope, ('127.0.0.1',))}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"no-store")]})
        await send({"type": "http.response.body", "body": body})

    return app


def ask(address: str, method: str, path: str, said=()) -> str:
    at = urlsplit(address)
    line = HTTPConnection(at.hostname, at.port, timeout=WITHIN_S)
    line.putrequest(method, path)
    for name, value in said:
        line.putheader(name, value)
    line.putheader("Content-Length", "0")
    line.endheaders()
    text = line.getresponse().read().decode()
    line.close()
    return text


@contextmanager
def caddy(web: str, hub: str, folder: Path) -> Iterator[str]:
    """Caddy with deploy/Caddyfile, before those two; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = (DEPLOY / "Caddyfile").read_text()
    text = text.replace("hub:8780", urlsplit(hub).netloc).replace("web:8780", urlsplit(web).netloc)
    text = text.replace("status.example.org", f"http://127.0.0.1:{port}").replace("ai.example.org", "http://ai.invalid")
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n\thttp_port {port}\n}}\n{text}")
    words = ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(words, env={"HOME": str(folder), "PATH": os.environ["PATH"]}, **quiet)
    try:
        until_s = monotonic() + WITHIN_S
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
        process.wait(WITHIN_S)


@pytest.mark.skipif(which("nginx") is None, reason="nginx is not installed here")
def test_behind_nginx_as_it_is_shipped_nobody_says_for_themselves_where_they_come_from(serve, tmp_path):
    with front(serve(behind("page")), tmp_path) as address:
        assert {ask(address, "POST", "/claude/report", said) for said in SAID} == {"page 127.0.0.1"}


@pytest.mark.skipif(which("caddy") is None, reason="caddy is not installed here")
def test_behind_caddy_as_it_is_shipped_nor_does_anybody_and_only_reports_go_to_a_hub(serve, tmp_path):
    with caddy(serve(behind("web")), serve(behind("hub")), tmp_path) as address:
        assert {ask(address, "POST", "/claude/report", said) for said in SAID} == {"hub 127.0.0.1"}
        assert {ask(address, "GET", "/claude", said) for said in SAID} == {"web 127.0.0.1"}
        posts = {path: ask(address, "POST", path).split()[0] for path in ("/api/v1/reports", "/chat", "/chat/send")}
        assert posts == {"/api/v1/reports": "hub", "/chat": "web", "/chat/send": "web"}
