"""The shape of ``[hub]`` and ``[pool]``: crowd reports of our own, and counts that installations share."""

from __future__ import annotations

from msgspec import Struct


class Hub(Struct, frozen=True, kw_only=True):
    """Crowd reports that are handed in here."""


class Pool(Struct, frozen=True, kw_only=True):
    """Counts of worked and failed requests that installations share."""
