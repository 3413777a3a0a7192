"""One request of the workload, over real HTTP, and what its client saw of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.drill.reading import MOST_BYTES, Reading, error_of
from stillup.drill.values import Asked
from stillup.drill.workload import Question
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

Now = Callable[[], float]
"""Seconds since the scene began."""
_LONGEST_SAYS = 200
_OK, _TAKEN = 200, 202


class Came(Struct, frozen=True):
    """What came of a request, and what the gateway calls it in its journal."""

    asked: Asked
    id: str = ""


class Client:
    """Asks one gateway; ``patience_s`` is how long it waits for the next piece of an answer."""

    def __init__(self, http: ClientSession, base_url: str, now: Now, patience_s: float) -> None:
        self._http = http
        self._base_url = base_url
        self._now = now
        self._patience_s = patience_s

    async def ask(self, question: Question, begun: Callable[[], None] = lambda: None) -> Came:
        """Ask once; whatever goes wrong is an answer too. ``begun`` is told when the first piece is there."""
        watch = _Watch(self._now, begun)
        reading = Reading(question.protocol, streams=question.streams)
        head: dict[str, str] = {}
        says = await self._heard(question, reading, watch, head)
        is_right = not says and question.is_right(reading.text, reading.calls)
        if not says and not is_right:
            says = "a whole answer, and not the right one"
        watch.over()
        asked = Asked(
            at_s=watch.at_s,
            first_s=watch.first_s,
            done_s=watch.done_s,
            shape=question.shape,
            protocol=question.protocol.value,
            ok=is_right,
            says=says,
            upstream=head.get("x-stillup-upstream", ""),
            put_off="x-stillup-later" in head,
            silence_s=watch.silence_s,
            wanted_chars=question.wanted_chars,
            got_chars=question.wanted_chars if is_right else min(reading.chars, question.wanted_chars),
        )
        return Came(asked, head.get("x-stillup-id", ""))

    async def _heard(self, question: Question, reading: Reading, watch: _Watch, head: dict[str, str]) -> str:
        """Read the answer; what is wrong with it, empty where nothing is."""
        import aiohttp

        url = self._base_url + question.path
        try:
            async with (
                asyncio.timeout(self._patience_s) as limit,
                self._http.post(url, data=question.body, headers=question.headers) as answer,
            ):
                head.update((name.lower(), value) for name, value in answer.headers.items())
                if answer.status != _OK:
                    return await _refused(answer)
                async for piece in answer.content.iter_any():
                    if reading.feed(piece):
                        watch.piece()
                        limit.reschedule(asyncio.get_running_loop().time() + self._patience_s)
                    if reading.error:
                        return _short(f"broken off: {reading.error}")
                reading.end()
        except TimeoutError:
            return f"nothing more within {self._patience_s:g} s"
        except aiohttp.ClientError as exc:
            return f"the connection broke ({type(exc).__name__})"
        return _short(reading.error) or ("" if reading.has_ended else "cut short")


class _Watch:
    """When what came, and the longest wait."""

    def __init__(self, now: Now, begun: Callable[[], None]) -> None:
        self._now = now
        self._begun = begun
        self.at_s = self._last_s = self.done_s = now()
        self.first_s: float | None = None
        self.silence_s = 0.0

    def piece(self) -> None:
        """Something of the answer came."""
        now = self._now()
        if self.first_s is None:
            self.first_s = now
            self._begun()
        self.silence_s = max(self.silence_s, now - self._last_s)
        self._last_s = now

    def over(self) -> None:
        """It is over."""
        self.done_s = self._now()
        self.silence_s = max(self.silence_s, self.done_s - self._last_s)


@asynccontextmanager
async def clients(now: Now, patience_s: float) -> AsyncIterator[Callable[[str], Client]]:
    """Makes clients, each of which asks at one base URL."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
        yield lambda base_url: Client(http, base_url, now, patience_s)


async def _refused(answer: ClientResponse) -> str:
    body = await answer.content.read(MOST_BYTES)
    if answer.status == _TAKEN:
        return "kept, to be asked again later"
    return _short(f"{answer.status} {error_of(body)}".strip())


def _short(text: str) -> str:
    return clean(text, _LONGEST_SAYS)
