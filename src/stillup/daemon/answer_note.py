"""Tells this machine's user that a request which was put off has its answer: a notification on the desktop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from stillup.channels.base import Channel
    from stillup.clock import Clock
    from stillup.gateway.later.told import Note

_ID = "answers"


class AnswerNotes:
    """Called in the gateway's event loop; nothing waits for it. Without a ``channel`` only ``say`` is told."""

    def __init__(self, clock: Clock, say: Callable[[str], None], channel: Channel | None) -> None:
        self._clock = clock
        self._say = say
        self._channel = channel
        self._sending: set[asyncio.Task[None]] = set()

    def __call__(self, note: Note) -> None:
        """Say it, and show it where there is a desktop."""
        self._say(f"{note.title.removeprefix('stillup: ')}: {note.text}")
        if self._channel is not None:
            task = asyncio.get_running_loop().create_task(self._show(self._channel, note))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _show(self, channel: Channel, note: Note) -> None:
        """No desktop, no notification: the answer is there all the same, and the log says so."""
        now = self._clock.now()
        await channel.send(
            Message(
                key=f"msg_answer{now:%Y%m%d%H%M%S%f}",
                channel=_ID,
                kind=Kind.BACK,  # a calm one
                reason=Reason.BACK,
                rule=_ID,
                service="",
                incident=f"answer-{now:%Y%m%d-%H%M%S}",
                revision=1,
                at=now,
                title=note.title,
                short=note.text,
                long=note.text,
            )
        )


def answer_notes(clock: Clock, say: Callable[[str], None], *, on_desktop: bool) -> AnswerNotes:
    """What the gateway's runner tells; ``on_desktop`` where the answers are this machine's own user's."""
    if not on_desktop:
        return AnswerNotes(clock, say, None)
    from stillup.channels.desktop import desktop

    return AnswerNotes(clock, say, desktop(_ID, repeat_in_doubt=False))
