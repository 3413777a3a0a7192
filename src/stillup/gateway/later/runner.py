"""Asks again what was put off: in line, one at a time, with a pause between, when an upstream may be well again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stillup.gateway.later.item import Item, State, ask_of
from stillup.gateway.later.passing import is_ready
from stillup.gateway.later.told import Tell, note_of
from stillup.gateway.later.tray import Tray
from stillup.gateway.seen.passage import Ending, Passage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stillup.gateway.app import Gateway
    from stillup.gateway.core.status import Condition
    from stillup.gateway.core.values import Ask, Operation, Target
    from stillup.gateway.handling import Handling
    from stillup.gateway.later.item import Answer
    from stillup.gateway.later.later import Later

LOOK_S = 0.5
MOST_RUNS = 100
"""After so many times it is given up: something about it must be what fails."""
_PRUNE_EVERY_S = 60.0
_AFTER_A_MISTAKE_S = 30.0
_TELL_WITHIN_S = 30.0
"""One notification for all that came in so long."""


class Runner:
    """Lives as long as the gateway; ``tell`` is told of answers, in the event loop, and must not block or raise."""

    def __init__(self, gateway: Gateway, later: Later) -> None:
        self._gateway = gateway
        self._later = later
        self.tell: Tell | None = None
        self._hurried: dict[str, None] = {}
        self._handling: Handling | None = None
        self._running = ""
        self._chains: dict[str, tuple[Target, ...]] = {}
        self._served: dict[str, int] = {}
        """When each user's was asked last, counted in turns: one who has put off a hundred holds up nobody else."""
        self._turns = 0
        self._tray = Tray()
        self._news: list[Item] = []
        self._news_since_s = self._pruned_s = gateway.now()

    def hurry(self, item: Item) -> None:
        """Ask this one next, whatever is known of its upstreams."""
        if not item.state.is_over:
            self._hurried[item.id] = None

    def cancel(self, item: Item) -> None:
        """Forget it, and stop it where it is being asked."""
        self._hurried.pop(item.id, None)
        self._later.forget(item)
        if item.id == self._running and self._handling is not None:
            self._handling.client_gone()
            self._tray.abort()

    async def go_on(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                pause_s = await self._turn()
            except Exception as exc:  # noqa: BLE001 - a mistake of ours must not end it for all that still waits
                told = {"message": "what was put off could not be asked again", "exception": exc}
                asyncio.get_running_loop().call_exception_handler(told)
                pause_s = _AFTER_A_MISTAKE_S
            await self._gateway.clock.sleep(pause_s)

    async def _turn(self) -> float:
        """Ask one, if one is due; how long to rest afterwards."""
        gateway, later = self._gateway, self._later
        is_working = later.is_working()
        for left in later.left() if is_working else ():
            self._settle(left)
        item = self._next() if is_working else None
        now = gateway.now()
        if now - self._pruned_s >= _PRUNE_EVERY_S:
            self._pruned_s = now
            later.prune()
        if self._news and (item is None or now - self._news_since_s >= _TELL_WITHIN_S):
            self._tell()
        if item is None:
            return LOOK_S
        await self._run(item)
        return gateway.settings.defer_pause_s

    # --- which

    def _next(self) -> Item | None:
        """The first in line whose upstreams may be well; one that somebody asked for goes before all."""
        items = self._later.items
        if not items or self._gateway.is_stopping:
            return None
        hurried = next((i for i in items if i.id in self._hurried and i.state in (State.WAITING, State.UNSURE)), None)
        if hurried is not None:
            return hurried
        waiting = [item for item in items if item.state is State.WAITING]
        return min(self._ready(waiting), key=lambda item: self._served.get(item.user, 0), default=None)

    def _ready(self, waiting: list[Item]) -> Iterator[Item]:
        gateway, now = self._gateway, self._gateway.now()
        conditions: dict[tuple[str, str, Operation], Condition] = {
            (t.upstream, t.model, t.operation): t.condition for t in gateway.desk.status(now)
        }
        for item in waiting:
            chain = self._chain(item)
            pauses = self._later.pauses.is_over(_names(chain), now)
            if chain and pauses and is_ready(item.model, item.operation, chain, conditions):
                yield item

    def _chain(self, item: Item) -> tuple[Target, ...]:
        """Whom it can be asked of; read from the disk once."""
        chain = self._chains.get(item.id)
        if chain is None:
            ask = self._read(item)
            chain = self._later.chain(ask)[0] if ask is not None else ()
            if ask is not None and not chain:
                self._over(item, State.FAILED, "no upstream of the configuration can be asked it any more")
            self._chains[item.id] = chain
        return chain

    def _read(self, item: Item) -> Ask | None:
        """The request; one that cannot be read any more is given up."""
        shelf = self._later.shelf
        request = None if shelf is None else shelf.request_of(item)
        if request is None:
            self._over(item, State.FAILED, "its file cannot be read any more")
            return None
        return ask_of(item, request)

    # --- asking

    async def _run(self, item: Item) -> None:
        """Ask it, and keep what comes of it."""
        later, gateway = self._later, self._gateway
        is_hurried = self._hurried.pop(item.id, False) is None
        ask = self._read(item)
        if ask is None:
            return
        chain, keys = later.chain(ask)
        tray = self._tray = Tray()
        later.asked, later.refused, later.refused_passes = ask, None, False
        handling = gateway.begin_again(ask, item.user, tray) if chain else None
        if handling is None:  # no room, or its user's limit is reached
            later.asked = None
            later.pauses.failed(_names(chain), gateway.now())
            return
        self._handling, self._running = handling, item.id
        self._turns += 1
        self._served[item.user] = self._turns
        running = replace(item, state=State.RUNNING, runs=item.runs + 1, run_id=handling.passage.id)
        try:
            is_asked = await self._is_noted(running) and not (gateway.is_stopping or handling.is_over)
            if is_asked:
                gateway.run(handling, chain, keys)
                await tray.done.wait()
        finally:
            later.asked, self._handling, self._running = None, None, ""
            if not handling.is_over:  # too large, or it could not be noted
                handling.client_gone()
        if not is_asked:
            later.note(item)
            later.pauses.failed(_names(chain), gateway.now())
        elif later.is_kept(item):
            self._came(running, tray, handling.passage, chain, is_hurried=is_hurried)

    async def _is_noted(self, running: Item) -> bool:
        """The disk must know that it is asked before anybody is, or a kill in between would have it asked twice."""
        later = self._later
        if later.shelf is None or not later.note(running):
            return False
        await asyncio.to_thread(later.shelf.sync, running)
        return True

    def _settle(self, left: Item) -> None:
        """What came of one that was being asked when the gateway before this one ended."""
        answered = self._later.settle(left)
        if answered is not None:
            self._has_news(answered)

    def _came(self, item: Item, tray: Tray, passage: Passage, chain: tuple[Target, ...], *, is_hurried: bool) -> None:
        later, gateway = self._later, self._gateway
        if tray.is_whole and passage.ending is Ending.ANSWERED:
            later.pauses.worked(_names(chain))
            by = f"{passage.upstream}/{passage.model}"
            self._over(item, State.ANSWERED, "", replace(tray.taken, run_id=item.run_id, by=by), by=by)
            return
        if gateway.is_stopping:
            stopped = "the gateway was stopped while it was being asked"
            later.note(replace(item, state=State.WAITING, last=stopped, misses=item.misses + 1))
            return
        why = later.refused.fault.says if later.refused is not None else "its answer broke off"
        if not tray.is_whole:
            self._over(item, State.FAILED, "its answer was too large")
        elif later.refused is not None and not later.refused_passes:
            self._over(item, State.FAILED, why, tray.taken)
        elif item.runs >= MOST_RUNS:
            self._over(item, State.FAILED, f"{why}, after {item.runs} times", tray.taken)
        else:
            if not is_hurried:
                later.pauses.failed(_names(chain), gateway.now())
            later.note(replace(item, state=State.WAITING, last=why, misses=item.misses + 1))

    def _over(self, item: Item, state: State, says: str, answer: Answer | None = None, *, by: str = "") -> None:
        done = replace(
            item,
            state=state,
            last=says,
            done_at_s=self._gateway.wall_s(),
            answered_by=by,
            status=answer.status if answer else None,
            answer_bytes=len(answer.body) if answer else 0,
        )
        self._later.note(done, answer)
        self._chains.pop(item.id, None)
        self._has_news(done)

    def _has_news(self, item: Item) -> None:
        if not self._news:
            self._news_since_s = self._gateway.now()
        self._news.append(item)

    def _tell(self) -> None:
        news, self._news = self._news, []
        if self.tell is not None:
            self.tell(note_of(news))


def _names(chain: tuple[Target, ...]) -> tuple[str, ...]:
    return tuple(t.name for t in chain)
