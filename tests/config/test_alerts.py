"""``[alerts]``: what may stand there, what is refused and how, and that no address of a channel shows itself."""

from __future__ import annotations

import pytest

from stillup.config import parse_config
from stillup.config.alert_rules import kind_of, misfit
from stillup.secret import Secret

WHOLE = """
services = ["claude", "chatgpt"]
[alerts]
time_zone = "Europe/Berlin"
quiet_hours = ["22:00-07:00", "sat-sun 00:00-24:00"]
digest = "08:00"
[alerts.flapping]
changes = 4
[[alerts.channels]]
id = "ops"
url = "https://hooks.example/stillup"
secret_env = "HOOK_SECRET"
[[alerts.channels]]
id = "boss"
url_env = "BOSS_URL"
[[alerts.rules]]
id = "api"
services = ["claude"]
components = ["api"]
models = ["claude-opus*"]
regions = ["US", "DE-BE"]
capabilities = ["coding"]
states = ["major_outage"]
confidence = "confirmed"
for_s = 120
channels = ["ops"]
escalate_after_s = 900
escalate_to = ["boss"]
quiet_hours = []
[[alerts.rules]]
id = "rest"
channels = ["ops"]
digest = true
[[alerts.silences]]
service = "claude"
component = "code"
starts = 2026-05-12T22:00:00Z
ends = 2026-05-13T02:00:00+02:00
[[alerts.silences]]
maintenance = true
"""
CHANNEL = '[[alerts.channels]]\nid = "a"\nurl = "desktop"\n'
RULE = '[[alerts.rules]]\nid = "r"\nchannels = ["a"]\n'
SILENCE = "[[alerts.silences]]\n"

REFUSED = [
    ("[alerts]\nquiet = []", "2: alerts.quiet: no such key (did you mean quiet_hours?); allowed: enabled, "),
    ("[alerts]\ntime_zone = 'Mars/Olympus'", "2: alerts.time_zone: is 'Mars/Olympus', and this machine knows no such"),
    ("[alerts]\nquiet_hours = ['22-07']", "2: alerts.quiet_hours[0]: is '22-07'; allowed: hours, with or without days"),
    ("[alerts]\ndigest = '24:00'", "2: alerts.digest: is '24:00'; allowed: a time of day, as `08:00`"),
    ("[alerts]\nupdates_every_s = -1", "2: alerts.updates_every_s: is -1; allowed: a number from 0 to 86400"),
    ("[alerts.flapping]\nchanges = 1000", "2: alerts.flapping.changes: is 1000; allowed: a whole number from 0 to 100"),
    ("[[alerts.channels]]\nurl = 'desktop'", "1: alerts.channels[0]: `id` is missing; allowed: letters, digits"),
    ("[[alerts.channels]]\nid = 'a'", "1: alerts.channels[0]: has no address; allowed: with `url`, `url_env` or"),
    ("[[alerts.channels]]\nid = 'a'\nurl = 7", "3: alerts.channels[0].url: is 7; allowed: `https://…` (a webhook)"),
    ("[[alerts.channels]]\nid = 'a'\nurl = 'hush'", "3: alerts.channels[0].url: is no address of a channel; allowed: "),
    (CHANNEL + "kind = 'pigeon'", "4: alerts.channels[0].kind: is 'pigeon'; allowed: `apprise`, `webhook`, `smtp`"),
    (CHANNEL + "kind = 'webhook'", "4: alerts.channels[0].kind: is webhook, and its address is that of desktop; allow"),
    (CHANNEL + "secret_env = 'X'", "4: alerts.channels[0].secret_env: is of no use to desktop; allowed: with webhook"),
    (CHANNEL + "secret = 'hush'", "4: alerts.channels[0].secret: keys do not belong in this file"),
    (CHANNEL + CHANNEL, "5: alerts.channels[1].id: 'a' is taken by alerts.channels[0]; allowed: a new id"),
    (CHANNEL + "[[alerts.rules]]\nid = 'r'\nchannels = []", "6: alerts.rules[0].channels: is empty; allowed: a list"),
    (CHANNEL + "[[alerts.rules]]\nid = 'r'\nchannels = ['b']", "6: alerts.rules[0].channels[0]: no channel is called"),
    (RULE, "3: alerts.rules[0].channels[0]: no channel is called 'a'; allowed: none yet"),
    (CHANNEL + RULE + RULE, "8: alerts.rules[1].id: 'r' is taken by alerts.rules[0]; allowed: a new id"),
    (CHANNEL + RULE + "services = ['claud']", "7: alerts.rules[0].services[0]: is 'claud' (did you mean claude?)"),
    (
        CHANNEL + RULE + "components = ['wob']",
        "7: alerts.rules[0].components[0]: what is watched has no component 'wob'",
    ),
    (
        CHANNEL + RULE + "states = ['operational']",
        "7: alerts.rules[0].states[0]: is 'operational'; allowed: `degraded`",
    ),
    (CHANNEL + RULE + "regions = ['Bavaria']", "7: alerts.rules[0].regions[0]: is 'Bavaria'; allowed: a country or"),
    (CHANNEL + RULE + "confidence = 'sure'", "7: alerts.rules[0].confidence: is 'sure'; allowed: `suspected`, `conf"),
    (CHANNEL + RULE + "for_s = 'long'", "7: alerts.rules[0].for_s: is text; allowed: a number from 0 to 86400"),
    (CHANNEL + RULE + "escalate_after_s = 60", "7: alerts.rules[0].escalate_after_s: has no `escalate_to` beside it"),
    (CHANNEL + RULE + "escalate_to = ['a']", "7: alerts.rules[0].escalate_to: has no `escalate_after_s` beside it"),
    (
        CHANNEL + RULE + "digest = true",
        "7: alerts.rules[0].digest: is true, and there is no time for it; allowed: with",
    ),
    (SILENCE + "component = 'api'", "2: alerts.silences[0].component: has no `service` beside it; allowed: together"),
    (SILENCE, "1: alerts.silences[0]: would silence everything for ever; allowed: with `service`"),
    (SILENCE + "service = 'claude'\ncomponent = 'x'", "3: alerts.silences[0].component: claude has no component 'x'"),
    (SILENCE + "ends = 2026-05-12T22:00:00", "2: alerts.silences[0].ends: is a date or time; allowed: a date and time"),
    (
        SILENCE + "starts = 2026-05-12T22:00:00Z\nends = 2026-05-12T21:00:00Z",
        "3: alerts.silences[0].ends: is not after `starts`; allowed: a later time",
    ),
]


def test_everything_that_can_be_said_is_read():
    alerts = parse_config(WHOLE).alerts
    assert [c.id for c in alerts.channels] == ["ops", "boss"]
    assert [r.id for r in alerts.rules] == ["api", "rest"]
    assert alerts.rules[0].quiet_hours == ()
    assert alerts.rules[1].quiet_hours is None
    assert alerts.silences[0].ends is not None
    assert alerts.flapping.changes == 4


def test_without_a_word_nobody_is_told():
    alerts = parse_config("").alerts
    assert (alerts.rules, alerts.channels, alerts.silences) == ((), (), ())


@pytest.mark.parametrize(("text", "told"), REFUSED, ids=lambda v: v[-50:])
def test_a_mistake_is_told_once_with_its_line_and_what_is_allowed(refusal, text, told):
    lines = refusal(text)
    assert len(lines) == 1
    assert lines[0].startswith(f"stillup.toml:{told}")


def test_an_address_never_shows_itself():
    config = parse_config('[[alerts.channels]]\nid = "a"\nurl = "slack://hush/hush/hush"')
    assert config.alerts.channels[0].url == Secret("slack://hush/hush/hush")
    assert "hush" not in repr(config)


def test_an_address_that_is_refused_is_not_repeated(refusal):
    told = "\n".join(refusal('[[alerts.channels]]\nid = "a"\nurl = "hush hush"\n[[alerts.rules]]\nid = 7'))
    assert "hush" not in told


def test_an_address_that_opens_the_channel_is_worth_a_word():
    config = parse_config('[[alerts.channels]]\nid = "a"\nurl = "slack://hush/hush/hush"')
    assert [w for w in config.warnings if "hush" in w] == []
    assert "`url_env` or `url_file` keeps it out" in config.warnings[0]


def test_what_a_variable_names_is_not_judged_before_it_is_read():
    assert parse_config('[[alerts.channels]]\nid = "a"\nkind = "smtp"\nurl_env = "X"\nsecret_env = "Y"').warnings == ()


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("https://a.example/x", "webhook"),
        ("http://127.0.0.1:1/", "webhook"),
        ("mailto:ops@a.example", "smtp"),
        ("smtps://u@a.example", "smtp"),
        ("mailto://u:p@gmail.example", "apprise"),
        ("slack://a/b/c", "apprise"),
        ("desktop", "desktop"),
    ],
)
def test_what_a_channel_is_follows_from_its_address(address, kind):
    assert kind_of(address) == kind
    assert misfit(kind, address) == ""


def test_a_web_address_may_be_left_to_apprise():
    assert misfit("apprise", "https://hooks.example/x") == ""
