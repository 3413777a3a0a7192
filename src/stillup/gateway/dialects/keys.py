"""Law 10: an upstream gets its own key; the client's passes only to the provider it belongs to."""

from __future__ import annotations

from urllib.parse import parse_qsl

from stillup.gateway.core.values import Ask, Protocol
from stillup.gateway.dialects.base import KeyChoice, KeyKind, UpstreamSpec
from stillup.gateway.dialects.bases import base_of
from stillup.secret import Secret

_SUBSCRIPTION = "sk-ant-oat"
"""How a Claude subscription's token begins. It goes to api.anthropic.com and nowhere else, whatever the config says."""
_OPENAI = (Protocol.OPENAI, Protocol.RESPONSES)
"""Protocols of one family: a key for one is a key for the other."""
_KEY_HEADERS = {
    Protocol.ANTHROPIC: (b"x-api-key",),
    Protocol.OPENAI: (b"api-key",),
    Protocol.RESPONSES: (b"api-key",),
    Protocol.GEMINI: (b"x-goog-api-key",),
}
_BEARER_HOSTS = ("openrouter.ai",)
"""Servers of Anthropic's protocol that read a bearer token only."""
_NONE = KeyChoice()


def choose_key(ask: Ask, upstream: UpstreamSpec, *, lend: bool = True) -> KeyChoice:
    """Which key goes to ``upstream``; without ``lend`` never the client's, which is then a token of this gateway."""
    base = base_of(upstream)
    at_anthropic = upstream.protocol is Protocol.ANTHROPIC and base.own
    if upstream.key is not None:
        subscription = upstream.key.reveal().startswith(_SUBSCRIPTION)
        if subscription and not at_anthropic:
            return _NONE
        bearer = subscription or base.host in _BEARER_HOSTS
        return KeyChoice(kind=KeyKind.OWN, secret=upstream.key, bearer=bearer, subscription=subscription)
    if not lend or not may_borrow(upstream, ask.protocol):
        return _NONE
    client = client_key(ask)
    if client.subscription:
        return client if at_anthropic else _NONE
    is_its_makers = base.own and _is_family(ask.protocol, upstream.protocol)
    return client if upstream.pass_credentials or is_its_makers else _NONE


def may_borrow(upstream: UpstreamSpec, protocol: Protocol) -> bool:
    """Whether a key of some client that speaks ``protocol`` could go to ``upstream``."""
    if upstream.key is not None:
        return False
    if upstream.pass_credentials:
        return True
    own = base_of(upstream).own
    return own and (upstream.protocol is Protocol.ANTHROPIC or _is_family(protocol, upstream.protocol))


def client_key(ask: Ask) -> KeyChoice:
    """The credential the client sent, in the form it sent it. A subscription's token outranks a key beside it."""
    key, bearer = "", ""
    names = _KEY_HEADERS.get(ask.protocol, ())
    for name, value in ask.headers:
        lower = name.lower()
        if lower in names:
            key = value.decode("latin-1").strip()
        elif lower == b"authorization":
            scheme, _, token = value.decode("latin-1").strip().partition(" ")
            bearer = token.strip() if scheme.lower() == "bearer" else ""
    if not key and ask.protocol is Protocol.GEMINI:
        key = next((value for name, value in parse_qsl(ask.query) if name == "key"), "")
    if _SUBSCRIPTION in (bearer[: len(_SUBSCRIPTION)], key[: len(_SUBSCRIPTION)]):
        token = bearer if bearer.startswith(_SUBSCRIPTION) else key
        return KeyChoice(kind=KeyKind.CLIENT, secret=Secret(token), bearer=True, subscription=True)
    if key:
        return KeyChoice(kind=KeyKind.CLIENT, secret=Secret(key))
    if bearer:
        return KeyChoice(kind=KeyKind.CLIENT, secret=Secret(bearer), bearer=True)
    return _NONE


def _is_family(one: Protocol, other: Protocol) -> bool:
    return one is other or (one in _OPENAI and other in _OPENAI)
