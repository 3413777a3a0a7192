"""Apprise: what it is given, and what it must not do with it."""

from __future__ import annotations

import logging

import pytest

from stillup.channels.apprise import ByApprise, fitting, harmless, is_known_host
from stillup.errors import ConfigError
from stillup.secret import Secret
from tests.channels.receivers import FAIL, TAKE


async def test_the_words_arrive(channel_of, message):
    channel, receiver = await channel_of("apprise", TAKE)
    await channel.send(message())
    (got,) = receiver.got
    assert got["json"]["title"] == "Claude: partial outage, confirmed"
    assert got["json"]["message"].startswith("Since 11:58 UTC.")
    assert got["json"]["type"] == "failure"


def test_an_address_that_apprise_does_not_know_is_refused_and_not_repeated():
    with pytest.raises(ConfigError, match="Apprise knows no such address") as caught:
        ByApprise("ops", Secret("pigeon://hush"))
    assert "hush" not in str(caught.value)


async def test_apprise_keeps_its_words_to_itself(channel_of, message, capfd):
    seen = []
    handler = logging.Handler()
    handler.emit = seen.append
    logging.getLogger().addHandler(handler)
    try:
        channel, _ = await channel_of("apprise", FAIL)
        await channel.send(message())
    finally:
        logging.getLogger().removeHandler(handler)
    assert [r for r in seen if "apprise" in r.name] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("@everyone and @HERE", "@ everyone and @ HERE"),
        ("<!channel> <@U123> <#C1>", "< !channel> < @U123> < #C1>"),
        ("a@b.example 3 < 4 <b>", "a@b.example 3 < 4 <b>"),
        ("@room look", "@ room look"),
        ("[https://status.example](https://evil.example)", "[https://status.example] (https://evil.example)"),
        ("[x] done (by us)", "[x] done (by us)"),
    ],
)
def test_no_title_of_an_incident_rings_at_everybody(text, told):
    assert harmless(text) == told


def test_what_is_too_long_for_a_service_ends_with_a_whole_line_and_the_link(message):
    long = message(long="T\n\n" + "\n".join(f"line {n} of many" for n in range(500)))
    text = fitting(long, 2_000)
    assert len(text) <= 1_800
    assert text.endswith(f"of many\n… {long.link}")
    assert fitting(message(), 2_000) == "Since 11:58 UTC.\n- crowd: 12 reports"


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", True),
        ("https://discord.com/api/webhooks/123456789/abcdefghijklmnopqrstuvwxyz", True),
        ("https://a.example/hook", False),
    ],
)
def test_web_addresses_of_services_that_apprise_knows_are_left_to_it(url, known):
    assert is_known_host(Secret(url)) is known
