"""Alerts as they run: from a committed change to a receiver, through crashes, floods and receivers that misbehave."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event

from stillup.board import Board
from stillup.clock import SystemClock
from stillup.config import parse_config
from stillup.daemon.alerts.alerting import Alerting
from stillup.model.service import Confidence, State
from stillup.model.verdict import Verdict
from stillup.response.alerts import delivery
from stillup.store import open_store
from stillup.store.outbox import Settled, Status
from tests.channels.receivers import BREAK, FAIL, HANG, REFUSE, REST, TAKE, http_receiver, smtp_receiver
from tests.web import boards

RULE = '[[alerts.rules]]\nid = "r"\nservices = ["claude"]\nchannels = ["hook"]\n'


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _hurried(monkeypatch):
    monkeypatch.setattr(delivery, "FIRST_S", 0.01)
    monkeypatch.setattr(delivery, "HOPELESS_FIRST_S", 0.01)


@pytest.fixture
def config_of(tmp_path):
    """A configuration with one rule, to one channel at an address."""

    def make(address, more="", rule=RULE):
        channel = f'[[alerts.channels]]\nid = "hook"\nurl = "{address}"\n'
        text = f'data = "{tmp_path / "data"}"\n{channel}{more}\n{rule}'
        return parse_config(text, {}, tmp_path / "stillup.toml")

    return make


@pytest.fixture
def run_alerts():
    """Starts alerts on a configuration; they end with the test. Gives them and what they said of trouble."""
    running = []

    def start(config, clock=None, **rest):
        said = []
        alerting = Alerting(config, {}, clock or SystemClock(), said.append, **{"grace_s": 0.0, **rest})
        alerting.start("http://127.0.0.1:8780")
        running.append(alerting)
        return alerting, said

    yield start
    for alerting in running:
        alerting.stop()


@pytest.fixture
def commit():
    """Commits verdicts as the monitor does; gives what was committed."""
    last = datetime.now(UTC)

    def run(config, *words, service="claude", **rest):
        nonlocal last
        verdicts = []
        for word in words:
            last = max(last + timedelta(milliseconds=1), datetime.now(UTC))
            state = {"ok": State.OPERATIONAL, "partial": State.PARTIAL_OUTAGE, "major": State.MAJOR_OUTAGE}[word]
            sure = Confidence.CONFIRMED if state.is_fault else None
            verdicts.append(Verdict(at=last, service=service, state=state, confidence=sure, **rest))
        with open_store(config.database) as store:
            store.commit_step(verdicts, [], {})
        return verdicts

    return run


async def until(true, whom=None):
    """Wait until it is so; whoever never is ends the test by its own limit."""
    for _ in range(1500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(whom or "it never came")


def empty(at=None):
    return Board(at=at or datetime.now(UTC), seq=1)


def kinds(receiver):
    return [got["json"]["data"]["kind"] for got in receiver.got]


def rows(config, *statuses):
    with open_store(config.database) as store:
        return store.outbox.listed(statuses or tuple(Status))


async def ready(_alerting, config):
    """Until it has looked once: what was before is nobody's news."""
    await until(lambda: state(config) is not None)


def state(config):
    if not config.database.exists():
        return None
    with open_store(config.database) as store:
        return store.outbox.state("main")


async def test_one_when_it_breaks_and_one_when_it_is_back(config_of, run_alerts, commit):
    async with http_receiver() as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        alerting, said = run_alerts(config)
        await ready(alerting, config)
        for word in ("ok", "partial", "partial", "ok"):
            alerting.show(empty(), commit(config, word, incident="claude-1" if word == "partial" else None))
        await until(lambda: len(receiver.got) == 2)
    assert kinds(receiver) == ["broke", "back"]
    first, second = (got["json"]["data"] for got in receiver.got)
    assert first["title"] == "Claude: partial outage, confirmed"
    assert (first["incident"], first["revision"], second["incident"], second["revision"]) == (
        "claude-1",
        1,
        "claude-1",
        2,
    )
    assert first["link"] == "http://127.0.0.1:8780/claude"
    assert second["title"] == "Claude is back"
    assert said == []


async def test_the_words_are_those_of_the_page(config_of, run_alerts, commit):
    async with http_receiver() as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        alerting, _ = run_alerts(config)
        await ready(alerting, config)
        now = datetime.now(UTC)
        verdict = boards.verdict(at=now, since=now - timedelta(minutes=28))
        with open_store(config.database) as store:
            store.commit_step([verdict], [], {})
        shown = boards.claude(verdict=verdict)
        alerting.show(Board(at=now, seq=1, services={"claude": shown}), [verdict])
        await until(lambda: receiver.got)
        long = receiver.got[0]["json"]["data"]["long"]
    for step in shown.steps:
        assert step.says in long
    assert "Use instead:" in long
    assert "to go (8 of 10 such end in" in long
    assert "Broken: Claude.ai" in long or "Broken: claude.ai" in long
    assert long.endswith("More: http://127.0.0.1:8780/claude")
    await until(lambda: alerting.told_at(verdict.incident))


async def test_what_was_committed_and_not_decided_when_a_process_died_is_caught_up(config_of, run_alerts, commit):
    async with http_receiver() as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        alerting, _ = run_alerts(config)
        await ready(alerting, config)
        alerting.stop()
        commit(config, "partial", "ok", "major")
        run_alerts(config)
        await until(lambda: len(receiver.got) == 3)
    assert kinds(receiver) == ["broke", "back", "broke"]


@pytest.mark.parametrize("resumed", [True, False])
async def test_a_watch_that_goes_on_says_at_once_that_it_is_over_and_one_that_begins_with_nothing_waits(
    config_of, run_alerts, commit, resumed
):
    async with http_receiver() as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        alerting, _ = run_alerts(config, grace_s=600.0)
        await ready(alerting, config)
        alerting.show(empty(), commit(config, "partial"))
        await until(lambda: rows(config, Status.DELIVERED))
        alerting.stop()
        began = state(config).started_at
        again, _ = run_alerts(config, grace_s=600.0)
        await until(lambda: state(config).started_at > began)
        again.show(replace(empty(), resumed=resumed), commit(config, "ok"))
        told = b'{channel="hook",result="delivered"} 1' if resumed else b'{reason="just_started"}'
        await until(lambda: told in again.metrics())
    assert kinds(receiver) == (["broke", "back"] if resumed else ["broke"])


async def test_what_was_before_there_were_rules_is_nobodys_news(config_of, run_alerts, commit):
    async with http_receiver() as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        commit(config, "partial")
        alerting, _ = run_alerts(config)
        await ready(alerting, config)
        alerting.show(empty(), commit(config, "ok", "major"))
        await until(lambda: receiver.got)
    assert kinds(receiver) == ["broke"]


async def test_what_was_being_sent_when_a_process_died_is_sent_again_with_the_same_key(config_of, run_alerts, commit):
    async with http_receiver(BREAK) as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        alerting, _ = run_alerts(config)
        await ready(alerting, config)
        alerting.show(empty(), commit(config, "partial"))
        await until(lambda: receiver.got)
        alerting.stop()
        (row,) = rows(config)
        with open_store(config.database) as store:
            store.outbox.settle(
                Settled(seq=row.seq, status=Status.ATTEMPTING)
            )  # as a process leaves it that is killed between sending and noting
        receiver.moods = [TAKE]
        run_alerts(config)
        await until(lambda: rows(config, Status.DELIVERED))
    assert len({got["headers"]["webhook-id"] for got in receiver.got}) == 1


async def test_a_channel_that_must_not_hear_twice_is_not_told_again_what_is_in_doubt(config_of, run_alerts, commit):
    async with http_receiver(BREAK) as receiver:
        config = config_of(f"http://{receiver.address}/hook", more="repeat_in_doubt = false")
        alerting, said = run_alerts(config)
        await ready(alerting, config)
        alerting.show(empty(), commit(config, "partial"))
        await until(lambda: rows(config, Status.DEAD))
    assert len(receiver.got) == 1
    assert "may have arrived" in rows(config, Status.DEAD)[0].why
    await until(lambda: said)
    assert "this channel is not to get it twice" in said[0]


@pytest.mark.parametrize("moods", [(FAIL, FAIL, TAKE), (BREAK, TAKE), (REFUSE, TAKE)], ids=lambda m: m[0])
async def test_a_receiver_that_recovers_has_each_message_once_and_in_order(config_of, run_alerts, commit, moods):
    async with http_receiver(*moods) as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        alerting, _ = run_alerts(config)
        await ready(alerting, config)
        alerting.show(empty(), commit(config, "partial", "ok", "major", "ok"))
        await until(lambda: len(rows(config, Status.DELIVERED)) == 4)
    honoured = {got["headers"]["idempotency-key"]: got["json"]["data"]["kind"] for got in receiver.got}
    assert list(honoured.values()) == ["broke", "back", "broke", "back"]


async def test_a_receiver_that_asks_for_rest_is_left_alone_so_long_and_no_other(config_of, run_alerts, commit):
    async with http_receiver(REST) as tired, http_receiver() as other:
        more = f'[[alerts.channels]]\nid = "other"\nurl = "http://{other.address}/"\n'
        rule = RULE.replace('["hook"]', '["hook", "other"]')
        config = config_of(f"http://{tired.address}/", more, rule)
        alerting, _ = run_alerts(config)
        await ready(alerting, config)
        alerting.show(empty(), commit(config, "partial"))
        await until(lambda: other.got and any(r.why for r in rows(config)))
    (row,) = [r for r in rows(config) if r.channel == "hook"]
    assert row.status is Status.WAITING
    assert row.why.startswith("busy: 127.0.0.1 answered 429")
    assert row.due_at - datetime.now(UTC) > timedelta(seconds=60)


async def test_what_is_refused_for_good_is_kept_and_said_and_what_comes_after_it_goes_out(
    config_of, run_alerts, commit
):
    async with http_receiver(REFUSE, REFUSE, REFUSE, TAKE) as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        alerting, said = run_alerts(config)
        await ready(alerting, config)
        alerting.show(empty(), commit(config, "partial", "ok"))
        await until(lambda: receiver.got)
    assert kinds(receiver) == ["back"]
    (dead,) = rows(config, Status.DEAD)
    assert "given up after 3 tries (refused: 127.0.0.1 answered 403 Forbidden)" in dead.why
    assert any("was given up after 3 tries" in text for text in said)


async def test_a_receiver_that_hangs_holds_up_nobody_else(config_of, run_alerts, commit):
    async with http_receiver(HANG) as stuck, smtp_receiver() as mail:
        more = f'[[alerts.channels]]\nid = "mail"\nurl = "smtp://{mail.address}?to=a@b.example"\n'
        config = config_of(f"http://{stuck.address}/", more, RULE.replace('["hook"]', '["hook", "mail"]'))
        alerting, _ = run_alerts(config)
        await ready(alerting, config)
        alerting.show(empty(), commit(config, "partial", "ok"))
        await until(lambda: len(mail.got) == 2)
        stuck.ended.set()


async def test_of_two_processes_one_sends_and_the_other_takes_over(config_of, run_alerts, commit):
    async with http_receiver() as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        first, _ = run_alerts(config)
        second, _ = run_alerts(config)
        await ready(second, config)
        changes = commit(config, "partial")
        first.show(empty(), changes)
        second.show(empty(), changes)
        await until(lambda: rows(config, Status.DELIVERED))
        first.stop()
        second.show(empty(), commit(config, "ok"))
        await until(lambda: len(receiver.got) == 2)
    assert kinds(receiver) == ["broke", "back"]


async def test_without_a_database_what_happens_is_told_all_the_same(config_of, run_alerts, commit, tmp_path):
    async with http_receiver() as receiver:
        (tmp_path / "data").write_text("in the way of the folder")
        config = config_of(f"http://{receiver.address}/hook")
        alerting, said = run_alerts(config)
        await until(lambda: said)
        assert "forgotten when this process ends" in said[0]
        change = Verdict(at=datetime.now(UTC), service="claude", state=State.MAJOR_OUTAGE)
        alerting.show(empty(), [replace(change, state=State.OPERATIONAL, at=change.at - timedelta(seconds=1))])
        alerting.show(empty(), [change])
        await until(lambda: receiver.got)
    assert kinds(receiver) == ["broke"]


async def test_what_the_board_shows_and_no_words_are_found_for_does_not_keep_the_alert_back(
    config_of, run_alerts, commit
):
    async with http_receiver() as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        alerting, said = run_alerts(config)
        await ready(alerting, config)
        (verdict,) = commit(config, "major")
        wrong = boards.claude(verdict=verdict, steps=(None,))
        alerting.show(Board(at=verdict.at, seq=1, services={"claude": wrong}), [verdict])
        await until(lambda: receiver.got)
    assert receiver.got[0]["json"]["data"]["title"] == "Claude: major outage, confirmed"
    assert said[0].startswith("alerts: of claude only the verdict is told: AttributeError")


async def test_a_hostile_title_is_shown_harmless(config_of, run_alerts, commit):
    async with smtp_receiver() as mail:
        config = config_of(f"smtp://{mail.address}?to=a@b.example")
        alerting, _ = run_alerts(config)
        await ready(alerting, config)
        now = datetime.now(UTC)
        verdict = boards.verdict(at=now)
        hostile = "Sign-in\r\nBcc: everyone@a.example\r\n\r\n<script>\u202e\x1b[31m" + "x" * 1_000_000
        shown = boards.claude(verdict=verdict, because=hostile, evidence=())
        with open_store(config.database) as store:
            store.commit_step([verdict], [], {})
        alerting.show(Board(at=now, seq=1, services={"claude": shown}), [verdict])
        await until(lambda: mail.got)
    text = mail.got[0]["mail"].decode()
    head, _, body = text.partition("\r\n\r\n")
    assert "Bcc" not in head
    assert "\x1b" not in text
    assert len(text) < 20_000
    assert body


async def test_what_they_did_can_be_counted(config_of, run_alerts, commit):
    async with http_receiver() as receiver:
        config = config_of(f"http://{receiver.address}/hook")
        alerting, _ = run_alerts(config)
        await ready(alerting, config)
        alerting.show(empty(), commit(config, "partial"))
        await until(lambda: b'result="delivered"} 1' in alerting.metrics())
    assert b'stillup_alert_decisions_total{reason="broke"} 1' in alerting.metrics()


def test_without_rules_nothing_runs(tmp_path):
    config = parse_config(f'data = "{tmp_path}"')
    alerting = Alerting(config, {}, SystemClock(), print)
    alerting.start()
    alerting.show(empty(), [])
    alerting.stop()
    assert not alerting.is_wanted
    assert alerting.metrics() == b""
    assert list(tmp_path.iterdir()) == []


async def test_a_database_that_cannot_be_written_keeps_nobody_from_being_told(
    config_of, run_alerts, commit, monkeypatch
):
    monkeypatch.setattr("stillup.daemon.alerts.way.PATIENCE_S", 0.2)
    monkeypatch.setattr("stillup.daemon.alerts.way._PROBE_S", 0.2)
    is_shut = False

    def limit(conn):
        conn.exec_driver_sql(f"PRAGMA query_only={int(is_shut)}")

    event.listen(Engine, "begin", limit)
    try:
        async with http_receiver() as receiver:
            config = config_of(f"http://{receiver.address}/hook")
            alerting, said = run_alerts(config)
            await ready(alerting, config)
            is_shut = True
            at = datetime.now(UTC)
            verdict = boards.verdict(at=at, incident="claude-1")
            alerting.show(replace(boards.board(claude=boards.claude(verdict=verdict, components={})), at=at), [])
            await until(lambda: kinds(receiver) == ["broke"], said)
            assert "sent all the same" in said[-1]
            is_shut = False
            await until(lambda: not alerting.is_aside)
            assert [r.message.key for r in rows(config, Status.DELIVERED)] == [receiver.got[0]["headers"]["webhook-id"]]
            with open_store(config.database) as store:
                store.commit_step([verdict], [], {})
            commit(config, "ok")
            alerting.look()
            await until(lambda: kinds(receiver) == ["broke", "back"])
    finally:
        event.remove(Engine, "begin", limit)
