"""Where the gateway of this configuration is asked, and a plain question to it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stillup.errors import UsageError

if TYPE_CHECKING:
    from stillup.config import Config

TOKEN_ENV = "STILLUP_TOKEN"  # noqa: S105 - the name of a variable
"""Where a user's token for a gateway that needs one is looked for."""
_NO_MORE: Mapping[str, str] = {}
_MAX_BYTES = 8 * 1024 * 1024
_CLOSED = (401, 403)
_OK, _NAME = 200, b'"service":"stillup gateway"'
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - replaced, not bound


def gateway_url(config: Config) -> str:
    """Its address without a path, as clients on this machine reach it.

    :raises UsageError: it takes any free port, so nobody knows the address before it runs.
    """
    host, _, port = config.gateway.listen.rpartition(":")
    if port == "0":
        msg = "gateway.listen takes any free port (0), so its address is not known; give it a port"
        raise UsageError(msg)
    return f"http://{_EVERYWHERE.get(host, host)}:{port}"


def ask(
    url: str,
    path: str,
    patience_s: float = 2.0,
    token: str = "",
    *,
    method: str = "GET",
    body: bytes | None = None,
    more: Mapping[str, str] = _NO_MORE,
) -> tuple[int, bytes] | None:
    """Status and body of an answer; None where nobody answers as HTTP servers do. ``more`` are header lines."""
    headers = {**more, **({"x-stillup-token": token} if token else {})}
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.hostname or "", parts.port or 80, timeout=patience_s)) as connection:
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_MAX_BYTES)
        except (OSError, HTTPException):
            return None


def token_from(environ: Mapping[str, str]) -> str:
    """The token of whoever asks; empty where there is none."""
    return environ.get(TOKEN_ENV, "").strip()


def nobody_at(url: str) -> str:
    """What is said where no gateway answers."""
    return f"no gateway answers at {url}; start one with `stillup gateway`"


def why_not(status: int) -> str:
    """Why what answers there, with this status, does not tell what it was asked."""
    return f"it asks for a token; set {TOKEN_ENV} to yours" if status in _CLOSED else "it is no gateway of this version"


def is_gateway(url: str, patience_s: float = 2.0) -> bool:
    """Whether a running gateway answers there, and not another person's: whoever else listens gets no keys."""
    from stillup.net.whose import is_somebody_elses

    answer = ask(url, "/healthz", patience_s)
    answers = answer is not None and answer[0] == _OK and _NAME in answer[1]
    return answers and not is_somebody_elses(urlsplit(url).port or 80)
