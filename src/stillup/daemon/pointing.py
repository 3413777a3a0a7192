"""What a program's environment needs so that it asks the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stillup.catalog.clients import client_of, every_client

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def with_variables(environ: Mapping[str, str], url: str, program: str, token: str = "") -> dict[str, str]:
    """The environment for a program: every SDK's base URL, what this program needs besides, and no proxy to here."""
    client = client_of(Path(program).name)
    chosen = every_client().filled(url, token) | (client.filled(url, token) if client else {})
    if any(environ.get(name) or environ.get(name.lower()) for name in _PROXIES):
        host = url.removeprefix("http://").rpartition(":")[0].strip("[]")
        for name in ("NO_PROXY", "no_proxy"):
            chosen[name] = ",".join(filter(None, (environ.get("NO_PROXY") or environ.get("no_proxy"), host)))
    return {**environ, **chosen}
