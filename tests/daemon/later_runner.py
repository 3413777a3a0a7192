"""A process that runs what waits and kills itself before the nth change of a file: ``later_runner.py CONFIG N``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from stillup.clock import SystemClock
from stillup.config import load_config
from stillup.daemon.later.command import Health
from stillup.daemon.later.line import Line


class Well:
    async def of(self, subjects):
        return {subject: Health(0.0, "operational") for subject in subjects}


def kill_before(nth: int, folder: Path) -> None:
    count = 0

    def hook(event: str, args: tuple) -> None:
        nonlocal count
        if event == "subprocess.Popen":
            changes = True
        elif event == "open":
            changes = str(args[0]).startswith(str(folder)) and bool(args[2] & (os.O_WRONLY | os.O_RDWR))
        elif event in {"os.rename", "os.remove"}:
            changes = str(args[0]).startswith(str(folder))
        else:
            return
        count += changes
        if changes and count == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


async def main(config_path: Path, nth: int) -> None:
    config = load_config(config_path, {})
    line = Line(config, os.environ, SystemClock(), Well(), say=print, tell=lambda note: print(note.title, flush=True))
    kill_before(nth, config.data_folder / "commands")
    assert await line.until_done(lambda _: True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
