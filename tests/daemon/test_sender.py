"""What one sender does when the outbox it stands on falls back behind it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from msgspec.structs import replace

from stillup.clock import SystemClock
from stillup.daemon.alerts.aside import waiting
from stillup.daemon.alerts.sender import Sender
from stillup.response.alerts.delivery import Delivery, Sent
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import Message
from stillup.store import open_store
from stillup.store.outbox import Status
from tests.daemon.aside.world import until

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Channel:
    """Takes everything."""

    id = "hook"
    kind = "webhook"
    repeat_in_doubt = True

    def __init__(self):
        self.got = []

    async def send(self, message):
        self.got.append(message.key)
        return Delivery(sent=Sent.DELIVERED)


def message(key):
    return Message(
        key=key, channel="hook", kind=Kind.BROKE, reason=Reason.BROKE, rule="r", service="claude", incident="a",
        revision=1, at=NOW, title="t", short="s", long="l",
    )  # fmt: skip


async def test_what_this_process_knows_as_delivered_is_not_sent_again_though_the_database_has_forgotten(tmp_path):
    with open_store(tmp_path / "stillup.db") as store:
        with store.outbox.deciding("main") as deciding:
            deciding.put([message("told"), message("new")], NOW)
        told = replace(waiting(message("told"), NOW), status=Status.DELIVERED, done_at=NOW)
        channel = Channel()
        sender = Sender(
            channel, store.outbox, "main", SystemClock(), say=print, known=lambda key: told if key == "told" else None
        )
        running = asyncio.create_task(sender.run())
        await until(lambda: len(store.outbox.listed([Status.DELIVERED])) == 2)
        sender.leave()
        await running
    assert channel.got == ["new"]
