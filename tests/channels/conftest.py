"""Each kind of channel with a receiver at its other end."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stillup.channels.apprise import ByApprise
from stillup.channels.desktop import Desktop
from stillup.channels.smtp import Mail, server_of
from stillup.channels.webhook import Webhook
from stillup.clock import SystemClock
from stillup.net import Net
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import Message
from stillup.secret import Secret
from tests.channels.receivers import Receiver, http_receiver, smtp_receiver

NOON = datetime(2026, 5, 12, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def message():
    def make(**rest):
        given = {
            "key": "msg_0011", "channel": "ops", "kind": Kind.BROKE, "reason": Reason.BROKE, "rule": "r",
            "service": "claude", "incident": "claude-1", "revision": 1, "at": NOON,
            "title": "Claude: partial outage, confirmed", "short": "Since 11:58 UTC.",
            "long": "Claude: partial outage, confirmed\n\nSince 11:58 UTC.\n- crowd: 12 reports",
            "link": "http://127.0.0.1:8780/claude", **rest,
        }  # fmt: skip
        return Message(**given)

    return make


@pytest.fixture
async def net():
    async with Net(SystemClock(), timeout_s=0.5) as net:
        yield net


class _Shell(Receiver):
    """A program in place of ``notify-send`` that writes down its arguments."""

    def __init__(self, folder: Path, *moods: str) -> None:
        super().__init__(*moods)
        self.folder = folder
        does = {"take": "exit 0", "hang": "exec sleep 60", "break": "kill -9 $$"}.get(self.moods[0], "exit 1")
        program = folder / "notify-send"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "{folder}/said"\n{does}\n')
        program.chmod(0o700)


@pytest.fixture
async def channel_of(net, tmp_path):
    """Makes a channel of a kind and the receiver at its other end; everything secret in it is called hush."""
    async with AsyncExitStack() as running:

        async def make(kind, *moods):
            if kind == "desktop":
                shell = _Shell(tmp_path, *moods)
                return Desktop("ops", program=str(tmp_path / "notify-send"), timeout_s=0.5), shell
            if kind == "smtp":
                receiver = await running.enter_async_context(smtp_receiver(*moods))
                address = Secret(f"smtp://{receiver.address}?to=hush@a.example&from=stillup@b.example")
                return Mail("ops", server_of("ops", address, None), step_s=0.5), receiver
            receiver = await running.enter_async_context(http_receiver(*moods))
            if kind == "apprise":
                return ByApprise("ops", Secret(f"json://me:hush@{receiver.address}/hush"), timeout_s=0.5), receiver
            url = Secret(f"http://{receiver.address}/hush?key=hush")
            return Webhook("ops", url, net, secret=Secret("hush")), receiver

        yield make
