"""Who went on with an answer that broke off, as the gateway tells it behind the answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

HEADER = "x-stillup-continued"
"""A trailer (or a header of what is answered whole): ``upstream/model@characters, …``."""
_one = re.compile(r"([^/@,\s]+)(?:/(.+?))?@(\d{1,9})(?:, |$)", re.ASCII).match


class Continued(NamedTuple):
    """One that went on, behind so many characters. ``model`` is empty where it was asked for the one that was named."""

    upstream: str
    model: str
    characters: int


def continued(told: str) -> Iterator[Continued]:
    """One after the other; what cannot be read is left out, and whatever stands behind it."""
    at = 0
    while one := _one(told, at):
        upstream, model, characters = one.groups("")
        yield Continued(upstream, model, int(characters))
        at = one.end()
