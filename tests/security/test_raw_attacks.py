"""Bytes that no honest client sends, at a real ``stillup up``: page and gateway refuse each, and live on."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from stillup.registry import usable_sources

CONFIG = """
data = "{data}"
services = ["claude"]
[web]
listen = "127.0.0.1:0"
[gateway]
listen = "127.0.0.1:0"
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "http://127.0.0.1:9"
key_env = "A_KEY"
"""
PATIENCE_S = 20.0
HIDDEN = b"GET /hidden HTTP/1.1\r\nhost: localhost\r\n\r\n"
OURS = b"host: localhost\r\n"


@pytest.fixture(scope="module")
def up(tmp_path_factory) -> Iterator[dict[str, int]]:
    """One process for all of them: the ports of its page and its gateway."""
    folder = tmp_path_factory.mktemp("up")
    config = folder / "stillup.toml"
    off = "\n".join(f"[sources.{s.id}]\nenabled = false" for s in usable_sources())
    config.write_text(CONFIG.format(data=folder / "data") + off)
    environ = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()} | {"A_KEY": "dummy-key"}
    process = subprocess.Popen(
        [sys.executable, "-m", "stillup", "up", "--config", str(config)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ, cwd=folder,
    )  # fmt: skip
    try:
        ports, said = {}, b""
        while len(ports) < 2:
            said += (line := process.stderr.readline())
            assert line, said
            for name, words in (("gateway", rb"listens on http://127\.0\.0\.1:(\d+)"), ("page", rb"page: .*?:(\d+)")):
                if found := re.search(words, line):
                    ports[name] = int(found[1])
        yield ports
        assert process.poll() is None, "it lives"
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def told(port: int, raw: bytes) -> bytes:
    """All that comes back, until it is silent for a moment or the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as sock, suppress(ConnectionError):
        sock.sendall(raw)
        with suppress(OSError):  # it may be the other side that has ended it
            sock.shutdown(socket.SHUT_WR)
        got = b""
        while piece := sock.recv(65_536):
            got += piece
        return got
    return b""


def statuses(answer: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)]


def post(lines: bytes, body: bytes) -> bytes:
    return b"POST /v1/messages HTTP/1.1\r\n" + OURS + lines + b"\r\n" + body


SMUGGLED = {
    "length and chunks": post(b"content-length: 4\r\ntransfer-encoding: chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "chunks and length": post(b"transfer-encoding: chunked\r\ncontent-length: 4\r\n", b"0\r\n\r\n" + HIDDEN),
    "two lengths": post(b"content-length: 0\r\ncontent-length: 44\r\n", HIDDEN),
    "a list of lengths": post(b"content-length: 0, 44\r\n", HIDDEN),
    "a signed length": post(b"content-length: +0\r\n", HIDDEN),
    "a length below nothing": post(b"content-length: -1\r\n", HIDDEN),
    "a length as Python writes numbers": post(b"content-length: 0_0\r\n", HIDDEN),
    "a length in another script": post("content-length: ٠\r\n".encode(), HIDDEN),
    "a blank before the colon": post(b"content-length : 44\r\n", HIDDEN),
    "chunks in another word": post(b"transfer-encoding: xchunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "chunks twice": post(b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", b"0\r\n\r\n" + HIDDEN),
    "a folded line": post(b"transfer-encoding:\r\n chunked\r\n", b"0\r\n\r\n" + HIDDEN),
    "a chunk in Python's hexadecimal": post(b"transfer-encoding: chunked\r\n", b"0x0\r\n\r\n" + HIDDEN),
    "a chunk below nothing": post(b"transfer-encoding: chunked\r\n", b"-1\r\n\r\n" + HIDDEN),
    "a chunk larger than all": post(b"transfer-encoding: chunked\r\n", b"f" * 17 + b"\r\n" + HIDDEN),
    "a chunk that goes on behind its end": post(b"transfer-encoding: chunked\r\n", b"1\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    "chunks in HTTP/1.0": b"POST /v1/messages HTTP/1.0\r\n" + OURS + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a zero in a header": b"GET / HTTP/1.1\r\n" + OURS + b"x: a\x00b\r\n\r\n",
    "a bare return in a header": b"GET / HTTP/1.1\r\n" + OURS + b"x: a\rcontent-length: 44\r\n\r\n" + HIDDEN,
}
STRANGE = {
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 9,
    "a tunnel": b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n",
    "an open proxy": b"GET http://example.org/ HTTP/1.1\r\nhost: example.org\r\n\r\n",
    "an echo": b"TRACE / HTTP/1.1\r\n" + OURS + b"x-secret: a\r\n\r\n",
    "no host": b"GET /v1/models HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /v1/models HTTP/1.1\r\n" + OURS + b"host: evil.example\r\n\r\n",
    "no words": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 400,
    "no HTTP": b"SSH-2.0-x\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\n" + OURS + b"\r\n",
    "a header of a megabyte": b"GET / HTTP/1.1\r\n" + OURS + b"x: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "ten thousand headers": b"GET / HTTP/1.1\r\n" + OURS + b"x: a\r\n" * 10_000 + b"\r\n",
    "an address of a megabyte": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n" + OURS + b"\r\n",
    "a method without end": b"G" * 100_000 + b" / HTTP/1.1\r\n" + OURS + b"\r\n",
}
FOREIGN = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example:80#localhost",
    "localhost@evil.example",
    "evil.example\\localhost",
    "[::1].evil.example",
    "0x7f000001.evil.example",
    "localhost evil.example",
    "localhost,evil.example",
    "localhost/evil.example",
    "%6cocalhost",
    "[::1",
    "",
]
ORIGINS = [
    "null",
    "http://evil.example",
    "http://127.0.0.1.evil.example",
    "http://localhost:1@evil.example",
    "file://",
]
PATHS = [
    "/static/../../../../etc/passwd",
    "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2f..%2f..%2fetc/passwd",
    "/static/%252e%252e/etc/passwd",
    "/static/..%5c..%5cetc/passwd",
    "/static/%c0%ae%c0%ae/etc/passwd",
    "/static//etc/passwd",
    "//etc/passwd",
    "/claude%00.html",
    "/claude%0d%0aset-cookie:%20a=b",
    "/v1/models/..%2f..%2fetc",
    "/v1/models/%2e%2e",
    "/stillup/later/..%2f..%2f",
    "/;/healthz",
    "/%",
]
BOTH = pytest.mark.parametrize("where", ["page", "gateway"])


@BOTH
@pytest.mark.parametrize("kind", SMUGGLED)
def test_no_request_is_hidden_in_another(up, where, kind):
    answer = told(up[where], SMUGGLED[kind])
    assert all(400 <= status < 600 for status in statuses(answer)), answer[:300]
    assert len(statuses(answer)) <= 1, answer[:600]


@BOTH
@pytest.mark.parametrize("kind", STRANGE)
def test_what_is_no_request_of_a_client_of_ours_is_refused(up, where, kind):
    answer = told(up[where], STRANGE[kind])
    assert all(400 <= status < 600 for status in statuses(answer)), answer[:300]
    assert b"x-secret: a" not in answer
    assert len(answer) < 20_000, "what is refused is not repeated"


@BOTH
@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.2"])
def test_no_connection_becomes_another_kind(up, where, protocol):
    lines = b"connection: upgrade, http2-settings\r\nupgrade: " + protocol + b"\r\nhttp2-settings: AAMAAABk\r\n"
    key = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    answer = told(up[where], b"GET /healthz HTTP/1.1\r\n" + OURS + lines + key + b"\r\n")
    assert statuses(answer) in ([200], [400], [426], [501]), answer[:300]


@BOTH
@pytest.mark.parametrize("host", FOREIGN)
def test_a_name_that_only_looks_like_this_machines_is_a_strangers(up, where, host):
    path = b"/api/v1/services" if where == "page" else b"/v1/models"
    answer = told(up[where], b"GET %b HTTP/1.1\r\nhost: %b\r\nx-api-key: k\r\n\r\n" % (path, host.encode()))
    assert statuses(answer)[0] in (400, 403, 421), answer[:300]


@BOTH
@pytest.mark.parametrize("origin", ORIGINS)
def test_no_other_site_changes_or_asks_anything(up, where, origin):
    path = b"/v1/messages" if where == "gateway" else b"/claude/report"
    lines = b"origin: %b\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n" % origin.encode()
    answer = told(up[where], b"POST %b HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n%b\r\n{}" % (path, up[where], lines))
    assert statuses(answer) == [403], answer[:300]
    assert b"access-control-allow-origin" not in answer.lower()


@BOTH
@pytest.mark.parametrize("path", PATHS)
def test_no_way_of_writing_a_path_leads_out(up, where, path):
    answer = told(up[where], b"GET %b HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n" % path.encode())
    assert statuses(answer)[0] >= 300, answer[:300]
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"root:" not in answer
    assert b"set-cookie: a=b" not in head
    assert not re.search(rb"location: (//|\\|https?:)", head), head


@BOTH
def test_who_holds_a_hundred_connections_open_and_says_little_keeps_nobody_out(up, where):
    begun = [
        b"GET / HTTP/1.1\r\nx: ",
        b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999999\r\n\r\n{",
    ]
    held = []
    try:
        for n in range(100):
            held.append(socket.create_connection(("127.0.0.1", up[where]), timeout=PATIENCE_S))
            held[-1].sendall(begun[n % 2])
        assert statuses(told(up[where], b"GET /healthz HTTP/1.1\r\n" + OURS + b"\r\n")) == [200]
    finally:
        for sock in held:
            sock.close()
