"""A monitor's alerts on a bus and a database, both real, and a story to be told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from stillup.board import Board
from stillup.daemon.cluster.together import end
from stillup.model.reason import Reason
from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict
from stillup.store import open_store
from stillup.store.outbox import Status
from tests.cluster.roles import shown


class Machine:
    """A monitor's alerts, on a bus and a database that others share."""

    def __init__(self, name, alerting, place, said):
        self.name, self.alerting, self.place, self.said = name, alerting, place, said
        self.keeping = asyncio.create_task(place.keep(alerting.look))

    async def end(self):
        await asyncio.to_thread(self.alerting.stop)
        await end((self.keeping,))
        await self.place.give_up()


async def until(true):
    """Wait until it is so; what never is ends the test by its own limit."""
    for _ in range(12000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


class Story:
    """What the judges say, minute after minute: to the boards at once, to the database when it is there."""

    def __init__(self, server):
        self._server = server
        self._minute = datetime.now(UTC) - timedelta(minutes=50)
        self._waiting = []
        self.board = None
        self._seq = 0

    def goes(self, word, *machines):
        self._minute += timedelta(minutes=1)
        state = {"ok": State.OPERATIONAL, "partial": State.PARTIAL_OUTAGE, "major": State.MAJOR_OUTAGE}[word]
        incident = "claude-1" if state.is_fault else None
        sure = Confidence.CONFIRMED if state.is_fault else None
        verdict = Verdict(
            at=self._minute, service="claude", state=state, confidence=sure, incident=incident, reason=Reason.ALL_CALM
        )
        self._waiting.append(verdict)
        self._seq += 1
        service = replace(shown("claude", state, self._minute), verdict=verdict)
        self.board = Board(at=self._minute, seq=self._seq, services={"claude": service})
        self.show(*machines)

    def show(self, *machines):
        for one in machines:
            one.alerting.show(self.board, [])

    def is_written(self):
        with open_store(self._server.url("postgres")) as store:
            for verdict in self._waiting:
                store.commit_step([verdict], [], {})
        self._waiting.clear()


def kinds(receiver):
    return [got["json"]["data"]["kind"] for got in receiver.got]


def keys(receiver):
    return {got["headers"]["webhook-id"] for got in receiver.got}


def rows(server, *statuses):
    with open_store(server.url("postgres")) as store:
        return store.outbox.listed(statuses or tuple(Status))


async def ready(server, one):
    def is_ready():
        with open_store(server.url("postgres")) as store:
            return store.outbox.state("main") is not None

    await until(lambda: one.place.number is not None)
    await until(is_ready)
    await until(lambda: one.alerting._aside.document.state.started_at is not None)
