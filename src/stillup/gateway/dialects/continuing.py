"""Which of the four forms a model goes on in with a beginning of its own answer, and what it is told (law 4)."""

from __future__ import annotations

import re

import msgspec
from msgspec import Raw, Struct

from stillup.catalog.constraints import constraints_of
from stillup.catalog.models import find_model
from stillup.catalog.providers import maker_of, providers
from stillup.gateway.core.values import Form, Protocol
from stillup.gateway.dialects.base import CLAUDES
from stillup.gateway.dialects.lenient import NULL, NoJson, read

GO_ON = (
    "Your last answer broke off in the middle because the connection failed. Go on with it exactly where it stops: "
    "your next character follows its last one. Say nothing of it again, do not begin anew, and do not mention this."
)
"""What a user is made to say in instruction form, in every dialect."""
_OFF = re.compile(rb'"type"\s*:\s*"(?:disabled|between_tools|text)"|^"(?:none|minimal)"$|^false$')
_NO = (b"", b"null")


class _Head(Struct):
    """What a beginning of an answer does not go together with, in any dialect that has beginnings."""

    thinking: Raw = NULL
    reasoning: Raw = NULL
    reasoning_effort: Raw = NULL
    output_format: Raw = NULL
    output_config: Raw = NULL
    response_format: Raw = NULL


_head = msgspec.json.Decoder(_Head).decode


def form_of(provider: str, model: str, protocol: Protocol, body: bytes) -> Form:
    """The form for a model at a provider ("" where that is not known) that is asked with ``body`` in ``protocol``.

    A flag is the provider's and not the model's: it is set at its maker, at a provider whose own it is, and where
    nobody knows who that is.
    """
    known = providers().get(provider)
    if protocol is Protocol.OPENAI and known is not None and known.goes_on:
        return Form(known.goes_on)
    form = Form(constraints_of(model).prefix or Form.INSTRUCTION)
    if form is Form.PREFIX:
        maker = _maker(model)
        is_there = protocol is Protocol.OPENAI and maker in providers() and provider in {"", maker}
        return form if is_there else Form.INSTRUCTION
    if form is Form.PREFILL and (protocol not in (*CLAUDES, Protocol.OPENAI) or _is_bound(body)):
        return Form.INSTRUCTION
    return form


def _maker(model: str) -> str:
    found = find_model(model)
    if found is not None:
        return found.maker
    maker = maker_of(model)
    return maker.id if maker else ""


def _is_bound(body: bytes) -> bool:
    """It asks for thoughts first, or for JSON by a schema."""
    try:
        head = read(_head, body, _Head)
    except NoJson:
        return True
    if b'"format"' in bytes(head.output_config) or bytes(head.output_format) not in _NO:
        return True
    told = (head.thinking, head.reasoning, head.reasoning_effort, head.response_format)
    return any(bytes(raw) not in _NO and _OFF.search(bytes(raw)) is None for raw in told)
