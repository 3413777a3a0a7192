"""The brief has what was decided and what is open, in the languages people write in."""

from __future__ import annotations

import pytest

from stillup.vault.brief import brief
from tests.vault.talks import talk


@pytest.mark.parametrize(
    ("decided", "still_open"),
    [
        ("We use SQLite for it.", "The import still fails on Windows."),
        ("Wir nehmen dafür SQLite.", "Der Import ist noch nicht getestet."),
        ("On garde SQLite pour cela.", "Il reste à vérifier la copie."),
        ("Hemos decidido usar SQLite.", "La copia todavía no funciona."),
        ("SQLiteを採用します。", "移行はまだです。"),
        ("我们决定使用SQLite。", "备份尚未测试。"),
    ],
)
def test_decisions_and_open_points_are_found(decided, still_open):
    turns = talk("How do we keep it?", f"{decided} It is fast.", "And then?", f"Good. {still_open} Bye.").turns

    said = brief("Storage", turns)

    head, _, rest = said.partition("## Open")
    assert f"- {decided}" in head.partition("## Decided")[2]
    assert f"- {still_open}" in rest.partition("## Last messages")[0]


@pytest.mark.parametrize(
    "text", ["日本語の長い文" * 500, "ไม่มีช่องว่าง" * 300, "لا مسافة " * 400, "\ud800", "🙂" * 9_000, "```\n" * 50]
)
def test_whatever_the_script_it_is_short_and_has_the_last_messages(text):
    said = brief("", talk("What is this?", text).turns)
    assert len(said) < 8_000
    assert "## Last messages" in said
