"""Where subjects meet their upstreams: two upstreams up, each subject started, answering, and ended at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import perf_counter, sleep
from typing import Any
from urllib.parse import urlsplit

from gateway.processes import Program
from gateway.protocols import OPENAI, Question
from gateway.subjects import Absent, Place, Subject
from stillup.testing import free_port

_HERE = Path(__file__).parent
_PATIENCE_S = 120
Make = Callable[[Place], Subject]


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


class Running:
    """A subject that answers."""

    def __init__(self, subject: Subject, program: Program | None, base: str, ready_s: float) -> None:
        self.subject, self.base, self.ready_s = subject, base, ready_s
        self._program = program
        self.idle_mb = self.rss_mb()

    @property
    def name(self) -> str:
        return self.subject.name

    @property
    def is_direct(self) -> bool:
        return self._program is None

    @property
    def host_port(self) -> tuple[str, int]:
        at = urlsplit(self.base)
        return at.hostname or "", at.port or 0

    def cpu_s(self) -> float:
        return self._program.cpu_s() if self._program else 0.0

    def rss_mb(self) -> float:
        return self._program.rss_mb() if self._program else 0.0

    def stop(self) -> None:
        if self._program:
            self._program.stop()


class Upstream:
    """One upstream A or B of either kind, told over HTTP how to answer."""

    def __init__(self, program: Program, port: int, control: int) -> None:
        self.port = port
        self._program, self._control = program, control

    def set(self, **settings: float | str) -> None:
        """Change how it answers."""
        self._get("/set?" + "&".join(f"{name}={value}" for name, value in settings.items()))

    def behave(self, behaviour: Mapping[str, Any], *, model: str = "") -> None:
        """Answer so, or only requests for one model: whatever a ``Behaviour`` of the scripted provider can say."""
        self._get(f"/set?for_model={model}", behaviour)

    def script(self, behaviours: Sequence[Mapping[str, Any]]) -> None:
        """Answer the next requests so, one each."""
        self._get("/script", behaviours)

    def get(self, path: str) -> dict[str, Any]:
        """Ask its control port."""
        return self._get(path)

    def _get(self, path: str, told: object = None) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self._control, timeout=5)
        connection.request("GET" if told is None else "POST", path, None if told is None else json.dumps(told))
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status != 200:
            refused = f"the upstream did not take {path}: {said[:200]!r}"
            raise RuntimeError(refused)
        answered: dict[str, Any] = json.loads(said or b"{}")
        return answered

    def stop(self) -> None:
        self._program.stop()


class Arena:
    """Two upstreams and a folder; starts subjects against them."""

    def __init__(self, folder: Path, peers: Path | None, a: Upstream, b: Upstream) -> None:
        self.folder, self.a, self.b = folder, a, b
        self._peers = peers
        self._number = 0
        self._running: list[Running] = []
        self.skipped: dict[str, str] = {}

    def start(self, make: Make, name: str) -> Running | None:
        """Start a subject and wait for its first answer; None, with a line why, where it cannot be."""
        self._number += 1
        folder = self.folder / str(self._number)
        folder.mkdir()
        try:
            running = _started(make(Place(self.a.port, self.b.port, free_port(), folder, self._peers)), folder)
        except (Absent, NotStarted) as exc:
            self.skipped[name] = str(exc)
            say(f"  {name}: skipped: {exc}")
            return None
        self._running.append(running)
        return running

    def start_all(self, makes: Iterable[tuple[str, Make]]) -> list[Running]:
        """Start all that can be, one after the other, so that none slows another's start."""
        return [running for name, make in makes if (running := self.start(make, name)) is not None]

    def stop(self, running: Running) -> None:
        """End one subject."""
        running.stop()
        self._running.remove(running)

    def close(self) -> None:
        """End whatever runs."""
        for running in self._running:
            running.stop()
        self.a.stop()
        self.b.stop()

    def notes(self) -> str:
        """A line on who was left out, and why."""
        if not self.skipped:
            return ""
        return "\n\nNot measured: " + "; ".join(f"{name} ({why})" for name, why in self.skipped.items()) + "."


class NotStarted(RuntimeError):
    """It is installed, and gives no answer: the message has its last words."""


@contextmanager
def arena(folder: Path, peers: Path | None, *, failing: bool = False) -> Iterator[Arena]:
    """Two fast upstreams, or two that can fail."""
    open_upstream = _provider if failing else _mock
    made = Arena(folder, peers, open_upstream("A", folder), open_upstream("B", folder))
    try:
        yield made
    finally:
        made.close()


def _mock(name: str, folder: Path) -> Upstream:
    port = free_port()
    argv = [sys.executable, str(_HERE / "mock.py"), name, str(port)]
    return _answering(Upstream(Program(argv, {}, folder / f"{name}.log", apart=False), port, port))


def _provider(name: str, folder: Path) -> Upstream:
    port, control = free_port(), free_port()
    argv = [sys.executable, "-m", "stillup.sim.provider_server", name, str(port), str(control)]
    return _answering(Upstream(Program(argv, {}, folder / f"{name}.log", apart=False), port, control))


def _answering(upstream: Upstream) -> Upstream:
    """Wait until its control port answers."""
    until = perf_counter() + 10
    while True:
        try:
            upstream.get("/stats")
        except (OSError, HTTPException):
            if perf_counter() > until:
                raise
            sleep(0.02)
        else:
            return upstream


def _started(subject: Subject, folder: Path) -> Running:
    base = f"http://127.0.0.1:{subject.port}"
    if not subject.argv:
        return Running(subject, None, base, 0.0)
    began = perf_counter()
    program = Program(subject.argv, subject.env, folder / "log", apart=True)
    first = OPENAI if OPENAI in subject.doors else next(iter(subject.doors))
    question = subject.question(first, stream=False)
    trouble = ""
    while perf_counter() < began + _PATIENCE_S and not program.has_ended:
        if subject.url_file is not None:
            at = urlsplit(subject.url_file.read_text()) if subject.url_file.exists() else None
            base = f"{at.scheme}://{at.netloc}" if at and at.netloc else ""
        trouble = _try(base, question) if base else "no address yet"
        if not trouble:
            return Running(subject, program, base, perf_counter() - began)
        sleep(0.01)
    program.stop()
    why = f"{trouble}; its last words: {program.last_words()}"
    raise NotStarted(why)


def _try(base: str, question: Question) -> str:
    """Ask once; what is wrong, or nothing."""
    at = urlsplit(base)
    connection = HTTPConnection(at.hostname or "", at.port, timeout=20)
    try:
        connection.request("POST", question.path, question.body, dict(question.headers))
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, HTTPException) as exc:
        return repr(exc)
    finally:
        connection.close()
    return "" if answer.status == 200 else f"HTTP {answer.status}: {said[:200]!r}"
