"""Connections are taken as fast as they come."""

import asyncio
import errno
import socket

import pytest

from stillup.web.accepting import Acceptor


class Echo(asyncio.Protocol):
    """Says back what it hears."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


@pytest.fixture
def listening():
    sock = socket.create_server(("127.0.0.1", 0), backlog=1_024)
    sock.setblocking(False)
    yield sock
    sock.close()


async def test_all_who_wait_are_taken_in_one_round(listening):
    taken = []

    def protocol():
        taken.append(Echo())
        return taken[-1]

    waiting = [socket.create_connection(listening.getsockname()) for _ in range(200)]
    acceptor = Acceptor(listening, protocol)
    reader, writer = await asyncio.open_connection(sock=waiting[-1])
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    assert len(taken) == 200
    acceptor.close()
    await acceptor.wait_closed()
    for echo in taken:
        echo.transport.abort()
    for sock in waiting[:-1]:
        sock.close()
    writer.close()


class Full:
    """A socket in a process that may open no more files, until it may."""

    def __init__(self, sock):
        self._sock = sock
        self.is_full = True
        self.tries = 0

    def accept(self):
        self.tries += 1
        if self.is_full:
            self.is_full = False
            raise OSError(errno.EMFILE, "Too many open files")
        return self._sock.accept()

    def fileno(self):
        return self._sock.fileno()


async def test_where_no_more_files_can_be_opened_it_rests_and_goes_on(listening):
    full = Full(listening)
    acceptor = Acceptor(full, Echo)
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    assert full.tries <= 4  # it did not try all the time
    acceptor.close()
    writer.close()
    await writer.wait_closed()


async def test_who_waits_when_it_ends_is_taken_still(listening):
    acceptor = Acceptor(listening, Echo)
    reader, writer = await asyncio.open_connection(sock=socket.create_connection(listening.getsockname()))
    acceptor.close()
    listening.close()
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()
    await writer.wait_closed()


async def test_after_its_end_nobody_is_taken(listening):
    acceptor = Acceptor(listening, Echo)
    acceptor.close()
    acceptor.close()
    with socket.create_connection(listening.getsockname()) as sock:
        sock.setblocking(False)
        await asyncio.sleep(0)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
