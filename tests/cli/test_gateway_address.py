"""Who counts as the gateway of this machine."""

import os
import socket
import subprocess
import sys

import pytest

from stillup.cli.gateway.address import ask, is_gateway
from tests import stranger


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="takes root to be somebody else")
def test_another_persons_program_is_none_whatever_it_calls_itself():
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = f"127.0.0.1:{free.getsockname()[1]}"
    with subprocess.Popen((sys.executable, stranger.__file__, at), stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout.readline() == b"there\n"
            assert ask(f"http://{at}", "/healthz") == (200, stranger.BODY)
            assert not is_gateway(f"http://{at}")
        finally:
            program.kill()
