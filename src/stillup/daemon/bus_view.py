"""The judgement of another process, over the bus: known here a moment after it was said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from stillup.daemon.cluster.publish import VERDICTS, replaces, unpack
from stillup.daemon.view import OWN, STANDS_S, Known
from stillup.errors import BadDataError, BusError
from stillup.gateway.core.views import Prior

if TYPE_CHECKING:
    from stillup.bus.base import Bus
    from stillup.clock import Clock
    from stillup.daemon.cluster.publish import Word

AGAIN_S = 5.0
"""So long after the bus refused to show the table it is asked again."""

LOOK_S = 2.0

_NOTHING = Prior()


class _Heard:
    """What is said of one service, and when this process heard it, on its steady clock."""

    __slots__ = ("at", "heard_s", "known")

    def __init__(self, word: Word, heard_s: float) -> None:
        self.at = word.at
        self.heard_s = heard_s
        verdicts = {verdict.component: verdict for verdict in word.verdicts}
        self.known = Known({word.service: (verdicts, word.evidence)}, OWN)


class BusView:
    """A :class:`~stillup.gateway.core.views.HealthView` of the table of verdicts; :meth:`go_on` keeps it up.

    A word counts for five minutes after it was heard, as with a judgement in this process: by this machine's steady
    clock, so that no clock that is off makes it older or newer. Only of the first word on a service, which may be of a
    judge that is long gone, its own time says how old it is. Cut off from the bus it goes on with what it knows for
    that long. What all gateways saw themselves is told by their source's one name, and is no news to any of them here:
    they tell each other of that directly.
    """

    def __init__(self, bus: Bus, clock: Clock, say: Callable[[str], None]) -> None:
        self._bus, self._clock, self._say = bus, clock, say
        self._heard: dict[str, _Heard] = {}
        self._said = ""

    def prior(self, service: str, component: str, model: str) -> Prior:
        """What is known of one component of a service, for one model; see :func:`~stillup.daemon.view.prior_of`."""
        heard = self._heard.get(service)
        if heard is None or self._clock.monotonic_s() - heard.heard_s > STANDS_S:
            return _NOTHING
        return heard.known.prior(service, component, model)

    def judged_at(self) -> dict[str, datetime]:
        """The minute of the newest word on each service."""
        return {service: heard.at for service, heard in self._heard.items()}

    async def look(self) -> None:
        """Take in what is said already; a bus that does not answer soon is not waited for."""
        with suppress(BusError, TimeoutError):
            async with asyncio.timeout(LOOK_S):
                for entry in await self._bus.table(VERDICTS).entries():
                    self.hear(entry.key, entry.value)

    async def go_on(self) -> None:
        """Follow the table until cancelled, whatever the bus does."""
        table = self._bus.table(VERDICTS)
        while True:
            try:
                async for entry in table.watch():
                    self.hear(entry.key, entry.value)
            except BusError as exc:
                self._tell(f"verdicts cannot be heard of, and are asked for again: {exc}")
            await self._clock.sleep(AGAIN_S)

    def hear(self, service: str, value: bytes | None) -> None:
        """One entry: the newest minute stands; the same again is no sign of life."""
        if value is None:
            self._heard.pop(service, None)
            return
        try:
            word = unpack(value)
        except BadDataError as exc:
            self._tell(f"{service[:100]}: {exc}")
            return
        before = self._heard.get(service)
        if word.service != service or (before is not None and not replaces(word.at, before.at)):
            return
        age_s = 0.0 if before is not None else max(0.0, (self._clock.now() - word.at).total_seconds())
        self._heard[service] = _Heard(word, self._clock.monotonic_s() - age_s)

    def _tell(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self._say(words)
