"""Claude on Amazon Bedrock: Anthropic's messages in another envelope, the answers in Amazon's event stream."""

from __future__ import annotations

import base64
from urllib.parse import quote

import msgspec
from msgspec import Raw

from stillup.gateway.core.values import Operation
from stillup.gateway.dialects.splice import members

_VERSION = Raw(b'"bedrock-2023-05-31"')


def bedrock_path(model: str, operation: Operation, *, stream: bool) -> str:
    """The path for one model, whose id may be an ARN."""
    place = f"/model/{quote(model, safe=':')}"
    if operation is Operation.COUNT_TOKENS:
        return f"{place}/count-tokens"
    return f"{place}/invoke-with-response-stream" if stream else f"{place}/invoke"


def bedrock_body(body: bytes, operation: Operation, betas: str) -> bytes:
    """The body without model and stream, with Bedrock's version and the betas of the header in it."""
    inside = members(body)
    inside.pop("model", None)
    inside.pop("stream", None)
    inside.setdefault("anthropic_version", _VERSION)
    named = [beta.strip() for beta in betas.split(",") if beta.strip()]
    if named:
        inside.setdefault("anthropic_beta", Raw(msgspec.json.encode(named)))
    if operation is not Operation.COUNT_TOKENS:
        return msgspec.json.encode(inside)
    inside.setdefault("max_tokens", Raw(b"1"))  # asked for in every body of a model, also in one that is only counted
    coded = base64.b64encode(msgspec.json.encode(inside)).decode()
    return msgspec.json.encode({"input": {"invokeModel": {"body": coded}}})
