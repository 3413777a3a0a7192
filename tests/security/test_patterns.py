"""No pattern takes a time that explodes with the length of what it is looked for in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench"
SIZE = 2_500
"""At this length what grows with the square takes a tenth of a second, what grows faster seconds and more."""
LEAST = 250
ASK = f"""
import json, warnings
from fuzz.patterns import patterns, worst
warnings.simplefilter("ignore")
timed = [worst(found, {SIZE}, 2.0) for found in patterns()]
bad = [(t.found.module, repr(t.found.pattern.pattern), t.text) for t in timed if t.seconds == float("inf")]
print(json.dumps([len(timed), bad]))
"""


def test_no_pattern_of_the_tree_blows_up_on_a_string_made_for_it():
    # In a process of its own: patterns are seen while they are compiled, and a signal ends those that hang.
    done = subprocess.run([sys.executable, "-c", ASK], cwd=BENCH, capture_output=True, text=True, check=True)
    seen, bad = json.loads(done.stdout)
    assert bad == []
    assert seen > LEAST
