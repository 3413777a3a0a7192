"""The token of the page."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stillup.config.schema import Web
from stillup.errors import ConfigError
from stillup.web.token import FILE, find_metrics_token, find_token, place_of

LONG = "a-token-that-nobody-guesses"
FULL = """
import resource, signal, sys
from pathlib import Path
from stillup.config.schema import Web
from stillup.web.token import find_token
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
find_token(Web(), Path(sys.argv[1]), {})
"""
"""A process on a disk that is full after ten bytes."""


def test_one_is_made_for_its_owner_alone_and_stays_the_same(tmp_path):
    folder = tmp_path / "data"
    made = find_token(Web(), folder, {})
    assert len(made.reveal()) >= 32
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert find_token(Web(), folder, {}) == made
    assert find_token(Web(), tmp_path / "another", {}) != made


def test_one_that_others_could_read_is_closed_to_them(tmp_path):
    made = find_token(Web(), tmp_path, {})
    (tmp_path / FILE).chmod(0o644)
    assert find_token(Web(), tmp_path, {}) == made
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_the_one_that_is_configured_is_taken_and_none_made(tmp_path):
    file = tmp_path / "mine"
    file.write_text(f"{LONG}\n")
    file.chmod(0o600)
    folder = tmp_path / "data"
    assert find_token(Web(token_env="PAGE"), folder, {"PAGE": LONG}).reveal() == LONG
    assert find_token(Web(token_file=str(file)), folder, {}).reveal() == LONG
    assert not folder.exists()


@pytest.mark.parametrize(
    ("settings", "environ", "says"),
    [
        (Web(token_env="PAGE"), {}, "PAGE is empty"),
        (Web(token_env="PAGE"), {"PAGE": "short"}, "fewer than 16"),
        (Web(token_env="PAGE"), {"PAGE": f"{LONG}\nx"}, "line break"),
        (Web(token_file="/no/such/file"), {}, "cannot be read"),
    ],
)
def test_one_that_is_none_is_refused_and_not_repeated(tmp_path, settings, environ, says):
    with pytest.raises(ConfigError, match=says) as refused:
        find_token(settings, tmp_path, environ)
    assert LONG not in str(refused.value)


def test_one_for_the_metrics_is_only_where_it_is_named_and_is_as_good():
    assert find_metrics_token(Web(), {}) is None
    named = Web(metrics_token_env="COUNTS")
    assert find_metrics_token(named, {"COUNTS": LONG}).reveal() == LONG
    for wrong in ({}, {"COUNTS": "short"}):
        with pytest.raises(ConfigError, match="COUNTS"):
            find_metrics_token(named, wrong)


def test_an_empty_file_is_none_and_one_is_made(tmp_path):
    (tmp_path / FILE).touch(mode=0o644)
    made = find_token(Web(), tmp_path, {})
    assert len(made.reveal()) >= 32
    assert find_token(Web(), tmp_path, {}) == made


def test_nothing_is_left_beside_the_token_and_it_is_for_its_owner_alone(tmp_path):
    find_token(Web(), tmp_path, {})
    assert [file.name for file in tmp_path.iterdir()] == [FILE]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_one_that_cannot_be_written_whole_is_not_there_at_all(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "ConfigError" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be kept"):
        find_token(Web(), tmp_path / "file" / "data", {})
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (Web(), "/data/web.token"),
        (Web(token_env="A_TOKEN"), "the variable A_TOKEN"),
        (Web(token_file="/run/secrets/page"), "/run/secrets/page"),
        (Web(token_env="A_TOKEN", token_file="/run/secrets/page"), "the variable A_TOKEN or /run/secrets/page"),
    ],
)
def test_who_looks_for_it_is_told_every_place_that_is_looked_at_in_that_order(settings, where):
    assert place_of(settings, Path("/data")) == where
