"""What every call of the API stands on: a configuration, an environment and a clock."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from stillup.clock import Clock, SystemClock
from stillup.errors import UsageError

if TYPE_CHECKING:
    from stillup.config import Config

PathLike: TypeAlias = "str | os.PathLike[str] | None"


class Here(Struct, frozen=True):
    """This machine, this user, now."""

    config: Config
    environ: Mapping[str, str]
    clock: Clock


def here(config: PathLike, environ: Mapping[str, str] | None, clock: Clock | None = None) -> Here:
    """As given, else as the command line has it.

    :raises stillup.errors.ConfigError: something in the configuration is wrong.
    """
    from stillup.config import load_config

    env = os.environ if environ is None else environ
    return Here(load_config(None if config is None else Path(config), env), env, clock or SystemClock())


def no_loop(instead: str) -> None:
    """Refuse to block a thread in which an event loop runs.

    :raises UsageError: one does; ``instead`` is what to write there.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    msg = f"an event loop runs in this thread: use {instead} there"
    raise UsageError(msg)
