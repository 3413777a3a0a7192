"""A STILLUP_ variable stands above the file, is read by the type of its key, and is refused like the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillup.config import Config, parse_config


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("STILLUP_HOME", "/srv/x", ("data",), "/srv/x"),
        ("STILLUP_SERVICES", "claude, chatgpt,", ("services",), ("claude", "chatgpt")),
        ("STILLUP_WEB__LISTEN", " 127.0.0.1:1 ", ("web", "listen"), "127.0.0.1:1"),
        ("STILLUP_STORE__RETENTION_DAYS", "7", ("store", "retention_days"), 7),
        ("STILLUP_JUDGEMENT__ARL_DAYS", "90.5", ("judgement", "arl_days"), 90.5),
        ("STILLUP_GATEWAY__JOURNAL", "false", ("gateway", "journal"), False),
        ("STILLUP_GATEWAY__DEADLINE_S", "30", ("gateway", "deadline_s"), 30.0),
        ("STILLUP_GATEWAY__THINKING_CUT", "hold", ("gateway", "thinking_cut"), "hold"),
    ],
)
def test_a_variable_is_read_by_the_type_of_its_key(name: str, text: str, path: tuple[str, ...], value: object):
    found: object = parse_config("", {name: text})
    for key in path:
        found = getattr(found, key)
    assert found == value
    assert type(found) is type(value)


def test_sources_are_reached_for_all_services_and_for_one():
    config = parse_config(
        "",
        {
            "STILLUP_SOURCES__GOOGLE_TRENDS__GEO": "US,IN",
            "STILLUP_SOURCES__STATUSPAGE__BASE_URL": "http://127.0.0.1:1/all/",
            "STILLUP_SOURCES__STATUSPAGE__CLAUDE__BASE_URL": "http://127.0.0.1:1/claude",
            "STILLUP_SOURCES__PROBE__CLAUDE__ENDPOINTS__API_AUTH": "http://127.0.0.1:2/v1",
        },
    )
    assert config.setting("google_trends", "claude", {}).options == {"geo": ("US", "IN")}
    assert config.setting("statuspage", "github", {}).base_url == "http://127.0.0.1:1/all"
    assert config.setting("statuspage", "claude", {}).base_url == "http://127.0.0.1:1/claude"
    assert config.setting("probe", "claude", {}).options == {"endpoints": {"api_auth": "http://127.0.0.1:2/v1"}}
    assert config.warnings == ()


def test_a_variable_stands_above_the_file_key_by_key():
    config = parse_config(
        '[gateway]\nlisten = "127.0.0.1:1"\ndeadline_s = 5', {"STILLUP_GATEWAY__LISTEN": "127.0.0.1:2"}
    )
    assert (config.gateway.listen, config.gateway.deadline_s) == ("127.0.0.1:2", 5.0)


def test_home_stands_above_the_files_data_folder():
    assert parse_config('data = "/file"', {"STILLUP_HOME": "/variable"}).data_folder == Path("/variable")


@pytest.mark.parametrize("name", ["STILLUP_DATA", "STILLUP_CONFIG", "PATH", "STILL_UP"])
def test_variables_that_are_not_settings_change_nothing_and_are_not_named(name: str):
    assert parse_config("", {name: "/x"}) == Config()


def test_an_empty_variable_is_not_set():
    assert parse_config("", {"STILLUP_SERVICES": "", "STILLUP_HOME": "  "}) == Config()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("STILLUP_WEB__LISTN", "STILLUP_WEB__LISTEN"),
        ("STILLUP_SERVICE", "STILLUP_SERVICES"),
        ("STILLUP_GATEWAY__UPSTREAM", ""),
        ("STILLUP_GATEWAY__UPSTREAMS", ""),
    ],
)
def test_a_variable_that_means_nothing_is_named_and_ignored(name: str, near: str):
    config = parse_config("", {name: "hush"})
    assert len(config.warnings) == 1
    assert config.warnings[0].startswith(f"{name}: no such setting")
    assert near in config.warnings[0]
    assert "hush" not in config.warnings[0]
    assert config.gateway == Config().gateway


def test_a_variable_that_the_file_names_as_a_keys_place_is_none_of_ours():
    text = '[[gateway.upstreams]]\nid = "a"\nprotocol = "openai"\nkey_env = "STILLUP_A_KEY"'
    assert parse_config(text, {"STILLUP_A_KEY": "k"}).warnings == ()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("STILLUP_SERVICES", "claude,claud", "services[1]: is 'claud' (did you mean claude?); allowed: "),
        ("STILLUP_SERVICES", ",", "services: is empty; allowed: a list of"),
        ("STILLUP_WEB__LISTEN", "8780", "web.listen: is '8780'; allowed: `host:port`"),
        ("STILLUP_STORE__RETENTION_DAYS", "many", "store.retention_days: is text; allowed: a whole number"),
        ("STILLUP_STORE__RETENTION_DAYS", "0", "store.retention_days: is 0; allowed: a whole number"),
        ("STILLUP_GATEWAY__JOURNAL", "perhaps", "gateway.journal: is text; allowed: true or false"),
        (
            "STILLUP_SOURCES__STATUSPAGE__INTERVAL_S",
            "5",
            "sources.statuspage.interval_s: is 5, and statuspage of claude and chatgpt would be asked at a",
        ),
    ],
)
def test_a_bad_variable_is_refused_by_its_name(refusal, name: str, text: str, told: str):
    assert refusal("# nothing", {name: text})[0].startswith(f"{name}: {told}")


def test_the_file_and_the_variables_are_refused_together(refusal):
    told = refusal("web = 3\ndata = 4", {"STILLUP_WEB__LISTEN": "127.0.0.1:1", "STILLUP_STORE__RETENTION_DAYS": "x"})
    assert [line.split(": ")[:2] for line in told] == [
        ["STILLUP_STORE__RETENTION_DAYS", "store.retention_days"],
        ["stillup.toml:1", "web"],
        ["stillup.toml:2", "data"],
    ]
