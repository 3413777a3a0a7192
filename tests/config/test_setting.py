"""What a source is told: the word for the service over the word for all, with its key, never too fast."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stillup.config import Config, Setting, parse_config
from stillup.errors import ConfigError
from stillup.registry import SOURCES
from stillup.secret import Secret
from stillup.sources import base

TEXT = """
[sources.statuspage]
enabled = false
base_url = "http://127.0.0.1:9000/"
interval_s = 5
daily_budget = 100
[sources.statuspage.claude]
enabled = true
api = false
interval_s = 7
"""


def key(text: str, environ: dict[str, str], source: str = "downdetector", service: str = "claude") -> str | None:
    found = parse_config(text).setting(source, service, environ).key
    return found.reveal() if found else None


def test_sources_take_the_setting_from_beside_their_own_base():
    assert base.Setting is Setting


def test_the_word_for_a_service_stands_above_the_word_for_all():
    config = parse_config(TEXT)
    claude = config.setting("statuspage", "claude", {})
    assert claude == Setting(
        base_url="http://127.0.0.1:9000", interval_s=7, enabled=True, daily_budget=100, options={"api": False}
    )
    assert config.setting("statuspage", "github", {}) == Setting(
        base_url="http://127.0.0.1:9000", interval_s=5, enabled=False, daily_budget=100
    )


@pytest.mark.parametrize("source_id", SOURCES)
def test_without_configuration_a_source_has_its_own_interval_and_no_options(source_id: str):
    spec = SOURCES[source_id]
    assert Config().setting(source_id, "claude", {}) == Setting(interval_s=spec.interval_s, enabled=not spec.opt_in)


def test_an_unknown_source_is_an_error():
    with pytest.raises(KeyError):
        Config().setting("nosuch", "claude", {})


def test_a_service_that_was_not_listed_is_not_asked_too_fast_either():
    config = parse_config(
        "services = ['claude']\n[sources.statuspage]\ninterval_s = 2\n"
        "[sources.statuspage.claude]\nbase_url = 'http://127.0.0.1:1'"
    )
    assert config.setting("statuspage", "claude", {}).interval_s == 2
    assert config.setting("statuspage", "github", {}).interval_s == 60


def test_a_service_gets_those_endpoints_only_that_it_has():
    config = parse_config("""
[sources.probe.endpoints]
edge = "http://127.0.0.1:1/"
console = "http://127.0.0.1:2/"
[sources.probe.claude.endpoints]
edge = "http://127.0.0.1:3/"
""")
    assert config.setting("probe", "chatgpt", {}).options == {"endpoints": {"edge": "http://127.0.0.1:1/"}}
    assert config.setting("probe", "claude", {}).options == {
        "endpoints": {"edge": "http://127.0.0.1:3/", "console": "http://127.0.0.1:2/"}
    }


def test_the_probes_own_options_reach_it():
    text = "[sources.probe]\ncontrols = ['dns:a.example', 'http://b.example/x?y']\nmodel = 'm'\nmax_usd_per_day = 0"
    assert parse_config(text).setting("probe", "aws", {}).options == {
        "controls": ("dns:a.example", "http://b.example/x?y"),
        "model": "m",
        "max_usd_per_day": 0.0,
    }


@pytest.mark.parametrize(
    ("source", "line", "options"),
    [
        ("statuspage", "api = true", {"api": True}),
        ("statusgator", "board = 'Ab12'", {"board": "Ab12"}),
        ("downdetector", "company = 32168", {"company": 32168}),
        ("google_trends", "geo = ['US', 'IN']", {"geo": ("US", "IN")}),
        ("claude_code", "path = '/srv/transcripts'", {"path": "/srv/transcripts"}),
        ("probe", "deadline_s = 4", {"deadline_s": 4.0}),
        ("reddit", "", {}),
    ],
)
def test_a_sources_own_keys_reach_it_where_they_are_set(source: str, line: str, options: dict[str, object]):
    config = parse_config(f"[sources.{source}.claude]\n{line}")
    assert config.setting(source, "claude", {}).options == options
    assert config.setting(source, "github", {}).options == {}


def test_a_key_comes_from_the_sources_usual_variable():
    assert key("", {"DOWNDETECTOR_TOKEN": " k1 \n"}) == "k1"
    assert key("", {"DOWNDETECTOR_TOKEN": "  "}) is None
    assert key("", {}) is None


def test_the_probe_uses_the_variable_of_the_services_api():
    environ = {"ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "o"}
    assert key("", environ, "probe", "claude") == "a"
    assert key("", environ, "probe", "chatgpt") == "o"
    assert key("", environ, "probe", "github") is None


def test_a_named_place_is_the_only_one_looked_at_the_variable_first(tmp_path: Path):
    private = tmp_path / "k"
    private.write_text("from-file\n")
    private.chmod(0o600)
    environ = {"DOWNDETECTOR_TOKEN": "usual", "MINE": "mine"}
    both = f"[sources.downdetector]\nkey_env = 'MINE'\nkey_file = '{private}'"
    assert key(both, environ) == "mine"
    assert key(both, {"DOWNDETECTOR_TOKEN": "usual"}) == "from-file"
    assert key("[sources.downdetector]\nkey_env = 'OTHER'", environ) is None
    assert key(f"[sources.downdetector]\nkey_file = '{private}'", environ) == "from-file"
    assert key("[sources.downdetector.claude]\nkey_env = 'MINE'", environ, service="github") == "usual"


def test_a_key_does_not_show_itself():
    setting = Config().setting("downdetector", "claude", {"DOWNDETECTOR_TOKEN": "sk-hush"})
    assert setting.key == Secret("sk-hush")
    assert "hush" not in repr(setting)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_that_others_can_read_is_warned_of(tmp_path: Path, mode: int):
    path = tmp_path / "k"
    path.write_text("sk-hush")
    path.chmod(mode)
    warnings = parse_config(f"[sources.downdetector.claude]\nkey_file = '{path}'").warnings
    assert warnings == (f"{path}: others can read this key (mode {mode:04o}); `chmod 600` makes it yours alone",)


def test_a_private_key_file_is_not_warned_of(tmp_path: Path):
    path = tmp_path / "k"
    path.write_text("sk-hush")
    path.chmod(0o600)
    assert parse_config(f"[sources.downdetector]\nkey_file = '{path}'").warnings == ()


def test_a_key_file_that_went_away_or_is_no_text_says_so_when_the_key_is_needed(tmp_path: Path):
    path = tmp_path / "k"
    path.write_bytes(b"sk-\xffhush")
    path.chmod(0o600)
    config = parse_config(f"[sources.downdetector]\nkey_file = '{path}'")
    with pytest.raises(ConfigError, match=r"the key cannot be read: it holds more than ASCII") as caught:
        config.setting("downdetector", "claude", {})
    assert "hush" not in str(caught.value)
    path.unlink()
    with pytest.raises(ConfigError, match="the key cannot be read: No such file"):
        config.setting("downdetector", "claude", {})


@pytest.mark.parametrize("value", ["sk-a\nhush", "sk-a\r\nhush", "sk-\x7fhush", "sk-\u00a0hush", "sk-\u200bhush"])
def test_a_variable_that_holds_what_no_header_can_carry_is_refused_by_its_name(value: str):
    with pytest.raises(ConfigError, match=r"^DOWNDETECTOR_TOKEN: the key cannot be sent: ") as caught:
        key("", {"DOWNDETECTOR_TOKEN": value})
    assert "hush" not in str(caught.value)


def test_so_is_a_file_of_two_lines_and_one_that_is_empty(tmp_path: Path):
    path = tmp_path / "k"
    path.write_text("sk-a\nsk-hush\n")
    path.chmod(0o600)
    config = f"[sources.downdetector]\nkey_file = '{path}'"
    with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: the key cannot be sent: ") as caught:
        key(config, {})
    assert "hush" not in str(caught.value)
    path.write_text(" \n")
    with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: there is no key in this file"):
        key(config, {})


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("[sources.downdetector]\nbase_url = 'http://a.example'", "sources.downdetector: http:// sends the key unenc"),
        ("[sources.reddit.claude]\nbase_url = 'HTTP://a.example'", "sources.reddit.claude: http:// sends the key"),
        ("[sources.hackernews]\nbase_url = 'http://a.example'", ""),
        ("[sources.downdetector]\nbase_url = 'https://a.example'", ""),
        ("[sources.downdetector]\nbase_url = 'http://127.0.0.1:1'", ""),
        ("[sources.gateway]\nenabled = false", "sources.gateway: this source can only be replayed so far"),
        (
            "gateway.upstreams = [{id = 'a', protocol = 'openai', base_url = 'http://10.0.0.1', key_env = 'K'}]",
            "gateway upstream a: http:// sends the key unencrypted",
        ),
        ("gateway.upstreams = [{id = 'a', protocol = 'openai', base_url = 'http://10.0.0.1'}]", ""),
        (
            "web.gateway_url = 'http://gateway:8790'",
            "web.gateway_url: http:// sends what is chatted, and the gateway's",
        ),
        ("web.gateway_url = 'https://gateway:8790'", ""),
        ("web.gateway_url = 'http://127.0.0.1:8790'", ""),
    ],
)
def test_what_is_allowed_and_unwise_is_warned_of(text: str, warned: str):
    warnings = parse_config(text).warnings
    assert len(warnings) == bool(warned)
    assert "".join(warnings).startswith(warned)


def test_a_source_that_nobody_has_asked_for_is_not_one_that_is_read():
    off = "".join(f"[sources.{spec.id}]\nenabled = false\n" for spec in SOURCES.values() if not spec.opt_in)

    assert not parse_config(off).reads_any(["claude"])
    assert parse_config(f"{off}[sources.bluesky]\nenabled = true\n").reads_any(["claude"])
