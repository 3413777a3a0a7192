"""What the configuration says of the gateway: its bounds, its users, and where its clouds are."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillup.config import parse_config

USER = '[[gateway.users]]\nid = "ann"\ntoken_env = "ANN_TOKEN"\n'


def test_without_a_word_the_gateway_has_its_documented_defaults():
    gateway = parse_config("").gateway
    assert (gateway.stall_after_s, gateway.max_body_mb, gateway.max_concurrent, gateway.queue) == (20.0, 32, 2048, 256)
    assert (gateway.journal_days, gateway.journal_max_mb, gateway.journal_sync) == (30, 1024, "second")
    assert gateway.users == ()


def test_its_bounds_can_be_set_from_the_file_and_from_variables():
    gateway = parse_config(
        "[gateway]\nstall_after_s = 5\nmax_body_mb = 8\njournal_sync = 'always'",
        {"STILLUP_GATEWAY__QUEUE": "3", "STILLUP_GATEWAY__JOURNAL_DAYS": "7"},
    ).gateway
    assert (gateway.stall_after_s, gateway.max_body_mb, gateway.journal_sync) == (5.0, 8, "always")
    assert (gateway.queue, gateway.journal_days) == (3, 7)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("stall_after_s = 0", "stall_after_s: is 0; allowed: a number above 0 to 3600"),
        ("max_body_mb = 0", "max_body_mb: is 0; allowed: a whole number from 1 to 1024"),
        ("queue = -1", "queue: is -1; allowed: a whole number from 0 to 100000"),
        ("journal_sync = 'never'", "journal_sync: is 'never'; allowed: `second`, `always`, `none`"),
        ("journal_max_mb = 1.5", "journal_max_mb: is 1.5; allowed: a whole number from 1 to 1048576"),
    ],
)
def test_a_bound_out_of_its_range_is_refused_with_the_range(refusal, line: str, says: str):
    assert refusal(f"[gateway]\n{line}") == [f"stillup.toml:2: gateway.{says}"]


@pytest.mark.parametrize("listen", ["0.0.0.0:8790", "192.168.1.2:8790", "[::]:8790", "gateway.example:8790"])
def test_beyond_this_machine_users_are_required(refusal, listen: str):
    (told,) = refusal(f'[gateway]\nlisten = "{listen}"')
    assert told.startswith(f"stillup.toml:2: gateway.listen: '{listen}' can be reached from other machines")
    assert told.endswith("allowed: a loopback address, or `[[gateway.users]]` beside it")


def test_a_variable_that_opens_the_gateway_is_held_to_the_same(refusal):
    (told,) = refusal("", {"STILLUP_GATEWAY__LISTEN": "0.0.0.0:8790"})
    assert told.startswith("STILLUP_GATEWAY__LISTEN: gateway.listen: '0.0.0.0:8790' can be reached")


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"])
def test_on_loopback_nobody_needs_a_token(listen: str):
    assert parse_config(f'[gateway]\nlisten = "{listen}"').gateway.users == ()


def test_with_users_it_may_listen_anywhere():
    gateway = parse_config(
        f'[gateway]\nlisten = "0.0.0.0:8790"\n{USER}requests_per_minute = 60\nusd_per_day = 2.5'
    ).gateway
    assert [(u.id, u.token_env, u.requests_per_minute, u.usd_per_day) for u in gateway.users] == [
        ("ann", "ANN_TOKEN", 60, 2.5)
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[[gateway.users]]\nid = "ann"',
            "1: gateway.users[0]: has no token; allowed: with `token_env` or `token_file`",
        ),
        (USER + USER, "5: gateway.users[1].id: 'ann' is taken by gateway.users[0]; allowed: a new id"),
        (
            USER + "requests_per_minute = 0",
            "4: gateway.users[0].requests_per_minute: is 0; allowed: a whole number from 1",
        ),
        (USER + "usd_per_day = 0", "4: gateway.users[0].usd_per_day: is 0; allowed: a number above 0 to 1000000"),
        (USER.replace("ANN_TOKEN", "st-hush"), "3: gateway.users[0].token_env: is not a variable's name; allowed: "),
    ],
)
def test_a_user_that_could_not_be_told_from_others_is_refused(refusal, text: str, says: str):
    told = refusal(text)
    assert len(told) == 1
    assert told[0].startswith(f"stillup.toml:{says}")
    assert "hush" not in told[0]


ROUTED = '[[gateway.upstreams]]\nid = "a"\nprotocol = "openai"\n[[gateway.routes]]\nchain = ["a"]\n'


def test_standins_have_limits_where_they_are_set():
    gateway = parse_config("").gateway
    assert (gateway.standin_usd_per_day, gateway.standin_max_usd_per_million) == (None, None)
    said = "[gateway]\nstandin_usd_per_day = 2.5\nstandin_max_usd_per_million = 20\n"
    gateway = parse_config(f"{said}{ROUTED}max_usd_per_million = 10").gateway
    assert (gateway.standin_usd_per_day, gateway.standin_max_usd_per_million) == (2.5, 20.0)
    assert gateway.routes[0].max_usd_per_million == 10.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[gateway]\nstandin_usd_per_day = 0", "2: gateway.standin_usd_per_day: is 0; allowed: a number above 0 "),
        ("[gateway]\nstandin_max_usd_per_million = -1", "2: gateway.standin_max_usd_per_million: is -1; allowed: "),
        (
            ROUTED + "max_usd_per_million = 0",
            "6: gateway.routes[0].max_usd_per_million: is 0; allowed: a number above 0",
        ),
        (ROUTED + "max_usd_per_million = inf", "6: gateway.routes[0].max_usd_per_million: is inf; allowed: a number "),
    ],
)
def test_a_limit_that_would_let_nothing_or_everything_through_is_refused(refusal, text: str, says: str):
    (told,) = refusal(text)
    assert told.startswith(f"stillup.toml:{says}")


def test_a_token_in_the_file_is_refused_with_the_word_that_names_its_place(refusal):
    (told,) = refusal(USER + 'token = "hush"')
    assert "`token_env` and `token_file` for a user" in told
    assert "hush" not in told


@pytest.mark.parametrize(
    ("protocol", "key", "says"),
    [
        ("openai", "region", "openai has no regions; allowed: with bedrock and vertex only"),
        ("bedrock", "project", "bedrock has no projects; allowed: with vertex only"),
    ],
)
def test_a_place_where_there_is_none_is_refused(refusal, protocol: str, key: str, says: str):
    text = f'[[gateway.upstreams]]\nid = "a"\nprotocol = "{protocol}"\n{key} = "x"'
    assert refusal(text) == [f"stillup.toml:4: gateway.upstreams[0].{key}: {says}"]


def test_clouds_take_a_place():
    text = """
[[gateway.upstreams]]
id = "aws"
protocol = "bedrock"
region = "eu-central-1"
[[gateway.upstreams]]
id = "gcp"
protocol = "vertex"
region = "global"
project = "my-project"
"""
    aws, gcp = parse_config(text).gateway.upstreams
    assert (aws.region, gcp.region, gcp.project) == ("eu-central-1", "global", "my-project")


def test_a_token_file_that_others_can_read_is_worth_a_word(tmp_path: Path):
    (tmp_path / "ann.token").write_text("t" * 20)
    (tmp_path / "ann.token").chmod(0o644)
    config = parse_config('[[gateway.users]]\nid = "ann"\ntoken_file = "ann.token"', {}, tmp_path / "stillup.toml")
    assert [w.partition(": ")[2] for w in config.warnings] == [
        "others can read this key (mode 0644); `chmod 600` makes it yours alone"
    ]


def test_the_variables_of_users_tokens_are_no_unknown_settings():
    text = '[[gateway.users]]\nid = "ann"\ntoken_env = "STILLUP_ANN"'
    assert parse_config(text, {"STILLUP_ANN": "x", "STILLUP_TOKEN": "y"}).warnings == ()
