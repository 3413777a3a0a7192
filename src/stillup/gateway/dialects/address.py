"""Law 1: an upstream is sent what the client sent.

But for credentials, Host, hop-by-hop headers and our own, and for the model where the chain names another one.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote

from stillup.gateway.core.values import Ask, Headers, Operation, Protocol, Target
from stillup.gateway.dialects.base import KeyChoice, Outgoing, UpstreamSpec
from stillup.gateway.dialects.bases import Base, base_of
from stillup.gateway.dialects.bedrock import bedrock_body, bedrock_path
from stillup.gateway.dialects.coding import coding_of, decoded, readable_codings
from stillup.gateway.dialects.requests import HOP_BY_HOP, MAX_BODY_BYTES, place_of_ask
from stillup.gateway.dialects.splice import with_model
from stillup.gateway.dialects.vertex import vertex_body, vertex_path

_NOT_SENT = HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"expect",
    b"authorization",
    b"x-api-key",
    b"x-goog-api-key",
    b"api-key",
    b"cookie",
}
_NOT_SENT_AS = (b"x-stillup-", b"proxy-")
_LOOKED_AT = frozenset({b"accept-encoding", b"content-encoding", b"anthropic-version", b"anthropic-beta"})
_SECRET_QUERY = frozenset({"key", "access_token", "oauth_token", "api_key", "api-key", "subscription-key"})
"""Where a client may put its own credential, which is another's to see no more than a header's would be."""
_AZURE_VERSION = "2024-10-21"
"""The API version of Azure's classic paths where neither the base URL nor the client names one."""


def address(ask: Ask, target: Target, upstream: UpstreamSpec, key: KeyChoice) -> Outgoing:
    """``ask`` as ``upstream`` takes it. Raises ValueError where the upstream cannot take it."""
    base = base_of(upstream)
    model = target.model or ask.model
    protocol = Protocol.CONVERSE if target.protocol is Protocol.CONVERSE else upstream.protocol
    build = _BUILD.get(protocol, _openai)
    path, query, body = build(ask, model, upstream, base)
    headers = _headers(ask, upstream.protocol, key, base, kept_body=body is ask.body)
    return Outgoing(
        method=ask.method,
        origin=base.origin,
        target=f"{path}?{query}" if query else path,
        headers=headers,
        body=body,
    )


def _anthropic(ask: Ask, model: str, _upstream: UpstreamSpec, base: Base) -> tuple[str, str, bytes]:
    if model == ask.model:
        return base.path + ask.path, _query(ask, base), ask.body
    path = f"/v1/models/{quote(model, safe='')}" if ask.operation is Operation.MODELS else ask.path
    return base.path + path, _query(ask, base), _body(ask, model)


def _gemini(ask: Ask, model: str, _upstream: UpstreamSpec, base: Base) -> tuple[str, str, bytes]:
    path = ask.path
    if model != ask.model:
        version = path.split("/", 2)[1]
        method = path.rpartition(":")[2] if ask.operation is not Operation.MODELS else ""
        path = f"/{version}/models/{quote(model, safe='')}" + (f":{method}" if method else "")
    return base.path + path, _query(ask, base), ask.body


def _openai(ask: Ask, model: str, _upstream: UpstreamSpec, base: Base) -> tuple[str, str, bytes]:
    place = place_of_ask(ask)
    suffix = place.suffix
    if ask.operation is Operation.MODELS and model != ask.model:
        suffix = f"/models/{quote(model, safe='')}"
    if base.azure:
        return _azure(ask, model, suffix, base)
    # Azure's classic paths name the model, and their bodies need not.
    body = ask.body if model == ask.model and not place.model else _body(ask, model)
    return base.path + suffix, _query(ask, base, drop="api-version"), body


def _azure(ask: Ask, model: str, suffix: str, base: Base) -> tuple[str, str, bytes]:
    by_deployment = ask.operation in {Operation.GENERATE, Operation.EMBED} and ask.protocol is Protocol.OPENAI
    classic = base.path.removesuffix("/openai") == "" and not base.host.endswith(".services.ai.azure.com")
    if "/deployments/" in base.path or (classic and by_deployment):
        # The deployment in the path is what counts there; the body stays as it was.
        here = base.path if "/deployments/" in base.path else f"/openai/deployments/{quote(model, safe='')}"
        query = _query(ask, base)
        if "api-version=" not in query:
            query = f"{query}&api-version={_AZURE_VERSION}" if query else f"api-version={_AZURE_VERSION}"
        return here + suffix, query, ask.body
    path = base.path if base.path not in {"", "/openai"} else "/openai/v1"
    return path + suffix, _query(ask, base, drop="api-version"), _body(ask, model)


def _claude_elsewhere(ask: Ask) -> None:
    if ask.operation not in {Operation.GENERATE, Operation.COUNT_TOKENS}:
        msg = f"neither Bedrock nor Vertex serves {ask.operation} as Anthropic does"
        raise ValueError(msg)


def _bedrock(ask: Ask, model: str, _upstream: UpstreamSpec, base: Base) -> tuple[str, str, bytes]:
    _claude_elsewhere(ask)
    body = bedrock_body(plain_body(ask), ask.operation, _header(ask, b"anthropic-beta"))
    return base.path + bedrock_path(model, ask.operation, stream=ask.stream), "", body


def _converse(ask: Ask, _model: str, _upstream: UpstreamSpec, base: Base) -> tuple[str, str, bytes]:
    return base.path + ask.path, "", ask.body  # no client speaks it: the path was made for this model


def _vertex(ask: Ask, model: str, upstream: UpstreamSpec, base: Base) -> tuple[str, str, bytes]:
    _claude_elsewhere(ask)
    path = vertex_path(upstream, model, ask.operation, stream=ask.stream)
    return base.path + path, "", vertex_body(plain_body(ask), model, ask.operation)


_BUILD = {
    Protocol.ANTHROPIC: _anthropic,
    Protocol.GEMINI: _gemini,
    Protocol.BEDROCK: _bedrock,
    Protocol.CONVERSE: _converse,
    Protocol.VERTEX: _vertex,
}


def _body(ask: Ask, model: str) -> bytes:
    """The client's own bytes unless they must ask for another model."""
    place = place_of_ask(ask)
    if not model or not (place.in_body or ask.operation in {Operation.GENERATE, Operation.EMBED}):
        return ask.body
    named_by_path = bool(place.model)  # Azure's classic paths: the body need not name it
    if model == ask.model and not named_by_path:
        return ask.body
    return with_model(plain_body(ask), model)


def plain_body(ask: Ask) -> bytes:
    """The body without its content coding."""
    coding = coding_of(ask.headers)
    return decoded(ask.body, coding, MAX_BODY_BYTES) if coding else ask.body


def _header(ask: Ask, wanted: bytes) -> str:
    return ",".join(value.decode("latin-1") for name, value in ask.headers if name.lower() == wanted)


def _query(ask: Ask, base: Base, *, drop: str = "") -> str:
    if not ask.query:
        return base.query
    parts = [base.query] if base.query else []
    for part in ask.query.split("&"):
        name = unquote(part.partition("=")[0].replace("+", " "))
        if part and name not in _SECRET_QUERY and name != drop and not _given(base.query, name):
            parts.append(part)
    return "&".join(parts)


def _given(query: str, name: str) -> bool:
    return bool(query) and any(given == name for given, _ in parse_qsl(query, keep_blank_values=True))


def _headers(ask: Ask, protocol: Protocol, key: KeyChoice, base: Base, *, kept_body: bool) -> Headers:
    lines = []
    for line in ask.headers:
        name = line[0].lower()
        if name in _NOT_SENT or name.startswith(_NOT_SENT_AS):
            continue
        if name not in _LOOKED_AT:
            lines.append(line)
        elif name == b"accept-encoding":
            lines.append((line[0], readable_codings(line[1])))
        elif name == b"content-encoding" and not kept_body:
            continue  # a body that was changed goes out as it is
        elif protocol is Protocol.BEDROCK and name in {b"anthropic-version", b"anthropic-beta"}:
            continue  # they are in the body there
        else:
            lines.append(line)
    if key.secret is not None:
        lines.append(_credential(protocol, key.secret.reveal().strip(), base, bearer=key.bearer))
    return tuple(lines)


def _credential(protocol: Protocol, secret: str, base: Base, *, bearer: bool) -> tuple[bytes, bytes]:
    if not secret.isprintable():
        msg = "a key holds characters that no header may"
        raise ValueError(msg)
    value = secret.encode("latin-1", "replace")
    if not bearer and protocol is Protocol.ANTHROPIC:
        return b"x-api-key", value
    if not bearer and protocol is Protocol.GEMINI:
        return b"x-goog-api-key", value
    if not bearer and base.azure:
        return b"api-key", value
    return b"authorization", b"Bearer " + value
