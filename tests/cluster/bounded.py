"""A bench that is a test too: a process that ends within a bound of its own, and is shown where it does not."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_ENDS_S = 20.0


async def told_by(*words: str, bound_s: float, log: Path) -> tuple[str, int]:
    """What it said and its exit code; a test that fails where it took longer. It says it in the file ``log``.

    ``bound_s`` and the seconds in which it must end what it started stay below ``faulthandler_timeout``: beyond that
    the interpreter ends, and all that the worker has of servers with it.
    """
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdout=said, stderr=said, cwd=ROOT, start_new_session=True
        )
    try:
        async with asyncio.timeout(bound_s):
            code = await process.wait()
    except TimeoutError:
        pytest.fail(f"{words[0]} was not over within {bound_s:.0f} s:\n{_said(log)[-3000:]}")
    finally:
        if process.returncode is None:
            await _end(process)
    return _said(log), code


def _said(log: Path) -> str:
    return log.read_text()


async def _end(process: asyncio.subprocess.Process) -> None:
    """In order, else at once with all that it started."""
    process.terminate()
    with suppress(TimeoutError):
        async with asyncio.timeout(_ENDS_S):
            await process.wait()
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
