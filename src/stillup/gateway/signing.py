"""Credentials that are made, not configured: AWS signatures and Google tokens, through the vendors' own libraries.

Both libraries may read files or ask a metadata service, so they run in a thread and never on the event loop.
"""

from __future__ import annotations

import asyncio
import re
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from stillup.errors import UsageError
from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Headers
from stillup.gateway.core.values import Protocol as Speaks

if TYPE_CHECKING:
    from stillup.gateway.dialects.base import Outgoing, UpstreamSpec

_GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


_NETWORK = re.compile("Connect|Transport|Timeout")


class Signer(Protocol):
    """Makes the headers that let one request in."""

    async def headers(self, outgoing: Outgoing) -> Headers:
        """The headers to add.

        :raises Exception: no usable credentials; the library's own error.
        """
        ...


class AwsSigner:
    """Signature version 4 with whatever credentials AWS's own tools would use."""

    def __init__(self, region: str) -> None:
        from botocore.session import Session

        self._region = region
        self._session: Any = Session()

    async def headers(self, outgoing: Outgoing) -> Headers:
        return await asyncio.to_thread(self._sign, outgoing)

    def _sign(self, outgoing: Outgoing) -> Headers:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import NoCredentialsError

        found = self._session.get_credentials()
        if found is None:
            raise NoCredentialsError
        kind = next((v.decode("latin-1") for k, v in outgoing.headers if k.lower() == b"content-type"), "")
        request: Any = AWSRequest(
            method=outgoing.method,
            url=outgoing.origin + outgoing.target,
            data=outgoing.body,
            headers={"content-type": kind or "application/json"},
        )
        SigV4Auth(found.get_frozen_credentials(), "bedrock", self._region).add_auth(request)
        wanted = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")
        return tuple((k.encode(), str(request.headers[k]).encode()) for k in wanted if k in request.headers)


class GoogleSigner:
    """Access tokens from Google's application default credentials, kept until they lapse."""

    def __init__(self) -> None:
        self._credentials: Any = None
        self._lock = Lock()

    async def headers(self, outgoing: Outgoing) -> Headers:  # noqa: ARG002 - the token is for every request
        token = await asyncio.to_thread(self._fresh)
        return ((b"Authorization", f"Bearer {token}".encode()),)

    def _fresh(self) -> str:
        with self._lock:  # a hundred requests at the hour's end need one new token
            return self._token()

    def _token(self) -> str:
        import google.auth
        from google.auth.transport.requests import Request

        if self._credentials is None:
            self._credentials, _ = google.auth.default(scopes=[_GOOGLE_SCOPE])
        if not self._credentials.valid:
            self._credentials.refresh(Request())
        return str(self._credentials.token)


def fault_of(exc: Exception) -> Fault:
    """What it means that there is no signature.

    Where the vendor's library says that a retry helps, or the network was in its way, the key itself may be good.
    """
    lasts = not (getattr(exc, "retryable", False) or isinstance(exc, OSError) or _NETWORK.search(type(exc).__name__))
    return Fault.UNAUTHORIZED if lasts else Fault.CONNECT_TIMEOUT


def signer_for(upstream: UpstreamSpec) -> Signer | None:
    """What signs for an upstream; None where a key, or nothing, is sent.

    :raises stillup.errors.UsageError: the library it needs is not installed.
    """
    if upstream.key is not None:
        return None
    try:
        if upstream.protocol is Speaks.BEDROCK:
            return AwsSigner(upstream.region or "us-east-1")
        if upstream.protocol is Speaks.VERTEX:
            import google.auth  # noqa: F401

            return GoogleSigner()
    except ImportError as exc:
        extra = upstream.protocol.value
        msg = f"upstream {upstream.id!r} needs the extra {extra!r}: pip install 'stillup[{extra}]'"
        raise UsageError(msg) from exc
    return None
