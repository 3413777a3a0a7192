"""A base URL as an upstream's official SDK takes it, read once."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from msgspec import Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import DEFAULT_BASES, UpstreamSpec

_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_OWN_HOST = {
    Protocol.ANTHROPIC: "api.anthropic.com",
    Protocol.OPENAI: "api.openai.com",
    Protocol.RESPONSES: "api.openai.com",
    Protocol.GEMINI: "generativelanguage.googleapis.com",
}
"""The provider a client's key of this protocol belongs to."""
_VERSIONS = {Protocol.ANTHROPIC: ("/v1",), Protocol.GEMINI: ("/v1beta", "/v1")}
"""Endings of a base path that repeat what the client's path begins with."""


class Base(Struct, frozen=True):
    """``origin`` is scheme, host and port; ``path`` has no slash at its end."""

    origin: str
    host: str
    path: str
    query: str
    secure: bool
    azure: bool
    own: bool
    """The host is the provider's own, reached by TLS on its usual port."""


def base_of(upstream: UpstreamSpec) -> Base:
    """Where ``upstream`` is. Raises ValueError for what is no http(s) URL, or a Bedrock or Vertex without region."""
    return _base(upstream.protocol, upstream.base_url, upstream.region)


@lru_cache(maxsize=256)
def _base(protocol: Protocol, base_url: str, region: str) -> Base:
    url = urlsplit(base_url or _default(protocol, region))
    host = (url.hostname or "").lower()
    if url.scheme not in {"http", "https"} or not host or "@" in url.netloc:
        msg = "a base URL is http(s)://host[:port][/path], without a user name"
        raise ValueError(msg)
    path = url.path.rstrip("/")
    for version in _VERSIONS.get(protocol, ()):
        if path.endswith(version):
            path = path.removesuffix(version)
            break
    secure = url.scheme == "https"
    own = secure and host == _OWN_HOST.get(protocol) and url.port in {None, 443}
    azure = host.endswith(_AZURE)
    return Base(f"{url.scheme}://{url.netloc.lower()}", host, path, url.query, secure, azure, own)


def _default(protocol: Protocol, region: str) -> str:
    if protocol in DEFAULT_BASES:
        return DEFAULT_BASES[protocol]
    if not region:
        msg = f"{protocol} needs a region or a base URL"
        raise ValueError(msg)
    if protocol is Protocol.BEDROCK:
        return f"https://bedrock-runtime.{region}.amazonaws.com"
    shared = {"global": "aiplatform.googleapis.com", "us": "aiplatform.us.rep.googleapis.com"}
    shared["eu"] = "aiplatform.eu.rep.googleapis.com"
    return f"https://{shared.get(region, f'{region}-aiplatform.googleapis.com')}/v1"
