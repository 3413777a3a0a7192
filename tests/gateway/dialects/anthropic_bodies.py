"""What the tests of Anthropic's translation share: bodies, and what reads and writes them."""

from __future__ import annotations

import json

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Losses, dialect_of
from stillup.gateway.dialects.neutral import (
    Message,
    Prompt,
    Role,
    Text,
)

DIALECT = dialect_of(Protocol.ANTHROPIC)
ME = Protocol.ANTHROPIC
HI = Message(role=Role.USER, parts=(Text(text="hi"),))
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def read(operation=Operation.GENERATE, **members):
    body = json.dumps(
        {"model": "claude-x", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}], **members}
    )
    return read_raw(body.encode(), operation)


def read_raw(body, operation=Operation.GENERATE):
    ask = Ask(protocol=ME, operation=operation, method="POST", path="/v1/messages", body=body, model="claude-x")
    return DIALECT.read_prompt(ask)


def said(*blocks, role="user"):
    return read(messages=[{"role": role, "content": list(blocks)}]).messages[0].parts


def write(**members):
    losses = Losses()
    prompt = Prompt(**{"model": "claude-x", "max_tokens": 100, "messages": (HI,), **members})
    return json.loads(DIALECT.write_prompt(prompt, losses)), list(losses)


def written(*parts, role=Role.USER):
    body, _ = write(messages=(Message(role=role, parts=parts),))
    content = body["messages"][0]["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
