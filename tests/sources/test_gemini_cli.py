"""Gemini CLI's sessions: what its terminal showed for requests that failed becomes one word, and is dropped."""

import json
from datetime import timedelta

import pytest

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome
from stillup.sources.gemini_cli import SOURCE


def row(at, kind="error", content="", name="e1", **more):
    stamp = at.isoformat().replace("+00:00", "Z")
    return {"id": name, "timestamp": stamp, "type": kind, "content": content, **more}


def lines(*rows):
    return b"".join(json.dumps(r, separators=(",", ":")).encode() + b"\n" for r in rows)


def failures(reading):
    return [s for s in reading.signals if isinstance(s, Outcome) and s.ok is False]


@pytest.fixture
def read(context):
    return lambda *rows: SOURCE.parse(lines(*rows), context("gemini"))


@pytest.mark.parametrize(
    ("said", "error", "layer"),
    [
        ("The model is overloaded. (Status: UNAVAILABLE)]", "overloaded", Layer.INFERENCE),
        ("got status: 503 Service Unavailable]", "overloaded", Layer.INFERENCE),
        ("An internal error has occurred. (Status: INTERNAL)]", "server_error", Layer.INFERENCE),
        ("Deadline expired. (Status: DEADLINE_EXCEEDED)]", "timeout", Layer.INFERENCE),
        ("Resource exhausted. (Status: RESOURCE_EXHAUSTED)]", "rate_limit", Layer.API_GATEWAY),
        (
            "Too many.]\nPlease wait and try again later. To increase your limits, request a quota increase",
            "rate_limit",
            Layer.API_GATEWAY,
        ),
        ("You exceeded your current quota, please check your plan.]", "quota", Layer.API_GATEWAY),
        ("Invalid authentication credentials. (Status: UNAUTHENTICATED)]", "authentication", Layer.AUTH),
        ("API key not valid. Please pass a valid API key.]", "authentication", Layer.AUTH),
        ("No permission. (Status: PERMISSION_DENIED)]", "permission", Layer.AUTH),
        ("exception TypeError: fetch failed sending request]", "connection", Layer.EDGE),
        ("getaddrinfo EAI_AGAIN generativelanguage.googleapis.com]", "network", Layer.NETWORK),
    ],
)
def test_what_the_terminal_showed_becomes_a_word_of_the_closed_set(read, now, said, error, layer):
    (failure,) = failures(read(row(now - timedelta(minutes=2), content=f"[API Error: {said}")))
    assert (failure.error, failure.layer) == (error, layer)


def test_a_quota_is_told_with_the_hour_it_opens(read, now):
    said = "[API Error: You have exhausted your capacity on this model. Your quota will reset after 1h30m10s.]"
    (failure,) = failures(read(row(now - timedelta(minutes=10), content=said)))
    assert failure.error == "quota until 2026-05-12T16:20:40Z"


def test_what_cannot_be_told_might_be_a_quota_and_is_left_out_aloud(read, now):
    reading = read(row(now - timedelta(minutes=2), content="[API Error: An unknown error occurred.]"))
    assert [type(s) for s in reading.signals] == [Alive]
    assert reading.says == "no requests in 24 h; errors that say too little to be counted: 1"


@pytest.mark.parametrize(
    "said", ["[API Error: Bad request. (Status: INVALID_ARGUMENT)]", "Unknown command: /overloaded", "File not found"]
)
def test_a_wrong_request_and_errors_of_the_program_say_nothing(read, now, said):
    assert [type(s) for s in read(row(now - timedelta(minutes=2), content=said)).signals] == [Alive]


def test_an_answer_written_again_with_its_tokens_counts_once(read, now):
    at = now - timedelta(minutes=4)
    rows = [row(at, "gemini", "a private word", "g1"), row(at, "gemini", "a private word", "g1", tokens={"total": 3})]
    assert [s.n_ok for s in read(*rows).signals if isinstance(s, Outcome)] == [1]


def test_no_word_is_kept_and_talk_about_errors_is_none(read, now):
    talk = row(now, "user", [{"text": '"type":"error" [API Error: (Status: UNAVAILABLE)] private'}], "u1")
    failed = row(now - timedelta(minutes=1), content="[API Error: private (Status: UNAVAILABLE)]")
    reading = read(talk, failed)
    assert "private" not in repr(reading)
    assert len(failures(reading)) == 1


@pytest.mark.parametrize("body", [b"<html></html>", b'{"page": {}}', b"null", b"\x00" * 500])
def test_what_is_no_chat_is_refused(context, body):
    with pytest.raises(Malformed):
        SOURCE.parse(body, context("gemini"))


async def test_only_chats_are_read_below_the_programs_home(context, tmp_path, monkeypatch, now):
    monkeypatch.setenv("GEMINI_CLI_HOME", str(tmp_path))
    project = tmp_path / ".gemini" / "tmp" / "a-project"
    chats, logs = project / "chats", project / "logs"
    failed = lines(row(now - timedelta(minutes=2), content="[API Error: x (Status: UNAVAILABLE)]"))
    logs.mkdir(parents=True)
    (logs / "session-1.jsonl").write_bytes(failed)
    with pytest.raises(NotConfigured, match="no sessions of Gemini CLI on this machine"):
        await SOURCE.read(context("gemini"), None)
    (chats / "parent").mkdir(parents=True)
    (chats / "parent" / "agent.jsonl").write_bytes(failed)
    assert len(failures(await SOURCE.read(context("gemini"), None))) == 1
