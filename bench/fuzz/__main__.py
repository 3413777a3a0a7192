"""Fuzz what reads strangers' bytes, with atheris where it is installed: it follows which lines were reached.

    python bench/fuzz                    what there is
    python bench/fuzz '*' --seconds 20   each in a process of its own, one after the other
    python bench/fuzz stream-gemini --seconds 300

A crash ends its target, is printed with the bytes that did it (as hexadecimal digits), and gives 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
_SPARE_S = 240


def main(arguments: Sequence[str] | None = None) -> int:
    """One target, or all of them one after the other."""
    parsed = argparse.ArgumentParser(description="Fuzz what reads strangers' bytes")
    parsed.add_argument("target", nargs="?", default="")
    parsed.add_argument("--seconds", type=int, default=20)
    options = parsed.parse_args(arguments)
    if options.target and "*" not in options.target:
        from fuzz.loop import fuzz

        fuzz(options.target, options.seconds)
        return 0
    from fuzz.targets import targets

    names = sorted(targets())
    if not options.target:
        print("\n".join(names))
        return 0
    return _all([name for name in names if fnmatchcase(name, options.target)], options.seconds)


def _all(names: Sequence[str], seconds: int) -> int:
    failed = 0
    for name in names:
        begun = time.monotonic()
        command = [sys.executable, str(Path(__file__).parent), name, "--seconds", str(seconds)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=seconds + _SPARE_S, check=False)
            code, told = done.returncode, done.stderr + done.stdout
        except subprocess.TimeoutExpired as exc:
            code, told = -1, (exc.stderr or b"") + (exc.stdout or b"") + b"\nit hangs"
        failed += bool(code)
        runs = [line for line in told.decode("utf-8", "replace").splitlines() if line.startswith(("Done", "#"))]
        print(f"{name:28} {'CRASH' if code else 'ok':6} {time.monotonic() - begun:5.0f} s  {(runs or [''])[-1][:70]}")
        if code:
            print(told.decode("utf-8", "replace")[-3_000:])
        sys.stdout.flush()
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
