"""What the configuration says of requests that nobody can answer now, and of drills."""

from __future__ import annotations

import pytest

from stillup.config import parse_config

USER = '[[gateway.users]]\nid = "ann"\ntoken_env = "ANN_TOKEN"\n'


def test_without_a_word_a_client_decides_and_what_is_kept_is_bounded():
    gateway = parse_config("").gateway
    assert gateway.defer is None
    assert (gateway.defer_days, gateway.defer_max, gateway.defer_max_mb, gateway.defer_pause_s) == (7, 200, 256, 2.0)
    assert gateway.defer_notify
    assert gateway.defer_again is None
    assert gateway.drill_users == ()


def test_it_can_be_set_from_the_file_and_from_variables():
    gateway = parse_config(
        "[gateway]\ndefer = true\ndefer_days = 1\ndefer_notify = false",
        {"STILLUP_GATEWAY__DEFER_MAX": "3", "STILLUP_GATEWAY__DEFER_PAUSE_S": "0"},
    ).gateway
    assert (gateway.defer, gateway.defer_days, gateway.defer_notify) == (True, 1, False)
    assert (gateway.defer_max, gateway.defer_pause_s) == (3, 0.0)
    assert parse_config("", {"STILLUP_GATEWAY__DEFER": "false"}).gateway.defer is False
    assert parse_config("[gateway]\ndefer_again = false").gateway.defer_again is False


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("defer = 'yes'", "defer: is text; allowed: true or false"),
        ("defer_days = 0", "defer_days: is 0; allowed: a whole number from 1 to 365"),
        ("defer_max = 10001", "defer_max: is 10001; allowed: a whole number from 1 to 10000"),
        ("defer_max_mb = 0", "defer_max_mb: is 0; allowed: a whole number from 1 to 65536"),
        ("defer_pause_s = -1", "defer_pause_s: is -1; allowed: a number from 0 to 3600"),
    ],
)
def test_a_bound_out_of_its_range_is_refused_with_the_range(refusal, line: str, says: str):
    assert refusal(f"[gateway]\n{line}") == [f"stillup.toml:2: gateway.{says}"]


def test_who_may_make_upstreams_fail_is_a_user():
    gateway = parse_config(f'[gateway]\ndrill_users = ["ann"]\n{USER}').gateway
    assert gateway.drill_users == ("ann",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f'[gateway]\ndrill_users = ["anne"]\n{USER}', "no user is called 'anne'; did you mean"),
        ('[gateway]\ndrill_users = ["ann"]', "no user is called 'ann'; allowed: none yet"),
    ],
)
def test_a_stranger_may_not(refusal, text: str, says: str):
    (told,) = refusal(text)
    assert told.startswith(f"stillup.toml:2: gateway.drill_users[0]: {says[:24]}")
    assert "allowed: " in told
