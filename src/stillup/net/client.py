"""The client: cache, places, time, redirects. Bounded in size, time and number; every failure is a ``SourceError``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, cast
from weakref import WeakValueDictionary

from msgspec import Struct
from msgspec.structs import replace

from stillup import __version__
from stillup.clock import Clock
from stillup.errors import NotConfigured, Refused
from stillup.net.cache import Cache, Entry, Recall, key_of, recall, refused
from stillup.net.names import Resolver, host_of, is_loopback, look_up
from stillup.net.refusals import refusal, retry_after_s
from stillup.net.values import FLOOR_S, Answer, Request
from stillup.secret import Secret

if TYPE_CHECKING:
    import ssl

    from stillup.net.socket import Socket, Take
    from stillup.net.transport import Exchange, Transport

_T = TypeVar("_T")
MOST_SOCKETS = 4
_NOT_OPEN = "a Net is used inside `async with`"


class _Errand(Struct, frozen=True):
    """A request with what follows from it. ``key`` is empty where nothing may be kept."""

    request: Request
    host: str
    key: str
    floor_s: float
    keyed: bool


class Net:
    """Makes requests. An async context manager; one serves a whole process.

    ``timeout_s`` bounds one request from the moment it has a place: names, connecting, redirects, body; ``connect_s``
    bounds each attempt to connect within it. Both are real seconds. At most ``at_once`` requests run together and
    ``per_host`` to one host (loopback excepted, where the simulated world is). Proxies are taken from the
    environment. ``cache_dir`` shares answers between processes; without it they are kept in memory.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        cache_dir: Path | None = None,
        timeout_s: float = 10.0,
        connect_s: float = 5.0,
        at_once: int = 24,
        per_host: int = 2,
        user_agent: str = f"stillup/{__version__} (personal status monitor)",
        tls: ssl.SSLContext | None = None,
        resolver: Resolver = look_up,
    ) -> None:
        self._clock = clock
        self._folder = cache_dir
        self._cache = Cache(cache_dir)
        self._timeout_s = timeout_s
        self._connect_s = connect_s
        self._user_agent = user_agent
        self._tls = tls
        self._resolver = resolver
        self._per_host = per_host
        self._places = asyncio.Semaphore(at_once)
        # Both are forgotten as soon as nobody holds or waits for them.
        self._host_places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._proxies: dict[str, str] = {}
        self._transport: Transport | None = None
        self._sockets: list[Socket] = []
        self._shared: dict[Callable[[Net], object], object] = {}

    @property
    def folder(self) -> Path | None:
        """Where what is kept between processes lies; None where nothing is."""
        return self._folder

    async def __aenter__(self) -> Self:
        from urllib.request import getproxies_environment

        from stillup.net.transport import Transport

        self._proxies = getproxies_environment()
        self._transport = Transport(
            resolver=self._resolver, tls=self._tls, connect_s=self._connect_s, user_agent=self._user_agent
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        sockets, self._sockets = self._sockets, []
        await asyncio.gather(*(socket.close() for socket in sockets))
        self._shared.clear()
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    def wall_s(self) -> float:
        """The time by this Net's clock, in seconds since the epoch."""
        return self._clock.wall_s()

    def shared(self, make: Callable[[Net], _T]) -> _T:
        """What ``make`` made for the first that asked: all readings of a source share it while this Net is open."""
        if make not in self._shared:
            self._shared[make] = make(self)
        return cast("_T", self._shared[make])

    async def socket(self, request: Request, take: Take, *, silence_s: float = 60.0) -> Socket:
        """Open a WebSocket (its address starts with ``http``) and hand every text frame to ``take``.

        It ends with this Net, at a frame beyond ``max_bytes``, after ``silence_s`` real seconds without a word, or
        when the other side ends it; at most :data:`MOST_SOCKETS` are open.

        :raises stillup.errors.SourceError: it could not be opened, and why.
        """
        from stillup.net import failures, route
        from stillup.net.socket import Socket

        if self._transport is None:
            raise RuntimeError(_NOT_OPEN)
        self._sockets = [socket for socket in self._sockets if socket.is_open]
        if len(self._sockets) >= MOST_SOCKETS:
            msg = f"{host_of(request.url)[:80]}: {MOST_SOCKETS} sockets are open already"
            raise NotConfigured(msg)
        errand, loop, url = _errand(request), asyncio.get_running_loop(), route.target(request)
        headers = route.headers_for(request, secrets=True)
        async with self._place(errand.host):
            started_s = loop.time()
            try:
                async with asyncio.timeout(self._timeout_s):
                    opened = await self._transport.upgrade(
                        url,
                        {name: v.reveal() if isinstance(v, Secret) else v for name, v in headers.items()},
                        max_bytes=request.max_bytes,
                        proxy=route.proxy_for(url, self._proxies),
                        silence_s=silence_s,
                        now=self._clock.now(),
                        keyed=errand.keyed,
                    )
            except failures.FOREIGN as exc:
                error = failures.translate(exc, errand.host, loop.time() - started_s)
            else:
                self._sockets.append(Socket(opened, errand.host, take, silence_s))
                return self._sockets[-1]
        raise error

    async def fetch(self, request: Request) -> Answer:
        """Make one request, or answer it from what is kept.

        :raises stillup.errors.SourceError: no usable answer, and why.
        """
        errand = _errand(request)
        if not errand.key:
            return await self._ask(errand, None)
        if errand.floor_s <= 0:
            return await self._answer(errand)
        # Two jobs that want one page at the same moment: the second finds the first one's answer.
        async with self._turns.setdefault(errand.key, asyncio.Lock()):
            return await self._answer(errand)

    async def fetch_all(self, requests: tuple[Request, ...]) -> list[Answer]:
        """Make several side by side, answers in the same order; the first failure ends all."""
        tasks = [asyncio.create_task(self.fetch(request)) for request in requests]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, errand: _Errand) -> Answer:
        entry, now = self._cache.get(errand.key), self._clock.now()
        verdict = recall(entry, now, errand.floor_s, errand.request.max_bytes)
        if entry is None or verdict is Recall.ASK:
            return await self._ask(errand, None)
        if verdict is Recall.REVALIDATE:
            return await self._ask(errand, entry)
        if verdict is Recall.REFUSED and entry.refusal is not None:
            past_s, left_s = entry.refusal.spans_s(now)
            raise refusal(errand.host, entry.refusal.status, left_s, note=f" {past_s:.0f} s ago")
        return _kept(entry, 0.0, asked=False)

    async def _ask(self, errand: _Errand, entry: Entry | None) -> Answer:
        now = self._clock.now()
        came, elapsed_ms = await self._exchange(errand, entry.validators() if entry else {})
        if came.status == 304 and entry is not None:
            entry = replace(entry, at=now, refusal=None)
            self._keep(errand, entry)
            return _kept(entry, elapsed_ms, asked=True)
        if not 200 <= came.status < 300:
            raise self._refuse(errand, came)
        self._keep(errand, Entry.of(came.status, came.body, came.headers, now))
        return Answer(status=came.status, body=came.body, headers=came.headers, elapsed_ms=elapsed_ms, fetched_at=now)

    def _refuse(self, errand: _Errand, came: Exchange) -> Refused:
        now = self._clock.now()
        error = refusal(errand.host, came.status, retry_after_s(came.headers, now), keyed=errand.keyed)
        if errand.floor_s > 0 and errand.key:
            until_s = max(errand.floor_s, error.retry_after_s or 0.0)
            self._keep(errand, refused(self._cache.get(errand.key), came.status, now, until_s))
        return error

    def _keep(self, errand: _Errand, entry: Entry) -> None:
        if errand.key:
            self._cache.put(errand.key, entry)

    async def _exchange(self, errand: _Errand, validators: dict[str, str]) -> tuple[Exchange, float]:
        """The answer at the end of the redirects, and the real milliseconds it took."""
        from stillup.net import failures

        # The loop's time, not the clock's: the network stays real when the clock is scaled or a test's.
        loop = asyncio.get_running_loop()
        async with self._place(errand.host):
            started_s = loop.time()
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._travel(errand.request, validators), (loop.time() - started_s) * 1000
            except failures.FOREIGN as exc:
                error = failures.translate(exc, errand.host, loop.time() - started_s)
        # Raised out here so that the foreign exception, which may hold a URL or a header, is not its context.
        raise error

    async def _travel(self, request: Request, validators: dict[str, str]) -> Exchange:
        from stillup.net import route

        if self._transport is None:
            raise RuntimeError(_NOT_OPEN)
        url, wary, status = route.target(request), False, 0
        first = url.origin()
        for _ in range(route.MAX_REDIRECTS + 1):
            headers = route.headers_for(request, secrets=url.origin() == first)
            came = await self._transport.exchange(
                url,
                {name: v.reveal() if isinstance(v, Secret) else v for name, v in headers.items()} | validators,
                max_bytes=request.max_bytes,
                proxy=route.proxy_for(url, self._proxies),
                wary=wary,
                json=request.json,
            )
            location, status = came.headers.get("location"), came.status
            if status not in route.REDIRECTS or not location or request.json is not None:
                return came  # a redirect that is not followed is a refusal
            wary = wary or came.was_public
            url = route.follow(url, location, status, wary=wary)
        msg = f"{route.shown(url)}: redirects more than {route.MAX_REDIRECTS} times"
        raise Refused(msg, status)

    @asynccontextmanager
    async def _place(self, host: str) -> AsyncIterator[None]:
        """Wait for a place: the host's first, so that one slow host's queue takes nobody else's.

        A redirect rides on the place of the host it came from: at worst a host is asked by one more than its share.
        """
        async with AsyncExitStack() as held:
            if not is_loopback(host):
                places = self._host_places.setdefault(host, asyncio.Semaphore(self._per_host))
                await held.enter_async_context(places)
            await held.enter_async_context(self._places)
            yield


def _errand(request: Request) -> _Errand:
    host = host_of(request.url)
    keyed = any(isinstance(value, Secret) for _, value in request.headers)
    # A password in the address makes the answer private, too.
    private = keyed or "@" in request.url.split("://", 1)[-1].split("/", 1)[0]
    return _Errand(
        request=request,
        host=host[:80] or "?",
        key="" if private or request.json is not None or request.ours else _key_of(request),
        floor_s=0.0 if is_loopback(host) else max(FLOOR_S, request.min_interval_s),
        keyed=keyed,
    )


def _key_of(request: Request) -> str:
    return key_of(request.url, request.params, request.headers)


def _kept(entry: Entry, elapsed_ms: float, *, asked: bool) -> Answer:
    return Answer(
        status=entry.status,
        body=entry.body,
        headers=entry.headers(),
        elapsed_ms=elapsed_ms,
        from_cache=True,
        asked=asked,
        fetched_at=entry.at,
    )
