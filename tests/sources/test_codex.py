"""Codex's sessions: turns that were given up and why, by rows the real program wrote; never a word of the talk."""

import json
import os
from datetime import timedelta

import pytest

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome
from stillup.sources.codex import SOURCE


def stamp(at):
    return at.isoformat().replace("+00:00", "Z")


def lines(*rows):
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)


def event(at, **payload):
    return {"timestamp": stamp(at), "type": "event_msg", "payload": payload}


def ended(at, info=None, message="a private word", turn="t1"):
    error = {} if info is None else {"error": {"message": message, "codex_error_info": info}}
    return event(at, type="task_complete", turn_id=turn, last_agent_message="a private word", **error)


def answered(at, response="r1", turn="t1"):
    return {"timestamp": stamp(at), "type": "token_usage_record", "payload": {"turn_id": turn, "response_id": response}}


def limits(at, percent, resets_at, minutes=300):
    primary = {"used_percent": percent, "window_minutes": minutes, "resets_at": int(resets_at.timestamp())}
    return event(at, type="token_count", info=None, rate_limits={"primary": primary, "secondary": None})


def failures(reading):
    return [s for s in reading.signals if isinstance(s, Outcome) and s.ok is False]


def successes(reading):
    return [s for s in reading.signals if isinstance(s, Outcome) and s.n_ok]


@pytest.fixture
def read(context):
    return lambda *rows, **ctx: SOURCE.parse(lines(*rows), context("chatgpt", **ctx))


@pytest.mark.parametrize(
    ("info", "message", "error", "layer"),
    [
        ("server_overloaded", "", "overloaded", Layer.INFERENCE),
        ("internal_server_error", "", "server_error", Layer.INFERENCE),
        ("usage_limit_exceeded", "", "quota", Layer.API_GATEWAY),
        ("rate_limit_exceeded", "", "rate_limit", Layer.API_GATEWAY),
        ("unauthorized", "", "authentication", Layer.AUTH),
        ({"http_connection_failed": {"http_status_code": 401}}, "", "authentication", Layer.AUTH),
        ({"http_connection_failed": {"http_status_code": None}}, "", "connection", Layer.EDGE),
        ({"response_too_many_failed_attempts": {"http_status_code": 429}}, "", "rate_limit", Layer.API_GATEWAY),
        ({"response_too_many_failed_attempts": {"http_status_code": 502}}, "", "server_error", Layer.INFERENCE),
        ("other", "stream disconnected before completion: Transport error", "connection", Layer.EDGE),
        ("other", "unexpected status 503 Service Unavailable: x", "server_error", Layer.INFERENCE),
        ("other", "exceeded retry limit, last status: 429 Too Many Requests", "rate_limit", Layer.API_GATEWAY),
    ],
)
def test_what_ended_a_turn_becomes_a_word_of_the_closed_set(read, now, info, message, error, layer):
    (failure,) = failures(read(ended(now - timedelta(minutes=2), info, message)))
    assert (failure.error, failure.layer, failure.component) == (error, layer, "codex")


@pytest.mark.parametrize(
    "info", ["context_window_exceeded", "bad_request", "cyber_policy", "sandbox_error", "other", "something_new"]
)
def test_what_is_wrong_with_the_request_or_cannot_be_told_says_nothing_of_the_service(read, now, info):
    assert [type(s) for s in read(ended(now - timedelta(minutes=2), info)).signals] == [Alive]


def test_a_limit_that_is_used_up_is_named_with_the_hour_it_opens(read, now):
    at, opens = now - timedelta(minutes=2), now + timedelta(minutes=95)
    reading = read(limits(at - timedelta(seconds=1), 100.0, opens), ended(at, "usage_limit_exceeded"))
    assert [f.error for f in failures(reading)] == ["quota:five_hour until 2026-05-12T16:35:30Z"]
    assert reading.says == "no request was answered in 24 h; your five hour limit, resets 16:35 UTC"


def test_of_two_limits_used_up_the_one_that_opens_last_stands_in_the_way(read, now):
    at = now - timedelta(minutes=2)
    rows = [limits(at, 100.0, now + timedelta(hours=1)), limits(at, 100.0, now + timedelta(days=2), 10_080)]
    (failure,) = failures(read(*rows, ended(at, "usage_limit_exceeded")))
    assert failure.error == "quota:seven_day until 2026-05-14T15:00:30Z"


def test_a_limit_of_long_ago_explains_no_error_of_now(read, now):
    at = now - timedelta(minutes=2)
    row = limits(at - timedelta(hours=1), 100.0, now + timedelta(hours=1))
    (failure,) = failures(read(row, ended(at, "usage_limit_exceeded")))
    assert failure.error == "quota"


def test_a_limit_that_is_half_used_is_no_error(read, now):
    assert failures(read(limits(now - timedelta(minutes=2), 50.0, now + timedelta(hours=1)))) == []


def test_answers_are_counted_by_request_and_the_turn_they_belong_to_is_not_one_more(read, now):
    at = now.replace(second=0) - timedelta(minutes=4)
    rows = [answered(at + timedelta(seconds=s), f"r{s}") for s in (5, 20, 40)]
    reading = read(*rows, *rows, ended(at + timedelta(seconds=50)))
    assert [s.n_ok for s in successes(reading)] == [3]


def test_versions_that_do_not_note_requests_count_turns(read, now):
    at = now - timedelta(minutes=4)
    assert [s.n_ok for s in successes(read(ended(at, turn="a"), ended(at, turn="b")))] == [2]


def test_an_older_versions_error_event_is_read_and_counts_once_with_the_turn_it_ended(read, now):
    at = now.replace(second=0) - timedelta(minutes=4) + timedelta(seconds=5)
    older = event(at, type="error", message="a private word", codex_error_info="server_overloaded")
    assert [f.error for f in failures(read(older, ended(at, "server_overloaded")))] == ["overloaded"]


def test_no_word_of_a_conversation_is_kept(read, now):
    talk = {"timestamp": stamp(now), "type": "response_item", "payload": {"type": "message", "content": "private"}}
    rows = [talk, ended(now - timedelta(minutes=1)), ended(now - timedelta(minutes=2), "server_overloaded")]
    assert "private" not in repr(read(*rows))


def test_a_conversation_about_errors_is_no_error(read, now):
    said = '{"type":"event_msg","payload":{"type":"task_complete","error":{"codex_error_info":"server_overloaded"}}}'
    talk = {"timestamp": stamp(now), "type": "response_item", "payload": {"type": "message", "content": said}}
    assert failures(read(talk)) == []


@pytest.mark.parametrize("body", [b"<html></html>", b'{"page": {}}', b"null", b"\x00" * 500, b'{"type": 1}'])
def test_what_is_no_rollout_is_refused(context, body):
    with pytest.raises(Malformed):
        SOURCE.parse(body, context("chatgpt"))


async def test_sessions_lie_where_codex_home_says(context, tmp_path, monkeypatch, now):
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    ctx = context("chatgpt")
    with pytest.raises(NotConfigured, match="no sessions of Codex on this machine"):
        await SOURCE.read(ctx, None)
    folder = tmp_path / "sessions" / "2026" / "05" / "12"
    folder.mkdir(parents=True)
    (folder / "rollout-x.jsonl").write_bytes(lines(ended(now - timedelta(minutes=2), "server_overloaded")))
    os.utime(folder / "rollout-x.jsonl", (1_000_000_000,) * 2)
    assert len(failures(await SOURCE.read(ctx, None))) == 1
