"""Where the configuration is looked for, and what a good one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillup.config import Config, load_config, parse_config
from stillup.errors import ConfigError

# The least that every version must accept.
CONTRACT = """
data = "/path/to/folder"
services = ["claude", "chatgpt"]
[sources.statuspage]            # any source id; base_url may also be given per service: [sources.statuspage.claude]
enabled = true
base_url = "http://127.0.0.1:9000"
interval_s = 60                 # the 60 s floor does not bind on loopback
[web]
listen = "127.0.0.1:8780"
[gateway]
listen = "127.0.0.1:8790"
deadline_s = 600
hedge_after_s = 2.0             # absent: learned from time-to-first-token quantiles
journal = true
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"          # anthropic | openai | openai-responses | gemini | bedrock | vertex
base_url = "http://127.0.0.1:9001"   # what that protocol's official SDK takes as base_url
key_env = "A_KEY"               # absent: no key is sent, unless the client's own passes
service = "claude"              # whose verdict counts for it
component = "api"
[[gateway.upstreams]]
id = "b"
protocol = "openai"
base_url = "http://127.0.0.1:9002/v1"
service = "chatgpt"
[[gateway.routes]]
match = "*"                     # model name pattern as the client sends it
chain = ["a/claude-opus", "b/gpt-large"]   # upstream/model; "a" alone keeps the client's model name
"""


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, a user's folders beside it, and no configuration anywhere."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for name in ("CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_the_contract_is_accepted_whole():
    config = parse_config(CONTRACT)
    assert config.data_folder == Path("/path/to/folder")
    assert config.services == ("claude", "chatgpt")
    assert config.web.listen == "127.0.0.1:8780"
    gateway = config.gateway
    assert (gateway.listen, gateway.deadline_s, gateway.hedge_after_s, gateway.journal) == (
        "127.0.0.1:8790",
        600,
        2.0,
        True,
    )
    assert [(u.id, u.protocol, u.base_url, u.key_env, u.service, u.component) for u in gateway.upstreams] == [
        ("a", "anthropic", "http://127.0.0.1:9001", "A_KEY", "claude", "api"),
        ("b", "openai", "http://127.0.0.1:9002/v1", None, "chatgpt", None),
    ]
    assert [(r.match, r.chain) for r in gateway.routes] == [("*", ("a/claude-opus", "b/gpt-large"))]
    assert config.setting("statuspage", "claude", {}).base_url == "http://127.0.0.1:9000"
    assert config.warnings == ()


def test_without_any_configuration_everything_has_its_default(empty: Path):
    config = load_config(None, {})
    assert config == Config()
    assert config.services == ("claude", "chatgpt")
    assert config.data_folder == empty / "DATA" / "stillup"
    assert config.store.retention_days == 30
    assert config.judgement.arl_days == 365
    assert (config.web.listen, config.gateway.listen) == ("127.0.0.1:8780", "127.0.0.1:8790")


def test_an_empty_file_is_the_same_as_none(empty: Path):
    path = write(empty / "empty.toml", "\n# nothing yet\n")
    assert load_config(path, {}) == Config(path=path)


def test_the_first_of_the_three_places_counts_and_it_alone(empty: Path):
    own = write(empty / "CONFIG" / "stillup" / "stillup.toml", 'services = ["aws"]\nstore.retention_days = 9')
    assert load_config(None, {}).services == ("aws",)
    named = write(empty / "named.toml", 'services = ["copilot"]')
    assert load_config(None, {"STILLUP_CONFIG": str(named)}).services == ("copilot",)
    given = write(empty / "given.toml", 'services = ["claude"]')
    assert load_config(given, {"STILLUP_CONFIG": str(named)}).services == ("claude",)
    assert own.is_file()


def test_a_file_that_lies_about_in_the_current_folder_decides_nothing(empty: Path):
    write(empty / "here" / "stillup.toml", 'services = ["github"]')
    assert load_config(None, {}) == Config()


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_a_file_that_was_named_must_be_there(empty: Path, by: str):
    path = empty / "gone.toml"
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read: No such file"):
        load_config(path, {}) if by == "argument" else load_config(None, {"STILLUP_CONFIG": str(path)})


def test_relative_paths_start_at_the_files_folder_and_in_variables_at_the_current_one(empty: Path):
    write(empty / "etc" / "the.key", "k")
    path = write(empty / "etc" / "stillup.toml", 'data = "db"\n[sources.downdetector]\nkey_file = "the.key"')
    config = load_config(path, {})
    assert config.data_folder == empty / "etc" / "db"
    assert config.sources["downdetector"].everywhere.key_file == str(empty / "etc" / "the.key")
    assert load_config(None, {"STILLUP_HOME": "mine"}).data_folder == empty / "here" / "mine"


def test_a_tilde_is_the_home_folder(empty: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(empty))
    assert parse_config('data = "~/x"').data_folder == empty / "x"


def test_the_mark_some_editors_put_first_is_not_an_error(empty: Path):
    path = empty / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbfservices = ['aws']\r\n")
    assert load_config(path, {}).services == ("aws",)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"a = 1\nb = \xff\n", r"x\.toml:2: not UTF-8"),
        (b"# " + b"x" * (1 << 20), r"x\.toml: larger than 1 MiB"),
        (b"a = " + b"[" * 50_000, r"x\.toml:1: not TOML: nested too deeply"),
    ],
)
def test_a_file_that_is_no_text_of_ours_is_refused(empty: Path, body: bytes, says: str):
    path = empty / "x.toml"
    path.write_bytes(body)
    with pytest.raises(ConfigError, match=says):
        load_config(path, {})


def test_a_folder_in_place_of_the_file_is_refused(empty: Path):
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(empty, {})


def test_a_configuration_cannot_be_changed():
    with pytest.raises(AttributeError):
        parse_config("").services = ("aws",)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("web", "says"),
    [
        ("public = true", ["web.public: without `web.base_url`"]),
        ("public = true\nbase_url = 'https://up.example.org'", []),
        ("", []),
    ],
)
def test_a_public_page_that_does_not_know_its_address_is_worth_a_word(web, says):
    warnings = parse_config(f"[web]\n{web}").warnings
    assert [w.partition(" the links")[0] for w in warnings] == says
