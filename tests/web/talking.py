"""Somebody to talk to: a real gateway with its journal before two scripted providers, in a thread of their own."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
from contextlib import suppress
from http.client import HTTPConnection
from urllib.parse import urlsplit

from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.gateway.app import Gateway
from stillup.gateway.core.actions import Patience
from stillup.gateway.journal import Journal
from stillup.gateway.journal import Settings as JournalSettings
from stillup.gateway.plan import resolve
from stillup.gateway.seen.facade import Seen
from stillup.sim.provider_server import ProviderServer

TEXT = """\
[gateway]
listen = "127.0.0.1:0"
{more}
[[gateway.upstreams]]
id = "first"
protocol = "{protocol}"
base_url = "{a}"
key_env = "A_KEY"
[[gateway.upstreams]]
id = "second"
protocol = "{protocol}"
base_url = "{b}"
key_env = "B_KEY"
[[gateway.routes]]
match = "claude-opus-5-5"
chain = ["first", "second/claude-opus-5"]
[[gateway.routes]]
match = "*"
chain = ["first/small-talk"]
"""
KEYS = {"A_KEY": "dummy-key-of-first", "B_KEY": "dummy-key-of-second", "ANN": "a-token-of-ann-here"}
PATHS = {"anthropic": "", "openai": "/v1", "gemini": ""}
PATIENT = Patience(deadline_s=20.0)
TOKEN = "a-token-of-the-page-itself"
OPUS = "claude-opus-5-5"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


class Talking:
    """Entered, it runs. ``a`` and ``b`` are the providers; ``do`` calls something of theirs in their own loop."""

    def __init__(self, folder, protocol="anthropic", more="", keys=KEYS, text=TEXT):
        self._folder, self._protocol, self._more, self._keys, self._text = folder, protocol, more, keys, text
        self._ready, self._over = threading.Event(), None
        self.a = self.b = self.gateway = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(20), "nobody to talk to"
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    async def _run(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with ProviderServer("A") as self.a, ProviderServer("B") as self.b:
            path = PATHS[self._protocol]
            config = parse_config(
                self._text.format(protocol=self._protocol, a=self.a.url + path, b=self.b.url + path, more=self._more)
            )
            clock = SystemClock()
            journal = Journal.open(self._folder, clock.wall_s(), JournalSettings(), print)
            self.gateway = Gateway(
                resolve(config, self._keys), config.gateway, seen=Seen(clock), clock=clock, journal=journal,
                patience=PATIENT,
            )  # fmt: skip
            await self.gateway.start()
            self._ready.set()
            await self._over.wait()
            await self.gateway.stop(0.0)

    @property
    def url(self):
        return self.gateway.address

    def do(self, what, *args, **kwargs):
        """Call it in the loop and wait for it."""

        async def call():
            done = what(*args, **kwargs)
            return await done if asyncio.iscoroutine(done) else done

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(20)

    def asked(self, server=None):
        """The newest request's body that a provider got."""
        return json.loads((server or self.a).requests[-1].body)

    def release(self):
        with suppress(RuntimeError):
            self.do(self.a.release)


class Page:
    """A browser without a screen."""

    def __init__(self, url):
        self.url = url

    def open(self, method, path, body=None, headers=()):
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        connection.request(method, path, body, {"authorization": f"Bearer {TOKEN}", **dict(headers)})
        return connection.getresponse(), connection

    def ask(self, method, path, body=None, headers=()):
        answer, connection = self.open(method, path, body, headers)
        read = answer.read().decode()
        connection.close()
        return answer, read

    def json(self, path, value):
        answer, body = self.ask("POST", path, json.dumps(value), {"content-type": "application/json"})
        return answer.status, body

    def send(self, *texts, model=OPUS, files=()):
        """The events of an answer to a conversation whose messages take turns."""
        status, body = self.json("/chat/send", talk_of(*texts, model=model, files=files))
        assert status == 200, body
        return events(body)

    def form(self, **fields):
        files = fields.pop("files", ())
        edge = "edge-of-a-part"
        parts = [f'--{edge}\r\ncontent-disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
        body = "".join(parts).encode()
        for name, kind, data in files:
            head = f'--{edge}\r\ncontent-disposition: form-data; name="files"; filename="{name}"\r\n'
            body += f"{head}content-type: {kind}\r\n\r\n".encode() + data + b"\r\n"
        body += f"--{edge}--\r\n".encode()
        return self.ask("POST", "/chat", body, {"content-type": f"multipart/form-data; boundary={edge}"})


def talk_of(*texts, model=OPUS, files=()):
    roles = ("user", "assistant")
    turns = [{"role": roles[i % 2], "text": text, "files": []} for i, text in enumerate(texts)]
    turns[-1]["files"] = list(files)
    return {"model": model, "turns": turns}


def file(name, kind, data):
    return {"name": name, "type": kind, "data": base64.b64encode(data).decode()}


def events(body):
    found = re.findall(r"event: (.*)\ndata: (.*)\n\n", body)
    return [(kind, json.loads(data)) for kind, data in found]


def text_of(told):
    return "".join(data["text"] for kind, data in told if kind == "text")


def only(told, kind):
    (found,) = [data for each, data in told if each == kind]
    return found
