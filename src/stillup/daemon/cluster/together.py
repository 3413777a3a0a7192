"""Tasks that live and die together; each sees its end, though one cancellation is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

_AGAIN_S = 5.0
"""More than any of them takes to put its things away: to be asked again would cut that short."""


async def together(*works: Coroutine[Any, Any, object]) -> None:
    """Do all of this until one of it ends or fails, or this is cancelled; then nothing of it goes on.

    What failed first is raised. As :class:`asyncio.TaskGroup` otherwise; but that asks a task to end once, and a wait
    with a timeout can lose the question when its answer comes at the same moment (CPython issue 86296).
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    for task in tasks:
        if not task.cancelled() and (exc := task.exception()) is not None:
            raise exc


async def end(tasks: Iterable[asyncio.Task[Any]], again_s: float = _AGAIN_S) -> None:
    """Cancel tasks and see them end; who is cancelled here meanwhile is so once they have."""
    tasks = list(tasks)
    pending = {task for task in tasks if not task.done()}
    is_cancelled = False
    while pending:
        for task in pending:
            task.cancel()
        try:
            _, pending = await asyncio.wait(pending, timeout=again_s)
        except asyncio.CancelledError:
            is_cancelled = True
            pending = {task for task in pending if not task.done()}
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at: of what failed beside the first, asyncio would say that nobody did
    if is_cancelled:
        raise asyncio.CancelledError
