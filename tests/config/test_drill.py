"""What the configuration says of drills."""

from __future__ import annotations

import pytest

from stillup.config import parse_config
from stillup.errors import ConfigError

CHANNEL = '[[alerts.channels]]\nid = "ops"\nurl = "https://example.org/hook"\n'


def test_without_a_word_one_is_reminded_after_thirty_days_on_the_desktop():
    drill = parse_config("").drill
    assert (drill.remind_days, drill.remind_to, drill.minutes) == (30, (), 30)


def test_reminders_may_be_rarer_go_to_channels_or_never_come():
    drill = parse_config(f'{CHANNEL}[drill]\nremind_days = 90\nremind_to = ["ops"]\nminutes = 45').drill
    assert (drill.remind_days, drill.remind_to, drill.minutes) == (90, ("ops",), 45)
    assert parse_config("[drill]\nremind_days = 0").drill.remind_days == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[drill]\nremind_days = -1", "drill.remind_days"),
        ("[drill]\nremind_days = 1000", "drill.remind_days"),
        ("[drill]\nminutes = 3", "drill.minutes"),
        ("[drill]\nremind_to = ['ops']", "no channel is called 'ops'; allowed: none yet"),
        (f"{CHANNEL}[drill]\nremind_to = ['op']", "did you mean ops?"),
        ("[drill]\nreminder = 3", "did you mean"),
    ],
)
def test_what_is_wrong_is_refused_and_what_is_allowed_is_said(text, says):
    with pytest.raises(ConfigError) as refused:
        parse_config(text)
    assert says in str(refused.value)
