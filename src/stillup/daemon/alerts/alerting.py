"""Alerts: what changed is decided on, put into the outbox, and delivered, in a thread of its own.

Nothing rests on being told: changes are read from the database, from where the last decision stood, and a decision is
one transaction with the messages that follow from it. So a process that dies anywhere loses nothing: the next one
decides on what was committed and not decided, and sends what was decided and not delivered.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING

from msgspec.structs import replace

from stillup.board import Board
from stillup.channels.make import address_of, check
from stillup.clock import Clock
from stillup.daemon.alerts.aside import Aside, InMemory
from stillup.daemon.alerts.metrics import exposition
from stillup.daemon.alerts.rules import settings_of
from stillup.daemon.alerts.senders import From, Senders
from stillup.daemon.alerts.store import Kept
from stillup.daemon.alerts.way import Recent, SendsFromAside, SendsFromDatabase, Way
from stillup.daemon.alerts.words import messages
from stillup.errors import StoreError
from stillup.model.reason import Reason as Why
from stillup.model.service import Stage
from stillup.model.verdict import Verdict
from stillup.response.alerts.aside import is_news, is_otherwise, key_of
from stillup.response.alerts.decide import decide
from stillup.response.alerts.reasons import Reason
from stillup.response.alerts.values import AlertState, Changed, Decision, Event, Message, Started, Ticked, Work
from stillup.store.outbox import Status

if TYPE_CHECKING:
    from stillup.config import Config
    from stillup.daemon.alerts.way import Book, Deciding

Say = Callable[[str], None]

_BATCH = 256
_OLD = timedelta(hours=1)
"""What changed longer ago, and was found only now, is not told by itself."""
_LEAVE_S = 4.0
_AGAIN_S = 5.0
_COUNT_S = 15.0
_KEEP = timedelta(days=30)
_MOST_UNKEPT = 1_000
_AT_WORK = (Stage.IN_PROGRESS, Stage.VERIFYING)


class Alerting:
    """Decides who is told what, and tells them.

    Everything happens in a thread of its own with a database connection of its own: :meth:`show` only hands a board
    over. ``party`` is whose rules these are; of several processes with one party all decide, and one sends.
    """

    def __init__(
        self,
        config: Config,
        environ: Mapping[str, str],
        clock: Clock,
        say: Say,
        *,
        party: str = "main",
        grace_s: float = 600.0,
        installation: str | None = None,
    ) -> None:
        """``say`` is told of trouble; ``grace_s`` is how long after the start nothing is said to be over.

        ``installation``: a cluster's name. A database that is another's is as one that is away.

        :raises stillup.errors.ConfigError: a channel's address or secret cannot be had.
        """
        self._config = config
        self._environ = environ
        self._clock = clock
        self._say = _Once(say)
        self._party = party
        self._installation = installation
        self._settings = settings_of(config.alerts, grace_s=grace_s)
        used = {c for r in self._settings.rules for c in (*r.channels, *r.escalate_to)}
        addresses = [address_of(c, environ) for c in config.alerts.channels if c.id in used]
        for address in addresses:
            check(address)
        self._recent = Recent()
        self._senders = Senders(addresses, party, clock, self._say, self._recent.went, self._recent.known)
        self._shared: Aside | None = None
        self._memory = InMemory()
        self._aside: Aside | None = None
        self._has_begun = False
        self._page: str | None = None
        self._board: Board | None = None
        self._unkept: deque[Sequence[Verdict]] = deque(maxlen=_MOST_UNKEPT)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._leaving = Flag()
        self._news: asyncio.Event | None = None
        self._decided: Counter[Reason] = Counter()
        self._counted_s = float("-inf")
        self._waiting: dict[tuple[str, Status], int] = {}

    @property
    def is_wanted(self) -> bool:
        """Whether there is any rule; without one nothing of the rest does anything."""
        return bool(self._settings.rules)

    def start(self, page: str | None = None, aside: Aside | None = None) -> None:
        """Begin; ``page`` is the address of the web page, for links, as ``http://127.0.0.1:8780``.

        ``aside`` is where to decide while a database of several machines is away; without it alerts wait for it. Beside
        a file of this machine alone it is this process's memory.
        """
        if not self.is_wanted:
            return
        self._page = page.rstrip("/") if page else None
        self._shared = aside
        self._thread = Thread(target=self._live, name="alerts", daemon=True)
        self._thread.start()

    def show(self, board: Board, changes: Sequence[Verdict]) -> None:
        """Take a judged minute; returns at once. ``changes`` are already in the store, if there is one."""
        if not self.is_wanted:
            return
        self._board = board
        if changes:
            self._unkept.append(changes)
        self._wake()

    def look(self) -> None:
        """Something was committed, here or elsewhere: decide on it now. Any thread may say so; returns at once."""
        self._wake()

    def stop(self) -> None:
        """Finish what is being sent, at most a few seconds. Blocks."""
        self._leaving.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(_LEAVE_S + 1.0)

    def told_at(self, incident: str) -> datetime | None:
        """When somebody was first told of an incident; None where nobody was. Any thread may ask."""
        return self._senders.told_at(incident)

    @property
    def is_aside(self) -> bool:
        """Whether alerts are decided and sent beside a database that does not answer. Any thread may ask."""
        return self._aside is not None and self._aside.is_ours and self._aside.is_open

    def metrics(self) -> bytes:
        """Counts in Prometheus' text format, for ``/metrics``. Any thread may ask."""
        return exposition(dict(self._decided), self._senders.tries, self._waiting) if self.is_wanted else b""

    # -- the thread ---------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        loop, news = self._loop, self._news
        if loop is not None and news is not None:
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(news.set)

    def _live(self) -> None:
        """Go on whatever happens: what ends it by mistake is said, and it begins anew."""
        while not self._leaving.is_set():
            try:
                asyncio.run(self._run())
            except Exception as exc:  # noqa: BLE001 - whatever it was, later alerts must go out
                self._say(f"alerts ended and begin anew in a moment: {_inner(exc)}")
                self._leaving.wait(_AGAIN_S)
            finally:
                self._loop = None

    async def _run(self) -> None:
        from stillup.net import Net

        news = asyncio.Event()
        self._loop, self._news = asyncio.get_running_loop(), news
        with Kept(self._config, self._environ, self._say, self._installation) as kept:
            sources = self._sources(kept)
            way = Way(kept, self._party, self._aside, self._clock, self._say, self._recent, self._senders)
            async with Net(self._clock, timeout_s=15.0) as net, asyncio.TaskGroup() as group:
                sending = group.create_task(self._senders.run(sources, net))
                await self._decide(kept, way, news)
                self._senders.leave()
                await asyncio.wait((sending,), timeout=_LEAVE_S if self._senders.is_sending else 0.0)
                sending.cancel()  # what is still being sent is in doubt, and the next process will see that it is

    def _sources(self, kept: Kept) -> list[From]:
        """Where messages come from, and with them what stands in for a database that is away."""
        turn, outbox = kept.turn(self._party), kept.store.outbox
        self._memory.turn = turn
        if kept.is_passing or not (self._shared or kept.is_alone):
            self._aside = None
            return [From(turn, outbox)]
        self._aside = aside = self._shared or self._aside or Aside(self._memory, self._say)
        # A lock is never given up, a turn on the bus is: whoever has the one would wait for the other for ever.
        sends = SendsFromDatabase(None if self._shared and kept.is_alone else turn, aside)
        return [From(SendsFromAside(aside), aside), From(sends, outbox)]

    async def _decide(self, kept: Kept, way: Way, news: asyncio.Event) -> None:
        self._has_begun = False
        while True:
            news.clear()
            try:
                way.look(lambda book: self._look(kept, book))
            except StoreError as exc:
                self._say(str(exc))
            if self._leaving.is_set():
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(way.again_s):
                    await news.wait()

    def _begin(self, book: Book) -> None:
        with book.deciding(None) as deciding:
            outcome = decide(self._settings, deciding.state, Started(), self._clock.now())
            deciding.save(outcome.state, deciding.cursor)
        self._decided.update(d.reason for d in outcome.decisions)
        self._has_begun = True

    def _look(self, kept: Kept, book: Book) -> None:
        """Decide on what was committed and not decided, then on how things stand now."""
        if not self._has_begun:
            self._begin(book)
        while book.is_database and self._unkept:
            kept.commit(self._unkept.popleft())
        board = self._board
        more = True
        while more:
            with book.deciding(board) as deciding:
                more, out = self._batch(book, deciding, board)
            if book.is_database:
                self._recent.queued(out, self._clock.now())
            self._senders.wake()
        if self._clock.monotonic_s() - self._counted_s >= _COUNT_S:  # it looks at every message there is
            self._counted_s = self._clock.monotonic_s()
            self._waiting = dict(book.counts())
        if book.is_database:
            kept.prune(self._clock.now(), _KEEP)

    def _batch(self, book: Book, deciding: Deciding, board: Board | None) -> tuple[bool, list[Message]]:
        """One transaction's worth: whether there may be more, and what is said."""
        now, state, cursor = self._clock.now(), deciding.state, deciding.cursor
        found = deciding.changes(_BATCH)
        changes = [v for _, v in found if not book.is_database or is_news(state, v)]
        events: list[tuple[Event, datetime]] = [(Changed(v, fold=now - v.at > _OLD), v.at) for v in changes]
        more = len(found) == _BATCH
        if not more:
            events += [(Changed(v, fold=True), v.at) for v in _unheard(board, state, changes)]
            events.append((Ticked(_works(board, now), resumed=board is not None and board.resumed), now))
        out: list[Message] = []
        for event, at in events:
            outcome = decide(self._settings, state, event, at)
            state = outcome.state
            self._decided.update(d.reason for d in outcome.decisions)
            for decision in outcome.messages:
                out += self._worded(decision, board, book)
        if book.is_database and board is not None and any(is_otherwise(state, v) for v in board.verdicts()):
            state = replace(state, seen_at=now)  # the judge could not write it: see whether we can
        is_new = deciding.put(out, now) == len(out)
        deciding.save(state, found[-1][0] if found else cursor)
        return more, out if is_new else []

    def _worded(self, decision: Decision, board: Board | None, book: Book) -> list[Message]:
        """It in words; in fewer of them where what the board shows cannot be put into any, for out it must go."""
        channels = self._senders.channels
        try:
            return messages(decision, board, book.grounds, channels, self._page)
        except Exception as exc:  # noqa: BLE001 - a mistake in words would otherwise come again with every look
            self._say(f"of {decision.service} only the verdict is told: {_inner(exc)}")
            return messages(decision, None, lambda _: (), channels, self._page)


class _Once:
    """Says a thing once until something else is to be said."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._last = ""

    def __call__(self, text: str) -> None:
        if text != self._last:
            self._last = text
            self._say(f"alerts: {text}")


def _inner(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return f"{type(exc).__name__}: {str(exc)[:200]}"


def _unheard(board: Board | None, state: AlertState, changes: Sequence[Verdict]) -> Iterator[Verdict]:
    """What the board knows and no change has told since this process began: a monitor may begin where it left off."""
    heard = {key_of(v) for v in changes}
    for verdict in board.verdicts() if board else ():
        key = key_of(verdict)
        if key not in state.verdicts and key not in heard and verdict.reason is not Why.NO_DATA:
            yield verdict


def _works(board: Board | None, now: datetime) -> tuple[Work, ...] | None:
    """The maintenance that is going on; None where no board says."""
    if board is None:
        return None
    return tuple(
        Work(service=service, components=m.components)
        for service, shown in board.services.items()
        for m in shown.maintenances
        if m.stage in _AT_WORK or (m.starts and m.ends and m.starts <= now < m.ends and not m.stage.is_over)
    )
