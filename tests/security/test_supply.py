"""What stillup is built from, and what comes out."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_every_lock_is_hashed_and_every_licence_is_one_that_is_allowed():
    audit = [sys.executable, str(ROOT / "script" / "audit"), "--offline"]
    done = subprocess.run(audit, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout


def test_no_lock_says_where_from():
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text(), lock


@pytest.mark.skipif(
    shutil.which("git") is None or not (ROOT / ".git").exists(), reason="it is built from what is committed"
)
def test_two_builds_of_one_commit_are_the_same_to_the_byte_and_hold_the_package_and_nothing_else(tmp_path):
    environ = {"PATH": "/usr/bin:/bin:/usr/local/bin", "PYTHON": sys.executable, "HOME": str(tmp_path)}
    build = [str(ROOT / "script" / "build"), str(tmp_path / "dist")]
    done = subprocess.run(build, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    sums = dict(reversed(line.split()) for line in (tmp_path / "dist" / "SHA256SUMS").read_text().splitlines())
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == sums[wheel.name]
    names = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert names == {"stillup", f"{wheel.name.rpartition('-py3')[0]}.dist-info"}
