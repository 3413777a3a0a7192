"""A gateway of its own process that kills itself before the nth time it changes a file: ``killed.py CONFIG N``.

Python tells a hook of every file before it is opened or renamed: no line of the gateway knows of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from stillup.clock import SystemClock
from stillup.config import load_config
from stillup.daemon.gateway import build
from stillup.gateway.later.item import State
from stillup.gateway.plan import resolve

_SETTLED = (State.ANSWERED, State.FAILED, State.UNSURE)


def kill_before(nth: int, folder: Path) -> list[str]:
    """From now on; what was counted."""
    seen: list[str] = []

    def hook(event: str, args: tuple) -> None:
        if event == "open":
            path, _, flags = args
            counts = bool(flags & (os.O_WRONLY | os.O_RDWR))
        elif event == "os.rename":
            path, counts = args[1], True
        else:
            return
        if counts and str(path).startswith(str(folder)) and "/lock" not in str(path):
            seen.append(f"{event} {Path(str(path)).suffix}")
            if len(seen) == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return seen


async def main(config_path: Path, nth: int) -> None:
    environ = {"A_KEY": "dummy"}
    config, clock, told = load_config(config_path, environ), SystemClock(), []
    gateway = build(config, resolve(config, environ), clock, say=told.append)
    seen = kill_before(nth, config.data_folder)
    await gateway.start()
    async with asyncio.timeout(20):
        while not gateway.later.items or any(i.state not in _SETTLED for i in gateway.later.items):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    await gateway.stop(1.0)
    items = [(i.state.value, i.runs) for i in gateway.later.items]
    print(json.dumps({"items": items, "told": told, "seen": seen}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
