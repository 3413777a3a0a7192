"""What every kind of channel keeps to, whatever the other side does."""

from __future__ import annotations

import socket

import pytest

from stillup.channels.apprise import ByApprise
from stillup.channels.smtp import Mail, server_of
from stillup.channels.webhook import Webhook
from stillup.response.alerts.delivery import Sent
from stillup.secret import Secret
from tests.channels.receivers import BREAK, FAIL, HANG, KINDS, REFUSE, REST, TAKE

BAD = (REFUSE, FAIL, REST, HANG, BREAK)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_taken_is_delivered(channel_of, message, kind):
    channel, _ = await channel_of(kind, TAKE)
    assert (await channel.send(message())).sent is Sent.DELIVERED
    assert (channel.id, channel.kind, channel.repeat_in_doubt) == ("ops", kind, True)


@pytest.mark.parametrize("mood", BAD)
@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_not_taken_is_said_without_an_exception_and_without_a_secret(channel_of, message, kind, mood):
    channel, _ = await channel_of(kind, mood)
    delivery = await channel.send(message())
    assert not delivery.ok
    assert delivery.says
    assert delivery.says.isprintable()
    assert "hush" not in repr(delivery)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_channel_does_not_show_its_secrets(channel_of, kind):
    channel, _ = await channel_of(kind, TAKE)
    if kind == "smtp":  # whom it goes to is no secret
        channel = Mail("ops", server_of("ops", Secret("smtp://me:hush@mx.example?to=ops@a.example"), None))
    assert "hush" not in repr((channel, vars(channel)))


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_there_is_said(channel_of, message, kind, tmp_path):
    channel, _ = await channel_of(kind, TAKE)
    if kind == "desktop":
        (tmp_path / "notify-send").unlink()
        assert (await channel.send(message())).sent is Sent.MISSING
        return
    delivery = await _elsewhere(channel).send(message())
    assert delivery.sent in (Sent.UNREACHABLE, Sent.FAILED)
    assert "hush" not in repr(delivery)


def _elsewhere(channel):
    """A channel of that kind to a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    if channel.kind == "webhook":
        return Webhook("ops", Secret(f"http://{address}/hush"), channel._net)
    if channel.kind == "smtp":
        return Mail("ops", server_of("ops", Secret(f"smtp://{address}?to=hush@a.example"), None))
    return ByApprise("ops", Secret(f"json://me:hush@{address}/hush"), timeout_s=0.5)


@pytest.mark.parametrize(
    ("kind", "mood", "sent"),
    [
        ("webhook", REFUSE, Sent.REFUSED), ("webhook", FAIL, Sent.FAILED), ("webhook", REST, Sent.BUSY),
        ("webhook", HANG, Sent.IN_DOUBT), ("webhook", BREAK, Sent.IN_DOUBT),
        ("smtp", REFUSE, Sent.REFUSED), ("smtp", FAIL, Sent.REFUSED), ("smtp", REST, Sent.BUSY),
        ("smtp", HANG, Sent.IN_DOUBT), ("smtp", BREAK, Sent.IN_DOUBT),
        ("apprise", REFUSE, Sent.FAILED), ("desktop", REFUSE, Sent.FAILED), ("desktop", HANG, Sent.IN_DOUBT),
    ],
)  # fmt: skip
async def test_what_went_wrong_is_told_apart(channel_of, message, kind, mood, sent):
    channel, _ = await channel_of(kind, mood)
    assert (await channel.send(message())).sent is sent


async def test_a_channel_that_hangs_is_not_asked_again_meanwhile(channel_of, message):
    channel, _ = await channel_of("smtp", HANG)
    channel._aside._timeout_s = 0.05
    assert (await channel.send(message())).sent is Sent.IN_DOUBT
    assert (await channel.send(message())).sent is Sent.BUSY
