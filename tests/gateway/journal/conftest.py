"""A journal in a folder of its own, and requests to keep in it."""

from __future__ import annotations

import json

import pytest

from stillup.gateway.core.values import Ask, Operation, Protocol, Target
from stillup.gateway.journal import Journal, Settings

NOON = 1_775_563_200.0
"""2026-04-07 12:00 UTC."""


@pytest.fixture
def noon():
    return NOON


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "journal"


@pytest.fixture
def said():
    """What a person was told about the journal."""
    return []


@pytest.fixture
def start(folder, said):
    """Open a journal; all that a test opens are closed behind it."""
    opened = []

    def open_one(at_s=NOON, **settings):
        journal = Journal.open(folder, at_s, Settings(**settings), said.append)
        opened.append(journal)
        return journal

    yield open_one
    for journal in opened:
        journal.close(NOON)


@pytest.fixture
def ask():
    """A request of a client."""

    def make(*words, body=None, **rest):
        turns = [{"role": "user" if n % 2 == 0 else "assistant", "content": word} for n, word in enumerate(words)]
        said = json.dumps({"model": "claude-opus", "stream": True, "messages": turns}).encode()
        values = {
            "protocol": Protocol.ANTHROPIC,
            "operation": Operation.GENERATE,
            "method": "POST",
            "path": "/v1/messages",
            "model": "claude-opus",
            "stream": True,
            "body": said if body is None else body,
        }
        return Ask(**(values | rest))

    return make


@pytest.fixture
def target():
    return Target("a", "", Protocol.ANTHROPIC, "claude", "api")
