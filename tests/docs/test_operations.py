"""What docs/operations.md and the files beside it tell people to do can be done."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from stillup.config import parse_config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
UNIT = (ROOT / "deploy" / "systemd" / "stillup.service").read_text("utf-8")
CONTAINER = (ROOT / "deploy" / "one.Containerfile").read_text("utf-8")


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_every_configuration_it_shows_is_taken(text, monkeypatch):
    monkeypatch.setenv("ADA_TOKEN", "x" * 20)
    parse_config(text)


@pytest.mark.parametrize("key", sorted(set(re.findall(r"`([a-z]+\.[a-z_]+) = false`", PAGE))))
def test_every_switch_of_its_table_is_one(key):
    section, _, name = key.partition(".")
    parse_config(f"[{section}]\n{name} = false\n")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", PAGE))))
def test_every_file_it_links_to_is_there(link):
    assert (ROOT / "docs" / link).is_file()


def test_the_variables_of_unit_and_image_are_keys_of_the_configuration():
    told = dict(re.findall(r"(STILLUP_[A-Z_]+)=([^\s)]+)", UNIT + CONTAINER))
    assert {"STILLUP_HOME", "STILLUP_WEB__LISTEN", "STILLUP_GATEWAY__ENABLED", "STILLUP_CATALOG"} <= told.keys()
    assert parse_config("", {**told, "STILLUP_WEB__BASE_URL": "https://status.example.org"}).warnings == ()


@pytest.mark.parametrize(("text", "folder"), [(UNIT, "/var/lib/stillup"), (CONTAINER, "/data")])
def test_everything_is_kept_in_the_folder_that_stays(text, folder):
    told = dict(re.findall(r"(STILLUP_[A-Z_]+)=([^\s)]+)", text))
    assert str(parse_config("", told).data_folder) == folder


def test_what_the_image_copies_is_there():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINER, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert wheel["readme"] in names, "the package cannot be built without it"


def test_the_container_keeps_its_image_unchanged():
    assert "USER 10001:10001" in CONTAINER
    assert "--require-hashes" in CONTAINER


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path):
    unit = tmp_path / "stillup.service"
    unit.write_text(UNIT.replace("/opt/stillup/bin/stillup", sys.executable))
    told = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    ours = [line for line in told.stderr.splitlines() if "stillup.service" in line]
    assert ours == []
