"""What the tests of Chat Completions translation share: bodies, and what reads and writes them."""

from __future__ import annotations

import json

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.chat.translation import DIALECT
from stillup.gateway.dialects.dialect import Losses
from stillup.gateway.dialects.neutral import (
    Ended,
    Message,
    Role,
    Stop,
)

PNG = "iVBORw0KGgo="
HELLO = {"role": "user", "content": "hello"}


def raw_ask(body, model="gpt-4o"):
    return Ask(
        protocol=Protocol.OPENAI,
        operation=Operation.GENERATE,
        method="POST",
        path="/v1/chat/completions",
        body=body,
        model=model,
    )


def write(prompt):
    losses = Losses()
    return json.loads(DIALECT.write_prompt(prompt, losses)), list(losses)


def user(*parts, **more):
    return Message(role=Role.USER, parts=parts, **more)


def assistant(*parts):
    return Message(role=Role.ASSISTANT, parts=parts)


SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}, "strict": True, "description": "d"}}
DONE = b"data: [DONE]\n\n"
END = Ended(Stop.END)


def data(value):
    return f"data: {json.dumps(value)}\n\n".encode()


def chunk(finish=None, *, usage=None, **delta):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return data({"id": "c1", "created": 5, "model": "m", "choices": [choice], "usage": usage})


def call(index=None, call_id=None, name=None, arguments=None):
    given_as = {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}
    return {key: value for key, value in given_as.items() if value is not None}
