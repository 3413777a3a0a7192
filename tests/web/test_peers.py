"""How many connections one peer may hold."""

import socket
from urllib.parse import urlsplit

import httpx
import pytest

from stillup.web.front import Front
from stillup.web.peers import Peers


def entered(peers, hosts):
    return [peers.enter(host) for host in hosts]


def test_one_address_has_its_bound_and_another_beside_it_still_comes_in():
    peers = Peers(most_each=3)
    held = entered(peers, ["8.8.8.8"] * 3)
    assert None not in held
    assert peers.enter("8.8.8.8") is None
    assert peers.enter("::ffff:8.8.8.8") is None
    assert peers.enter("8.8.8.9") is not None


@pytest.mark.parametrize("around", [lambda n: f"8.8.8.{n}", lambda n: f"2a00:1450:4001:{n:x}::1"])
def test_many_addresses_of_one_network_have_one_bound_together(around):
    peers = Peers(most_each=3, most_near=10)
    assert entered(peers, map(around, range(12)))[9:].count(None) == 2
    assert peers.enter("9.9.9.9") is not None


def test_who_goes_makes_room_and_nothing_of_it_stays():
    peers = Peers(most_each=1)
    for _ in range(3):
        peers.leave(peers.enter("8.8.8.8"))
    assert len(peers) == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fd00::1", "203.0.114.7", "", "@unix"])
def test_ones_own_network_and_proxies_are_not_counted(host):
    peers = Peers(["203.0.114.0/24"], most_each=1)
    assert None not in entered(peers, [host] * 5)
    assert len(peers) == 0


class Abroad(Peers):
    """As if all came from one address of the net."""

    def enter(self, host):
        return super().enter("8.8.8.8")


def is_closed(sock) -> bool:
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_connection_too_many_is_closed_and_one_that_ends_makes_room(serve_with, site_of):
    address = serve_with(Front(site_of()), peers=Abroad(most_each=2))
    there = (urlsplit(address).hostname, urlsplit(address).port)
    with socket.create_connection(there, timeout=10) as first, socket.create_connection(there, timeout=10):
        with socket.create_connection(there, timeout=10) as third:
            assert is_closed(third)
        first.close()
        while not answers(address):  # that the first is gone may not have been seen yet
            pass


def answers(address) -> bool:
    try:
        return httpx.get(f"{address}/healthz").text == "ok\n"
    except httpx.TransportError:
        return False
