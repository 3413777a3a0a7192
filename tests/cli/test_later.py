"""``stillup later`` and ``stillup gateway fault`` before a running gateway, and where none runs."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest

from stillup.cli.main import run
from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.gateway.app import Gateway
from stillup.gateway.core.actions import Patience
from stillup.gateway.faults.drill import MODES
from stillup.gateway.plan import resolve
from stillup.gateway.seen.facade import Seen
from stillup.sim.provider_server import ProviderServer

CONFIG = """
data = "{data}"
[gateway]
listen = "127.0.0.1:{port}"
defer_pause_s = 0
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "{url}"
key_env = "A_KEY"
[[gateway.routes]]
chain = ["a"]
"""
BODY = json.dumps({"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})


class Here:
    """A gateway in a thread of its own, before a scripted provider."""

    def __init__(self, folder):
        self._folder = folder
        self.path = folder / "stillup.toml"
        self._ready, self._loop, self._over = threading.Event(), None, None

    async def _serve(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with ProviderServer("A") as server:
            text = CONFIG.format(data=self._folder / "data", port=0, url=server.url)
            config = parse_config(text)
            gateway = Gateway(
                resolve(config, {"A_KEY": "dummy"}), config.gateway, seen=Seen(SystemClock()), clock=SystemClock(),
                environ={}, later=self._folder / "data" / "later", patience=Patience(deadline_s=0.5),
            )  # fmt: skip
            await gateway.start()
            self.port = gateway.port
            self.path.write_text(CONFIG.format(data=self._folder / "data", port=gateway.port, url=server.url))
            self._ready.set()
            await self._over.wait()
            await gateway.stop(0.0)

    @contextmanager
    def running(self):
        """While inside."""
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        thread.start()
        assert self._ready.wait(20)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join()

    def ask(self):
        """One request that asks to be put off."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"content-type": "application/json", "x-stillup-defer": "1"}
        connection.request("POST", "/v1/messages", BODY, headers)
        answer = connection.getresponse()
        found = answer.status, json.loads(answer.read())
        connection.close()
        return found


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.delenv("STILLUP_TOKEN", raising=False)
    monkeypatch.setenv("A_KEY", "dummy")
    return Here(tmp_path)


@pytest.fixture
def said(here, capsys):
    """Runs a command; what it printed."""

    def spoken(*args, code=0):
        capsys.readouterr()
        assert run([*args, "--config", str(here.path)]) == code
        told = capsys.readouterr()
        return told.out + told.err

    return spoken


def settled(said):
    """What is kept, as soon as none waits."""
    while True:
        items = json.loads(said("later", "list", "--json"))
        if all(item["state"] == "answered" for item in items):
            return items


def test_a_drill_puts_a_request_off_and_its_end_has_it_answered(here, said, monkeypatch):
    with here.running():
        assert "a fails with 529 for 5 min more" in said("gateway", "fault", "a", "--mode", "529", "--for", "5m")
        assert "a fails with 529" in said("gateway", "fault", "--list")
        assert "DRILL: a is made to fail with 529" in " ".join(said("gateway", "status").split())
        status, told = here.ask()
        assert (status, told["state"]) == (202, "waiting")
        assert "it was overloaded" in said("later")
        assert "waiting" in said("later", "show", told["id"])
        assert "no answer" in said("later", "show", told["id"], "--raw", code=69)
        assert said("gateway", "fault", "--off") == "a is itself again.\n"
        assert said("gateway", "fault", "--off", "a") == "No drill of a was under way.\n"
        assert "It is asked" in said("later", "run", told["id"][:12])
        (item,) = settled(said)
        assert item["answered_by"] == "a/claude-x"
        assert "A0 A1 A2" in said("later", "show", told["id"])
        assert json.loads(said("later", "show", told["id"], "--raw"))["role"] == "assistant"
        assert json.loads(said("later", "show", told["id"], "--json"))["answer"].startswith("A0 A1")
        assert "Put off: 0 waiting, 1 answered" in " ".join(said("gateway", "status").split())
    # where no gateway runs the files are read
    assert "answered by a/claude-x" in said("later", "show", told["id"])
    for columns in ("40", "80"):
        monkeypatch.setenv("COLUMNS", columns)
        assert f"{told['id'][:14]}  " in said("later", "list")
        assert " answered " in said("later", "list")
    assert "A0 A1 A2" in said("later", "show", told["id"])
    assert json.loads(said("later", "show", told["id"], "--raw"))["role"] == "assistant"
    assert "Nothing waits" in said("later", "run")
    assert "no gateway runs" in said("later", "cancel", told["id"], code=69)


def test_what_is_cancelled_leaves_nothing(here, said):
    with here.running():
        said("gateway", "fault", "a", "--mode", "refused", "--for", "1h")
        _, told = here.ask()
        assert said("later", "cancel", told["id"]) == "It is forgotten.\n"
        assert said("later") == "Nothing was put off.\n"
        assert [p.name for p in (here.path.parent / "data" / "later").iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("b", "--mode", "hang", "--for", "5m"), "no upstream is called 'b'; there are: a"),
        (("a", "--mode", "hung", "--for", "5m"), "did you mean hang?"),
        (("a", "--mode", "200", "--for", "5m"), "200 is no error's status"),
        (("a", "--mode", "hang", "--for", "25h"), "--for is 25 h; allowed: up to 24 h"),
        (("a", "--mode", "hang", "--for", "0s"), "is no length of time"),
        (("a", "--mode", "hang", "--for", "soon"), "is no length of time"),
        (("a", "--mode", "hang"), "a drill needs UPSTREAM, --mode and --for"),
        ((), "a drill needs UPSTREAM, --mode and --for"),
        (("a", "--mode", "cut", "--for", "5m", "--share", "0"), "--share"),
        (("a", "--mode", "cut", "--for", "5m", "--after", "-1"), "--after"),
    ],
)
def test_what_is_no_drill_is_refused_with_what_is_allowed(here, said, args, says):
    with here.running():
        assert says in said("gateway", "fault", *args, code=64)


def test_the_ways_to_fail_are_listed_without_a_gateway(here, said):
    here.path.write_text("")
    told = dict(line.split(None, 1) for line in said("gateway", "fault", "--modes").splitlines())
    assert set(told) == {*MODES, "400…599"}
    assert "cut" in json.loads(said("gateway", "fault", "--modes", "--json"))


def test_where_no_gateway_answers_that_is_said(here, said):
    here.path.write_text('[gateway]\nlisten = "127.0.0.1:9"\n')
    assert "no gateway answers" in said("gateway", "fault", "--list", code=69)
    assert "nothing that waits is called so" in said("later", "show", "later_abc", code=64)
