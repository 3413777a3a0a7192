"""``stillup.failover``: with services, their functions are tried in turn; without, there is a gateway for SDKs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import overload

from stillup.api.here import PathLike, here
from stillup.api.through import Through
from stillup.api.turns import Tried, Turns
from stillup.clock import Clock
from stillup.errors import UsageError

_REST_S = 30.0


@overload
def failover(
    *, own: bool = False, config: PathLike = None, environ: Mapping[str, str] | None = None, clock: Clock | None = None
) -> Through: ...


@overload
def failover(
    first: str,
    /,
    *more: str,
    told: Callable[[Tried], None] | None = None,
    rest_s: float = _REST_S,
    config: PathLike = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Turns: ...


def failover(
    *services: str,
    own: bool = False,
    told: Callable[[Tried], None] | None = None,
    rest_s: float = _REST_S,
    config: PathLike = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Through | Turns:
    """A context in which code goes on while a provider is down.

    ``async with stillup.failover() as f:`` has a gateway: ``f.anthropic``, ``f.openai`` and ``f.gemini`` are the
    arguments for those SDKs, ``f.environ`` the environment for a program. It is the gateway that runs on this machine;
    with ``own``, or where none runs, one that lives as long as the context. ``with`` does as well.

    ``async with stillup.failover("claude", "chatgpt") as f:`` has ``await f.call(ask_claude, ask_chatgpt)``, which
    calls functions in turn until one answers. ``told`` hears of each try; who failed is asked last for ``rest_s``
    seconds.

    ``config`` is a configuration file, by default the one that the command line uses; ``environ`` stands in the place
    of ``os.environ``.

    :raises stillup.errors.UsageError: no such service; on entering: there is nobody whom a gateway could ask.
    :raises stillup.errors.ConfigError: something in the configuration is wrong.
    """
    at = here(config, environ, clock)
    if not services:
        if told is not None:
            msg = "`told` hears of functions that are called in turn; name the services that they stand for"
            raise UsageError(msg)
        return Through(at, own=own)
    if own:
        msg = "`own` is for a gateway, and functions that are called in turn need none; leave out one of the two"
        raise UsageError(msg)
    return Turns(services, at, told=told, rest_s=rest_s)
