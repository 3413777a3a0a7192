"""Closed-loop load: so many connections, each asking again once it is answered. By wrk, else by our own client."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from time import perf_counter
from urllib.parse import urlsplit

import uvloop

from gateway.figures import quantile
from gateway.load import Answer, Caller
from gateway.protocols import Question

_SCRIPT = Path(__file__).parent / "post.lua"
_PATIENCE_S = 20


@dataclass(frozen=True)
class Load:
    """What a stretch of load came to. ``errors`` are answers that were not 200, or none."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def tool() -> str:
    """Which one drives."""
    return "wrk" if which("wrk") else "our own client, which is slower than wrk: read CPU figures, not throughput"


def drive(base: str, question: Question, connections: int, seconds: float, folder: Path) -> Load:
    """Load one subject. ``folder`` is for the body's file."""
    if which("wrk"):
        return _wrk(base + question.path, question, connections, seconds, folder)
    return uvloop.run(_own(base, question, connections, seconds))


def _wrk(url: str, question: Question, connections: int, seconds: float, folder: Path) -> Load:
    body = folder / "body.json"
    body.write_bytes(question.body)
    headers = [f"{name}={value}" for name, value in question.headers]
    shape = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}", "--timeout", f"{_PATIENCE_S}s"]
    argv = ["wrk", *shape, "-s", str(_SCRIPT), url, "--", str(body), *headers]
    said = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = re.search(r"JSON (.*)", said.stdout)
    if found is None:
        failed = f"wrk said nothing of use: {said.stdout[-200:]} {said.stderr[-200:]}"
        raise RuntimeError(failed)
    return Load(**json.loads(found[1]))


async def _own(base: str, question: Question, connections: int, seconds: float) -> Load:
    at = urlsplit(base)
    request = question.wire(at.netloc)
    began = perf_counter()

    async def work() -> list[Answer]:
        caller, got = Caller(at.hostname or "", at.port or 0), []
        while perf_counter() < began + seconds:
            answer = await caller.ask(request, _PATIENCE_S)
            answer.pieces.clear()
            got.append(answer)
        caller.close()
        return got

    answers = [a for got in await asyncio.gather(*(work() for _ in range(connections))) for a in got]
    took = [a.total_ms for a in answers]
    errors = sum(a.status != 200 or not a.is_whole for a in answers)
    return Load(len(answers), perf_counter() - began, quantile(took, 0.5), quantile(took, 0.99), errors)
