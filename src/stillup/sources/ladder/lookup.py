"""Names looked up side by side, each once: the probes of twenty services ask for the same control hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from stillup.net import Address, Resolver


class Shared:
    """A resolver that asks ``resolver`` once for a name that several wait for at the same time.

    Nothing is kept: who comes when the answer is there asks anew. A resolver that is asked for a hundred names at once
    answers none of them in time where it counts the questions, and then nobody could tell that it is this machine.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._asked: dict[tuple[int, str, int], asyncio.Task[Sequence[Address]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """The addresses.

        :raises OSError: no such name, or nobody to ask.
        """
        key = (id(asyncio.get_running_loop()), host, port)
        task = self._asked.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(host, port))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._settle(key, done))
        return await asyncio.shield(task)

    async def _ask(self, host: str, port: int) -> Sequence[Address]:
        return await self._resolver(host, port)

    def _settle(self, key: tuple[int, str, int], done: asyncio.Task[Sequence[Address]]) -> None:
        self._asked.pop(key, None)
        if not done.cancelled():
            done.exception()  # taken note of here: whoever waited for it may have gone
