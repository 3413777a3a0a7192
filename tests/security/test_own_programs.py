"""Programs that stillup starts itself: what lies in the folder somebody works in is never run for it."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

from stillup.cli.statusline.kept import last_word
from stillup.clock import SystemClock
from stillup.config import parse_config

SOURCE = Path(__file__).resolve().parents[2] / "src" / "stillup"


def test_our_own_interpreter_is_never_started_so_that_it_looks_for_modules_in_the_folder_it_is_started_in():
    """``-m`` puts that folder first: whoever has a project with a ``stillup`` folder in it would be run by it."""
    started = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Tuple | ast.List):
                words = [word.value if isinstance(word, ast.Constant) else ast.unparse(word) for word in node.elts]
                if "-m" in words:
                    started[f"{path.relative_to(SOURCE)}:{node.lineno}"] = words[: words.index("-m")]
    assert started, "nothing is found any more: how are they started now?"
    assert [where for where, words in started.items() if not {"-P", "-I"} & set(words)] == []


def test_the_status_line_in_a_strangers_project_runs_nothing_of_it(tmp_path):
    """Claude Code asks for the line in the folder of the project, which may be anybody's."""
    for name in ("stillup", "click", "msgspec"):
        (tmp_path / name).mkdir()
        for file in ("__init__", "__main__"):
            (tmp_path / name / f"{file}.py").write_text("open('was-run', 'w')\n")
    (tmp_path / "stillup.toml").write_text(f'data = "{tmp_path}/data"\n')
    config = parse_config((tmp_path / "stillup.toml").read_text(), {}, tmp_path / "stillup.toml")
    programs = []
    last_word(config, "claude", SystemClock().now(), programs.append)
    (program,) = programs
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not (tmp_path / "was-run").exists()
    bare = [word for word in program if word != "-P"]
    subprocess.run(bare, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert (tmp_path / "was-run").exists(), "this would have shown it"
