"""The shape of ``[alerts]``: who is told of what."""

from __future__ import annotations

from msgspec import Struct


class Alerts(Struct, frozen=True, kw_only=True):
    """Who is told of what."""
