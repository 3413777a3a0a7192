"""Browsers that listen to `/events`: what they hear of changes, and how long they hear nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import aiohttp

from stillup.model.verdict import Verdict

_JUST_NOW = timedelta(seconds=5)
Heard = tuple[str, str, datetime, str]


class Browser:
    """One, as an `EventSource`: it comes again after a break, and says what it heard last."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/events"
        self._last = ""
        self._again_s = 3.0
        self.heard: set[Heard] = set()
        self.resets: list[datetime] = []
        """When it was told that what it missed is not known: a page reads itself anew then."""
        self.began: datetime | None = None
        self.away_s = 0.0
        """The longest time between two connections."""
        self.came = 0

    async def run(self) -> None:
        """Until cancelled."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=4.0, sock_read=30.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            left_s = time.monotonic()
            while True:
                with suppress(aiohttp.ClientError, TimeoutError, OSError):
                    headers = {"Last-Event-ID": self._last} if self._last else {}
                    async with session.get(self._url, headers=headers) as answer:
                        if answer.status == 200:
                            if self.came:
                                self.away_s = max(self.away_s, time.monotonic() - left_s)
                            self.came += 1
                            self.began = self.began or datetime.now().astimezone()
                            await self._listen(answer)
                            left_s = time.monotonic()
                await asyncio.sleep(self._again_s)

    async def _listen(self, answer: aiohttp.ClientResponse) -> None:
        kind = data = ""
        async for line in answer.content:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            match name:
                case "id":
                    self._last = value
                case "retry":
                    self._again_s = int(value) / 1000
                case "event":
                    kind = value
                case "data":
                    data = value
                case "":
                    self._take(kind, data)
                    kind = data = ""

    def _take(self, kind: str, data: str) -> None:
        if kind == "reset":
            self.resets.append(datetime.now().astimezone())
        elif kind == "verdict":
            said = json.loads(data)
            at = datetime.fromisoformat(said["at"])
            self.heard.add((said["service"], said.get("component") or "", at, said["state"]))

    def missed(self, kept: Iterable[Verdict], until: datetime) -> list[Heard]:
        """What was told while it listened, that it neither heard nor was told to look for anew."""
        since = max((t for t in (self.began, *self.resets[-1:]) if t is not None), default=until)
        named = [(c.service, c.component or "", c.at, c.state.value) for c in kept]
        return [n for n in named if since + _JUST_NOW < n[2] < until - _JUST_NOW and n not in self.heard]
