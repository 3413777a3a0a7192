"""Where alerts are decided on at the moment: in the database, or beside it while it does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from stillup.daemon.alerts.aside import waiting
from stillup.errors import StoreError
from stillup.response.alerts.aside import caught_up, taken_up
from stillup.response.alerts.values import AlertState
from stillup.store.outbox import Queued, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stillup.board import Board
    from stillup.clock import Clock
    from stillup.daemon.alerts.aside import Aside
    from stillup.daemon.alerts.senders import Senders
    from stillup.daemon.alerts.store import Kept
    from stillup.daemon.alerts.turn import Turn
    from stillup.model.evidence import Evidence
    from stillup.model.verdict import Verdict
    from stillup.response.alerts.values import Message

PATIENCE_S = 5.0
"""A database that does not answer for so long is gone: a restart of it takes less."""
TICK_S, SOON_S = 30.0, 1.0
_PROBE_S = 5.0
_NOBODY = "nobody"
_MOST_RECENT = 512
_UNWRITTEN = timedelta(minutes=10)


class Deciding(Protocol):
    """One decision's worth, kept as a whole: as :class:`stillup.store.outbox.Deciding`."""

    @property
    def state(self) -> AlertState: ...
    @property
    def cursor(self) -> int: ...
    def changes(self, limit: int) -> list[tuple[int, Verdict]]: ...
    def put(self, messages: Sequence[Message], now: datetime) -> int: ...
    def save(self, state: AlertState, cursor: int) -> None: ...


class Book(Protocol):
    """What a look is done in."""

    is_database: bool

    def deciding(self, board: Board | None) -> AbstractContextManager[Deciding]:
        """Decide."""
        ...

    def grounds(self, verdict: Verdict) -> Sequence[Evidence]:
        """What a verdict rested on."""
        ...

    def counts(self) -> Mapping[tuple[str, Status], int]:
        """How many messages there are, by channel and status."""
        ...


class InDatabase:
    """As it is nearly always."""

    is_database = True

    def __init__(self, kept: Kept, party: str) -> None:
        self._kept = kept
        self._party = party

    def deciding(self, board: Board | None) -> AbstractContextManager[Deciding]:  # noqa: ARG002 - changes are kept
        """Decide."""
        return self._kept.store.outbox.deciding(self._party)

    def grounds(self, verdict: Verdict) -> Sequence[Evidence]:
        """What a verdict rested on."""
        return self._kept.grounds(verdict)

    def counts(self) -> Mapping[tuple[str, Status], int]:
        """How many messages there are, by channel and status."""
        return self._kept.store.outbox.counts(self._party)


class Beside:
    """While the database is away."""

    is_database = False

    def __init__(self, aside: Aside) -> None:
        self._aside = aside

    def deciding(self, board: Board | None) -> AbstractContextManager[Deciding]:
        """Decide."""
        return self._aside.deciding(board)

    def grounds(self, _verdict: Verdict) -> Sequence[Evidence]:
        """Nothing: it lies in the database, and whoever asked would wait."""
        return ()

    def counts(self) -> Mapping[tuple[str, Status], int]:
        """How many messages there are, by channel and status."""
        return self._aside.counts("")


class Recent:
    """How far this process knows messages to be: the database may go away before that is written there."""

    def __init__(self) -> None:
        self._rows: dict[str, Queued] = {}

    def queued(self, messages: Iterable[Message], now: datetime) -> None:
        """They were put into the outbox."""
        for message in messages:
            self.went(waiting(message, now))

    def went(self, row: Queued) -> None:
        """How far one is now."""
        self._rows.pop(row.message.key, None)
        self._rows[row.message.key] = row
        while len(self._rows) > _MOST_RECENT:
            del self._rows[next(iter(self._rows))]

    def known(self, key: str) -> Queued | None:
        """How far one is; None where that is not known here."""
        return self._rows.get(key)

    def unwritten(self, now: datetime) -> list[Queued]:
        """What the database may know less of."""
        return [m for m in self._rows.values() if m.done_at is None or now - m.done_at < _UNWRITTEN]

    def forget(self) -> None:
        """Another process goes on: it knows."""
        self._rows.clear()


class Way:
    """Decides where a look is done, and brings what was decided beside the database into it when that is back.

    ``aside`` None: there is no place beside the database, and alerts wait for it. From one to the other
    is gone only while none of ``senders`` sends, for what is under way is in neither.
    """

    def __init__(
        self,
        kept: Kept,
        party: str,
        aside: Aside | None,
        clock: Clock,
        say: Callable[[str], None],
        recent: Recent,
        senders: Senders,
    ) -> None:
        self._kept = kept
        self._party = party
        self._aside = aside
        self._clock = clock
        self._say = say
        self._recent = recent
        self._senders = senders
        self._database = InDatabase(kept, party)
        self._state: AlertState | None = None
        """As the database had it last."""
        self._failing_s: float | None = None
        self._probe: asyncio.Task[bool] | None = None
        self._probed_s = float("-inf")
        self.again_s = TICK_S
        """So long until the next look, unless something comes."""

    def look(self, look: Callable[[Book], None]) -> None:
        """Look, where it is to be done; or not, where another process does.

        :raises StoreError: it cannot be done anywhere now.
        """
        self.again_s = TICK_S
        aside = self._aside
        if aside is None:
            look(self._database)
            return
        if not self._is_ours_to_do(aside):
            self._failing_s = None
            self._recent.forget()
            aside.rests = False
            return
        if aside.is_open and not self._is_back(aside):
            self._look_aside(aside, look)
            return
        try:
            if aside.is_open:
                self._hand_over(aside)
            elif aside.is_ours:
                self._catch_up(aside)
            look(self._database)
        except StoreError as exc:
            if not self._gone(aside, exc):
                raise
            self._look_aside(aside, look)
            return
        self._failing_s, aside.rests = None, False
        if aside.is_ours:
            self._state = self._kept.store.outbox.state(self._party)
            if self._state is not None:
                aside.remember(self._state)

    def _is_ours_to_do(self, aside: Aside) -> bool:
        """Whether it is this process that decides now, having read what the one before it has left."""
        try:
            aside.sync()
        except StoreError:
            if aside.is_ours:  # who had the turn before may have said there what the database does not know
                self.again_s = SOON_S
                raise
        return aside.is_ours or not (aside.is_reachable or aside.is_open)

    def _look_aside(self, aside: Aside, look: Callable[[Book], None]) -> None:
        self.again_s = SOON_S
        look(Beside(aside))

    def _gone(self, aside: Aside, exc: StoreError) -> bool:
        """Whether to go on beside a database that failed."""
        self.again_s = SOON_S
        if aside.is_open:
            aside.rests = False
            return True
        now_s = self._clock.monotonic_s()
        self._failing_s = now_s if self._failing_s is None else self._failing_s
        if not aside.is_ours or now_s - self._failing_s < PATIENCE_S:
            return False
        aside.rests = True
        if self._senders.is_sending:
            return False
        aside.begin(self._state, self._recent.unwritten(self._clock.now()))
        aside.rests = False
        self._say(f"{exc}; what is to be said is sent all the same, and written there later")
        return True

    def _is_back(self, aside: Aside) -> bool:
        """Whether the database takes writing again, and nothing is being sent.

        It is asked in a thread: one that hangs must not hold anything up.
        """
        if aside.rests:
            return not self._senders.is_sending
        probe = self._probe
        if probe is not None and not probe.done():
            return False
        is_back = probe is not None and probe.result()
        self._probe = None
        if not is_back and self._clock.monotonic_s() - self._probed_s >= _PROBE_S:
            self._probed_s = self._clock.monotonic_s()
            self._probe = asyncio.create_task(asyncio.to_thread(self._answers))
        aside.rests = is_back
        return is_back and not self._senders.is_sending

    def _answers(self) -> bool:
        try:
            self._kept.store.outbox.let_go(self._party, _NOBODY)
        except StoreError:
            return False
        return True

    def _catch_up(self, aside: Aside) -> None:
        """Tell a database that came back as it was some time ago what was said since: nobody is told twice."""
        known, outbox = aside.document.state, self._kept.store.outbox
        if caught_up(outbox.state(self._party) or AlertState(), known) is None:
            return
        with outbox.deciding(self._party) as deciding:
            state = caught_up(deciding.state, known)
            if state is not None:
                deciding.enter(self._recent.unwritten(self._clock.now()))
                deciding.save(state, deciding.cursor)
        self._say("the database is as it was some time ago: what was said since is not said again")

    def _hand_over(self, aside: Aside) -> None:
        """Put all that was decided beside the database into it: one transaction, and harmless twice."""
        document = aside.document
        with self._kept.store.outbox.deciding(self._party) as deciding:
            if deciding.state.aside != document.name:
                deciding.enter(document.messages)
                deciding.save(taken_up(deciding.state, document.state, document.name), deciding.cursor)
            state = deciding.state
        aside.remember(state)
        told = sum(m.status is Status.DELIVERED for m in document.messages)
        self._say(f"the database is back, and has what was said meanwhile ({told} messages)")


class SendsFromDatabase:
    """The turn to send what the database has: ours as always, unless something else is to be sent first.

    ``turn`` None: several processes share a file, and only the bus says whose turn it is.
    """

    def __init__(self, turn: Turn | None, aside: Aside) -> None:
        self.who, self.renew_s = turn.who if turn else None, (turn and turn.renew_s) or 1.0
        self._turn = turn
        self._aside = aside

    def taken(self) -> bool:
        """Whether we have it now."""
        aside = self._aside
        if aside.is_open or aside.rests:
            return False
        if self._turn is None:
            return aside.is_ours
        return (aside.is_ours or not aside.is_reachable) and self._turn.taken()


class SendsFromAside:
    """The turn to send what is kept beside it."""

    who = None
    renew_s = 1.0

    def __init__(self, aside: Aside) -> None:
        self._aside = aside

    def taken(self) -> bool:
        """Whether we have it now."""
        return self._aside.is_ours and self._aside.is_open and not self._aside.rests
