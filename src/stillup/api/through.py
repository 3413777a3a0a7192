"""A gateway for SDKs: the one that runs on this machine, or one of its own in a thread of this process."""

from __future__ import annotations

import asyncio
import logging
import secrets
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from msgspec import structs

from stillup.api.here import Here, no_loop
from stillup.errors import StillupError, UsageError
from stillup.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stillup.config import Config
    from stillup.gateway.app import Gateway
    from stillup.gateway.plan import GatewayPlan

_TOKEN_ENV = "STILLUP_TOKEN"  # noqa: S105 - the name of a variable
_USER = "python"
_GRACE_S = 5.0
_NEIGHBOUR_S = 0.5
_KEYS = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY"}
_log = logging.getLogger("stillup.gateway")


class Through:
    """A gateway to send requests through, from entering the context to leaving it; with ``async with`` or ``with``.

    Where no gateway runs at the configuration's address, one is started for as long as the context lasts: on a free
    port of this machine, in a thread of its own (code that blocks does not hold it up), open to this context's token
    alone, with the keys of the configuration or the environment, and without a journal unless the configuration says
    ``journal = true``.
    """

    def __init__(self, at: Here, *, own: bool) -> None:
        self._at = at
        self._wants_own = own
        self._own: _Own | None = None
        self._url = ""
        self._token = Secret("")

    @property
    def url(self) -> str:
        """The gateway's address, without a path."""
        if not self._url:
            msg = "the gateway is there inside the context only: `async with stillup.failover() as f:`"
            raise UsageError(msg)
        return self._url

    @property
    def is_own(self) -> bool:
        """Whether it was started here; else it is the one that ran on this machine already."""
        return self._own is not None

    @property
    def anthropic(self) -> dict[str, Any]:
        """Arguments for ``anthropic.Anthropic`` and ``AsyncAnthropic``."""
        return {"base_url": self.url, **self._key("anthropic")}

    @property
    def openai(self) -> dict[str, Any]:
        """Arguments for ``openai.OpenAI`` and ``AsyncOpenAI``, and for most that call themselves compatible."""
        return {"base_url": f"{self.url}/v1", **self._key("openai")}

    @property
    def gemini(self) -> dict[str, Any]:
        """Arguments for ``google.genai.Client``."""
        return {"http_options": {"base_url": self.url}, **self._key("gemini")}

    @property
    def environ(self) -> dict[str, str]:
        """The environment for a program that shall ask the gateway, as ``stillup with`` sets it. Holds the token."""
        from stillup.daemon.pointing import with_variables

        token = self._token.reveal()
        more = {"ANTHROPIC_API_KEY": token} if token else {}
        return with_variables(self._at.environ, self.url, "", token) | more

    def _key(self, sdk: str) -> dict[str, str]:
        key = self._token.reveal() or self._at.environ.get(_KEYS[sdk], "")
        return {"api_key": key} if key else {}

    def __repr__(self) -> str:
        return f"Through(url={self._url!r}, is_own={self.is_own})"

    async def __aenter__(self) -> Self:
        if self._wants_own or not await self._find():
            self._begin()
            starting = asyncio.create_task(asyncio.to_thread(self._start))
            try:
                await asyncio.shield(starting)
            except asyncio.CancelledError:
                await asyncio.wait({starting})  # a thread cannot be cancelled, and it would outlive the context
                if starting.exception() is None:
                    await asyncio.to_thread(self._end)
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self._end))

    def __enter__(self) -> Self:
        no_loop("`async with stillup.failover() as f:`")
        if self._wants_own or not asyncio.run(self._find()):
            self._begin()
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    async def _find(self) -> bool:
        """Take the gateway that runs at the configuration's address, where one says so.

        Not that of another person on this machine: it would see keys and prompts, and its being there proves nothing.
        """
        from stillup.daemon.page_address import gateway_base
        from stillup.daemon.rerouting import neighbour
        from stillup.net.whose import is_somebody_elses

        config, environ = self._at.config, self._at.environ
        base = gateway_base(config)
        if base is None or await neighbour(config, environ, _NEIGHBOUR_S) is None:
            return False
        if await asyncio.to_thread(is_somebody_elses, urlsplit(base).port or 80):
            return False
        if config.gateway.users:
            self._token = Secret(environ.get(_TOKEN_ENV, "").strip())
        self._url = base
        return True

    def _begin(self) -> None:
        self._token = Secret(secrets.token_urlsafe(32))
        self._own = _Own(self._at, self._token)

    def _start(self) -> None:
        own = self._own
        if own is not None:
            try:
                self._url = own.start()
            except BaseException:
                self._end()
                raise

    def _end(self) -> None:
        own, self._own, self._url, self._token = self._own, None, "", Secret("")
        if own is not None:
            own.stop()


class _Own:
    """A gateway in a thread and an event loop of its own."""

    def __init__(self, at: Here, token: Secret) -> None:
        self._at = at
        self._token = token
        self._is_there = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None
        self._address = ""
        self._wrong: Exception | None = None
        self._thread = Thread(target=self._live, name="stillup-gateway", daemon=True)

    def start(self) -> str:
        """Its address, once it listens. Blocks.

        :raises UsageError: there is nobody that it could ask, or it cannot listen.
        :raises stillup.errors.ConfigError: a key's file cannot be read.
        """
        self._thread.start()
        self._is_there.wait()
        if self._wrong is not None:
            raise self._wrong
        return self._address

    def stop(self) -> None:
        """End it: what is under way may finish within a few seconds. Blocks."""
        if not self._thread.is_alive():
            return
        self._is_there.wait()
        if self._loop is not None and self._leave is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join()

    def _live(self) -> None:
        from stillup.daemon.gateway import loop_factory

        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                runner.run(self._serve())
        except StillupError as exc:
            self._wrong = exc
        except Exception as exc:  # noqa: BLE001 - whatever it was, who waits for the start must hear of it
            self._wrong = exc
            _log.warning("the gateway of this process ended: %s", type(exc).__name__)
        finally:
            self._is_there.set()

    async def _serve(self) -> None:
        from stillup.daemon.gateway import build, listen
        from stillup.daemon.store_view import StoreView

        config, clock = _inside(self._at.config), self._at.clock
        plan = _plan(config, self._at.environ, self._token)
        view = StoreView(config.store_at(self._at.environ), clock, config.services)
        try:
            gateway = build(config, plan, clock, view=view, say=_log.info)
            await listen(gateway)
            try:
                await self._until_left(gateway)
            finally:
                await gateway.stop(_GRACE_S)
        finally:
            view.close()

    async def _until_left(self, gateway: Gateway) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        self._address = gateway.address
        self._is_there.set()
        await self._leave.wait()


def _inside(config: Config) -> Config:
    """The configuration of a gateway that lives in somebody's program and keeps nothing that it was not told to."""
    inside = structs.replace(
        config.gateway,
        listen="127.0.0.1:0",
        users=(),
        drill_users=(),
        defer=False,
        journal=config.gateway.journal is True,
    )
    return structs.replace(config, gateway=inside)


def _plan(config: Config, environ: Mapping[str, str], token: Secret) -> GatewayPlan:
    from stillup.gateway.local import find_local
    from stillup.gateway.plan import UserSpec, resolve

    plan = resolve(config, environ, () if config.gateway.upstreams else find_local(environ))
    if all(known.is_bare for known in plan.known):
        msg = "there is nobody to ask: no key and no model server was found; `stillup gateway plan` says what to set"
        raise UsageError(msg)
    return structs.replace(plan, users=(UserSpec(id=_USER, token=token),))
