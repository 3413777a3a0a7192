"""What the ``stillup up`` of this machine says, asked over its API: faster than a look, and it knows the past."""

from __future__ import annotations

from asyncio import timeout
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from stillup.daemon.page_address import page_base, page_token
from stillup.errors import SourceError
from stillup.net.stream import ask_here
from stillup.secret import Secret

if TYPE_CHECKING:
    from stillup.config import Config

_SILENCE_S, _IN_ALL_S = 2.0, 10.0
_MOST_BYTES = 4 << 20


class Told(Struct, frozen=True):
    """An answer of the API: the HTTP status, and the JSON object."""

    status: int
    value: dict[str, Any]


class Running:
    """The page of this configuration. ``base`` is None where it cannot be asked from this machine."""

    def __init__(self, config: Config, environ: Mapping[str, str]) -> None:
        self.base = page_base(config)
        self._headers: dict[str, str | Secret] = {"accept": "application/json"}
        token = page_token(config, environ)
        if token is not None:
            self._headers["authorization"] = token.bearer()

    async def ask(self, path: str, json: bytes | None = None) -> Told | None:
        """GET, or POST of ``json``; None where no page of ours answers."""
        if self.base is None:
            return None
        try:
            async with (
                timeout(_IN_ALL_S),
                ask_here(self.base + path, json=json, headers=self._headers, silence_s=_SILENCE_S) as answer,
            ):
                status, body = answer.status, await answer.body(_MOST_BYTES)
        except (SourceError, TimeoutError):
            return None
        try:
            value = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return None
        return Told(status, value) if isinstance(value, dict) else None
