"""Lengths of time as people write them on the command line."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

_SPAN = re.compile(r"([0-9]{1,5}) ?(s|min|m|h|d)")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_MOST = timedelta(days=366)


class Span(click.ParamType[timedelta]):
    """A length of time, as ``30min``, ``2h`` or ``1d``."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401
        if isinstance(value, timedelta):
            return value
        found = _SPAN.fullmatch(str(value).strip())
        length = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta()
        if not timedelta() < length <= _MOST:
            self.fail(f"{value!r} is no length of time; allowed: as 30min, 2h or 1d.", param, ctx)
        return length
