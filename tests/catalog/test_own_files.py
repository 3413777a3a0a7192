"""Service files of the user's own, which may have come from anywhere: none fools a terminal or holds a command up."""

from __future__ import annotations

import os

import pytest

from stillup.catalog.load import read_service
from stillup.errors import BadDataError

MINE = 'id = "mine"\nname = {}\nvendor = "V"\nhome = "https://v.example"\n'


@pytest.mark.parametrize("name", [r'"\u001b]0;owned\u0007"', r'"\u202emine"', r'"a\u200bb"', r'"\u009b31m"'])
def test_a_file_of_ones_own_with_what_fools_a_terminal_is_refused(name, tmp_path):
    (tmp_path / "mine.toml").write_text(MINE.format(name))
    with pytest.raises(BadDataError, match="cannot be shown") as caught:
        read_service(tmp_path / "mine.toml")
    assert str(caught.value).isprintable()


def test_a_pipe_or_an_endless_file_among_ones_own_holds_nothing_up(tmp_path):
    os.mkfifo(tmp_path / "mine.toml")
    (tmp_path / "other.toml").symlink_to("/dev/zero")
    (tmp_path / "large.toml").write_text(MINE.format('"Mine"') + "#" * (1 << 20))
    for name in ("mine", "other", "large"):
        with pytest.raises(BadDataError, match="is no file of at most 1024 KiB"):
            read_service(tmp_path / f"{name}.toml")


def test_a_file_of_ones_own_may_be_in_any_language(tmp_path):
    (tmp_path / "mine.toml").write_text(MINE.format('"Dienst \u00fc \u670d\u52a1"'), "utf-8")
    assert read_service(tmp_path / "mine.toml").name == "Dienst \u00fc \u670d\u52a1"
