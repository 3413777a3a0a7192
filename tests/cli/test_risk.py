"""``stillup risk``: with a configuration, with none, narrow, piped, and as JSON."""

from __future__ import annotations

import json

import pytest

from stillup.cli.main import run

NOWHERE = "http://127.0.0.1:9"
LOCAL = ("OLLAMA_HOST", "LM_STUDIO_API_BASE", "LLAMACPP_BASE_URL", "VLLM_BASE_URL", "STILLUP_OFFLINE_URL")
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "MISTRAL_API_KEY", "FIRST_KEY")
CHAIN = """
[[gateway.upstreams]]
id = "first"
protocol = "anthropic"
key_env = "FIRST_KEY"
service = "claude"
component = "api"
[[gateway.upstreams]]
id = "second"
protocol = "openai"
service = "chatgpt"
pass_credentials = true
[[gateway.routes]]
match = "claude-*"
chain = ["first", "second/gpt-6.2-sol"]
"""


@pytest.fixture
def risk(tmp_path, monkeypatch, capsys):
    """Runs the command where no key is set and no local model answers."""
    for name in LOCAL:
        monkeypatch.setenv(name, NOWHERE)
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "stillup.toml"

    def ask(*arguments, more="", columns=80, chosen=None):
        monkeypatch.setenv("COLUMNS", str(columns))
        config.write_text(f"data = {json.dumps(str(tmp_path / 'data'))}\n{more}")
        if chosen:
            (tmp_path / "data").mkdir(exist_ok=True)
            (tmp_path / "data" / "toolkit.json").write_text(json.dumps({"tasks": chosen}))
        code = run(["risk", *arguments, "--config", str(config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


def test_one_service_for_a_task_is_named_as_what_it_hangs_on(risk):
    code, out, _ = risk("--task", "coding")
    assert code == 1
    assert "1 of 1 hangs on a single service: Code generation." in out
    assert "✗ nothing stands in for Claude" in out
    assert "A model on this machine" in out
    assert "What is not known" in out


def test_with_a_backup_there_is_a_second_way_and_the_score_has_its_terms(risk):
    code, out, _ = risk("--task", "coding", chosen={"coding": [{"service": "gemini"}]})
    assert code == 0
    assert "Everything here has a second way." in out
    assert "1.00 Claude: the first way counts as one" in out
    assert "Without one of them" in out


def test_as_json_every_figure_has_its_interval_and_its_basis(risk, monkeypatch):
    monkeypatch.setenv("FIRST_KEY", "dummy-of-mine")
    code, out, _ = risk("--json", more=CHAIN)
    told = json.loads(out)
    assert code == 1
    route = next(need for need in told["needs"] if need["kind"] == "route")
    assert [way["name"] for way in route["ways"]] == ["first", "second"]
    for alone in (*route["alone"], route["together"]):
        assert alone["basis"] in ("own", "shipped", "assumed")
        assert alone["provenance"]
        assert alone["hours"]["low"] <= alone["hours"]["mid"] <= alone["hours"]["high"]
        assert alone["hours"]["level"] == 0.9
    assert {gain["candidate"]["id"] for gain in route["gains"]} >= {"local", "gemini"}
    assert {term["way"] for term in route["redundancy"]["terms"]} == {"first", "second"}
    assert told["unknown"]
    assert "dummy-of-mine" not in out


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_no_line_is_longer_than_the_terminal_is_wide(risk, columns):
    _, out, _ = risk(more=CHAIN, columns=columns, chosen={"coding": [{"service": "chatgpt"}, {"service": "local"}]})
    assert max(map(len, out.splitlines())) <= columns


def test_how_many_candidates_are_shown_is_asked_for(risk):
    _, few, _ = risk("--task", "coding", "--most", "1")
    _, none, _ = risk("--task", "coding", "--most", "0")
    assert few.count("leaves") == 1
    assert "A model on this machine" in few
    assert "leaves" not in none


def test_names_from_the_configuration_cannot_write_to_the_terminal(risk):
    more = CHAIN.replace("second/gpt-6.2-sol", "second/x\\u001b[31mred")
    _, out, err = risk(more=more)
    assert "31mred" in out
    assert "\x1b" not in out + err


def test_a_task_that_is_none_is_refused(risk):
    code, _, err = risk("--task", "juggling")
    assert code == 64
    assert "juggling" in err


def test_a_toolkit_that_is_broken_is_named(risk, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "toolkit.json").write_text("[")
    code, _, err = risk()
    assert code == 65
    assert "toolkit.json" in err
