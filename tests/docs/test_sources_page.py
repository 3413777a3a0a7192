"""docs/sources.md has every source that can be read, with what the registry says of it; its settings are accepted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stillup.config import parse_config
from stillup.registry import SOURCES, SourceSpec, usable_sources

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
BEGIN, END = "<!-- sources: as the registry has them -->\n\n", "\n\n<!-- sources: end -->"
USABLE = usable_sources()
HEAD = ("source", "what it is", "family", "read every", "usually trails by", "key", "its silence means")


def row(spec: SourceSpec) -> tuple[str, ...]:
    """One source as the page's table has it."""
    key = f"`{spec.key_env}`{'' if spec.key_required else ' (works without)'}" if spec.key_env else "not needed"
    silence = "calm" if spec.calm_counts else "nothing"
    what = f"{spec.title}: {spec.reliability}"
    return (
        f"[`{spec.id}`](#{spec.id})",
        what,
        spec.family,
        minutes(spec.interval_s),
        minutes(spec.delay_s),
        key,
        silence,
    )


def minutes(seconds: int) -> str:
    return f"{round(seconds / 60)} min"


def table() -> str:
    rows = [HEAD, ("---",) * len(HEAD), *map(row, USABLE)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def section(source_id: str) -> str:
    found = re.search(rf"^## {source_id}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/sources.md has no section about {source_id}"
    return found[1]


def block(text: str) -> str:
    found = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


def test_the_table_is_what_the_registry_gives():
    shown = PAGE.partition(BEGIN)[2].partition(END)[0]

    assert shown == table(), f"put this between the two marks of docs/sources.md:\n\n{table()}"


@pytest.mark.parametrize("spec", USABLE, ids=lambda spec: spec.id)
def test_every_source_that_can_be_read_has_a_section_with_all_a_user_needs(spec):
    text = section(spec.id)
    labels = re.findall(r"^- \*\*(.+?)\*\*", text, re.MULTILINE)

    assert labels == ["Gives", "Asks", "Manners", "Alive, and no data", "Weak points"]
    assert f"[sources.{spec.id}" in text
    assert not spec.key_env or spec.key_env in text


@pytest.mark.parametrize("spec", USABLE, ids=lambda spec: spec.id)
def test_every_setting_the_page_shows_is_accepted(spec, tmp_path):
    config = parse_config(block(section(spec.id)), {}, tmp_path / "stillup.toml")

    assert config.warnings == ()
    assert spec.id in config.sources


def test_the_common_setting_switches_a_source_off_and_points_another_elsewhere(tmp_path):
    config = parse_config(block(PAGE.partition("\n## ")[2]), {}, tmp_path / "stillup.toml")

    assert not config.setting("google_trends", "claude", {}).enabled
    assert config.setting("statuspage", "claude", {}).base_url == "https://mirror.example/claude"
    assert config.setting("statuspage", "chatgpt", {}).base_url == ""


def test_there_is_no_section_about_a_source_that_does_not_exist():
    titles = set(re.findall(r"^## ([a-z_]+)$", PAGE, re.MULTILINE))

    assert titles == {spec.id for spec in USABLE}


def test_the_sources_that_can_only_be_replayed_are_named():
    named = re.search(r"only be replayed[^:]*: (.*?)\.\n", PAGE, re.DOTALL)

    assert named
    assert re.findall(r"`(\w+)`", named[1]) == [spec.id for spec in SOURCES.values() if not spec.module]
