"""Who is measured: how each is started, configured for two upstreams A and B, and asked. Packages: README.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway import setups
from gateway.protocols import ANTHROPIC, OPENAI, PROTOCOLS, RESPONSES, Headers, Question, question

HERE = Path(__file__).parent


class Absent(LookupError):
    """It is not installed here: the message says what is missing."""


@dataclass(frozen=True)
class Place:
    """What every subject is configured with: the ports of A and B, its own, and a folder for its files."""

    a: int
    b: int
    port: int
    folder: Path
    peers: Path | None

    def program(self, *parts: str) -> str:
        """A file of an installed peer."""
        path = self.peers and self.peers.joinpath(*parts)
        if path is None or not path.exists():
            missing = f"{parts[0]} is not in the folder of --peers-dir" if path else "no --peers-dir was given"
            raise Absent(missing)
        return str(path)

    def write(self, name: str, text: str) -> str:
        """A file in the folder."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


@dataclass(frozen=True)
class Door:
    """How one protocol is asked: the model's name there, another path than the usual, and more headers."""

    model: str
    path: str = ""
    extra: Headers = ()


@dataclass(frozen=True)
class Subject:
    """One program to measure. No ``argv``: it is the upstream itself, asked directly."""

    name: str
    port: int
    doors: Mapping[str, Door]
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    url_file: Path | None = None
    """Where the program writes the URL it chose to listen on."""

    def question(self, protocol: str, *, stream: bool) -> Question:
        """What a client asks of it."""
        door = self.doors[protocol]
        return question(protocol, door.model, stream=stream, path=door.path, extra=door.extra)


def direct(place: Place) -> Subject:
    return Subject("direct", place.a, {p: Door("mock-model") for p in PROTOCOLS})


def bare(place: Place) -> Subject:
    argv = (sys.executable, str(HERE / "bare.py"), str(place.port), str(place.a))
    return Subject("bare proxy", place.port, {p: Door("mock-model") for p in PROTOCOLS}, argv)


def stillup(place: Place) -> Subject:
    config = place.write("stillup.toml", setups.stillup(place.folder, place.port, place.a, place.b))
    argv = (sys.executable, "-m", "stillup", "gateway", "--config", config)
    doors = {p: Door(f"bench-{p}") for p in PROTOCOLS}
    return Subject("stillup", place.port, doors, argv, {"A_KEY": "sk-a", "B_KEY": "sk-b"})


def stack(server: str, client: str) -> Callable[[Place], Subject]:
    """A bare proxy on one server and one client."""

    def make(place: Place) -> Subject:
        env = {"UPSTREAM_PORT": str(place.a), "CLIENT": client, "PYTHONPATH": str(HERE.parent)}
        port = str(place.port)
        argv: tuple[str, ...]
        if server == "own":
            python = place.program("venv-stack", "bin", "python")
            argv = (python, str(HERE / "bare.py"), port, str(place.a), client)
        elif server == "uvicorn":
            run = place.program("venv-stack", "bin", "uvicorn")
            asked = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
            argv = (run, "gateway.bare_uvicorn:app", "--port", port, *asked)
        else:
            run = place.program("venv-stack", "bin", "granian")
            interface, module = ("asgi", "bare_uvicorn") if server == "granian, ASGI" else ("rsgi", "bare_granian")
            asked = ("--loop", "uvloop", "--workers", "1", "--no-access-log", "--log-level", "warning")
            argv = (run, f"gateway.{module}:app", "--interface", interface, "--port", port, *asked)
        return Subject(f"{server} × {client}", place.port, {p: Door("mock-model") for p in PROTOCOLS}, argv, env)

    return make


def litellm(place: Place, *, tuned: bool = False) -> Subject:
    config = place.write("litellm.yaml", setups.litellm(place.a, place.b, tuned=tuned))
    run = place.program("venv-litellm", "bin", "litellm")
    argv = (run, "--config", config, "--host", "127.0.0.1", "--port", str(place.port), "--telemetry", "False")
    # It wants a key of its own or this, its own map of costs or the network's, and writes a line a request otherwise.
    env = {
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
    }
    doors = {p: Door(f"bench-{p}") for p in (ANTHROPIC, OPENAI)}
    return Subject(_called("LiteLLM", tuned=tuned), place.port, doors, argv, env)


def coderouter(place: Place, *, tuned: bool = False) -> Subject:
    config = place.write("coderouter.yaml", setups.coderouter(place.a, place.b, tuned=tuned))
    run = place.program("venv-coderouter", "bin", "coderouter")
    argv = (run, "serve", "--port", str(place.port), "--config", config, "--log-level", "error")
    env = {"HOME": str(place.folder), "A_KEY": "sk-a"}
    doors = {p: Door("mock-model", extra=(("x-coderouter-profile", p),)) for p in (ANTHROPIC, OPENAI)}
    return Subject(_called("CodeRouter", tuned=tuned), place.port, doors, argv, env)


def portkey(place: Place, *, tuned: bool = False) -> Subject:
    script = place.program("npm-portkey", "node_modules", "@portkey-ai", "gateway", "build", "start-server.js")
    doors = {
        p: Door(
            "mock-model", extra=(("x-portkey-config", json.dumps(setups.portkey(p, place.a, place.b, tuned=tuned))),)
        )
        for p in (ANTHROPIC, OPENAI, RESPONSES)
    }
    argv = ("node", script, "--headless", f"--port={place.port}")
    return Subject(_called("Portkey", tuned=tuned), place.port, doors, argv, {"NODE_ENV": "production"})


def tensorzero(place: Place, *, tuned: bool = False) -> Subject:
    python = place.program("venv-tensorzero", "bin", "python")
    config = place.write("tensorzero.toml", setups.tensorzero(place.a, place.b, tuned=tuned))
    url_file = place.folder / "tensorzero.url"
    url_file.unlink(missing_ok=True)
    argv = (python, str(HERE / "start_tensorzero.py"), config, str(url_file))
    door = Door("tensorzero::model_name::mock-model", path="/openai/v1/chat/completions")
    env = {"RUST_LOG": "error"}
    return Subject(_called("TensorZero", tuned=tuned), place.port, {OPENAI: door}, argv, env, url_file)


def _called(name: str, *, tuned: bool) -> str:
    return f"{name}, tuned" if tuned else name


OURS = {"direct": direct, "bare": bare, "stillup": stillup}
PEERS = {"litellm": litellm, "coderouter": coderouter, "portkey": portkey, "tensorzero": tensorzero}
SUBJECTS: dict[str, Callable[[Place], Subject]] = {**OURS, **PEERS}
TUNED: dict[str, Callable[..., Subject]] = dict(PEERS)
"""Peers that can be told to give up and to remember sooner than they do by default."""

STACKS = (
    ("own", "own"), ("own", "aiohttp"), ("own", "pyreqwest"), ("own", "httpx"),
    ("uvicorn", "own"), ("uvicorn", "aiohttp"), ("granian, RSGI", "own"), ("granian, RSGI", "aiohttp"),
    ("granian, ASGI", "aiohttp"),
)  # fmt: skip
