"""docs/dialects.md says what the translations do."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillup.gateway.dialects.table import table, with_table

PAGE = (Path(__file__).parents[3] / "docs" / "dialects.md").read_text("utf-8")


def test_the_page_is_what_the_translations_do():
    assert with_table(PAGE) == PAGE, "run script/dialect-table"


def test_a_page_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="lacks"):
        with_table("# A page")


def test_text_and_calls_are_kept_between_all_dialects():
    rows = [line for line in table().splitlines() if line.startswith(("| calls |", "| text |", "| parallel calls |"))]
    assert len(rows) == 3 * 4
    assert all(row.count("✓") == 4 for row in rows if not row.startswith("| parallel"))
    assert not any("✗" in row for row in rows)
