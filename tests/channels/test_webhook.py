"""The webhook: its body, its signature, its keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from stillup.channels.webhook import Webhook, body_of, signature
from stillup.model.service import State
from stillup.model.verdict import Verdict
from stillup.secret import Secret
from tests.channels.receivers import REST, TAKE


async def test_what_is_posted_says_what_a_program_needs(channel_of, message):
    channel, receiver = await channel_of("webhook", TAKE)
    told = message(verdict=Verdict(at=message().at, service="claude", state=State.MAJOR_OUTAGE))
    await channel.send(told)
    (got,) = receiver.got
    assert got["json"]["type"] == "stillup.broke"
    data = got["json"]["data"]
    assert (data["incident"], data["revision"], data["thread"]) == ("claude-1", 1, "r/claude-1")
    assert data["verdict"]["state"] == "major_outage"
    assert got["headers"]["content-type"] == "application/json"
    for name in ("webhook-id", "idempotency-key", "x-stillup-delivery"):
        assert got["headers"][name] == told.key


async def test_the_signature_is_that_of_standard_webhooks(channel_of, message):
    channel, receiver = await channel_of("webhook", TAKE)
    await channel.send(message())
    (got,) = receiver.got
    headers = got["headers"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + got["body"]
    mac = hmac.new(b"hush", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


def test_the_signature_agrees_with_the_example_of_the_standard():
    """The vector from the specification's own reference implementations."""
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    told = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_without_a_secret_there_is_no_signature(http_address, net, message):
    address, receiver = http_address
    await Webhook("ops", Secret(f"http://{address}/"), net).send(message())
    assert "webhook-signature" not in receiver.got[0]["headers"]


@pytest.fixture
async def http_address():
    from tests.channels.receivers import http_receiver

    async with http_receiver() as receiver:
        yield receiver.address, receiver


async def test_how_long_to_rest_is_passed_on(channel_of, message):
    channel, _ = await channel_of("webhook", REST)
    assert (await channel.send(message())).retry_after_s == 120.0


def test_the_body_is_the_same_for_every_try(message):
    assert body_of(message()) == body_of(message())
    assert json.loads(body_of(message(link="")))["data"]["link"] is None
