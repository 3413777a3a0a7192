"""Amazon Bedrock's Converse as a dialect: models there that are not Claude are asked so. No client speaks it."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from msgspec import Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.answer import answered
from stillup.gateway.dialects.converse.answer_in import ConverseReader, read_reply
from stillup.gateway.dialects.converse.answer_out import ConverseWriter, write_reply
from stillup.gateway.dialects.converse.going_on import cleaned, go_on
from stillup.gateway.dialects.converse.prompt_in import read_prompt
from stillup.gateway.dialects.converse.prompt_out import count_prompt, write_prompt
from stillup.gateway.dialects.dialect import Dialect


class _Count(Struct, rename="camel"):
    input_tokens: int


_count = msgspec.json.Decoder(_Count).decode


def _address(model: str, stream: bool) -> tuple[str, str]:  # noqa: FBT001 - as Dialect has it
    return f"/model/{quote(model, safe=':')}/{'converse-stream' if stream else 'converse'}", ""


def _count_address(model: str) -> tuple[str, str]:
    return f"/model/{quote(model, safe=':')}/count-tokens", ""


def _read_count(data: bytes) -> int:
    return answered(_count, data).input_tokens


def _write_count(count: int) -> bytes:
    return msgspec.json.encode({"inputTokens": count})


DIALECT = Dialect(
    protocol=Protocol.CONVERSE,
    read_prompt=read_prompt,
    write_prompt=write_prompt,
    address=_address,
    go_on=go_on,
    cleaned=cleaned,
    read_reply=read_reply,
    write_reply=write_reply,
    reader=ConverseReader,
    writer=ConverseWriter,
    count_address=_count_address,
    count_prompt=count_prompt,
    read_count=_read_count,
    write_count=_write_count,
)
