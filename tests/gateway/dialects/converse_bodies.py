"""What the tests of Converse translation share: bodies, and what reads and writes them."""

from __future__ import annotations

import json

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.converse.translation import DIALECT
from stillup.gateway.dialects.dialect import Losses, Stamp
from stillup.gateway.dialects.neutral import (
    Kind,
    Media,
    Message,
    Prompt,
    Role,
    Seal,
    Text,
)

CONVERSE = Protocol.CONVERSE
NOVA = "amazon.nova-pro-v1:0"
STAMP = Stamp(id="abc", created_s=1)
SEAL = Seal(origin=CONVERSE, data="sig")
REDACTED = Seal(origin=CONVERSE, data='{"redactedContent":"cmVk"}')
USER, MODEL = Role.USER, Role.ASSISTANT


def ask(body=None, operation=Operation.GENERATE):
    path, query = DIALECT.address(NOVA, True)
    raw = json.dumps(body or {}).encode()
    return Ask(
        protocol=CONVERSE, operation=operation, method="POST", path=path, query=query, body=raw, model=NOVA, stream=True
    )


def said(*blocks, role="user"):
    return {"role": role, "content": list(blocks)}


def read(**more):
    return DIALECT.read_prompt(ask({"messages": [said({"text": "Hi"})], **more}))


def parts_read(*blocks, role="user"):
    (message,) = DIALECT.read_prompt(ask({"messages": [said(*blocks, role=role)]})).messages
    return message.parts


def write(*messages, model=NOVA, **more):
    losses = Losses()
    turns = tuple(Message(role=role, parts=parts) for role, parts in messages or [(USER, (Text(text="Hi"),))])
    prompt = Prompt(model=model, messages=turns, **more)
    return json.loads(DIALECT.write_prompt(prompt, losses)), list(losses)


def blocks_written(*parts, role=USER, model=NOVA):
    body, losses = write((role, parts), model=model)
    return body["messages"][0]["content"], losses


PNG = {"image": {"format": "png", "source": {"bytes": "aa"}}}
IMAGE = Media(kind=Kind.IMAGE, media_type="image/png", data="aa")
ON = {"enabled": True}
NESTED = {"toolUse": {"toolUseId": "x", "name": "y"}}
