"""Requests and tries as the gateway's shell would tell of them."""

from __future__ import annotations

import pytest

from stillup.gateway.core.values import Ask, Operation, Protocol, Target, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.seen import Ending, Labels, Seen
from stillup.testing import FakeClock

PROMPT, KEY = "the secret plans of the whole company", "sk-ant-dummy-0123456789"
CLAUDE = Target("anthropic", "", Protocol.ANTHROPIC, "claude", "api")
MISTRAL = Target("mistral", "mistral-large", Protocol.OPENAI, "mistral", "api")


def ask(model="claude-opus-4-5", protocol=Protocol.ANTHROPIC, **rest):
    headers = ((b"x-api-key", KEY.encode()), (b"content-type", b"application/json"), *rest.pop("headers", ()))
    said = {"operation": Operation.GENERATE, "method": "POST", "path": "/v1/messages", "stream": True} | rest
    return Ask(protocol=protocol, model=model, body=PROMPT.encode(), headers=headers, **said)


def try_(fault=None, target=CLAUDE, model="claude-opus-4-5", **rest):
    said = {"operation": Operation.GENERATE, "ok": fault is None, "total_s": 2.0} | rest
    return Try(target=target, model=model, fault=fault, **said)


class Told:
    """One gateway's eyes, and a client that goes through it."""

    def __init__(self, **eyes):
        self.clock = FakeClock()
        known = {"claude-opus-4-5": "claude-opus-4-5", "mistral-large": "mistral-large"}
        self.seen = Seen(self.clock, labels=Labels(known.get), **eyes)

    async def request(self, *tries, ending=None, seconds=3.0, request_id="r1", user="", asked=None, **end):
        passage = self.seen.begin(asked or ask(), request_id, user)
        for result in tries:
            await self.clock.advance(seconds / len(tries))
            self.seen.tried(passage, result)
            if result.fault is not None:
                self.seen.rerouted(result.target, result.fault)
        ok = any(t.ok for t in tries)
        self.seen.ended(passage, ending or (Ending.ANSWERED if ok else Ending.FAILED), **({"status": 200} | end))
        return passage


@pytest.fixture
def told():
    return Told


USAGE = Usage(input_tokens=10, output_tokens=20, cache_read_tokens=1_000, cache_write_tokens=5)
