"""``stillup alternatives``: asked of the loopback world, as a person and as a program read it."""

import json
from datetime import UTC, datetime

import pytest

from stillup.cli.main import run
from stillup.clock import ScaledClock
from stillup.sim.load import parse
from stillup.sim.world import World

NOW = datetime(2026, 5, 12, 15, 0, tzinfo=UTC)
CALM = """
id = "calm"
title = "Nothing breaks"
service = "claude"
starts = 2026-05-12T06:00:00Z
ends = 2026-05-12T20:00:00Z
[usual]
reports_per_day = 60
posts_per_day = 12
chatter_per_day = 240
requests_per_hour = 20
components = { web = 1 }
regions = { US = 1 }
problems = { slow = 1 }
"""


@pytest.fixture
def asked(tmp_path, monkeypatch, capsys):
    """Runs the command in a thread beside the world; its exit code and what it printed."""
    import asyncio

    async def ask(*arguments):
        async with World(parse(CALM, "calm.toml"), ScaledClock(NOW, 1), services=["claude", "chatgpt"]) as world:
            config = tmp_path / "stillup.toml"
            config.write_text(f"data = {json.dumps(str(tmp_path / 'data'))}\n{world.config()}")
            for name, key in world.environ().items():
                monkeypatch.setenv(name, key)
            code = await asyncio.to_thread(run, ["alternatives", *arguments, "--config", str(config)])
        return code, capsys.readouterr().out

    return ask


async def test_those_that_are_up_are_offered_with_why_and_how_to_get_at_them(asked):
    code, text = await asked("claude")
    assert code == 0
    assert "Claude: operational" in text
    assert "Instead for" in text
    assert "✓ ChatGPT (up now)" in text


async def test_a_program_gets_one_object(asked):
    code, text = await asked("claude", "--task", "coding", "--json")
    told = json.loads(text)
    assert code == 0
    assert (told["service"], told["task"], told["state"], told["works"]) == ("claude", "coding", "operational", [])
    states = {c["offer"]["service"]: c["state"] for c in told["alternatives"]}
    assert states["chatgpt"] == "operational"
    assert "claude" not in states


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cloudflare"], "does nothing that another service could do"),
        (["clade"], "did you mean"),
        (["claude", "--task", "x"], "--task"),
    ],
)
def test_what_cannot_be_answered_is_refused(arguments, says, capsys):
    assert run(["alternatives", *arguments]) == 64
    assert says in capsys.readouterr().err


def test_where_none_is_known_to_be_up_the_code_says_unknown(tmp_path, capsys):
    from stillup.registry import usable_sources

    off = "".join(f"[sources.{spec.id}]\nenabled = false\n" for spec in usable_sources())
    (tmp_path / "off.toml").write_text(f"data = {json.dumps(str(tmp_path / 'data'))}\n{off}")
    assert run(["alternatives", "claude", "--config", str(tmp_path / "off.toml")]) == 3
    assert "? ChatGPT" in capsys.readouterr().out


@pytest.fixture
def off(tmp_path, capsys, monkeypatch):
    """Runs the command with every source switched off."""
    from stillup.registry import usable_sources

    for name in ("OLLAMA_HOST", "LM_STUDIO_API_BASE", "STILLUP_OFFLINE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    switched_off = "".join(f"[sources.{spec.id}]\nenabled = false\n" for spec in usable_sources())
    (tmp_path / "off.toml").write_text(f"data = {json.dumps(str(tmp_path / 'data'))}\n{switched_off}")

    def ask(*arguments):
        code = run(["alternatives", *arguments, "--config", str(tmp_path / "off.toml")])
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


def test_backups_are_chosen_shown_tested_and_forgotten(off):
    assert off("--test")[0] == 64
    code, _, err = off("--task", "coding", "--choose", "chatgpt,local")
    assert code == 0
    assert "Your backups for coding: ChatGPT, a model on this machine." in err
    assert "ChatGPT: never tested" in off("--task", "coding")[1]
    code, out, _ = off("--test")
    assert code == 1, "none of them is known to work"
    assert "✗ a model on this machine: no model answers here (tested now)" in " ".join(out.split())
    tasks = json.loads(off("--test", "--json")[1])["tasks"]
    assert [b["service"] for b in tasks["coding"]] == ["chatgpt", "local"]
    assert off("--task", "coding", "--choose", "")[0] == 0
    assert "You have chosen no backups" in off("--task", "coding")[1]


def test_without_a_name_the_first_that_is_watched_is_meant(off):
    code, out, _ = off("--task", "coding", "--json")
    assert (code, json.loads(out)["service"]) == (3, "claude")
    assert json.loads(off("--without", "chatgpt", "--json")[1])["service"] == "chatgpt"
    assert off("claude", "--without", "chatgpt")[0] == 64


def test_what_moves_over_is_said(off):
    out = " ".join(off("--task", "translation")[1].split())
    assert "What moves over: 2 prompts of the kit" in out


def test_what_can_fail_together_is_said(off):
    out = " ".join(off("claude", "--task", "coding")[1].split())
    assert "Can fail together with Claude: " in out
    assert "Amazon Bedrock (aws)" in out
