"""What is nobody else's business stays so."""

from __future__ import annotations

import stat
import subprocess
import sys

import pytest

from stillup import private

LOOK = """
import resource
from stillup.private import keep_memory_private
before = resource.getrlimit(resource.RLIMIT_CORE)
keep_memory_private()
after = resource.getrlimit(resource.RLIMIT_CORE)
print(after == (0, before[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits are POSIX's")
def test_a_crash_leaves_no_keys_on_the_disk():
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert said.stdout == "True\n"


def test_a_file_is_made_for_its_owner_alone_and_one_that_is_there_stays(tmp_path):
    path = tmp_path / "made"
    private.make_file(path, b"first")
    private.make_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "made"
    private.replace_file(path, b"first")
    private.replace_file(path, b"second")
    assert path.read_bytes() == b"second"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        private.replace_file(tmp_path / "folder", b"third")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "made"]
