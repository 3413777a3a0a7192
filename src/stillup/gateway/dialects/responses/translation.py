"""OpenAI Responses, to and from neutral words."""

from __future__ import annotations

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.dialect import Dialect
from stillup.gateway.dialects.responses.answer_in import ResponsesReader, read_count, read_reply
from stillup.gateway.dialects.responses.answer_out import ResponsesWriter, write_count, write_reply
from stillup.gateway.dialects.responses.going_on import cleaned, go_on
from stillup.gateway.dialects.responses.prompt_in import read_prompt
from stillup.gateway.dialects.responses.prompt_out import count_prompt, write_prompt


def _address(_model: str, _stream: bool) -> tuple[str, str]:  # noqa: FBT001 - as Dialect has it
    return "/v1/responses", ""


def _count_address(_model: str) -> tuple[str, str]:
    return "/v1/responses/input_tokens", ""


DIALECT = Dialect(
    protocol=Protocol.RESPONSES,
    read_prompt=read_prompt,
    write_prompt=write_prompt,
    address=_address,
    go_on=go_on,
    cleaned=cleaned,
    read_reply=read_reply,
    write_reply=write_reply,
    reader=ResponsesReader,
    writer=ResponsesWriter,
    count_address=_count_address,
    count_prompt=count_prompt,
    read_count=read_count,
    write_count=write_count,
)
