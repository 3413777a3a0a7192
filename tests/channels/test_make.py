"""From the configuration to channels."""

from __future__ import annotations

import pytest

from stillup.channels.make import address_of, make
from stillup.config.alerts import Channel
from stillup.errors import ConfigError
from stillup.secret import Secret


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("https://a.example/x", "webhook"),
        ("http://127.0.0.1:9/x", "webhook"),
        ("https://discord.com/api/webhooks/123456789/abcdefghijklmnopqrstuvwxyz", "apprise"),
        ("mailto:ops@a.example", "smtp"),
        ("smtp://mx.example?to=ops@a.example", "smtp"),
        ("ntfy://topic", "apprise"),
        ("desktop", "desktop"),
    ],
)
async def test_an_address_makes_its_channel(net, address, kind):
    channel = make(address_of(Channel(id="a", url=Secret(address), repeat_in_doubt=False), {}), net)
    assert (channel.id, channel.kind, channel.repeat_in_doubt) == ("a", kind, False)


async def test_a_web_address_that_apprise_knows_can_be_a_webhook_all_the_same(net):
    url = Secret("https://discord.com/api/webhooks/123456789/abcdefghijklmnopqrstuvwxyz")
    assert make(address_of(Channel(id="a", kind="webhook", url=url), {}), net).kind == "webhook"


def test_what_a_variable_and_a_file_hold_is_the_address_and_the_secret(tmp_path):
    file = tmp_path / "secret"
    file.write_text("whsec_x\n")
    channel = Channel(id="a", url_env="HOOK", secret_file=str(file))
    found = address_of(channel, {"HOOK": "https://a.example/hush"})
    assert (found.url, found.secret) == (Secret("https://a.example/hush"), Secret("whsec_x"))
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("channel", "told"),
    [
        (Channel(id="a", url_env="HOOK"), "HOOK is not set, so it has no address"),
        (Channel(id="a", url=Secret("https://a.example"), secret_env="KEY"), "KEY is not set"),
        (Channel(id="a", kind="smtp", url_env="OTHER"), "is smtp, and its address is that of webhook"),
    ],
)
def test_what_is_not_there_is_said(channel, told):
    with pytest.raises(ConfigError, match=told):
        address_of(channel, {"OTHER": "https://hush.example"})
