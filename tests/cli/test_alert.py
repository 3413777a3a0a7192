"""``stillup alert`` and ``--notify``: what they do, print and refuse."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from datetime import UTC, datetime

import pytest

from stillup.cli.main import run
from stillup.daemon.alerts.rules import alerts_to, party_of
from stillup.errors import UsageError
from stillup.model.service import State
from stillup.response.alerts.reasons import Kind, Reason
from stillup.response.alerts.values import AlertState, Message, Said, Thread
from stillup.store import open_store
from stillup.store.outbox import Settled, Status
from tests.channels.receivers import FAIL, TAKE, http_receiver

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def receive():
    """Starts receivers in a loop of their own: the command has one itself."""
    loop, running = asyncio.new_event_loop(), []
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def start(*moods):
        receiver = http_receiver(*moods)
        running.append(receiver)
        return asyncio.run_coroutine_threadsafe(receiver.__aenter__(), loop).result()

    yield start
    for receiver in running:
        asyncio.run_coroutine_threadsafe(receiver.__aexit__(None, None, None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def config(tmp_path):
    def write(**channels):
        lines = [f'data = "{tmp_path / "data"}"']
        lines += [f'[[alerts.channels]]\nid = "{name}"\nurl = "{url}"' for name, url in channels.items()]
        lines += [f'[[alerts.rules]]\nid = "r"\nchannels = ["{name}"]' for name in list(channels)[:1]]
        path = tmp_path / "stillup.toml"
        path.write_text("\n".join(lines))
        return str(path)

    return write


@pytest.fixture
def opened(tmp_path):
    """A database in which an alert is open, one message was delivered and one given up."""
    said = Said(state=State.MAJOR_OUTAGE)
    thread = Thread(incident="a", began=NOW, since=NOW, said=said, said_at=NOW, broke_at=NOW, why=Reason.UNCHANGED)
    with open_store(tmp_path / "data" / "stillup.db") as store:
        with store.outbox.deciding("main") as deciding:
            deciding.save(AlertState(threads={"r/claude": thread}), 0)
            deciding.put([_message("k1"), _message("k2")], NOW)
        first = store.outbox.take("main", "hook", NOW)
        second = store.outbox.take("main", "hook", NOW, Settled(seq=first.seq, status=Status.DELIVERED, done_at=NOW))
        why = "given up after 3 tries (refused: no)"
        store.outbox.settle(Settled(seq=second.seq, status=Status.DEAD, done_at=NOW, why=why))
    return tmp_path / "data" / "stillup.db"


def _message(key):
    return Message(
        key=key, channel="hook", kind=Kind.BROKE, reason=Reason.BROKE, rule="r", service="claude", incident="a",
        revision=1, at=NOW, title="Claude: major outage", short="s", long="l",
    )  # fmt: skip


def test_a_test_goes_to_every_channel_and_says_how_it_went(config, receive, capsys):
    good, bad = receive(TAKE), receive(FAIL)
    path = config(ops=f"http://{good.address}/hush", boss=f"http://{bad.address}/hush")

    assert run(["alert", "test", "--config", path]) == 69
    assert capsys.readouterr().out.splitlines() == [
        "ops (webhook): delivered",
        "boss (webhook): failed: 127.0.0.1 answered 502 Bad Gateway",
    ]
    assert run(["alert", "test", "ops", "--config", path]) == 0
    assert [got["json"]["data"]["kind"] for got in good.got] == ["test", "test"]
    assert len({got["headers"]["webhook-id"] for got in good.got}) == 2


def test_a_channel_that_does_not_exist_is_named(config, capsys):
    assert run(["alert", "test", "opps", "--config", config(ops="desktop")]) == 64
    assert "no channel is called 'opps' (did you mean ops?); there are ops" in capsys.readouterr().err
    assert run(["alert", "test", "--config", config()]) == 64
    assert "there are no channels" in capsys.readouterr().err


def test_the_list_says_what_is_open_what_was_sent_and_what_was_not(config, opened, capsys):
    path = config(hook="desktop")
    assert run(["alert", "list", "--config", path, "--no-color"]) == 0
    out = capsys.readouterr().out
    assert "Open: Claude, major outage since" in out
    assert "(rule r; last: unchanged)" in out
    assert "delivered" in out
    assert "given up after 3" in out

    assert run(["alert", "list", "--json", "--limit", "1", "--config", path]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (row["status"], row["message"]["key"]) == ("dead", "k2")


def test_before_anything_was_decided_the_list_says_so(config, capsys):
    assert run(["alert", "list", "--config", config()]) == 0
    assert "Nothing was decided yet" in capsys.readouterr().err


def test_somebody_knows(config, opened, capsys):
    path = config(hook="desktop")
    assert run(["alert", "ack", "claude", "--config", path]) == 0
    assert capsys.readouterr().out == "Noted: somebody knows of 1 open alert.\n"
    run(["alert", "list", "--config", path, "--no-color"])
    assert "somebody knows" in capsys.readouterr().out


def test_silence_is_noted_for_a_while(config, opened, capsys):
    path = config(hook="desktop")
    assert run(["alert", "silence", "claude", "--component", "web", "--for", "2h", "--config", path]) == 0
    assert capsys.readouterr().out.startswith("Silent about Claude until ")
    with open_store(opened) as store:
        (silence,) = store.outbox.state("main").silences
    assert (silence.service, silence.component) == ("claude", "web")
    assert (silence.ends - silence.starts).total_seconds() == 7200
    run(["alert", "list", "--config", path, "--no-color"])
    assert "Silent: claude/web until" in capsys.readouterr().out


@pytest.mark.parametrize("span", ["2", "h", "0h", "2 weeks", "999d", "-1h"])
def test_what_is_no_length_of_time_is_refused(config, span, capsys):
    assert run(["alert", "silence", "claude", f"--for={span}", "--config", config()]) == 64
    assert "allowed: as 30min, 2h or 1d" in capsys.readouterr().err


def test_a_component_that_the_service_does_not_have_is_refused(config, capsys):
    arguments = ["alert", "silence", "claude", "--component", "wob", "--for", "1h", "--config", config()]
    assert run(arguments) == 64
    assert "claude has no component 'wob'; it has web, " in capsys.readouterr().err


def test_what_was_given_up_can_be_tried_again(config, opened, capsys):
    assert run(["alert", "retry", "--config", config(hook="desktop")]) == 0
    assert capsys.readouterr().out == "1 message waits again.\n"
    with open_store(opened) as store:
        assert store.outbox.next("main", "hook").message.key == "k2"


@pytest.mark.parametrize("address", ["hush hush", "hush", "pigeon://hush", "smtp://hush.example", "mailto:hush"])
def test_an_address_that_cannot_be_told_is_refused_at_once_and_not_repeated(tmp_path, address, capsys):
    config = tmp_path / "stillup.toml"
    config.write_text(f'data = "{tmp_path / "data"}"')
    assert run(["watch", "claude", "--notify", address, "--config", str(config)]) == 64
    err = capsys.readouterr().err
    assert "--notify" in err
    assert "hush" not in err


def test_addresses_make_one_rule_that_says_it_breaks_and_is_back():
    alerts = alerts_to(["https://a.example/x", "desktop", "desktop"], ["claude"])
    (rule,) = alerts.rules
    assert rule.channels == ("notify-1", "notify-2")
    assert (rule.services, rule.updates) == (("claude",), False)
    with pytest.raises(UsageError, match="allowed: https"):
        alerts_to(["x"], ["claude"])


def test_the_same_addresses_go_on_where_they_left_off_in_whatever_order_they_are_given():
    assert party_of(["a", "b"], ["x", "y"]) == party_of(["b", "a", "a"], ["y", "x"])
    assert party_of(["a"], ["x"]) != party_of(["a"], ["y"])
    assert "secret" not in party_of(["https://secret"], ["x"])
