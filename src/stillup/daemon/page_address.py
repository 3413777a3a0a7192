"""Where this configuration's page is reached from this machine, and with what. Cheap to load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stillup.config.keys import key_at
from stillup.config.kinds import stays_here
from stillup.errors import StillupError
from stillup.secret import Secret

if TYPE_CHECKING:
    from stillup.config import Config

_TOKEN_FILE = "web.token"  # noqa: S105 - a file's name
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}  # noqa: S104 - replaced, not bound


def page_base(config: Config) -> str | None:
    """The page's address; None where there is none, or it is not this machine's own."""
    return None if not config.web.enabled else _base(config.web.listen)


def gateway_base(config: Config) -> str | None:
    """The gateway's likewise."""
    return _base(config.gateway.listen)


def _base(listen: str) -> str | None:
    host, _, port = listen.rpartition(":")
    base = f"http://{_EVERYWHERE.get(host, host)}:{port}"
    return base if port != "0" and stays_here(base) else None


def page_token(config: Config, environ: Mapping[str, str]) -> Secret | None:
    """What lets this user in where what is read needs it; None where it does not, or is not there. None is made."""
    web = config.web
    if web.public or stays_here(f"http://{web.listen}"):
        # Anybody on this machine may read it. The token is not for whoever listens there while no page of ours runs.
        return None
    try:
        if web.token_env or web.token_file:
            return key_at(web.token_env, web.token_file, environ)
        file = config.data_folder / _TOKEN_FILE
        return key_at(None, str(file), environ) if file.is_file() else None
    except (StillupError, OSError):
        return None
