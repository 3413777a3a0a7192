"""The page about scenarios tells all there is, and its example plays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import fields

from stillup.sim import scenario
from stillup.sim.load import names, parse

PAGE = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text("utf-8")


def test_the_examples_of_the_page_can_be_played():
    small, many = (parse(text, "scenarios.md") for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))

    assert small.expect.calm == ("api",)
    assert many.services == ("aws", "github", "claude", "mistral")
    assert len(many.sources) == 2


@pytest.mark.parametrize(
    "part",
    [
        "Scenario",
        "Usual",
        "Fault",
        "Reaction",
        "Official",
        "Trend",
        "News",
        "Mirror",
        "EarlyWarning",
        "Expect",
        "SourceFault",
    ],
)
def test_every_key_is_on_the_page(part):
    keys = [f.encode_name for f in fields(getattr(scenario, part))]

    assert [k for k in keys if not re.search(rf"[`.\[]{k}[`\].]", PAGE)] == []


def test_every_mode_and_every_shipped_scenario_is_on_the_page():
    assert [m.value for m in scenario.Mode if m is not scenario.Mode.OK and f"`{m.value}`" not in PAGE] == []
    assert [n for n in names() if f"`{n}`" not in PAGE] == []
