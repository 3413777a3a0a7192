"""Answers that break off in the middle: the second half of the gateway, request by request against the script.

Every answer breaks at its first upstream, each at a random place; a second one, in the same or in another protocol,
holds the same script. What the client has at the end must be that script: nothing missing, nothing twice.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from itertools import product
from random import Random
from typing import Self
from urllib.parse import urlsplit

import uvloop

from gateway import sdks
from gateway.arena import Arena, Running, arena, say
from gateway.figures import table
from gateway.load import Caller
from gateway.protocols import ANTHROPIC, GEMINI, OPENAI, PROTOCOLS, RESPONSES, question
from gateway.reads import read_stream
from gateway.run import Run
from gateway.subjects import Door, Place, Subject
from gateway.tasks import TASKS, Got, Json, Task, body
from gateway.wanted import Wanted, judged

REQUESTS, QUICK = 200, 24
_AT_ONCE = 16
_PATIENCE_S = 30
_STALL_S = 0.4
_GAPS_S = (0.0, 0.001, 0.002, 0.003)
BEDROCK = "bedrock"
"""Only as the second upstream: its own models by Converse, Claude in Amazon's envelope."""
_BASES = {ANTHROPIC: "", OPENAI: "/v1", RESPONSES: "/v1", GEMINI: "", BEDROCK: ""}

FAULTS: dict[str, Json] = {
    "reset": {"failure": "cut_reset"},
    "cut": {"failure": "cut"},
    "cut inside an event": {"failure": "cut_inside"},
    "stall": {"failure": "stall"},
    "error event": {"failure": "error_event"},
    "garbage": {"failure": "malformed"},
}

_NUMBERED = re.compile(r"\ba\d+/")
FIRST = {
    ANTHROPIC: "claude-sonnet-4-5",
    OPENAI: "gpt-4.1",
    RESPONSES: "gpt-4.1",
    GEMINI: "gemini-2.5-flash",
    BEDROCK: "amazon.nova-pro-v1:0",
}
"""What is asked first; its model matters little."""


@dataclass(frozen=True)
class Second:
    """A model that goes on, and what it takes: a beginning of its answer, or only a user's word to go on."""

    model: str
    behaviour: Json = field(default_factory=dict)


_ASKED: Json = {"rejects_prefix": True, "repeats": 40, "knows_its_end": True}
"""One that is told to go on, and says some of the end once more before it does."""
SECONDS: dict[str, tuple[Second, ...]] = {
    ANTHROPIC: (
        Second("claude-sonnet-4-5"),
        Second("claude-opus-4-7", _ASKED),
        # Known to take a beginning, and does not: learned from its 400.
        Second("claude-haiku-4-5", _ASKED),
    ),
    OPENAI: (
        Second("gpt-4.1", _ASKED),
        Second("mistral-large-2512", {"tells_usage": True}),
        Second("nobodys-model", _ASKED),
    ),
    RESPONSES: (Second("gpt-4.1", _ASKED), Second("gpt-4o", _ASKED | {"repeats": 0})),
    GEMINI: (Second("gemini-2.5-pro", _ASKED), Second("gemini-2.5-flash", _ASKED | {"repeats": 0})),
    BEDROCK: (Second("amazon.nova-pro-v1:0", _ASKED), Second("anthropic.claude-opus-4-7", _ASKED)),
}


@dataclass(frozen=True)
class Cell:
    """One client's protocol, those of the two upstreams, one fault, one kind of answer."""

    client: str
    first: str
    second: str
    fault: str
    task: str


@dataclass(frozen=True)
class Seen:
    """What came of its requests."""

    asked: int
    wrong: Counter[str]
    """What is wrong with answers that are called whole, and breaches of the protocol in any."""
    errors: Counter[str]
    at_first: int
    at_second: int
    seams: int
    fewer_calls: int
    """Tool answers that ended properly behind a part of their calls."""
    odd_usage: int

    @property
    def good(self) -> int:
        return self.asked - self.wrong.total() - self.errors.total()

    def __str__(self) -> str:
        worst = "; ".join(f"{n} × {what}" for what, n in (self.errors + self.wrong).most_common(3))
        hits = f"{self.at_first} and {self.at_second} requests, {self.seams} seams"
        more = f", {self.fewer_calls} with fewer calls" if self.fewer_calls else ""
        return f"{self.good}/{self.asked} ({hits}{more}, {self.odd_usage} odd usage) {worst}".rstrip()


def report(run: Run) -> str:
    """Every cell, and what must be reached."""
    clients = [p for p in PROTOCOLS if not run.protocols or p in run.protocols]
    pairs = list(product(clients, [p for p in SECONDS if not run.second or p in run.second]))
    faults = [name for name in FAULTS if not run.modes or name in run.modes]
    tasks = [task for task in TASKS if not run.tasks or task.name in run.tasks]
    times = QUICK if run.is_quick else REQUESTS
    found: dict[Cell, Seen] = {}
    with arena(run.folder, None, failing=True) as place:
        for (client, other), task, fault in product(pairs, tasks, faults):
            upstreams = (other, client) if run.swapped else (client, other)
            cell = Cell(client, *upstreams, fault, task.name)
            if (seen := _play(place, cell, task, times, by_sdk=run.sdk)) is not None:
                found[cell] = seen
                say(f"  {cell.client}: {cell.first} → {cell.second}, {task.name}, {fault}: {seen}")
        notes = place.notes()
    return render(found, times, by_sdk=run.sdk) + notes


def _play(place: Arena, cell: Cell, task: Task, times: int, *, by_sdk: bool) -> Seen | None:
    """One cell, with a gateway of its own: what it remembers of one failure must not help with another."""
    place.a.set()
    place.b.set()
    running = place.start(partial(_gateway, cell=cell, times=times), "stillup")
    if running is None:
        return None
    random = Random(str(cell))
    broken = task.behaviour | FAULTS[cell.fault]
    for upstream in (place.a, place.b):
        upstream.get("/reset")
    place.a.behave(broken | {"after": 1})
    # Pauses between the tokens let them out one by one; without any, some of them are on their way at the break, and a
    # reset takes back what was not read yet.
    breaks = [{"after": random.randint(1, task.tokens), "gap_s": random.choice(_GAPS_S)} for _ in range(times)]
    place.a.script([broken | each for each in breaks])
    place.b.behave(task.behaviour | {"keeps_rules": True})
    for second in SECONDS[cell.second]:
        place.b.behave(task.behaviour | {"keeps_rules": True} | second.behaviour, model=second.model)
    got = uvloop.run(_ask_all(running, cell.client, task, times, by_sdk=by_sdk))
    seen = _seen(task, got, place, running)
    place.stop(running)
    place.a.get("/reset")
    place.a.get("/release")
    return seen


def _seen(task: Task, got: list[Got], place: Arena, running: Running) -> Seen:
    wrong, errors, fewer, odd = Counter[str](), Counter[str](), 0, 0
    whole = len(task.behaviour.get("calls", ()))
    for each in got:
        if each.error:
            errors[_NUMBERED.sub("a/", each.error)] += 1
        elif flaw := task.judge(each) or ", ".join(each.flaws):
            wrong[flaw] += 1
        fewer += not each.error and len(each.calls) < whole
        # Four characters to a token is the estimate; half and double are within its reach.
        odd += not each.error and not task.tokens / 3 <= each.output_tokens <= 3 * task.tokens
    return Seen(
        asked=len(got),
        wrong=wrong,
        errors=errors,
        at_first=place.a.get("/stats")["requests"],
        at_second=place.b.get("/stats")["requests"],
        seams=_seams(running.base),
        fewer_calls=fewer,
        odd_usage=odd,
    )


def _gateway(place: Place, *, cell: Cell, times: int) -> Subject:
    """A first upstream for every request, so that none is avoided for what befell another; the second is one."""
    lines = [f'data = "{place.folder / "data"}"', "[gateway]", f'listen = "127.0.0.1:{place.port}"']
    lines += ["journal = true", f"stall_after_s = {_STALL_S}", "hedge_after_s = 20"]
    lines += _upstream("b", cell.second, place.b)
    for n in range(times):
        lines += _upstream(f"a{n}", cell.first, place.a)
    models = SECONDS[cell.second]
    for n in range(times):
        chain = [f"a{n}/{FIRST[cell.first]}", f"b/{models[n % len(models)].model}"]
        lines += ["[[gateway.routes]]", f'match = "try-{n}"', f"chain = {json.dumps(chain)}"]
    lines += ["[[gateway.routes]]", 'match = "*"', f'chain = ["a0/{FIRST[cell.first]}"]']
    config = place.write("stillup.toml", "\n".join(lines) + "\n")
    argv = (sys.executable, "-m", "stillup", "gateway", "--config", config)
    return Subject("stillup", place.port, {cell.client: Door("ready")}, argv, {"A_KEY": "sk-a", "B_KEY": "sk-b"})


def _upstream(name: str, protocol: str, port: int) -> list[str]:
    return [
        "[[gateway.upstreams]]",
        f'id = "{name}"',
        f'protocol = "{protocol}"',
        f'base_url = "http://127.0.0.1:{port}{_BASES[protocol]}"',
        f'key_env = "{name[0].upper()}_KEY"',
    ]


async def _ask_all(running: Running, protocol: str, task: Task, times: int, *, by_sdk: bool) -> list[Got]:
    """All requests, some at once."""
    numbers = iter(range(times))
    got: list[Got] = []

    async def work() -> None:
        async with sdks.client(running.base, protocol) if by_sdk else _Raw(running, protocol) as client:
            got.extend([await client.ask(f"try-{n}", task) for n in numbers])

    await asyncio.gather(*(work() for _ in range(min(_AT_ONCE, times))))
    return got


class _Raw:
    """A client without an SDK, on one connection: it sees every byte."""

    def __init__(self, running: Running, protocol: str) -> None:
        self._protocol = protocol
        host, port = running.host_port
        self._host = f"{host}:{port}"
        self._caller = Caller(host, port)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._caller.close()

    async def ask(self, model: str, task: Task) -> Got:
        """One answer."""
        data = json.dumps(body(self._protocol, model, task)).encode()
        asked = question(self._protocol, model, stream=True, body=data)
        return read_stream(self._protocol, await self._caller.ask(asked.wire(self._host), _PATIENCE_S))


def _seams(base: str) -> int:
    """How many answers the gateway went on with, as it counts them itself."""
    at = urlsplit(base)
    connection = HTTPConnection(at.hostname or "", at.port, timeout=5)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return sum(int(n) for n in re.findall(r"^stillup_gateway_continuations_total{.*} (\d+)", text, re.MULTILINE))


def render(found: dict[Cell, Seen], requests: int, *, by_sdk: bool) -> str:
    """What must be reached, then a table a kind of answer."""
    who = "the official SDKs, without a retry of theirs" if by_sdk else "a client that reads every byte"
    intro = (
        f"## Going on in mid-answer\n\n{requests} requests a cell, {_AT_ONCE} at a time, by {who}. The first "
        "upstream's answer breaks at a random token of it, every time; the second upstream holds the same script, in "
        "the client's protocol or another, and goes on as its model does: from the beginning itself, or told to by a "
        "user's message, then saying 40 characters once more; some refuse the beginning first. A stall is "
        f"{_STALL_S:g} s of silence."
    )
    parts = [intro, judged(_wanted(found)), _beside(found.values())]
    for task in TASKS:
        cells = {cell: seen for cell, seen in found.items() if cell.task == task.name}
        if cells:
            parts.append(f"**{task.name}**: whole / asked; what was wrong with the others.\n\n{_table(cells)}")
    return "\n\n".join(filter(None, parts))


def _beside(seen: Collection[Seen]) -> str:
    """What is right and still worth knowing."""
    asked, seams = sum(s.asked for s in seen), sum(s.seams for s in seen)
    firsts, seconds = sum(s.at_first for s in seen), sum(s.at_second for s in seen)
    return (
        f"Of {asked:,} answers {seams:,} were gone on with; the others broke before anything had reached the client, "
        f"or behind a whole call: {sum(s.fewer_calls for s in seen):,} of those ended there, properly, with a part of "
        f"their calls. The first upstream was asked {firsts:,} times, the second {seconds:,}. Usage that is not within "
        f"a third and three times of what was said: {sum(s.odd_usage for s in seen):,}."
    )


def _wanted(found: dict[Cell, Seen]) -> Iterable[Wanted]:
    for tasks in (("text", "tools"), ("thinking",), ("schema",)):
        seen = [s for cell, s in found.items() if cell.task in tasks]
        if not seen:
            continue
        what = " and ".join(tasks)
        errors = sum((s.errors for s in seen), Counter[str]()).total()
        if tasks == ("schema",):
            # Where JSON is longer than what is held back, the retryable error is the honest end: counted and shown.
            yield Wanted("schema: errors, retryable, the rest whole", errors, "≤", sum(s.asked for s in seen), "")
        else:
            yield Wanted(f"{what}: errors a client sees, of {sum(s.asked for s in seen)}", errors, "≤", 0, "")
        wrong = sum((s.wrong for s in seen), Counter[str]()).total()
        yield Wanted(f"{what}: truncated, repeated, lost or damaged", wrong, "≤", 0, "")


def _table(cells: dict[Cell, Seen]) -> str:
    faults = list(dict.fromkeys(cell.fault for cell in cells))
    by_who: dict[tuple[str, str, str], dict[str, Seen]] = {}
    for cell, s in cells.items():
        by_who.setdefault((cell.client, cell.first, cell.second), {})[cell.fault] = s
    rows = []
    for who, seen in by_who.items():
        seams = sum(s.seams for s in seen.values())
        rows.append([*who, *(_short(seen.get(fault)) for fault in faults), str(seams)])
    return table(["client", "first", "second", *faults, "seams"], rows)


def _short(seen: Seen | None) -> str:
    if seen is None:
        return "–"
    worst = "; ".join(f"{n} {what}" for what, n in (seen.errors + seen.wrong).most_common(2))
    return f"{seen.good}/{seen.asked}" + (f" **{worst}**" if worst else "")
