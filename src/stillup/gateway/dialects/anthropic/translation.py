"""Anthropic's Messages as a dialect."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.answer import answered
from stillup.gateway.dialects.anthropic.answer_in import AnthropicReader, read_reply
from stillup.gateway.dialects.anthropic.answer_out import AnthropicWriter, write_reply
from stillup.gateway.dialects.anthropic.going_on import cleaned, go_on
from stillup.gateway.dialects.anthropic.prompt_in import read_prompt
from stillup.gateway.dialects.anthropic.prompt_out import count_prompt, write_prompt
from stillup.gateway.dialects.dialect import Dialect


class _Count(Struct):
    input_tokens: int


_count = msgspec.json.Decoder(_Count).decode


def _address(model: str, stream: bool) -> tuple[str, str]:  # noqa: ARG001, FBT001 - as Dialect has it
    return "/v1/messages", ""


def _count_address(model: str) -> tuple[str, str]:  # noqa: ARG001 - as Dialect has it
    return "/v1/messages/count_tokens", ""


def _read_count(data: bytes) -> int:
    return answered(_count, data).input_tokens


def _write_count(count: int) -> bytes:
    return msgspec.json.encode({"input_tokens": count})


DIALECT = Dialect(
    protocol=Protocol.ANTHROPIC,
    read_prompt=read_prompt,
    write_prompt=write_prompt,
    address=_address,
    go_on=go_on,
    cleaned=cleaned,
    read_reply=read_reply,
    write_reply=write_reply,
    reader=AnthropicReader,
    writer=AnthropicWriter,
    count_address=_count_address,
    count_prompt=count_prompt,
    read_count=_read_count,
    write_count=_write_count,
)
