"""The command line's manners: exit codes, errors in one sentence, help."""

import json
import subprocess
import sys

import pytest

from stillup.cli.main import COMMANDS, SECTIONS, run

BAD_LINE = '{"kind":"counted","at":"2026-03-02T00:01:00Z"}'


def line(minute, kind="alive", source="statuspage", **rest):
    return json.dumps(
        {"kind": kind, "at": f"2026-03-02T00:{minute:02}:00Z", "service": "claude", "source": source, **rest}
    )


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "stillup.toml"
    path.write_text(f'data = "{tmp_path / "data"}"\n')
    return str(path)


def test_help_names_every_command_and_the_exit_codes(capsys):
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    for word in ("SERVICE", "watch", "history", "replay", "demo", "doctor", "64 bad usage"):
        assert word in said


def test_help_is_in_sections_that_hold_every_command_once(capsys):
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line in SECTIONS] == list(SECTIONS)
    named = [line.split()[0] for line in lines if line[:2] == "  " and line[2:3].strip()]
    assert [name for name in named if name in COMMANDS] == list(COMMANDS)
    assert sum(len(those) for those in SECTIONS.values()) == len(COMMANDS)


@pytest.mark.parametrize(
    "args", [["claude", "--tusk"], ["claude", "--task", "golf"], ["replay"], ["watch", "--for", "0"]]
)
def test_bad_usage_is_64(args, capsys):
    assert run(args) == 64
    assert capsys.readouterr().err


def test_a_group_without_a_subcommand_says_its_help_once(capsys):
    assert run(["drill"]) == 64
    said = capsys.readouterr().err
    assert said.count("Usage:") == 1
    assert "Error" not in said


def test_an_unknown_service_gets_the_nearest_names(capsys):
    assert run(["cluade"]) == 64
    assert "did you mean claude" in capsys.readouterr().err


def test_a_mistyped_command_is_recognised(capsys):
    assert run(["histroy"]) == 64
    assert "`stillup history`" in capsys.readouterr().err


@pytest.mark.parametrize(
    "seen", ["downdetector", "nope=3/1h", "downdetector=-3", "downdetector=3/9d", "x=1/0h", "x=9/5w"]
)
def test_a_claim_in_another_form_is_refused_with_the_form_that_is_allowed(seen, capsys):
    assert run(["claude", "--seen", seen]) == 64
    assert "--seen" in capsys.readouterr().err


def test_a_broken_config_is_refused_with_file_and_line(tmp_path, capsys):
    path = tmp_path / "bad.toml"
    path.write_text('services = ["claude"]\n[sources.statuspage]\nintervall_s = 60\n')
    assert run(["claude", "--config", str(path)]) == 64
    assert f"{path}:3" in capsys.readouterr().err


def test_replay_writes_a_line_a_change_in_the_documented_form(tmp_path, config, capsys):
    path = tmp_path / "r.jsonl"
    path.write_text(
        "\n".join([*(line(m) for m in range(5)), line(5, "declared", state="major_outage", component="web")])
    )
    assert run(["replay", "--json", str(path), "--config", config]) == 0
    first, service, web = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["state"] == "operational"
    assert list(service) == [
        "at", "service", "component", "state", "confidence", "probability", "families", "since", "incident",
        "components", "regions", "problems", "scope", "models", "diagnosis", "forecast", "reason",
    ]  # fmt: skip
    assert (service["at"], service["state"], service["confidence"]) == (
        "2026-03-02T00:05:00Z",
        "partial_outage",
        "confirmed",
    )
    assert (web["component"], web["state"], web["families"]) == ("web", "major_outage", ["official"])


def test_a_replay_with_bad_lines_uses_the_rest_names_them_and_ends_with_65(tmp_path, config, capsys):
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join([line(0), "{", line(1), BAD_LINE, line(2, source="stranger")]))
    assert run(["replay", "--json", str(path), "--config", config]) == 65
    said = capsys.readouterr()
    assert json.loads(said.out)["state"] == "operational"
    assert "line 2:" in said.err
    assert "line 4:" in said.err
    assert "stranger" in said.err


def test_a_replay_of_a_line_without_end_is_bounded(tmp_path, config, capsys):
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"x" * (3 << 20) + b"\n" + line(0).encode())
    assert run(["replay", "--json", str(path), "--config", config]) == 65
    said = capsys.readouterr()
    assert "line 1: longer than" in said.err
    assert said.out.count("\n") == 1


def test_a_missing_replay_file_is_65(config, capsys):
    assert run(["replay", "/no/such/file", "--config", config]) == 65
    assert "cannot be read" in capsys.readouterr().err


def test_history_without_a_database_says_what_to_do(config, capsys):
    assert run(["history", "--config", config]) == 0
    assert "stillup watch" in capsys.readouterr().err


def test_a_crash_is_70_and_asks_for_a_report(monkeypatch, capsys):
    monkeypatch.setattr("stillup.catalog.load.find_service", lambda _word: 1 / 0)
    assert run(["claude"]) == 70
    assert "please report" in capsys.readouterr().err


def test_the_demos_scenarios_are_listed(capsys):
    assert run(["demo", "--list"]) == 0
    assert "2026-04-07" in capsys.readouterr().out


def test_names_from_a_file_cannot_steer_the_terminal_or_forge_a_line(tmp_path, config, capsys):
    path = tmp_path / "r.jsonl"
    evil = "web\x1b[31m\u202e\n12:00 Claude: operational"
    path.write_text(
        "\n".join([line(0), line(1, "declared", state="major_outage", component=evil), line(2, source="\x1b]0;x")])
    )
    assert run(["replay", str(path), "--config", config]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "\u202e" not in said.out
    assert not any(row.startswith("12:00") for row in said.out.splitlines())


def test_arguments_are_quoted_without_their_escape_codes(capsys):
    assert run(["claude", "--task", "\x1b[31mred"]) == 64
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("args", [["history", "--days", "nan"], ["demo", "--speed", "inf"], ["watch", "--for", "nan"]])
def test_numbers_that_are_none_are_refused(args, capsys):
    assert run(args) == 64
    assert capsys.readouterr().err


def test_a_reader_that_has_gone_ends_the_output_quietly(tmp_path, config):
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(line(m % 60, "declared", state=("operational", "degraded")[m % 2]) for m in range(60)))
    command = [sys.executable, "-m", "stillup", "replay", str(path), "--config", config]
    for extra in ([], ["--json"]):
        with subprocess.Popen([*command, *extra], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdout.close()
            assert process.wait(30) == 0
            assert process.stderr.read() == b""


def test_an_interrupt_while_it_is_still_being_loaded_ends_it_quietly():
    script = """
import runpy, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == "click":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupts())
runpy.run_module("stillup", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
