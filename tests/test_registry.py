"""Other packages add sources through an entry point; one that is broken takes nothing else with it."""

import subprocess
import sys

import pytest

SOURCE = """
from stillup.sources.base import HttpSource

class Weather(HttpSource):
    id = "weather"

SOURCE = Weather()
"""
LINES = """
from stillup.model.service import Family
from stillup.registry import SourceSpec

SPEC = SourceSpec("weather", Family.SOCIAL, 300, "Weather", 60, "guesses", "their_package.their_source:SOURCE")
NO_PLACE = SourceSpec("weather", Family.SOCIAL, 300, "Weather", 60, "guesses")
TAKEN = SourceSpec("reddit", Family.SOCIAL, 300, "Mine", 60, "guesses", "their_package.their_source:SOURCE")
"""


@pytest.fixture
def ask(tmp_path):
    """Run a line of Python in a world where a package with that entry point is installed."""

    def run(entry, line):
        (tmp_path / "their_package").mkdir()
        (tmp_path / "their_package" / "__init__.py").write_text("")
        (tmp_path / "their_package" / "their_source.py").write_text(SOURCE)
        (tmp_path / "their_package" / "lines.py").write_text(LINES)
        info = tmp_path / "their_package-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[stillup.sources]\n{entry}\n")
        code = f"from stillup.registry import FOREIGN, SOURCES, load_source, usable_sources\n{line}"
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": str(tmp_path), "PATH": ""},
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_a_source_of_another_package_stands_beside_the_shipped_ones(ask):
    said = ask(
        "weather = their_package.lines:SPEC",
        "print('weather' in {s.id for s in usable_sources()}, load_source('weather').id, FOREIGN)",
    )
    assert said == "True weather {}"


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("weather = their_package.nothing:SPEC", "cannot be loaded: ModuleNotFoundError"),
        ("weather = their_package.lines:Family", "is no SourceSpec under its own id"),
        ("other = their_package.lines:SPEC", "is no SourceSpec under its own id"),
        ("reddit = their_package.lines:TAKEN", "has an id that is taken"),
        ("weather = their_package.lines:NO_PLACE", "does not say where its source is"),
    ],
)
def test_one_that_is_broken_is_named_and_left_out(entry, why, ask):
    said = ask(entry, "print(SOURCES['reddit'].title, 'weather' in SOURCES, FOREIGN)")
    assert said.startswith("Reddit False ")
    assert why in said


def test_without_such_a_package_nothing_is_searched_for():
    code = "import sys, stillup.registry; print('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
                          capture_output=True, text=True, check=True, timeout=60)  # fmt: skip
    assert done.stdout.strip() == "False"
