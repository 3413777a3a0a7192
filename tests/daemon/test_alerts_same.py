"""Whenever the database goes away and comes back, people are told what they would have been told, in the same words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stillup.board import Board
from stillup.config import parse_config
from stillup.daemon.alerts.alerting import Alerting
from stillup.daemon.alerts.aside import Aside, InMemory
from stillup.daemon.alerts.way import Beside, InDatabase
from stillup.model.reason import Reason
from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict
from stillup.response.alerts.aside import taken_up
from stillup.store import open_store
from stillup.testing import FakeClock
from tests.cluster.roles import shown
from tests.daemon.test_alerts_document import Ours

RULES = """
    [[alerts.channels]]
    id = "hook"
    url = "http://127.0.0.1:9/hook"
    [[alerts.rules]]
    id = "all"
    channels = ["hook"]
    for_s = 60
    escalate_after_s = 180
    escalate_to = ["hook"]
    [[alerts.rules]]
    id = "sure"
    channels = ["hook"]
    confidence = "confirmed"
    """
STATES = {
    "ok": (State.OPERATIONAL, None),
    "some": (State.DEGRADED, Confidence.SUSPECTED),
    "bad": (State.MAJOR_OUTAGE, Confidence.SUSPECTED),
    "sure": (State.MAJOR_OUTAGE, Confidence.CONFIRMED),
}


class Kept:
    """The database of one run."""

    def __init__(self, store):
        self.store = store

    def grounds(self, _verdict):
        return ()


class Run:
    """One monitor through a story. ``away`` says in which minutes its database is."""

    def __init__(self, store, folder):
        self.clock = FakeClock()
        self.kept = Kept(store)
        config = parse_config(f'data = "{folder}"\n{RULES}', {}, folder / "stillup.toml")
        self.alerting = Alerting(config, {}, self.clock, lambda _: None, grace_s=0.0)
        place = InMemory()
        place.turn = Ours()
        self.aside = Aside(place, lambda _: None)
        self.aside.sync()
        self.database = InDatabase(self.kept, "main")
        self.alerting._begin(self.database)
        self.said = {}
        self.waiting = []

    def look(self, book, board):
        more = True
        while more:
            with book.deciding(board) as deciding:
                more, out = self.alerting._batch(book, deciding, board)
            for message in out:
                assert message.key not in self.said
                self.said[message.key] = (message.kind, message.reason, message.revision, message.at)

    def minute(self, board, changes, *, is_away, is_late):
        self.waiting += changes
        if is_away:
            if not self.aside.is_open:
                self.aside.begin(self.kept.store.outbox.state("main"), [])
            self.look(Beside(self.aside), board)
            return
        if self.aside.is_open:
            document = self.aside.document
            with self.kept.store.outbox.deciding("main") as deciding:
                deciding.enter(document.messages)
                deciding.save(taken_up(deciding.state, document.state, document.name), deciding.cursor)
            self.aside.remember(self.kept.store.outbox.state("main"))
        if is_late and not changes:  # what the judge has kept back waits a little longer
            self.look(self.database, board)
        self.kept.store.commit_step(self.waiting, [], {})
        self.waiting = []
        self.look(self.database, board)


def play(story, folder, *, away):
    with open_store(folder / "stillup.db") as store:
        run = Run(store, folder)
        board, last = Board(at=run.clock.now(), seq=0), None
        for number, (word, is_away, is_late) in enumerate(story):
            at = run.clock.now() + timedelta(minutes=1)
            run.clock.set(at)
            state, sure = STATES[word]
            changes = []
            if word != last:
                incident = f"claude-{number if last in (None, 'ok') else '0'}" if state.is_fault else None
                verdict = Verdict(
                    at=at, service="claude", state=state, confidence=sure, incident=incident, reason=Reason.ALL_CALM
                )
                changes, last = [verdict], word
                service = replace(shown("claude", state, at), verdict=verdict)
                board = Board(at=at, seq=number, services={"claude": service})
            run.minute(replace(board, at=at), changes, is_away=away and is_away, is_late=is_late)
        run.minute(board, [], is_away=False, is_late=True)
        return run.said, {row.message.key for row in store.outbox.listed(limit=1_000)}


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(sorted(STATES)), st.booleans(), st.booleans()), max_size=24))
def test_the_same_is_told_whenever_the_database_is_away(story):
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        always, kept = play(story, Path(one), away=False)
        sometimes, kept_too = play(story, Path(two), away=True)
    assert sometimes == always
    assert kept_too == kept == set(always)
