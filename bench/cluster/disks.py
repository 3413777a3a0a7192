"""Disks that are too small or too slow, for one server each; both need rights that not every machine gives."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

WRITE_S = 0.15
"""So long each write takes on a slow disk: as a spinning one that others use too."""
_SLOW = "write,pwrite64,pwritev,fsync,fdatasync"
_ATTACHED_S = 0.3


class SmallDisk:
    """A file system of so many MB in place of a folder; ``is_there``: whether this user may mount one."""

    def __init__(self, at: Path, mb: int) -> None:
        at.mkdir(parents=True, exist_ok=True)
        self._at = at
        before = at.with_name(f"{at.name}.before")
        shutil.rmtree(before, ignore_errors=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={mb}m", "tmpfs", str(at)]
        subprocess.run(["cp", "-a", at, before], check=True)
        self.is_there = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        if self.is_there:
            subprocess.run(["cp", "-a", f"{before}/.", at], check=True)
        shutil.rmtree(before)

    def fill(self) -> None:
        """To the last byte."""
        with (self._at / "full").open("wb", buffering=0) as full, suppress(OSError):
            while full.write(b"0" * 1_048_576):
                pass

    def clear(self) -> None:
        """As it was."""
        (self._at / "full").unlink(missing_ok=True)

    def remove(self) -> None:
        """Let go of it; whoever used it has ended."""
        if self.is_there:
            subprocess.run(["umount", self._at], check=False, capture_output=True)


class SlowDisk:
    """Each write of some processes to a disk takes long, for as long as it is held; sockets stay quick.

    ``strace`` stops them at each such call. Where a program writes to files and sockets alike, ``files`` are those that
    are slow: what it makes anew meanwhile is not.
    """

    def __init__(self, pids: Iterable[int], files: Iterable[Path] = ()) -> None:
        words = [word for pid in pids for word in ("-p", str(pid))]
        words += [word for file in files for word in ("-P", str(file))]
        calls = _SLOW if files else _SLOW.replace("write,", "", 1)
        late = f"inject={calls}:delay_enter={WRITE_S * 1e6:.0f}"
        self._strace = subprocess.Popen(
            ["strace", "-f", "-q", "-o", "/dev/null", *words, "-e", f"trace={calls}", "-e", late],
            stderr=subprocess.DEVNULL,
        )
        time.sleep(_ATTACHED_S)

    @property
    def is_there(self) -> bool:
        """Whether it holds."""
        return self._strace.poll() is None

    def remove(self) -> None:
        """Quick again."""
        self._strace.terminate()
        self._strace.wait(30)

    @staticmethod
    def is_possible() -> bool:
        """Whether this user may do that here."""
        if shutil.which("strace") is None:
            return False
        with subprocess.Popen(["sleep", "60"]) as sleeping:
            disk = SlowDisk([sleeping.pid])
            is_there = disk.is_there
            disk.remove()
            sleeping.kill()
        return is_there
