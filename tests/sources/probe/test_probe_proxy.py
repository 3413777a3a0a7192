"""Proxies of the environment: a tunnel for TLS, an absolute address for plain HTTP, and whose fault a failure is."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest

from stillup.errors import NotConfigured


class Tunnel:
    """A small proxy: CONNECT to any name leads to one loopback port."""

    def __init__(self, port: int, status: int = 200) -> None:
        self._port = port
        self._status = status
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {self._status} x\r\n\r\n".encode())
        await writer.drain()
        if self._status != 200:
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, there_writer))
                group.create_task(_pump(there_reader, writer))
        finally:
            there_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(4096):
        writer.write(piece)
        await writer.drain()
    writer.close()


async def test_tls_goes_through_a_tunnel_and_the_name_is_never_resolved_here(host, read, monkeypatch):
    inner = await host.says(host.reply(), tls=host.tls("acme.invalid"))
    tunnel = Tunnel(inner)
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:pa%20ss@127.0.0.1:{await host.serve(tunnel)}")
    reading = await read(read.rung("https://acme.invalid/login?x=1"), controls=[])
    assert [s.ok for s in reading.signals if hasattr(s, "ok")] == [True]
    assert all(word in reading.says for word in ("proxy", "TLS", "edge 200"))
    assert "DNS" not in reading.says
    assert tunnel.heads[0].startswith(b"CONNECT acme.invalid:443 HTTP/1.1\r\n")
    assert b"proxy-authorization: Basic " + b64encode(b"me:pa ss") in tunnel.heads[0]
    assert host.heads[0].startswith(b"GET /login?x=1 HTTP/1.1\r\nhost: acme.invalid\r\n")
    assert b"proxy-authorization" not in host.heads[0]
    assert "pa ss" not in repr(reading)


async def test_plain_http_is_asked_of_the_proxy_by_its_absolute_address(host, read, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://me:pass@127.0.0.1:{await host.says(host.reply())}")
    assert await read.outcomes(read.rung("http://acme.invalid/a"), controls=[]) == [("edge", None)]
    assert host.heads[0].startswith(b"GET http://acme.invalid/a HTTP/1.1\r\nhost: acme.invalid\r\n")
    assert b"proxy-authorization: Basic " in host.heads[0]


async def test_a_silent_proxy_for_plain_http_proves_nothing_of_the_hosts_edge(host, read, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{await host.silent()}")
    rung = read.rung("http://acme.invalid/login", "auth", "sign_in")
    assert await read.outcomes(rung, controls=[], deadline_s=0.4) == [("auth", "timeout")]


async def test_a_proxy_with_tls_of_its_own_is_spoken_to_in_tls(host, read, monkeypatch):
    tunnel = Tunnel(await host.says(host.reply(), tls=host.tls("acme.invalid")))
    outer = await host.serve(tunnel, host.tls("127.0.0.1"))
    monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{outer}")
    assert await read.outcomes(read.rung("https://acme.invalid/"), controls=[]) == [("edge", None)]


async def test_no_proxy_exempts_its_hosts_and_loopback_always_goes_direct(host, read, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{host.closed()}")
    port = await host.says(host.reply())
    assert await read.outcomes(read.rung(f"http://127.0.0.1:{port}/")) == [("edge", None)]
    monkeypatch.setenv("NO_PROXY", "invalid")
    assert await read.outcomes(read.rung("http://acme.invalid/"), controls=[]) == [("edge", "dns")]


@pytest.mark.parametrize("status", [403, 407])
async def test_a_proxy_that_says_no_is_this_network_and_not_the_service(host, read, monkeypatch, status):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{await host.serve(Tunnel(0, status))}")
    rung = read.rung("https://acme.invalid/login", "auth", "sign_in")
    assert await read.outcomes(rung, controls=[]) == [("network", f"proxy: {status}")]


async def test_a_dead_proxy_is_this_network_and_not_the_service(host, read, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{host.closed()}")
    rung = read.rung("https://acme.invalid/login", "auth", "sign_in")
    assert await read.outcomes(rung, controls=[]) == [("network", "proxy: refused")]


async def test_a_proxy_that_cannot_reach_the_host_is_a_fault_of_the_hosts_edge(host, read, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{await host.serve(Tunnel(0, 502))}")
    rung = read.rung("https://acme.invalid/login", "auth", "sign_in")
    assert await read.outcomes(rung, controls=[]) == [("edge", "unreachable")]


async def test_with_a_dead_proxy_for_everything_this_machine_is_offline(host, read, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{host.closed()}")
    controls = ["http://control.invalid/204", "https://other.invalid/", "dns:third.invalid"]
    assert await read.outcomes(read.rung("https://acme.invalid/"), controls=controls) == [("local", "offline")]


async def test_a_proxy_of_another_kind_is_refused_without_its_password(read, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:secret@127.0.0.1:1080")
    with pytest.raises(NotConfigured, match="proxy of the environment") as caught:
        await read(read.rung("https://acme.invalid/"), controls=[])
    assert "secret" not in str(caught.value)
