"""Chat Completions as a dialect."""

from __future__ import annotations

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.chat.answer_in import ChatReader, read_reply
from stillup.gateway.dialects.chat.answer_out import ChatWriter, write_reply
from stillup.gateway.dialects.chat.going_on import cleaned, go_on
from stillup.gateway.dialects.chat.prompt_in import read_prompt
from stillup.gateway.dialects.chat.prompt_out import write_prompt
from stillup.gateway.dialects.dialect import Dialect


def _address(model: str, stream: bool) -> tuple[str, str]:  # noqa: ARG001, FBT001 - as Dialect has it
    return "/v1/chat/completions", ""


DIALECT = Dialect(
    protocol=Protocol.OPENAI,
    read_prompt=read_prompt,
    write_prompt=write_prompt,
    address=_address,
    go_on=go_on,
    cleaned=cleaned,
    read_reply=read_reply,
    write_reply=write_reply,
    reader=ChatReader,
    writer=ChatWriter,
)
