"""The loopback world: every site of a scenario on this machine's own loopback, failing when the scenario says so."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import web
from msgspec.structs import replace

from stillup.catalog.load import Endpoint, Service, catalogue
from stillup.clock import Clock
from stillup.model.service import Layer
from stillup.sim.api import Api
from stillup.sim.configure import INTERVAL_S, Addresses, asked_by_programs, config_text, dummy_keys
from stillup.sim.failing import BELOW_HTTP
from stillup.sim.gate import Gate, Handler, drop
from stillup.sim.modes import Mode
from stillup.sim.provider.call import What, read_call
from stillup.sim.scenario import CONTROLS, REQUESTS, SOURCES, STAND_IN, Scenario
from stillup.sim.serve import answer
from stillup.sim.stories import Stories
from stillup.sim.story import Story
from stillup.sim.transcripts import Transcripts
from stillup.sim.wire import provider
from stillup.sim.wire.reply import Reply
from stillup.sim.wire.routes import Desk, Visit, place_of, site_of

_TICK_S = 0.05
"""Real seconds between two looks at the clock: how late a port may close or a transcript row be written."""
_MOST_BODY = 1 << 20
_CONTROLS = (f"{CONTROLS}0", f"{CONTROLS}1")
_CONTROL_PATH = "/generate_204"
_API = frozenset({Layer.API_GATEWAY, Layer.INFERENCE})
_NO_CONTENT = Reply(body=b"", content_type="", status=204)

Place = tuple[str, str]
"""A server of the world: the service it belongs to (empty: none), and which of its targets it is."""


class World:
    """A scenario, playing. ``clock`` says when it is; ``folder`` is for transcripts (default: one of its own).

    ``services`` are more to have servers of their own here and to be watched, beside those the scenario tells of; an
    uneventful day is theirs. The sources' sites know every service.
    """

    def __init__(
        self, scenario: Scenario, clock: Clock, folder: Path | None = None, services: Iterable[str] = ()
    ) -> None:
        self.story = Story(scenario)
        self.stories = Stories(self.story, services)
        self.clock = clock
        self._service: Service = catalogue()[scenario.service]
        self.asked = asked_by_programs(scenario)
        """What programs ask; None where there is nothing for them."""
        self._desk = Desk(self.stories)
        self._folder = folder
        self._gates: dict[Place, Gate] = {}
        self._transcripts: Transcripts | None = None
        self._ended = asyncio.Event()
        self._open = contextlib.AsyncExitStack()

    @property
    def scenario(self) -> Scenario:
        """What is played."""
        return self.story.scenario

    @property
    def service(self) -> Service:
        """Whose outage it is."""
        return self._service

    @property
    def services(self) -> tuple[Service, ...]:
        """All that are watched here, the scenario's own first."""
        return self.stories.services

    @property
    def base_url(self) -> str:
        """Where the sources' sites stand."""
        return self.url(SOURCES)

    def url(self, target: str, service: str = "") -> str:
        """The address of a target's server: an endpoint id of the catalogue, ``controls0``, ``sources`` …

        ``service`` is whose endpoint it is (default: the scenario's own).
        """
        owner = service or self._service.id
        mode = self.stories.of(owner).lasting_mode(target)
        if mode is Mode.DNS:
            return f"http://{target.replace('_', '-')}.stillup.invalid"
        scheme = "https" if mode is Mode.TLS else "http"
        gate = self._gates.get((owner, target)) or self._gates["", target]
        return f"{scheme}://127.0.0.1:{gate.port}"

    @property
    def transcripts(self) -> Path:
        """The folder in which Claude Code's transcripts grow."""
        return self._transcripts.folder if self._transcripts else Path()

    def config(self, interval_s: int | None = INTERVAL_S, *, opt_in: bool = True) -> str:
        """The TOML of a configuration that points every source and upstream here; the data folder is yours to add.

        ``interval_s`` is how often each source is asked; None: as often as in earnest. ``opt_in``: whether those are on
        that a user has to switch on.
        """
        return config_text(self.scenario, self.services, self._addresses(), interval_s, opt_in=opt_in)

    def environ(self) -> dict[str, str]:
        """Dummy keys under the names the sources look for."""
        return dummy_keys(self.services)

    def _addresses(self) -> Addresses:
        endpoints = {s.id: {e.id: self.url(e.id, s.id) + _path_of(e.url) for e in s.endpoints} for s in self.services}
        controls = tuple(self.url(name) + _CONTROL_PATH for name in _CONTROLS)
        return Addresses(
            base_url=self.base_url,
            endpoints=endpoints,
            controls=controls,
            transcripts=self.transcripts,
            requests=self.url(REQUESTS),
            stand_in=self.url(STAND_IN),
        )

    async def sync(self) -> None:
        """Catch up with the clock now: close and open ports, write transcripts. Happens by itself all the time."""
        for gate in self._gates.values():
            await gate.sync()
        if self._transcripts is not None:
            self._transcripts.write(self.clock.now())

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as opening:
            folder = self._folder
            if folder is None:
                folder = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix="stillup-world-")))
            self._transcripts = Transcripts(self.stories, folder)
            await self._open_gates(opening)
            opening.callback(self._ended.set)
            await self.sync()
            ticking = asyncio.create_task(self._tick())
            opening.push_async_callback(_end, ticking)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def _open_gates(self, opening: contextlib.AsyncExitStack) -> None:
        """One server for the sources, one for each control host, endpoint and API; what has no address gets none."""
        servers: dict[Place, Handler | Api] = {("", SOURCES): self._serve_sources}
        servers |= {("", name): partial(self._serve_control, name) for name in _CONTROLS}
        servers |= {
            (s.id, e.id): self._api((s.id, e.id), s.name) if _asks_models(e) else partial(self._serve_page, s, e)
            for s in self.services
            for e in s.endpoints
        }
        asked = self.asked.service if self.asked else self._service
        servers["", REQUESTS] = self._api((asked.id, REQUESTS), asked.name)
        servers["", STAND_IN] = self._api(("", STAND_IN), "The stand-in")
        for place, server in servers.items():
            gate = Gate(partial(self._mode, (place[0] or asked.id, place[1])), server)
            opening.push_async_callback(gate.close)
            await gate.open()
            self._gates[place] = gate

    def _mode(self, place: Place, model: str = "") -> Mode:
        return self.stories.mode(*place, self.clock.now(), model)

    def _api(self, place: Place, name: str) -> Api:
        story = self.stories.of(place[0] or self._service.id)

        def retry_after(model: str) -> str:
            return story.retry_after(place[1], self.clock.now(), model)

        return Api(name, partial(self._mode, place), self.clock, retry_after, place[0])

    async def _serve_sources(self, request: web.BaseRequest) -> web.StreamResponse:
        broken = provider.page_instead(self._mode(("", SOURCES)))
        if broken is not None:
            return answer(request, broken)
        visit = await self._visit(request)
        fault = self._desk.fault(visit)
        if fault is not None and fault.mode in BELOW_HTTP:
            return await self._lose(request, fault.mode)
        site = site_of(place_of(request.path)[0])
        if site is not None and hasattr(site, "serve"):
            return await self._serve_socket(site.serve, request, visit)
        return answer(request, self._desk.reply(visit), visit.now)

    async def _visit(self, request: web.BaseRequest) -> Visit:
        return Visit(
            path=request.path,
            method=request.method,
            body=await request.content.read(_MOST_BODY),
            params=dict(request.query),
            headers={k.lower(): v for k, v in request.headers.items()},
            base_url=self.base_url,
            now=self.clock.now(),
        )

    async def _lose(self, request: web.BaseRequest, mode: Mode) -> web.StreamResponse:
        """Say nothing until the world ends, or end the connection at once."""
        if mode is not Mode.RESET:
            await self._ended.wait()
        drop(request)
        return web.Response()  # goes nowhere: the connection is gone

    async def _serve_socket(
        self,
        serve: Callable[[Desk, web.BaseRequest, Clock], Awaitable[web.StreamResponse]],
        request: web.BaseRequest,
        visit: Visit,
    ) -> web.StreamResponse:
        """What stays open ends when its site breaks; a broken one has a page of HTML at most."""
        fault = self._desk.fault(visit)
        if fault is not None:
            page = provider.page_instead(fault.mode)
            return await self._lose(request, Mode.HANG) if page is None else answer(request, page)
        serving = asyncio.ensure_future(serve(self._desk, request, self.clock))
        try:
            while not serving.done():
                await asyncio.wait((serving,), timeout=_TICK_S)
                if self._desk.fault(replace(visit, now=self.clock.now())) is not None:
                    drop(request)
                    break
            return await serving if serving.done() else web.Response()
        finally:
            await _end(serving)

    async def _serve_control(self, target: str, request: web.BaseRequest) -> web.StreamResponse:
        return answer(request, provider.page_instead(self._mode(("", target))) or _NO_CONTENT)

    async def _serve_page(self, service: Service, endpoint: Endpoint, request: web.BaseRequest) -> web.StreamResponse:
        mode = self._mode((service.id, endpoint.id))
        is_api = endpoint.layer in _API
        page = provider.api_page(endpoint, mode) if is_api else provider.page_of(service.name, endpoint.layer, mode)
        return answer(request, page)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            await self.sync()


async def _end(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _asks_models(endpoint: Endpoint) -> bool:
    """Whether an endpoint belongs to an API that the scripted provider speaks."""
    known = read_call(endpoint.method, _path_of(endpoint.url), {}, b"")
    return endpoint.layer in _API and known.what is not What.NOTHING and not known.problem.startswith(endpoint.method)


def _path_of(url: str) -> str:
    return urlsplit(url).path
