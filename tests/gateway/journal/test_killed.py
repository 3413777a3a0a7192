"""A gateway that is killed in the middle of an answer keeps every token that went out."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from stillup.gateway.journal.read import load
from stillup.gateway.journal.segment import in_use, segments

WRITER = Path(__file__).with_name("writer.py")


@pytest.mark.parametrize(("sync", "commits"), [("second", 1), ("second", 400), ("none", 50), ("always", 20)])
def test_every_chunk_that_was_committed_outlives_kill_9(sync, commits, folder, start, ask, noon):
    with subprocess.Popen([sys.executable, WRITER, folder, sync], stdout=subprocess.PIPE) as writer:
        forwarded = int(list(islice(writer.stdout, commits))[-1])
        running = load(folder, "x").outcome
        writer.kill()
        forwarded = max([forwarded, *map(int, writer.stdout.read().split(b"\n")[:-1])])

    found = load(folder, "x")
    kept = found.answer().split()
    assert running == "running"
    assert found.outcome == "unfinished"
    assert len(kept) >= forwarded
    assert kept == [b"A%d" % n for n in range(len(kept))]
    assert not in_use(segments(folder)[0])

    journal = start()  # the next start begins a file of its own
    journal.begin(ask("hello"), "y", noon)
    journal.commit(noon)
    assert len(segments(folder)) == 2
