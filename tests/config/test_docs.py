"""docs/configuration.md says what is true: its tables, its example and its refusals are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stillup.config import parse_config
from stillup.config.reference import with_reference

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_reference_is_the_schemas_own():
    assert with_reference(PAGE) == PAGE, "run script/config-reference"


def test_the_example_is_accepted(tmp_path: Path):
    (tmp_path / "downdetector.key").write_text("k")
    (tmp_path / "downdetector.key").chmod(0o600)
    config = parse_config(block("toml"), {}, tmp_path / "stillup.toml")
    assert config.warnings == ()
    assert config.setting("downdetector", "claude", {}).daily_budget == 96


def test_the_refusals_are_told_as_the_page_shows_them(refusal):
    text = """
servces = ["claude"]
services = ["claude"]



[sources.statuspage]
interval_s = 5
[gateway]
[[gateway.upstreams]]
id = "claude"
protocol = "anthropic"
[[gateway.upstreams]]
id = "local"
protocol = "openai"
[[gateway.routes]]
chain = ["claude", "lokal/llama3"]
"""
    assert refusal(text) == block("text").strip().split("\n")


def test_a_page_without_its_marks_is_not_written_over():
    with pytest.raises(ValueError, match="lacks"):
        with_reference("# Configuration")
