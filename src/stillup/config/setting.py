"""What one source is told by the user, for one service: the config's word, already merged and typed."""

from __future__ import annotations

from msgspec import Struct

from stillup.secret import Secret


class Setting(Struct, frozen=True, kw_only=True):
    """How the user set one source up for one service: the config's word over the catalogue's.

    ``base_url`` is what stands before the source's own paths, without a slash at its end; empty means the real one.
    ``daily_budget`` is how many requests a day it may make; None means no bound. ``options`` holds the source's own
    keys (``api``, ``geo``, ...), only those the user set.
    """

    base_url: str = ""
    key: Secret | None = None
    interval_s: int = 60
    enabled: bool = True
    daily_budget: int | None = None
    options: dict[str, object] = {}
