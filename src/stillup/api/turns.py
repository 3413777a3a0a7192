"""One's own functions tried in turn: whoever is known to be down, or has just failed, is asked last."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from msgspec import Struct

from stillup.api.here import Here
from stillup.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from stillup.daemon.store_view import StoreView

T = TypeVar("T")

_WRONG_REQUEST = frozenset({400, 404, 405, 413, 415, 422})
"""From the first choice they say that the request is wrong, which is its caller's to see; from another only that this
one cannot be asked so."""
_MISTAKES = (
    TypeError, AttributeError, NameError, AssertionError, NotImplementedError, ImportError, RecursionError,
    UsageError, ConfigError,
)  # fmt: skip
"""Of the program; another provider would not mend them."""


class Tried(Struct, frozen=True, kw_only=True):
    """One function that was called: ``error`` is the name of what it raised, empty when it answered."""

    service: str
    took_s: float
    error: str = ""


class Turns:
    """Calls functions that stand for services, in their order, until one answers; within ``async with``.

    What a monitor of stillup on this machine (``stillup up``, ``stillup watch``) knows of the services decides who is
    asked first; without one only what happens here does. May be used by many tasks at once.
    """

    def __init__(
        self, services: Sequence[str], at: Here, *, told: Callable[[Tried], None] | None, rest_s: float
    ) -> None:
        self._services = [_subject(word) for word in services]
        self._at = at
        self._told = told
        self._rest_s = rest_s
        self._failed_s: dict[int, float] = {}
        self._view: StoreView | None = None

    async def __aenter__(self) -> Self:
        from stillup.daemon.store_view import StoreView

        where = self._at.config.store_at(self._at.environ)
        self._view = StoreView(where, self._at.clock, [service for service, _ in self._services])
        await asyncio.to_thread(self._view.refresh)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        view, self._view = self._view, None
        if view is not None:
            await asyncio.to_thread(view.close)

    async def call(
        self,
        *functions: Callable[[], Awaitable[T]],
        timeout_s: float | None = None,
        fails: Callable[[Exception], bool] | None = None,
    ) -> T:
        """The first answer. One function for each service, in the same order; each is called at most once.

        A function has failed when it raises, or takes longer than ``timeout_s``. What says that the request itself is
        wrong (400, 404, 405, 413, 415, 422 from the first choice), or that the program is (``TypeError`` and the like),
        is raised at once; ``fails`` decides instead where it is given. A function that has done something before it
        failed has done it: what must not happen twice does not belong here.

        :raises UsageError: outside of the context, or not one function for each service.
        :raises Exception: all failed: what the first in the order of writing raised, with a note on each of the others.
        """
        if self._view is None:
            msg = "functions are called inside the context only: `async with stillup.failover(…) as f:`"
            raise UsageError(msg)
        if len(functions) != len(self._services):
            msg = f"{len(functions)} functions for {len(self._services)} services; give one for each, in the same order"
            raise UsageError(msg)
        errors: dict[int, Exception] = {}
        for place in self._order():
            try:
                return await self._try(place, functions[place], timeout_s)
            except Exception as exc:
                if not (fails(exc) if fails is not None else is_failure(exc, first=place == 0)):
                    raise
                errors[place] = exc
                self._failed_s[place] = self._at.clock.monotonic_s()
        raise self._worst(errors)

    def _order(self) -> list[int]:
        """As written; who is known to be out, or failed a moment ago, last."""
        return in_turn([self._is_out(place) or self._is_resting(place) for place in range(len(self._services))])

    def _is_out(self, place: int) -> bool:
        service, component = self._services[place]
        return self._view is not None and self._view.prior(service, component, "").is_out

    def _is_resting(self, place: int) -> bool:
        failed_s = self._failed_s.get(place)
        return failed_s is not None and self._at.clock.monotonic_s() - failed_s < self._rest_s

    async def _try(self, place: int, function: Callable[[], Awaitable[T]], timeout_s: float | None) -> T:
        begun_s, error = self._at.clock.monotonic_s(), ""
        try:
            async with asyncio.timeout(timeout_s):
                answer = await function()
        except BaseException as exc:
            error = type(exc).__name__
            raise
        else:
            self._failed_s.pop(place, None)
            return answer
        finally:
            if self._told is not None:
                took_s = self._at.clock.monotonic_s() - begun_s
                self._told(Tried(service=_word(self._services[place]), took_s=took_s, error=error))

    def _worst(self, errors: dict[int, Exception]) -> Exception:
        """The first choice's error: its caller knows what to make of that one."""
        first, *others = sorted(errors)
        for place in others:
            # Only what kind it was: the words of an error may hold the request.
            errors[first].add_note(f"{_word(self._services[place])} failed too: {type(errors[place]).__name__}")
        return errors[first]


def in_turn(last: Sequence[bool]) -> list[int]:
    """Places in order, those marked behind the others; where all are, as they stand."""
    return sorted(range(len(last)), key=lambda place: (last[place], place))


def is_failure(exc: Exception, *, first: bool) -> bool:
    """Whether another service may do better after this error; ``first``: it is the first choice's."""
    if isinstance(exc, _MISTAKES):
        return False
    return not (first and _status_of(exc) in _WRONG_REQUEST)


def _status_of(exc: Exception) -> int | None:
    """The HTTP status that an SDK's error carries: ``status_code`` (OpenAI, Anthropic, httpx), ``code`` (Google)."""
    of_response = getattr(getattr(exc, "response", None), "status_code", None)
    found = (getattr(exc, "status_code", None), getattr(exc, "code", None), getattr(exc, "status", None), of_response)
    return next((status for status in found if isinstance(status, int) and not isinstance(status, bool)), None)


def _subject(word: str) -> tuple[str, str]:
    """``claude`` or ``claude/api``, as the view asks for it.

    :raises UsageError: no such service, or it has no such component.
    """
    from stillup.catalog.load import find_service

    name, _, component = word.partition("/")
    service = find_service(name)
    if component and service.component(component) is None:
        known = ", ".join(c.id for c in service.components) or "none"
        msg = f"{service.name} has no component {component[:40]!r}; known: {known}"
        raise UsageError(msg)
    return service.id, component


def _word(subject: tuple[str, str]) -> str:
    return "/".join(filter(None, subject))
