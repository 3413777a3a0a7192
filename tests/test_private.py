"""What is nobody else's business stays so."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
