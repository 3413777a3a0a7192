"""What the tests of Gemini translation share: bodies, and what reads and writes them."""

from __future__ import annotations

import json

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.dialects.dialect import Losses, Stamp
from stillup.gateway.dialects.gemini.translation import DIALECT
from stillup.gateway.dialects.neutral import (
    Message,
    Prompt,
    Role,
    Seal,
    Text,
)

GEMINI = Protocol.GEMINI
STAMP = Stamp(id="abc", created_s=1)
SEAL = Seal(origin=GEMINI, data="c2VhbA==")
USER, MODEL = Role.USER, Role.ASSISTANT


def ask(body=None, *, query="alt=sse", model="gemini-3-pro", operation=Operation.GENERATE):
    return Ask(
        protocol=GEMINI,
        operation=operation,
        method="POST",
        path=f"/v1beta/models/{model}:streamGenerateContent",
        query=query,
        body=json.dumps(body or {}).encode(),
        model=model,
        stream=True,
    )


def said(*parts, role="user"):
    return {"role": role, "parts": list(parts)}


def read(body=None, **more):
    return DIALECT.read_prompt(ask({"contents": [said({"text": "Hi"})], **(body or {}), **more}))


def write(prompt=None, **more):
    losses = Losses()
    prompt = prompt or Prompt(model="gemini-3-pro", messages=(Message(role=USER, parts=(Text(text="Hi"),)),), **more)
    return json.loads(DIALECT.write_prompt(prompt, losses)), list(losses)


def parts_read(*parts, role="user"):
    (message,) = DIALECT.read_prompt(ask({"contents": [said(*parts, role=role)]})).messages
    return message.parts


def parts_written(*parts, role=USER, model="gemini-3-pro"):
    body, losses = write(Prompt(model=model, messages=(Message(role=role, parts=parts),)))
    return body["contents"][0]["parts"], losses


def conversation(*messages, model="gemini-3-pro"):
    return write(Prompt(model=model, messages=tuple(Message(role=role, parts=parts) for role, parts in messages)))[0]


def chunk(*parts, **more):
    candidate = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    candidate |= {
        name: more.pop(name) for name in ("finishReason", "groundingMetadata", "citationMetadata") if name in more
    }
    return {"candidates": [candidate], "modelVersion": "gemini-3-pro", "responseId": "R_1", **more}


def sse(*chunks, end=b"\r\n\r\n"):
    return b"".join(b"data: " + json.dumps(c, ensure_ascii=False).encode() + end for c in chunks)
