"""A sign of life to somebody else: an address that is called while all is well, and not while it is not.

Whoever keeps the address (a dead man's switch) sounds the alarm when the calls cease: stillup cannot tell of its own
end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from stillup.config.keys import key_at
from stillup.errors import ConfigError, SourceError
from stillup.net import Net, Request

if TYPE_CHECKING:
    from stillup.board import Board
    from stillup.clock import Clock
    from stillup.config import Config
    from stillup.model.verdict import Verdict

_MOST_ANSWER = 64 * 1024
_TIMEOUT_S = 10.0


class Heartbeat:
    """Calls ``[watchdog] url``. ``why_not`` says why nothing is well, empty where it is; ``say`` hears what changes."""

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        clock: Clock,
        say: Callable[[str], None],
        why_not: Callable[[], str],
    ) -> None:
        self._watchdog, self._environ = config.watchdog, environ
        self._clock, self._say, self._why_not = clock, say, why_not
        self._said = ""

    async def go_on(self) -> None:
        """Until it is cancelled; nothing is called where no address is configured.

        :raises ConfigError: the variable that should hold the address is empty.
        """
        url = self._url()
        if url is None:
            return
        async with Net(self._clock, timeout_s=_TIMEOUT_S) as net:
            while True:
                await self._clock.sleep(float(self._watchdog.every_s))
                await self.beat(net, url)

    async def beat(self, net: Net, url: str) -> bool:
        """Call once, if all is well; whether the call was taken."""
        why = self._why_not()
        if why:
            self._once(f"no sign of life is given: {why}")
            return False
        try:
            await net.fetch(Request(url=url, ours=True, max_bytes=_MOST_ANSWER))
        except SourceError as exc:
            self._once(f"the watchdog did not take the sign of life: {exc}")
            return False
        self._once("")
        return True

    def _url(self) -> str | None:
        if self._watchdog.url_env:
            found = key_at(self._watchdog.url_env, None, self._environ)
            if found is None:
                msg = f"watchdog.url_env: the variable {self._watchdog.url_env} is empty, so there is no address"
                raise ConfigError(msg)
            if not found.reveal().startswith(("https://", "http://")):
                msg = f"{self._watchdog.url_env}: is no http or https URL"
                raise ConfigError(msg)
            return found.reveal()
        return self._watchdog.url

    def _once(self, text: str) -> None:
        if text != self._said:
            self._say(text or "signs of life are given again")
            self._said = text


class Pulse:
    """A reader of boards that knows when the last minute was judged."""

    def __init__(self, clock: Clock, within_s: float) -> None:
        self._clock, self._within = clock, timedelta(seconds=within_s)
        self._at: datetime | None = None

    def show(self, board: Board, _changes: Sequence[Verdict] = ()) -> None:
        """A new board."""
        self._at = board.at

    def why_not(self) -> str:
        """Why nothing is well; empty where it is."""
        if self._at is None:
            return "nothing was judged yet"
        if self._clock.now() - self._at > self._within:
            return f"the last judged minute is {self._at:%Y-%m-%d %H:%M} UTC"
        return ""
