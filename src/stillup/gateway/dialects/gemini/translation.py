"""Gemini's generateContent as a dialect."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from msgspec import Struct

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.answer import answered
from stillup.gateway.dialects.dialect import Dialect
from stillup.gateway.dialects.gemini.answer_in import GeminiReader, read_reply
from stillup.gateway.dialects.gemini.answer_out import GeminiWriter, write_reply
from stillup.gateway.dialects.gemini.going_on import cleaned, go_on
from stillup.gateway.dialects.gemini.prompt_in import read_prompt
from stillup.gateway.dialects.gemini.prompt_out import count_prompt, write_prompt


class _Count(Struct, rename="camel"):
    total_tokens: int


_count = msgspec.json.Decoder(_Count).decode


def _address(model: str, stream: bool) -> tuple[str, str]:  # noqa: FBT001 - as Dialect has it
    place = f"/v1beta/models/{quote(model.removeprefix('models/'), safe='')}"
    return (f"{place}:streamGenerateContent", "alt=sse") if stream else (f"{place}:generateContent", "")


def _count_address(model: str) -> tuple[str, str]:
    return f"/v1beta/models/{quote(model.removeprefix('models/'), safe='')}:countTokens", ""


def _read_count(data: bytes) -> int:
    return answered(_count, data).total_tokens


def _write_count(count: int) -> bytes:
    return msgspec.json.encode({"totalTokens": count})


DIALECT = Dialect(
    protocol=Protocol.GEMINI,
    read_prompt=read_prompt,
    write_prompt=write_prompt,
    address=_address,
    go_on=go_on,
    cleaned=cleaned,
    read_reply=read_reply,
    write_reply=write_reply,
    reader=GeminiReader,
    writer=GeminiWriter,
    count_address=_count_address,
    count_prompt=count_prompt,
    read_count=_read_count,
    write_count=_write_count,
)
