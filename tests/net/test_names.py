"""What a name leads to is checked where it is looked up, so that what was checked is what is connected to."""

from __future__ import annotations

import asyncio
import socket

import pytest

from stillup.errors import Refused
from stillup.net import Address, look_up
from stillup.net.names import is_loopback, is_public
from stillup.net.transport import _Names

PUBLIC, PRIVATE = Address(socket.AF_INET, "1.1.1.1"), Address(socket.AF_INET6, "fd00::1")


def names(*found, only_public, public=None):
    async def resolve(_host, _port):
        return found

    return _Names(resolve, only_public=only_public, public=set() if public is None else public)


async def test_a_wary_look_up_passes_public_addresses_and_remembers_the_name():
    public = set()
    rows = await names(PUBLIC, only_public=True, public=public).resolve("a.test", 80, socket.AF_UNSPEC)
    assert [(row["host"], row["port"], row["family"]) for row in rows] == [("1.1.1.1", 80, socket.AF_INET)]
    assert public == {"a.test"}


@pytest.mark.parametrize("found", [(PRIVATE,), (PUBLIC, PRIVATE), (PRIVATE, PUBLIC)])
async def test_a_wary_look_up_refuses_a_name_with_any_private_address(found):
    with pytest.raises(Refused, match="redirects to a private address"):
        await names(*found, only_public=True).resolve("a.test", 80, socket.AF_UNSPEC)


async def test_an_open_look_up_passes_all_and_one_public_address_makes_the_name_public():
    public = set()
    looked_up = names(PRIVATE, PUBLIC, only_public=False, public=public)
    assert len(await looked_up.resolve("a.test", 80, socket.AF_UNSPEC)) == 2
    assert len(await looked_up.resolve("a.test", 80, socket.AF_INET6)) == 1
    assert public == {"a.test"}


async def test_no_address_of_the_wanted_kind_is_a_name_not_found():
    with pytest.raises(socket.gaierror):
        await names(PUBLIC, only_public=False).resolve("a.test", 80, socket.AF_INET6)


async def test_a_look_up_that_nobody_waits_for_any_more_is_left_behind():
    task = asyncio.create_task(look_up("localhost", 80))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await look_up("localhost", 80)


@pytest.mark.parametrize(
    ("ip", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("64:ff9b::101:101", True),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::127.0.0.1", False),
        ("64:ff9b:1::192.168.0.1", False),
        ("64:ff9b:1:2:3:4:169.254.169.254", False),
        ("64:ff9b:1::8.8.8.8", True),
        ("64:ff9b:1:a00:0:100:808:808", False),
        ("::10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:a00:1::", False),
        ("fec0::1", False),
        ("fd00::1", False),
        ("::", False),
        ("::1", False),
        ("ff0e::1", False),
        ("status.example", False),
    ],
)
def test_an_address_is_public_when_the_one_inside_it_is(ip, public):
    assert is_public(ip) is public


@pytest.mark.parametrize("host", ["::1", "[::1]", "::127.0.0.1", "64:ff9b::7f00:1", "localhost.", "127.9.9.9"])
def test_this_machine_is_known_under_every_spelling(host):
    assert is_loopback(host)
