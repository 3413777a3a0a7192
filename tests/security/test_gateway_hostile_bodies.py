"""Bodies that are no text, through a whole gateway that has to translate them."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway.app.conftest import Client

CALL = b'{"type":"tool_use","id":"t","name":"f","input":{"\xa4":1}}'
BODY = (
    b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[%s]}]}'
    % CALL
)


@pytest.mark.parametrize("stream", [b"", b',"stream":true'])
async def test_what_is_not_utf_8_is_the_clients_to_mend_and_no_mistake_of_ours(a, start, stream):
    mistakes = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: mistakes.append(told))
    gateway = await start(a, chain=["a-openai"])
    headers = [("content-type", "application/json"), ("x-api-key", "dummy-key")]
    reply = await Client(gateway).send("POST", "/v1/messages", headers, BODY[:-1] + stream + b"}")
    assert 400 <= reply.status < 500, reply
    assert mistakes == []
    assert a.counts.requests == 0
    assert gateway.in_flight == 0
