"""Whose program listens: told by the system's table of sockets."""

import os
import socket
from pathlib import Path

import pytest

from stillup.net.whose import is_somebody_elses

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
PORT = 8790
V4, V6 = "00000000", "0" * 32


def table(tmp_path, address="0100007F", state="0A", uid=1001, port=PORT):
    path = tmp_path / "tcp"
    rest = "00000000:0000"
    path.write_text(
        f"{HEAD}   0: {address}:{port:04X} {rest} {state} 00000000:00000000 00:00000000 00000000 {uid:5d} 0 1\n"
    )
    return (path, tmp_path / "tcp6")


@pytest.mark.parametrize(
    "address", ["0100007F", "0200007F", V4, V6, "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"]
)
def test_another_persons_listener_that_loopback_reaches_is_somebody_elses(tmp_path, address):
    assert is_somebody_elses(PORT, table(tmp_path, address), uid=1000)


@pytest.mark.parametrize("uid", [0, 1000, 998, 61_500])
def test_roots_our_own_and_a_services_are_nobody_elses(tmp_path, uid):
    assert not is_somebody_elses(PORT, table(tmp_path, uid=uid), uid=1000)


@pytest.mark.parametrize("other", [{"address": "0101A8C0"}, {"state": "01"}, {"port": 8791}])
def test_another_address_another_port_and_a_connection_are_no_listener_here(tmp_path, other):
    assert not is_somebody_elses(PORT, table(tmp_path, **other), uid=1000)


def test_where_the_system_does_not_say_nobody_is_suspected(tmp_path):
    assert not is_somebody_elses(PORT, (tmp_path / "none",), uid=1000)
    (tmp_path / "odd").write_bytes(b"\xff\n1: x\n")
    assert not is_somebody_elses(PORT, (tmp_path / "odd",), uid=1000)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells")
def test_a_real_listener_is_found_with_its_user():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_somebody_elses(port)
        if os.geteuid() >= 1000:
            assert is_somebody_elses(port, uid=os.geteuid() + 1)
