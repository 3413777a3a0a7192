"""To stop listening loses nobody who has got through."""

import asyncio
import socket

import pytest

from stillup.gateway.wire.listening import Listening


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._transport.write(data)
        self._transport.close()


def _loops():
    try:
        import uvloop
    except ImportError:
        return [asyncio.new_event_loop]
    return [asyncio.new_event_loop, uvloop.new_event_loop]


@pytest.mark.parametrize("loop", _loops(), ids=lambda loop: loop.__module__)
def test_who_is_connected_but_not_looked_at_yet_is_answered(loop):
    """The system makes connections by itself: these wait behind the listening socket while the loop is busy."""

    async def run():
        listening = Listening(Echo)
        port = await listening.start("127.0.0.1", 0)
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for n, client in enumerate(clients):
            client.sendall(b"%d" % n)
        await listening.shut()
        await listening.shut()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        answers = []
        for client in clients:
            client.settimeout(0)
            answers.append(await asyncio.get_running_loop().sock_recv(client, 10))
            client.close()
        return answers

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(run()) == [b"%d" % n for n in range(20)]
