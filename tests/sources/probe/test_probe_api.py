"""What answers mean: statuses, challenges, keys, and the inference stream, over real connections."""

from __future__ import annotations

import asyncio
import json
import ssl
from datetime import UTC, datetime, timedelta

import pytest

from stillup.clock import SystemClock
from stillup.errors import NotConfigured
from stillup.model.signal import Alive, Outcome
from stillup.net import look_up
from stillup.sources.ladder.judge import judge
from stillup.sources.ladder.options import Options
from stillup.sources.ladder.plan import Here, plan_steps
from stillup.sources.ladder.rungs import Climber

JSON = "application/json"
UP = (200, 301, 302, 401, 405, 429)


def error_body(kind: str, **more: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": "a test", **more}}).encode()


@pytest.mark.parametrize(
    ("status", "kind", "body", "error"),
    [
        (200, JSON, b'{"data": []}', None),
        (200, JSON, b'{"data": [' + b'"x", ' * 30_000 + b'"x"]}', None),
        (401, JSON, error_body("authentication_error"), None),
        (429, JSON, error_body("rate_limit_error"), None),  # without a key of ours the edge is only being careful
        (200, "text/html", b"<html>welcome</html>", "wrong_content"),
        (200, JSON, b'{"data": ', "wrong_content"),
        (200, JSON, b"", "wrong_content"),
        (200, "text/plain", b"healthy", None),
        (200, "application/xml", b"<ListResult/>", None),
        (200, "text/plain", b"\n <!DOCTYPE html><html>sign in to the WiFi</html>", "wrong_content"),
        (404, JSON, error_body("not_found_error"), "http_404"),
        (500, JSON, error_body("api_error"), "server_error"),
        (502, "text/html", b"<html>bad gateway</html>", "server_error"),
        (503, "text/html", b"<html>away</html>", "server_error"),
        (503, JSON, error_body("service_unavailable_error"), "overloaded"),
        (529, JSON, error_body("overloaded_error"), "overloaded"),
        (529, "text/html", b"", "overloaded"),
    ],
)
async def test_an_api_status_is_read_for_what_it_proves(host, read, status, kind, body, error):
    port = await host.says(host.reply(status, body, kind))
    rung = read.rung(f"http://127.0.0.1:{port}/v1/models", "api_gateway", "api_auth", up=UP)
    assert await read.outcomes(rung) == [("edge", None), ("api_gateway", error)]


@pytest.mark.parametrize(
    ("status", "headers", "name"),
    [
        (403, {"cf_mitigated": "challenge"}, None),
        (503, {"cf_mitigated": "challenge"}, None),
        (403, {}, "challenge.html"),
        (503, {}, "challenge.html"),
        (202, {"x_amzn_waf_action": "challenge"}, None),
    ],
)
async def test_a_bot_challenge_means_that_the_rung_is_up(host, read, fixtures, status, headers, name):
    body = (fixtures / name).read_bytes() if name else b"no"
    port = await host.says(host.reply(status, body, **headers))
    reading = await read(read.rung(f"http://127.0.0.1:{port}/login", "auth", "sign_in", up=(200,)))
    assert [s.ok for s in reading.signals if isinstance(s, Outcome)] == [True, True]
    assert f"sign-in {status}" in reading.says
    assert "bot challenge" in reading.says


async def test_a_plain_403_or_503_without_a_challenge_is_not_up(host, read):
    for status, error in ((403, "http_403"), (503, "server_error")):
        port = await host.says(host.reply(status, b"<html>no</html>"))
        assert await read.outcomes(read.rung(f"http://127.0.0.1:{port}/", up=(200,))) == [("edge", error)]


async def test_an_endpoint_without_a_list_counts_as_up_below_500(host, read):
    for status, error in ((404, None), (500, "server_error"), (529, "overloaded")):
        port = await host.says(host.reply(status))
        assert await read.outcomes(read.rung(f"http://127.0.0.1:{port}/")) == [("edge", error)]


@pytest.mark.parametrize("name", ["anthropic", "openai"])
async def test_a_whole_stream_proves_inference_and_names_the_model_by_its_family(host, read, fixtures, name):
    port = await host.says(host.stream((fixtures / f"{name}_good.sse").read_bytes()))
    reading = await read(read.inference(port, protocol=name), key="k")
    edge, inference, alive = reading.signals
    assert (edge.layer, edge.ok, edge.model) == ("edge", True, None)
    assert (inference.layer, inference.ok, inference.model) == ("inference", True, "haiku")
    assert isinstance(alive, Alive)
    assert "first token in" in reading.says


@pytest.mark.parametrize("name", ["anthropic", "openai"])
async def test_an_error_event_after_a_good_status_is_its_kind(host, read, fixtures, name):
    port = await host.says(host.stream((fixtures / f"{name}_error.sse").read_bytes()), then="hang")
    outcomes = await read.outcomes(read.inference(port, protocol=name), key="k")
    assert outcomes == [("edge", None), ("inference", "overloaded")]


@pytest.mark.parametrize(("then", "error"), [("close", "stream_cut"), ("reset", "stream_cut"), ("hang", "timeout")])
async def test_a_stream_that_ends_or_stalls_before_its_end_marker_is_named(host, read, fixtures, then, error):
    half = (fixtures / "anthropic_good.sse").read_bytes().split(b"event: content_block_stop")[0]
    port = await host.says(host.stream(half), then=then)
    [step] = plan_steps(read.context(read.inference(port), key="k"), Options(), Here()).steps
    climb = await Climber(ssl.create_default_context(), SystemClock(), look_up).climb(step.ask, patience_s=0.2)
    assert climb.reply.first_token_ms is not None
    assert [(f.layer, f.error) for f in judge(step, climb).facts] == [("edge", ""), ("inference", error)]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "stream_cut"),
        (b"data: <html>\n\n", "wrong_content"),
        (b'data: {"type":"message_stop"}\n\n', "wrong_content"),  # an end without a beginning
        (b": ping\n\n" * 20_000, "wrong_content"),  # more than sixteen tokens can be
        (b'data: {"type":"error","error":{"type":"made_up"}}\n\n', "server_error"),
        (b'data: {"type":"error","error":{"type":"rate_limit_error"}}\n\n', "rate_limit"),
    ],
)
async def test_a_stream_that_is_not_what_it_should_be_is_named(host, read, body, error):
    port = await host.says(host.stream(body))
    assert await read.outcomes(read.inference(port), key="k") == [("edge", None), ("inference", error)]


async def test_a_good_status_without_a_stream_is_read_for_its_error(host, read):
    for body, error in ((error_body("overloaded_error"), "overloaded"), (b'{"ok": 1}', "wrong_content")):
        port = await host.says(host.reply(200, body, JSON))
        assert await read.outcomes(read.inference(port, cost_usd=0.0), key="k") == [
            ("edge", None),
            ("inference", error),
        ]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, error_body("authentication_error"), "authentication"),
        (402, error_body("billing_error"), "billing"),
        (403, error_body("permission_error"), "permission"),
        (429, error_body("rate_limit_error"), "rate_limit"),
        (429, error_body("x", code="insufficient_quota"), "billing"),
        (400, error_body("invalid_request_error", message="Your credit balance is too low"), "billing"),
        (429, b"<html>slow down</html>", "rate_limit"),
    ],
)
async def test_limits_bills_and_keys_of_ours_are_told_apart_and_tried_once(host, read, status, body, error):
    port = await host.says(host.reply(status, body, JSON))
    reading = await read(read.inference(port, up=(200, 401, 402, 403, 429)), key="k", once=True)
    found = [(s.layer, s.error) for s in reading.signals if isinstance(s, Outcome)]
    assert found == [("edge", None), ("inference", error)]
    assert "your own" in reading.says
    assert len(host.heads) == 1


async def test_refusing_our_request_proves_the_api_and_nothing_of_the_model(host, read):
    port = await host.says(host.reply(404, error_body("not_found_error"), JSON))
    reading = await read(read.inference(port), key="k")
    found = [(s.layer, s.ok, s.model) for s in reading.signals if isinstance(s, Outcome)]
    assert found == [("edge", True, None), ("api_gateway", True, None)]


async def test_an_overload_dressed_as_a_limit_is_the_providers(host, read):
    port = await host.says(host.reply(429, error_body("overloaded_error"), JSON))
    assert (await read.outcomes(read.inference(port), key="k"))[-1] == ("inference", "overloaded")


async def test_without_a_key_inference_is_not_tried_and_that_is_said(host, read):
    port = await host.says(host.reply())
    reading = await read(read.rung(f"http://127.0.0.1:{port}/"), read.inference(host.closed()))
    assert "inference not tried (no key)" in reading.says
    assert len([s for s in reading.signals if isinstance(s, Outcome)]) == 1


async def test_the_key_comes_from_the_setting_or_the_environment_and_only_in_the_request(
    host, read, fixtures, monkeypatch
):
    good = host.stream((fixtures / "anthropic_good.sse").read_bytes())
    monkeypatch.setenv("ACME_KEY", "sk-from-environment")
    for key, sent in ((None, b"sk-from-environment"), ("sk-from-setting", b"sk-from-setting")):
        port = await host.says(good)
        reading = await read(read.inference(port, cost_usd=0.0), key=key)
        assert b"x-api-key: " + sent in host.heads[-1]
        assert "sk-from" not in repr(reading)


@pytest.mark.parametrize("key", ["sk-bad\nkey", "sk-bäd-key"])
async def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(host, read, key, monkeypatch):
    port = await host.says(host.reply())
    with pytest.raises(NotConfigured) as caught:
        await read(read.inference(port), key=key)
    assert "sk-b" not in str(caught.value)
    monkeypatch.setenv("ACME_KEY", key)
    with pytest.raises(NotConfigured) as caught:
        await read(read.inference(port))
    assert "sk-b" not in str(caught.value)


async def test_a_key_never_goes_to_another_machine_in_the_clear(host, read):
    port = await host.says(host.reply())
    rungs = (read.rung(f"http://127.0.0.1:{port}/"), read.inference(port))
    reading = await read(*rungs, key="k", controls=[], endpoints={"inference": "http://acme.invalid/v1/messages"})
    assert "inference not tried (a key is sent over TLS only)" in reading.says


async def test_the_daily_cap_bounds_what_inference_spends(host, read, fixtures):
    port = await host.says(host.stream((fixtures / "anthropic_good.sse").read_bytes()))
    page = read.rung(f"http://127.0.0.1:{await host.says(host.reply())}/")
    midnight, tried = datetime(2026, 4, 7, tzinfo=UTC), 0
    for minute in range(0, 24 * 60, 30):
        now = midnight + timedelta(minutes=minute)
        reading = await read(page, read.inference(port, cost_usd=0.01), key="k", now=now, max_usd_per_day=0.05)
        tried += any(s.layer == "inference" for s in reading.signals if isinstance(s, Outcome))
    assert tried == 5
    assert "inference not tried (daily cap of $0.05 is spent)" in reading.says


async def test_a_cap_of_nothing_switches_inference_off(host, read):
    page = read.rung(f"http://127.0.0.1:{await host.says(host.reply())}/")
    reading = await read(page, read.inference(host.closed()), key="k", max_usd_per_day=0)
    assert "inference not tried (daily cap of $0 is spent)" in reading.says


async def test_a_person_who_asks_gets_three_tries_of_what_fails(host, read):
    reading = await read(read.rung(f"http://127.0.0.1:{host.closed()}/"), once=True)
    found = [s for s in reading.signals if isinstance(s, Outcome)]
    assert [s.error for s in found] == ["refused"] * 3
    assert len({s.id for s in found}) == 3
    assert "edge fails: refused (3 tries)" in reading.says


async def test_one_failure_before_a_success_is_reported_as_just_that(host, read):
    turns = iter([host.reply(500), host.reply(200)])

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(turns))
        await writer.drain()

    port = await host.serve(handler)
    assert await read.outcomes(read.rung(f"http://127.0.0.1:{port}/"), once=True) == [
        ("edge", "server_error"),
        ("edge", None),
    ]


async def test_a_host_that_hangs_is_tried_three_times_within_the_deadline_too(host, read):
    port = await host.silent()
    outcomes = await read.outcomes(read.rung(f"http://127.0.0.1:{port}/"), once=True, deadline_s=0.6)
    assert outcomes == [("edge", "timeout")] * 3


async def test_a_late_answer_beside_silent_tries_settles_it(host, read):
    waiting = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if waiting.is_set():  # the second connection is answered, the first never
            writer.write(host.reply())
            await writer.drain()
            return
        waiting.set()
        await asyncio.Event().wait()

    port = await host.serve(handler)
    assert await read.outcomes(read.rung(f"http://127.0.0.1:{port}/"), once=True) == [("edge", None)]


async def test_inference_that_is_slower_than_the_deadline_is_left_out_and_named(host, read):
    page = read.rung(f"http://127.0.0.1:{await host.says(host.reply())}/")
    reading = await read(page, read.inference(await host.silent()), key="k", once=True, deadline_s=0.3)
    assert [s.layer for s in reading.signals if isinstance(s, Outcome)] == ["edge"]
    assert "not finished in 0.3 s: inference" in reading.says


async def test_what_is_said_holds_nothing_that_a_server_sent(host, read):
    evil = b"\x1b[31mEVIL\x1b[0m \xe2\x80\xaeEVIL"
    port = await host.says(host.reply(500, evil, server="\x1b[31mEVIL"))
    reading = await read(read.rung(f"http://127.0.0.1:{port}/"))
    assert "EVIL" not in repr(reading)


async def test_with_nothing_to_climb_the_reason_is_given(read):
    with pytest.raises(NotConfigured, match=r"inference not tried \(no key\)"):
        await read(read.inference(9))
