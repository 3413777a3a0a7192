"""Reminds of the next drill: a notification once a month, from ``stillup up``; what was said outlives the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stillup.channels.desktop import desktop
from stillup.channels.make import address_of, make
from stillup.daemon.drill.under_way import drills_folder
from stillup.drill.due import Due, Reminded, due, wants_word, words
from stillup.drill.history import read
from stillup.errors import ConfigError, StoreError
from stillup.net import Net
from stillup.private import private_folder, replace_file
from stillup.response.alerts.delivery import Sent
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import Message
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from datetime import datetime

    from stillup.channels.base import Channel
    from stillup.clock import Clock
    from stillup.config import Config

FIRST_S, EVERY_S = 60.0, 3_600.0
_FILE = "reminded"
_MOST_BYTES = 4_096
_NEWEST = 50
"""So many drills are looked at; one of them was not broken off."""
_ID = "drills"


class Reminding:
    """Looks now and then whether it is time, and says so. ``say`` is told each reminder, and once what is wrong."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        clock: Clock,
        say: Callable[[str], None],
        *,
        on_desktop: Callable[[], Channel] = lambda: desktop(_ID, repeat_in_doubt=False),
    ) -> None:
        self._config, self._environ, self._clock, self._say = config, environ, clock, say
        self._on_desktop = on_desktop
        self._folder = drills_folder(config)
        self._said = ""

    async def go_on(self) -> None:
        """Until it is cancelled."""
        if self._config.drill.remind_days <= 0:
            return
        await self._clock.sleep(FIRST_S)
        while True:
            await self.look()
            await self._clock.sleep(EVERY_S)

    async def look(self) -> bool:
        """Remind if it is time; whether somebody was reminded."""
        now, days = self._clock.now(), self._config.drill.remind_days
        try:
            reminded = await asyncio.to_thread(self._reminded, now)
            stands = due((await asyncio.to_thread(read, self._folder, _NEWEST)).drills, now, days)
            if not wants_word(stands, reminded, now, days) or not await self._tell(stands, now):
                return False
            await asyncio.to_thread(self._keep, Reminded(since=reminded.since, at=now))
        except (StoreError, OSError) as exc:
            self._once(f"nobody can be reminded to practise an outage: {exc}")
            return False
        return True

    async def _tell(self, stands: Due, now: datetime) -> bool:
        message = _message(stands, now)
        if not self._config.drill.remind_to:
            self._say(f"{message.title.removeprefix('stillup: ')}: {message.short}")
            await self._on_desktop().send(message)  # no desktop, no notification: it was said all the same
            return True
        taken = False
        async with Net(self._clock, timeout_s=15.0) as net:
            for channel in self._channels(net):
                delivery = await channel.send(msgspec.structs.replace(message, channel=channel.id))
                # In doubt is as good as done: one reminder too few hurts less than one an hour.
                taken = taken or delivery.sent in (Sent.DELIVERED, Sent.IN_DOUBT)
                if delivery.sent is not Sent.DELIVERED:
                    self._once(f"the reminder to practise was not taken by {channel.id}: {delivery.says}")
        if taken:
            self._say(f"reminded: {message.short}")
        return taken

    def _channels(self, net: Net) -> Sequence[Channel]:
        found = []
        for configured in self._config.alerts.channels:
            if configured.id in self._config.drill.remind_to:
                try:
                    found.append(make(address_of(configured, self._environ), net))
                except ConfigError as exc:
                    self._once(str(exc))
        return found

    def _reminded(self, now: datetime) -> Reminded:
        """What was kept; from now on where nothing was, or nothing that can be read."""
        try:
            with (self._folder / _FILE).open("rb") as file:
                found = msgspec.json.decode(file.read(_MOST_BYTES), type=Reminded)
            if found.since <= now:
                return found
        except (OSError, msgspec.MsgspecError, ValueError, TypeError):
            pass
        new = Reminded(since=now)
        self._keep(new)
        return new

    def _keep(self, reminded: Reminded) -> None:
        private_folder(self._folder)
        replace_file(Path(self._folder, _FILE), msgspec.json.encode(reminded))

    def _once(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._say(text)


def _message(stands: Due, now: datetime) -> Message:
    said = words(stands, now)
    short = clean(f"{said[:1].upper()}{said[1:]}. `stillup drill plan` proposes what to do.", 300)
    return Message(
        key=f"msg_drill{now:%Y%m%d%H%M%S%f}",
        channel=_ID,
        kind=Kind.REMINDER,
        reason=Reason.DRILL_DUE,
        rule=_ID,
        service="",
        incident=f"drill-{now:%Y%m%d-%H%M%S}",
        revision=1,
        at=now,
        title="stillup: time to practise an outage",
        short=short,
        long=f"{short}\nNothing is down. A drill plays an outage on purpose, and shows what comes through it.",
    )
