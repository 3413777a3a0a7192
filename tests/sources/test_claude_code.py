"""Claude Code's transcripts: failures and answers of real requests, whose fault it was, never a word of the talk."""

import asyncio
import json
import os
from datetime import timedelta

import pytest

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Layer
from stillup.model.signal import Alive, Outcome
from stillup.sources._local_files import tails
from stillup.sources._local_tries import NETWORK, OWN_FAULTS, PROVIDER_FAULTS, is_own_fault
from stillup.sources.claude_code import SOURCE
from stillup.verdict.outcomes.stream import ErrorKind, kind_of


def stamp(at):
    return at.isoformat().replace("+00:00", "Z")


def lines(*rows):
    return b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)


def answer_row(at, request="req_1", **more):
    message = {"model": "m", "content": [{"type": "text", "text": "a private word"}]}
    return {"type": "assistant", "timestamp": stamp(at), "requestId": request, "message": message, **more}


def error_row(at, status=529, word="server_error", request="req_9", **more):
    message = {"model": "<synthetic>", "content": [{"type": "text", "text": "a private word"}]}
    row = {"type": "assistant", "timestamp": stamp(at), "isApiErrorMessage": True, "message": message}
    named = {"apiErrorStatus": status, "error": word, "requestId": request}
    return row | {k: v for k, v in named.items() if v is not None} | more


def retry_row(at, error, attempt=1):
    return {"type": "system", "subtype": "api_error", "timestamp": stamp(at), "retryAttempt": attempt, "error": error}


def failures(reading):
    return [s for s in reading.signals if isinstance(s, Outcome) and s.ok is False]


def successes(reading):
    return [s for s in reading.signals if isinstance(s, Outcome) and s.n_ok]


@pytest.fixture
def read(context):
    return lambda *rows, **ctx: SOURCE.parse(lines(*rows), context(**ctx))


# -- what went wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "word", "error", "layer"),
    [
        (529, "server_error", "overloaded", Layer.INFERENCE),
        (500, "server_error", "server_error", Layer.INFERENCE),
        (503, None, "server_error", Layer.INFERENCE),
        (504, None, "timeout", Layer.INFERENCE),
        (404, "model_not_found", "not_found", Layer.INFERENCE),
        (429, "rate_limit", "rate_limit", Layer.API_GATEWAY),
        (402, "billing_error", "billing", Layer.API_GATEWAY),
        (401, "authentication_failed", "authentication", Layer.AUTH),
        (403, "permission_error", "permission", Layer.AUTH),
        (418, None, "other", Layer.INFERENCE),
        (None, "overloaded", "overloaded", Layer.INFERENCE),
        (None, "econnreset", "connection", Layer.EDGE),
        (None, "something_new", "other", Layer.INFERENCE),
    ],
)
def test_an_error_row_becomes_a_word_of_the_closed_set(read, now, status, word, error, layer):
    (failure,) = failures(read(error_row(now - timedelta(minutes=2), status, word)))
    assert (failure.error, failure.layer, failure.component) == (error, layer, "code")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"status": 529}, "overloaded"),
        ({"error": {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}}, "overloaded"),
        ({"type": "api_error", "status": 500}, "server_error"),
        ({"cause": {"code": "ECONNRESET", "path": "x"}}, "connection"),
        ({"code": "ENOTFOUND"}, "connection"),
        ({"type": "timeout_error"}, "timeout"),
    ],
)
def test_a_retry_row_is_told_by_the_innermost_name_in_its_error(read, now, body, error):
    assert [f.error for f in failures(read(retry_row(now - timedelta(minutes=2), body)))] == [error]


REFUSED = {
    "message": "Connection error.",
    "formatted": "a private word",
    "connection": {"code": "ECONNREFUSED", "message": "a private word", "isSSLError": False},
    "isNetworkDown": True,
}


@pytest.mark.parametrize(
    ("code", "error", "layer"),
    [
        ("ECONNREFUSED", "connection", Layer.EDGE),
        ("CERT_HAS_EXPIRED", "connection", Layer.EDGE),
        ("EAI_AGAIN", "network", Layer.NETWORK),
        ("ENETUNREACH", "network", Layer.NETWORK),
    ],
)
def test_a_connection_that_failed_is_told_from_a_network_that_is_not_there(read, now, code, error, layer):
    body = REFUSED | {"connection": {"code": code}}
    (failure,) = failures(read(retry_row(now - timedelta(minutes=2), body)))
    assert (failure.error, failure.layer) == (error, layer)


def test_the_last_row_of_a_refused_connection_is_no_server_error(read, now):
    row = error_row(now - timedelta(minutes=2), None, "server_error", None, apiError="connection_failed")
    assert [f.error for f in failures(read(row))] == ["connection"]


def test_an_empty_purse_is_told_although_its_status_is_a_wrong_requests(read, now):
    row = error_row(now - timedelta(minutes=2), 400, "billing_error")
    assert [f.error for f in failures(read(row))] == ["billing"]


def test_a_request_with_its_retries_counts_once_though_each_attempt_has_an_id_of_its_own(read, now):
    at = now.replace(second=0) - timedelta(minutes=2)
    rows = []
    for n in range(3):
        body = {"status": 529, "requestId": f"req_{n}", "connection": None}
        chain = {"uuid": f"u{n}", "parentUuid": f"u{n - 1}" if n else "the-question"}
        rows.append(retry_row(at + timedelta(seconds=n + 1), body, n + 1) | chain)
    rows.append(error_row(at + timedelta(seconds=9), request="req_3") | {"uuid": "u3", "parentUuid": "u2"})
    other = error_row(at + timedelta(seconds=9), request="req_9") | {"uuid": "v0", "parentUuid": "a-question"}
    assert [f.error for f in failures(read(*rows))] == ["overloaded"]
    assert len(failures(read(*rows, other))) == 2


def test_where_the_network_was_not_there_answers_clear_it(read, now):
    rows = [retry_row(now - timedelta(minutes=5), {"code": "ENETUNREACH"}), answer_row(now - timedelta(minutes=2))]
    assert {s.layer for s in successes(read(*rows))} == {Layer.INFERENCE, Layer.NETWORK}


@pytest.mark.parametrize(
    ("status", "word"), [(400, "invalid_request"), (413, None), (None, "invalid_request"), (None, None)]
)
def test_a_wrong_request_and_an_error_without_a_name_say_nothing_of_the_service(read, now, status, word):
    reading = read(error_row(now - timedelta(minutes=2), status, word))
    assert [type(s) for s in reading.signals] == [Alive]


def test_the_users_own_errors_are_known_as_such_to_the_judgement():
    """One meaning on both sides: what this source calls the user's own must never vote, and the rest must."""
    for error in (*OWN_FAULTS, "quota:five_hour"):
        assert is_own_fault(error)
        assert kind_of(error) is ErrorKind.YOURS
    for error in (*PROVIDER_FAULTS, NETWORK):
        assert not is_own_fault(error)
        assert kind_of(error) is ErrorKind.PROVIDER


def test_a_reached_limit_is_named_with_the_hour_it_opens_again(read, now):
    quota = {"rateLimitType": "five_hour", "resetsAt": int((now + timedelta(minutes=95)).timestamp())}
    reading = read(error_row(now - timedelta(minutes=2), 429, "rate_limit", quotaLimits=quota))
    assert [f.error for f in failures(reading)] == ["quota:five_hour until 2026-05-12T16:35:30Z"]
    assert reading.says == "no request was answered in 24 h; your five hour limit, resets 16:35 UTC"


def test_a_limit_that_has_opened_again_is_not_spoken_of(read, now):
    quota = {"rateLimitType": "five_hour", "resetsAt": int((now - timedelta(minutes=5)).timestamp())}
    reading = read(error_row(now - timedelta(hours=2), 429, "rate_limit", quotaLimits=quota))
    assert "limit" not in reading.says


def test_a_limits_name_that_is_no_name_is_not_repeated(read, now):
    quota = {"rateLimitType": "five hour\x1b[31m", "resetsAt": 1}
    (failure,) = failures(read(error_row(now - timedelta(minutes=2), 429, "rate_limit", quotaLimits=quota)))
    assert failure.error == "quota"


# -- how often it counts ----------------------------------------------------------------------------------------------


def test_a_request_that_failed_counts_once_a_minute(read, now):
    at = now.replace(second=0) - timedelta(minutes=2)
    rows = [error_row(at + timedelta(seconds=s), request=r) for s, r in ((5, "a"), (6, "a"), (7, "b"), (65, "a"))]
    assert len(failures(read(*rows))) == 3


def test_retries_without_a_requests_id_count_once_a_minute_and_error(read, now):
    at = now.replace(second=0) - timedelta(minutes=2)
    rows = [retry_row(at + timedelta(seconds=s), {"status": 529}, n) for n, s in enumerate((1, 2, 5, 14, 32, 68))]
    assert len(failures(read(*rows))) == 2


def test_lines_copied_by_a_resumed_session_count_once(read, now):
    rows = [error_row(now - timedelta(minutes=2)), answer_row(now - timedelta(minutes=3))]
    assert read(*rows, *rows).signals == read(*rows).signals


def test_answers_are_counted_by_the_minute_each_request_once(read, now):
    at = now.replace(second=0) - timedelta(minutes=4)
    rows = [answer_row(at + timedelta(seconds=s), r) for s, r in ((5, "a"), (9, "a"), (20, "b"), (70, "c"))]
    found = successes(read(*rows))
    assert [(s.at, s.n_ok, s.n_failed, s.window_s) for s in found] == [
        (at + timedelta(minutes=1), 2, 0, 60),
        (at + timedelta(minutes=2), 1, 0, 60),
    ]


def test_words_the_program_writes_itself_are_no_answers(read, now):
    synthetic = answer_row(now - timedelta(minutes=3))
    synthetic["message"]["model"] = "<synthetic>"
    no_request = answer_row(now - timedelta(minutes=3), request=None)
    assert successes(read(synthetic, no_request)) == []


def test_where_connections_failed_answers_count_at_the_edge_too(read, now):
    reading = read(answer_row(now - timedelta(minutes=3)), error_row(now - timedelta(minutes=2), None, "econnreset"))
    assert {s.layer for s in successes(reading)} == {Layer.INFERENCE, Layer.EDGE}


def test_only_rows_newer_than_the_last_reading_are_told_again(read, now):
    rows = [error_row(now - timedelta(minutes=m), request=f"r{m}") for m in (1, 5, 30)]
    assert len(failures(read(*rows))) == 3
    assert len(failures(read(*rows, since=now - timedelta(minutes=3)))) == 1
    assert read(*rows, since=now).says == read(*rows).says


def test_two_readings_within_a_minute_do_not_overwrite_each_other(read, now):
    before = now - timedelta(seconds=20)
    first = read(answer_row(now - timedelta(seconds=25), "a"), now=before)
    rows = [answer_row(now - timedelta(seconds=25), "a"), answer_row(now - timedelta(seconds=5), "b")]
    second = read(*rows, since=before)
    assert [s.n_ok for s in successes(first) + successes(second)] == [1, 1]
    assert len({s.id for s in successes(first) + successes(second)}) == 2


def test_rows_without_a_time_of_the_future_or_too_old_are_left_out(read, now):
    timeless = error_row(now, request="t")
    del timeless["timestamp"]
    rows = [timeless, error_row(now + timedelta(minutes=1)), error_row(now - timedelta(hours=25))]
    reading = read(*rows)
    assert [type(s) for s in reading.signals] == [Alive]
    assert reading.says == "no requests in 24 h; errors that say too little to be counted: 1"


def test_the_sentence_has_the_numbers_in_it(context, answer):
    assert SOURCE.parse(answer("claude_code/outage.jsonl"), context()).says == (
        "18 of 46 requests failed in 24 h (15 overloaded, 3 server_error), the last 70 s ago"
    )
    assert SOURCE.parse(answer("claude_code/quiet.jsonl"), context()).says == "0 of 29 requests failed in 24 h"


# -- what is not read -------------------------------------------------------------------------------------------------


def test_no_word_of_a_conversation_is_kept(read, now):
    rows = [
        answer_row(now - timedelta(minutes=3)),
        error_row(now - timedelta(minutes=2)),
        retry_row(now - timedelta(minutes=1), {"status": 529, "message": "a private word"}),
        error_row(now - timedelta(minutes=1), None, "a private word", "r2"),
    ]
    assert "private" not in repr(read(*rows))


def test_a_conversation_about_errors_is_no_error(read, now):
    talk = {"type": "user", "timestamp": stamp(now), "message": {"content": '"isApiErrorMessage":true "status":529'}}
    nested = {"type": "user", "timestamp": stamp(now), "toolUseResult": error_row(now)}
    assert failures(read(talk, nested)) == []


def test_cut_and_broken_lines_are_left_out(context, now):
    good = lines(error_row(now - timedelta(minutes=2)))
    noise = b'tail of a line"}\n\xff\xfe\n' + b'{"isApiErrorMessage":true,' + b"[" * 5000 + b"\n"
    reading = SOURCE.parse(noise + good + good[:40], context())
    assert len(failures(reading)) == 1


@pytest.mark.parametrize("body", [b"<html></html>", b'{"page": {}}', b"null", b"\x00" * 500, b'{"type": 1}'])
def test_what_is_no_transcript_is_refused(context, body):
    with pytest.raises(Malformed):
        SOURCE.parse(body, context())


# -- files ------------------------------------------------------------------------------------------------------------


def put(folder, name, data, age_s=0.0):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1_000_000_000 - age_s,) * 2)
    return path


async def test_transcripts_are_read_from_the_folder_the_user_names(context, tmp_path, now):
    put(tmp_path, "project/a.jsonl", lines(error_row(now - timedelta(minutes=2), request="a")))
    put(tmp_path, "project/session/nested/b.jsonl", lines(error_row(now - timedelta(minutes=3), request="b")))
    put(tmp_path, "project/notes.txt", b"not a transcript")
    reading = await SOURCE.read(context(path=str(tmp_path)), None)
    assert len(failures(reading)) == 2


async def test_a_machine_without_transcripts_has_nothing_to_say(context, tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(NotConfigured, match="no sessions of Claude Code on this machine"):
            await SOURCE.read(context(path=str(folder)), None)


async def test_empty_transcripts_are_no_requests(context, tmp_path):
    put(tmp_path, "a.jsonl", b"")
    assert (await SOURCE.read(context(path=str(tmp_path)), None)).says == "no requests in 24 h"


def test_only_files_changed_within_a_day_of_the_newest_are_opened(tmp_path):
    put(tmp_path, "new.jsonl", b"new\n")
    put(tmp_path, "older.jsonl", b"older\n", age_s=3600)
    put(tmp_path, "old.jsonl", b"old\n", age_s=90_000)
    assert tails(tmp_path) == b"new\n\nolder\n"


def test_only_the_whole_lines_of_a_files_end_are_read(tmp_path):
    put(tmp_path, "a.jsonl", b"x" * 600_000 + b"\nlast but one\nlast\n")
    assert tails(tmp_path) == b"last but one\nlast\n"


def test_all_files_together_are_bounded(tmp_path):
    for number in range(40):
        put(tmp_path, f"{number}.jsonl", (b"y" * 99 + b"\n") * 6000)
    assert len(tails(tmp_path)) <= 8 * 1024 * 1024 + 40


def test_links_and_pipes_are_not_followed(tmp_path):
    outside = put(tmp_path, "outside/secret.jsonl", b"secret\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.jsonl").symlink_to(outside)
    (inside / "folder").symlink_to(outside.parent, target_is_directory=True)
    os.mkfifo(inside / "pipe.jsonl")
    assert tails(inside) is None


async def test_reading_does_not_hold_up_the_event_loop(context, tmp_path, now):
    """It runs in a thread: a task that is ready gets its turn while files are read."""
    put(tmp_path, "a.jsonl", lines(error_row(now - timedelta(minutes=2))))
    reading = asyncio.create_task(SOURCE.read(context(path=str(tmp_path)), None))
    await asyncio.sleep(0)
    assert not reading.done()
    assert failures(await reading)
