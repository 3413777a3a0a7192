"""Who uses the cluster while parts of it die: people who report, programs that ask, browsers that look."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from cluster.stage import Part

SAID = b'{"service":"claude","problem":"sign_in","component":"web"}'
ASKED = b'{"model":"claude-sonnet-4-5","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hello"}]}'
PATIENCE_S = 4.0
"""So long a client waits for the next byte before it asks elsewhere."""
ROUNDS = 3
Act = Callable[[aiohttp.ClientSession, int], Awaitable[None]]
_BETWEEN_S = 0.02


class Seen:
    """What users of one kind saw."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.well = self.again = 0
        """Answers as they should be, and those for which another replica had to be asked."""
        self.why: list[str] = []
        """What became of the first asking of those."""
        self.lost: list[str] = []
        """Requests that no replica answered as it should."""
        self.gap_s = 0.0
        """The longest time without a good answer since it was last looked at."""
        self.begin()

    def begin(self) -> None:
        """Gaps count from now on."""
        self._last_s = time.monotonic()

    def answered(self) -> None:
        now_s = time.monotonic()
        self.gap_s, self._last_s = max(self.gap_s, now_s - self._last_s), now_s
        self.well += 1

    def look(self) -> float:
        """The longest gap since the last look."""
        gap_s, self.gap_s = max(self.gap_s, time.monotonic() - self._last_s), 0.0
        return gap_s


class Load:
    """Until it is told to end; who hears nothing for ``patience_s`` gives up."""

    def __init__(
        self,
        hubs: Sequence[Part],
        gateways: Sequence[Part],
        webs: Sequence[Part],
        *,
        programs: int = 4,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._hubs, self._gateways, self._webs = hubs, gateways, webs
        self._programs, self._patience_s = programs, patience_s
        self.reports, self.asked, self.looked = Seen("report"), Seen("gateway"), Seen("page")
        self.answers: Counter[str] = Counter()
        """What hubs answered, by status; ``none`` where nothing came: it may have been kept."""
        self._n = 0
        self.is_over = False

    @property
    def all(self) -> tuple[Seen, Seen, Seen]:
        return self.reports, self.asked, self.looked

    async def run(self, people: int = 6, browsers: int = 1) -> None:
        """All of them."""
        for seen in self.all:
            seen.begin()
        timeout = aiohttp.ClientTimeout(total=60, sock_connect=self._patience_s, sock_read=self._patience_s)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            for _ in range(people):
                group.create_task(self._on(self._report, session))
            for _ in range(self._programs):
                group.create_task(self._on(self._ask, session))
            for _ in range(browsers):
                group.create_task(self._on(self._look, session))

    async def _on(self, act: Act, session: aiohttp.ClientSession) -> None:
        while not self.is_over:
            self._n += 1
            await act(session, self._n)
            await asyncio.sleep(_BETWEEN_S)

    async def _report(self, session: aiohttp.ClientSession, n: int) -> None:
        """One report of a network of its own, not repeated: whether one without an answer was kept nobody knows."""
        who = f"{11 + n % 200}.{n // 200 % 256}.{n // 51_200}.7"
        headers = {"Content-Type": "application/json", "X-Forwarded-For": who} | _hold(n)
        try:
            url = f"{self._hubs[n % len(self._hubs)].url}/api/v1/reports"
            async with session.post(url, data=SAID, headers=headers) as answer:
                await answer.read()
                self.answers[str(answer.status)] += 1
                if answer.status == 202:
                    self.reports.answered()
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.answers["none"] += 1

    async def _ask(self, session: aiohttp.ClientSession, n: int) -> None:
        """As a client behind a balancer: what one does not answer whole is asked of the other."""
        kept = {"Content-Type": "application/json", "x-api-key": "dummy", "anthropic-version": "2023-06-01"}
        headers = kept | _hold(n)
        await self._any(self.asked, self._gateways, n, session, "/v1/messages", ASKED, headers, b"message_stop")

    async def _look(self, session: aiohttp.ClientSession, n: int) -> None:
        await self._any(self.looked, self._webs, n, session, "/", None, _hold(n), b"</html>")

    async def _any(
        self,
        seen: Seen,
        parts: Sequence[Part],
        n: int,
        session: aiohttp.ClientSession,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
        end: bytes,
    ) -> None:
        troubles: list[str] = []
        for turn in range(ROUNDS * len(parts)):
            part = parts[(n + turn) % len(parts)]
            try:
                method = "GET" if body is None else "POST"
                async with session.request(method, part.url + path, data=body, headers=headers) as answer:
                    told = await answer.read()
                    if answer.status == 200 and end in told:
                        seen.answered()
                        seen.again += turn > 0
                        seen.why += ["; ".join(troubles)] if turn else []
                        return
                    troubles.append(f"{part.name} {answer.status} {told[:80]!r}")
            except (aiohttp.ClientError, TimeoutError, OSError) as exc:
                troubles.append(f"{part.name} {type(exc).__name__}")
                await asyncio.sleep(0.05)
        if not self.is_over:
            seen.lost.append("; ".join(troubles))


def _hold(n: int) -> dict[str, str]:
    """Every third does not keep its connection: then whoever chooses between replicas is asked again."""
    return {} if n % 3 else {"Connection": "close"}
