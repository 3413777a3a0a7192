"""``stillup gateway fault``: drills in the running gateway."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import msgspec
from msgspec import Struct

from stillup.cli.common import UNAVAILABLE
from stillup.cli.gateway.address import ask, gateway_url, nobody_at, token_from, why_not
from stillup.cli.gateway.words import length
from stillup.cli.say import put, warn
from stillup.errors import UsageError
from stillup.gateway.controls import FAULT_PATH
from stillup.gateway.faults.drill import IN_WORDS, MODES, DrillStatus
from stillup.sources.decode import clean

if TYPE_CHECKING:
    from stillup.config import Config

_OK = 200
_REFUSED = (400, 403)


class _Begun(Struct):
    drills: tuple[DrillStatus, ...]


class _Ended(Struct):
    ended: tuple[str, ...]


class _Words(Struct):
    message: str = ""


class _Error(Struct):
    error: _Words


def show_modes(*, as_json: bool) -> int:
    """The ways to fail."""
    if as_json:
        put(msgspec.json.encode((*MODES, "400…599")))
    else:
        told = {**{mode.value: says for mode, says in IN_WORDS.items()}, "400…599": "an error of that status"}
        click.echo("\n".join(f"{name:<{max(map(len, told))}}  {says}" for name, says in told.items()))
    return 0


class Running(Struct, frozen=True):
    """The gateway at the configuration's address."""

    url: str
    as_json: bool

    @classmethod
    def of(cls, config: Config, *, as_json: bool) -> Running:
        """Where it is."""
        return cls(gateway_url(config), as_json)

    def begin(self, wanted: dict[str, Any]) -> int:
        """Begin a drill.

        :raises UsageError: the gateway says that it is none.
        """
        body = self._ask("POST", FAULT_PATH, msgspec.json.encode(wanted))
        if body is None:
            return UNAVAILABLE
        if self.as_json:
            put(body)
        else:
            click.echo(_line(msgspec.json.decode(body, type=DrillStatus)))
            click.echo("Real requests meet it. `stillup gateway fault --off` ends it at once.")
        return 0

    def show(self) -> int:
        """The drills under way."""
        body = self._ask("GET", FAULT_PATH)
        if body is None:
            return UNAVAILABLE
        if self.as_json:
            put(body)
            return 0
        drills = msgspec.json.decode(body, type=_Begun).drills
        click.echo("\n".join(map(_line, drills)) or "No drill is under way.")
        return 0

    def end(self, upstream: str) -> int:
        """End one or all.

        :raises UsageError: the gateway refuses.
        """
        body = self._ask("DELETE", f"{FAULT_PATH}?upstream={quote(upstream, safe='')}" if upstream else FAULT_PATH)
        if body is None:
            return UNAVAILABLE
        if self.as_json:
            put(body)
            return 0
        ended = msgspec.json.decode(body, type=_Ended).ended
        for name in ended:
            click.echo(clean(f"{name} is itself again.", 300))
        if not ended:
            click.echo(f"No drill of {clean(upstream, 100)} was under way." if upstream else "No drill was under way.")
        return 0

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes | None:
        answer = ask(self.url, path, token=token_from(os.environ), method=method, body=body)
        if answer is None:
            warn(nobody_at(self.url))
            return None
        status, said = answer
        if status in _REFUSED:
            raise UsageError(_message(said))
        if status != _OK:
            warn(f"{self.url} takes no drill: {why_not(status)}")
            return None
        return said


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Error).error.message
    except msgspec.DecodeError:
        return "the gateway refused it"


def _line(drill: DrillStatus) -> str:
    share = "" if drill.share >= 1 else f", {drill.share:.0%} of its requests"
    by = f", begun by {drill.by}" if drill.by else ""
    met = f", {drill.tries} met it" if drill.tries else ""
    return clean(
        f"DRILL: {drill.upstream} fails with {drill.mode} for {length(drill.left_s)} more{share}{met}{by}", 400
    )
