"""An import that ends anywhere loses nothing and doubles nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stillup.clock import SystemClock
from stillup.vault import intake
from stillup.vault.keeping import verify
from stillup.vault.store import open_vault
from stillup.vault.values import Skipped
from stillup.vault.write import Put
from tests.vault.talks import Given, talk

MANY = [talk(f"question {n}", f"answer {n}", id=str(n), ids=f"{n}-{{}}") for n in range(300)]


def test_what_was_read_once_is_not_read_again(vault, tmp_path):
    given = Given(*MANY[:3], Skipped(where="line 4", why="It is no JSON."))
    first = intake.take(vault, tmp_path, given, SystemClock())
    again = intake.take(vault, tmp_path, given, SystemClock())
    assert first.puts[Put.NEW] == 3
    assert first.skipped == [Skipped(where="line 4", why="It is no JSON.")]
    assert not first.resumed
    assert (sum(again.puts.values()), again.resumed) == (0, True)
    assert given.marks == ["", "4"]


def test_a_source_that_fails_in_the_middle_keeps_what_came_before(vault, tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "_BATCH_READS", 2)

    class Failing(Given):
        def read(self, source, mark=""):
            for n, read in enumerate(super().read(source, mark)):
                if n == 5 and not mark:
                    raise OSError(5, "the disk failed")
                yield read

    given = Failing(*MANY[:8])
    with pytest.raises(OSError, match="the disk failed"):
        intake.take(vault, tmp_path, given, SystemClock())
    assert len(vault.newest(100)) == 4  # the batch in which it failed is not kept, and is read again
    intake.take(vault, tmp_path, given, SystemClock())
    assert len(vault.newest(100)) == 8


VICTIM = """
import sys
sys.path.append(sys.argv[2])
from pathlib import Path
from stillup.clock import SystemClock
from stillup.vault import intake
from stillup.vault.store import open_vault
from tests.vault.talks import Given, talk
intake._BATCH_READS = 7
many = [talk(f"question {n}", f"answer {n}", id=str(n), ids=f"{n}-{{}}") for n in range(300)]
with open_vault(Path(sys.argv[1])) as vault:
    intake.take(vault, Path("/somewhere"), Given(*many), SystemClock(), lambda t: print(t.done_bytes, flush=True))
"""


def test_killed_at_any_moment_it_goes_on_and_has_everything_once(tmp_path):
    path = tmp_path / "vault.db"
    args = [sys.executable, "-c", VICTIM, str(path), str(Path(__file__).parents[2])]
    kills = 0
    for pieces in (1, 3, 2, 5, 1):
        with subprocess.Popen(args, stdout=subprocess.PIPE) as process:
            for _ in range(pieces):
                process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
    assert kills == 5
    with open_vault(path) as vault:
        assert 0 < len(vault.newest(1000)) < 300
        given = Given(*MANY)
        taken = intake.take(vault, Path("/somewhere"), given, SystemClock())
        assert taken.resumed
        assert int(given.marks[0]) >= 7
        abouts = vault.newest(1000)
        assert sorted(int(about.id) for about in abouts) == list(range(300))
        assert {about.turns for about in abouts} == {2}
        assert verify(vault).troubles == []
