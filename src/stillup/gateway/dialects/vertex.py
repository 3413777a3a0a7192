"""Claude on Google Vertex AI: Anthropic's messages at other paths. Its stream is Anthropic's."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Operation
from stillup.gateway.dialects.base import UpstreamSpec
from stillup.gateway.dialects.splice import members

_VERSION = Raw(b'"vertex-2023-10-16"')


def vertex_path(upstream: UpstreamSpec, model: str, operation: Operation, *, stream: bool) -> str:
    """The path behind a base URL that ends in ``/v1``. Raises ValueError where project or region is missing."""
    if not upstream.project or not upstream.region:
        msg = "vertex needs a project and a region"
        raise ValueError(msg)
    place = f"/projects/{quote(upstream.project, safe='')}/locations/{quote(upstream.region, safe='')}"
    if operation is Operation.COUNT_TOKENS:
        return f"{place}/publishers/anthropic/models/count-tokens:rawPredict"
    method = "streamRawPredict" if stream else "rawPredict"
    return f"{place}/publishers/anthropic/models/{quote(model, safe='@')}:{method}"


def vertex_body(body: bytes, model: str, operation: Operation) -> bytes:
    """The body with Vertex's version in it, the model only where tokens are counted."""
    inside = members(body)
    inside.setdefault("anthropic_version", _VERSION)
    if operation is Operation.COUNT_TOKENS:
        inside["model"] = Raw(msgspec.json.encode(model))
    else:
        inside.pop("model", None)
    return msgspec.json.encode(inside)
