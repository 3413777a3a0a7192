"""Who watches the cluster: every monitor looks who is there, the first of them by name speaks.

What it finds wrong goes to the channels of ``[watchdog] tell``, once, and once again when it is over; meanwhile no sign
of life is given. What was said, and which channel has not taken it, stands on the bus: who speaks next, when the first
has died, neither leaves it out nor says it again. When the bus is gone nobody can be told apart from nobody: the signs
of life cease, and that is all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from stillup.daemon.cluster.publish import AHEAD
from stillup.daemon.heartbeat import Heartbeat
from stillup.daemon.roles.beat import ROLES, Beat, present
from stillup.daemon.roles.given import Given, read, write
from stillup.daemon.roles.said import words_of
from stillup.errors import BusError, ConfigError
from stillup.response.alerts.delivery import Sent
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import Message
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from stillup.config.cluster import Expect
    from stillup.daemon.roles.role import Here

EVERY_S = 5.0
AGAIN_S, LONGEST_S = 15.0, 600.0
"""So long after a channel did not take a word it is given it again, and twice as long after each further time."""
_ID = "watchdog"
_NAMED = 5


class Watch:
    """What is wrong, and since when: a plain state, told what is there at a time."""

    def __init__(self, expect: Expect, silent_after_s: float) -> None:
        self._expect, self._patience = expect, timedelta(seconds=silent_after_s)
        self._since: dict[str, datetime] = {}

    def look(self, now: datetime, beats: Sequence[Beat], unjudged: Sequence[str]) -> tuple[str, ...]:
        """What is wrong now, a sentence each: what has lasted long enough, and services that are not judged.

        A role that is short of processes, and monitors whose database cannot be used: alerts go out over the bus
        then, but there is a bound to what can wait.
        """
        found = []
        for role in ROLES:
            there, wanted = sum(b.role == role for b in beats), getattr(self._expect, role)
            if self._lasts(role, now, is_so=there < wanted):
                found.append(f"{there} of {wanted} {role} processes are there")
        stuck = [b for b in beats if b.role == "monitor" and b.says.get("trouble")]
        if self._lasts("database", now, is_so=bool(stuck)):
            found.append(
                f"nothing is kept: {stuck[0].says['trouble']} (says {', '.join(b.replica for b in stuck[:_NAMED])})"
            )
        if unjudged:
            named = ", ".join(unjudged[:_NAMED]) + (
                f" and {len(unjudged) - _NAMED} more" if len(unjudged) > _NAMED else ""
            )
            found.append(f"not judged lately: {named}")
        return tuple(found)

    def _lasts(self, what: str, now: datetime, *, is_so: bool) -> bool:
        if not is_so:
            self._since.pop(what, None)
        return is_so and now - self._since.setdefault(what, now) >= self._patience


def unjudged(judged: Mapping[str, datetime], services: Iterable[str], now: datetime, within_s: float) -> list[str]:
    """The services of which nobody has said anything for so long."""
    oldest = now - timedelta(seconds=within_s)
    never = datetime.min.replace(tzinfo=now.tzinfo)
    return [s for s in services if not oldest <= judged.get(s, never) <= now + AHEAD]


async def watching(here: Here) -> None:
    """Look on until it is cancelled."""
    watchdog = _Watchdog(here)
    heartbeat = Heartbeat(here.config, here.environ, here.clock, here.say, watchdog.why_not)
    calls = asyncio.create_task(heartbeat.go_on())
    try:
        while True:
            await here.clock.sleep(EVERY_S)
            await watchdog.look()
            if calls.done() and (exc := calls.exception()):
                raise exc
    finally:
        calls.cancel()


class _Watchdog:
    def __init__(self, here: Here) -> None:
        self._here = here
        self._watch = Watch(here.config.cluster.expect, here.config.watchdog.silent_after_s)
        self._wrong: tuple[str, ...] = ()
        self._why = "nothing was looked at yet"
        self._given: Given | None = None
        self._is_kept = True
        """The bus has what was said here last."""
        self._owed: dict[str, _Owed] = {}
        self._began = here.clock.now()
        dog = here.config.watchdog
        self._settled = timedelta(seconds=max(dog.silent_after_s, dog.judged_within_s))
        """Whoever has just begun, and saw nothing wrong yet, knows only then that nothing is."""
        self._saw = False

    def why_not(self) -> str:
        """Why no sign of life is given; empty where it is."""
        return self._why

    async def look(self) -> None:
        """Once."""
        here = self._here
        now, within_s = here.clock.now(), here.config.watchdog.judged_within_s
        try:
            beats = await present(here.bus)
            judged = {name: word.at for name, word in (await words_of(here.bus)).items()}
        except BusError as exc:
            self._why = str(exc)
            return
        late = unjudged(judged, (s.id for s in here.services), now, within_s)
        if now - self._began < timedelta(seconds=within_s):
            late = []  # whoever has just begun gives the first judgements their time
        self._wrong = self._watch.look(now, beats, late)
        self._why = "; ".join(self._wrong)
        self._saw = self._saw or bool(self._wrong)
        first = next((b.replica for b in beats if b.role == "monitor"), here.replica)
        if first != here.replica:
            self._owed.clear()  # another speaks, and has said on the bus what it still owes
            self._given, self._is_kept = None, True
            return
        try:
            await self._go_on(now)
        except BusError as exc:
            self._why = str(exc)
            return
        told = self._given is not None and bool(self._given.wrong)
        if bool(self._wrong) != told and (self._saw or now - self._began >= self._settled):
            message = message_of(self._wrong, now)
            self._here.say(f"{message.title.removeprefix('stillup: ')}: {message.short}")
            self._owed = after(message, self._owed, self._here.config.watchdog.tell)
            await self._keep(Given(at=now, wrong=self._wrong, owed=tuple(self._owed)))
        if any(owed.is_due(now) for owed in self._owed.values()):
            await self._tell(now)
        if self._given is not None and (self._given.owed != tuple(self._owed) or not self._is_kept):
            await self._keep(replace(self._given, owed=tuple(self._owed)))

    async def _go_on(self, now: datetime) -> None:
        """Take up what another said meanwhile, and owes."""
        given = await read(self._here.bus, now) if self._is_kept else None
        if given is None or (self._given is not None and given.at == self._given.at):
            return
        self._given = given
        message, tell = message_of(given.wrong, given.at), self._here.config.watchdog.tell
        self._owed = {channel: _Owed(message) for channel in given.owed if channel in tell}

    async def _keep(self, given: Given) -> None:
        self._given = given
        try:
            await write(self._here.bus, given)
            self._is_kept = True
        except BusError:
            self._is_kept = False  # with the next look

    async def _tell(self, now: datetime) -> None:
        """Give each channel the word that it has not taken yet."""
        from stillup.channels.make import address_of, make
        from stillup.net import Net

        here = self._here
        async with Net(here.clock, timeout_s=15.0) as net:
            for configured in here.config.alerts.channels:
                owed = self._owed.get(configured.id)
                if owed is None or not owed.is_due(now):
                    continue
                try:
                    channel = make(address_of(configured, here.environ), net)
                except ConfigError as exc:
                    here.say(str(exc))
                    del self._owed[configured.id]
                    continue
                delivery = await channel.send(replace(owed.message, channel=channel.id))
                in_doubt = delivery.sent is Sent.IN_DOUBT and not channel.repeat_in_doubt
                if delivery.sent is Sent.DELIVERED or in_doubt:
                    del self._owed[configured.id]
                elif owed.tries == 0:
                    here.say(
                        f"the watchdog's word was not taken by {channel.id} and is sent again until it is: "
                        f"{delivery.says}"
                    )
                owed.failed(now)


class _Owed(Struct):
    """A word that a channel has not taken yet. Its key stays the same, so that who counts by it counts once."""

    message: Message
    tries: int = 0
    due_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        return self.due_at is None or now >= self.due_at

    def failed(self, now: datetime) -> None:
        self.due_at = now + timedelta(seconds=min(LONGEST_S, AGAIN_S * 2 ** min(self.tries, 10)))
        self.tries += 1


def after(message: Message, owed: Mapping[str, _Owed], channels: Iterable[str]) -> dict[str, _Owed]:
    """What each channel is owed once there is a new word.

    Who never took that something is wrong is not told that it is over: both are let go.
    """
    return {
        channel: _Owed(message)
        for channel in channels
        if not (message.kind is Kind.BACK and channel in owed and owed[channel].message.kind is Kind.BROKE)
    }


def message_of(wrong: Sequence[str], now: datetime) -> Message:
    """What is told: what is wrong, or that nothing is any more."""
    short = clean("; ".join(wrong) or "nothing of that any more", 300)
    return Message(
        key=f"msg_watchdog{now:%Y%m%d%H%M%S%f}",
        channel=_ID,
        kind=Kind.BROKE if wrong else Kind.BACK,
        reason=Reason.INCOMPLETE if wrong else Reason.COMPLETE,
        rule=_ID,
        service="",
        incident=f"watchdog-{now:%Y%m%d-%H%M%S}",
        revision=1,
        at=now,
        title="stillup: this installation is in trouble" if wrong else "stillup: this installation is whole again",
        short=short[:1].upper() + short[1:],
        long=f"{short[:1].upper()}{short[1:]}.\nOf stillup itself, not of a service; `stillup doctor` says more.",
    )
