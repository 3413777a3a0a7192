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
UNAVAILABLE = 69
"""Exit code where no gateway answers (``EX_UNAVAILABLE``)."""
_NO_MORE: Mapping[str, str] = {}
_MAX_BYTES = 8 * 1024 * 1024
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


def is_gateway(url: str, patience_s: float = 2.0) -> bool:
    """Whether a running gateway answers there, and not another person's: whoever else listens gets no keys."""
    from stillup.net.whose import is_somebody_elses

    answer = ask(url, "/healthz", patience_s)
    answers = answer is not None and answer[0] == _OK and _NAME in answer[1]
    return answers and not is_somebody_elses(urlsplit(url).port or 80)
