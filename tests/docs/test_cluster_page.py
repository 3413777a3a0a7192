"""What docs/cluster.md and docs/runbook.md tell people to do can be done."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from stillup.cli.main import cli
from stillup.config import parse_config

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "cluster.md").read_text("utf-8")
RUNBOOK = (DOCS / "runbook.md").read_text("utf-8")


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_every_configuration_it_shows_is_taken(text):
    parse_config(text)


@pytest.mark.parametrize("key", sorted(set(re.findall(r"`((?:cluster|watchdog|gateway|store)\.[a-z_.]+)`", PAGE))))
def test_every_key_it_names_is_one(key):
    table = parse_config("")
    for name in key.split("."):
        table = getattr(table, name)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", PAGE + RUNBOOK)) - {"scale.md"}))
def test_every_file_it_links_to_is_there(link):
    assert (DOCS / link).exists()


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"^stillup .*|`stillup [a-z][^`]*`", PAGE + RUNBOOK, re.MULTILINE)))
)
def test_every_command_it_shows_is_one(line):
    words = line.strip("`").partition(" #")[0].split()[1:]
    path = [word for word in words[:2] if re.fullmatch("[a-z]+", word)]
    if path[0] in ("run", "doctor", "up"):
        path = path[:1]
    shown = CliRunner().invoke(cli, [*path, "--help"]).output
    assert "Usage:" in shown
    for option in re.findall(r"--[a-z-]+", line):
        assert option in shown
