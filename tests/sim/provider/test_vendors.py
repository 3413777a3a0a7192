"""Every way a provider fails that a client sees: on the wire, as the gateway reads it, and as the probe does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from stillup.catalog.load import catalogue
from stillup.gateway.core.fault import MEANINGS, Fault
from stillup.gateway.core.values import Operation, Protocol
from stillup.gateway.dialects.anthropic.watch import AnthropicWatch
from stillup.gateway.dialects.bedrock import BedrockWatch
from stillup.gateway.dialects.chat.watch import ChatWatch
from stillup.gateway.dialects.gemini.watch import GeminiWatch
from stillup.gateway.dialects.responses.watch import ResponsesWatch
from stillup.gateway.dialects.trouble import classify
from stillup.gateway.dialects.whole import WholeWatch
from stillup.sim.provider.behaviour import Behaviour, Failure, Reason
from stillup.sim.provider.voices import vendor_of, voices
from stillup.sim.provider_server import ProviderServer
from stillup.sources.ladder.dialects import DIALECTS, Tally
from stillup.sources.ladder.faults import OURS
from stillup.sources.ladder.kinds import own_fault, provider_fault

A, O, R, G, B = (  # noqa: E741
    Protocol.ANTHROPIC,
    Protocol.OPENAI,
    Protocol.RESPONSES,
    Protocol.GEMINI,
    Protocol.BEDROCK,
)
STREAMS = {A: AnthropicWatch, O: ChatWatch, R: ResponsesWatch, G: GeminiWatch, B: BedrockWatch}
TALLIES = {A: "anthropic", O: "openai", G: "gemini"}
SAY: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]
ASKS: dict[Protocol, tuple[str, dict[str, Any]]] = {
    A: ("/v1/messages", {"model": "m", "max_tokens": 99, "messages": SAY}),
    O: ("/v1/chat/completions", {"model": "m", "messages": SAY}),
    R: ("/v1/responses", {"model": "m", "input": "Hello"}),
    G: ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "Hello"}]}]}),
    B: ("/model/anthropic.claude-1/invoke", {"messages": SAY, "max_tokens": 99}),
}
STREAMED = {
    G: "/v1beta/models/m:streamGenerateContent?alt=sse",
    B: "/model/anthropic.claude-1/invoke-with-response-stream",
}
OWN = ("quota", "rate limit", "acceleration", "key", "credit")


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of failures.toml, whose head says what is what."""

    at: Protocol
    status: int
    says: list[str]
    fault: Fault
    probe: str = ""
    reason: Reason = Reason.PLAIN
    failure: Failure = Failure.STATUS
    headers: dict[str, str] = {}
    no_request_id: bool = False

    @property
    def streams(self) -> bool:
        return self.failure is not Failure.STATUS


TABLE = msgspec.toml.decode(
    (Path(__file__).parent / "failures.toml").read_bytes(), type=dict[str, dict[str, Row]], strict=False
)
LINES = [(vendor, what, row) for vendor, rows in TABLE.items() for what, row in rows.items()]


async def asked(client, server: ProviderServer, protocol: Protocol, *, streams: bool, **more):
    path, body = ASKS[protocol]
    if streams:
        path, body = STREAMED.get(protocol, path), body if protocol in STREAMED else body | {"stream": True}
    async with client.post(server.url + path, json=body, headers={"x-api-key": "dummy"}, **more) as answer:
        return answer.status, answer.headers, await answer.read()


def read_by_gateway(protocol: Protocol, status: int, headers, body: bytes, *, streams: bool) -> Fault | None:
    if status != 200:
        pairs = tuple((k.encode(), v.encode()) for k, v in headers.items())
        return classify(protocol, status, pairs, body)
    watch = STREAMS[protocol]() if streams else WholeWatch(protocol, Operation.GENERATE)
    watch.feed(body)
    return watch.finish()[0]


def read_by_probe(protocol: Protocol, status: int, body: bytes) -> str:
    if status == 200:
        tally = Tally(DIALECTS[TALLIES[protocol]])
        tally.feed(body, 1.0)
        return tally.error
    ours = own_fault(status, body)
    return ours.value if ours else provider_fault(status, body)


@pytest.mark.parametrize(("vendor", "what", "row"), LINES, ids=[f"{vendor}: {what}" for vendor, what, _ in LINES])
async def test_what_a_client_sees_of_a_failure_is_that_vendors_and_is_taken_for_what_it_is(client, vendor, what, row):
    behaviour = Behaviour(
        failure=row.failure, status=row.status, reason=row.reason, after=3, no_request_id=row.no_request_id
    )
    async with ProviderServer("A", vendor=vendor) as server:
        server.set(behaviour)
        status, headers, body = await asked(client, server, row.at, streams=row.streams)

    assert status == (200 if row.streams else row.status), what
    assert [part for part in row.says if part.encode() not in body] == []
    assert {k: v or headers[k] for k, v in row.headers.items()} == {k: headers[k] for k in row.headers}
    assert read_by_gateway(row.at, status, headers, body, streams=row.streams) is row.fault
    if row.probe:
        assert read_by_probe(row.at, status, body) == row.probe


def test_every_vendors_overload_and_limit_is_in_the_table():
    assert TABLE.keys() == voices().keys() - {"deepl"}
    for vendor, rows in TABLE.items():
        assert any("overload" in what for what in rows), vendor
        assert vendor in ("ollama", "llamacpp") or any("limit" in what for what in rows), vendor


def test_quota_credit_and_keys_never_count_against_a_provider():
    own = [(f"{v}: {what}", row) for v, what, row in LINES if any(w in what for w in OWN)]
    assert len(own) > 25
    assert [name for name, row in own if MEANINGS[row.fault].weight] == []
    assert [name for name, row in own if row.probe and row.probe not in OURS] == []


@pytest.mark.parametrize("vendor", ["openrouter", "deepseek"])
@pytest.mark.parametrize("streams", [False, True])
async def test_signs_of_life_before_an_answer_are_no_content_and_no_trouble(client, vendor, streams):
    """OpenRouter's comments, DeepSeek's comments in streams and empty lines before whole answers."""
    async with ProviderServer("A", vendor=vendor) as server:
        server.set(Behaviour(pings=4))
        status, _, body = await asked(client, server, O, streams=streams)

    sign = (b": OPENROUTER PROCESSING\n\n" if vendor == "openrouter" else b": keep-alive\n\n") if streams else b"\n"
    assert body.startswith(sign * 4)
    assert (status, read_by_gateway(O, status, {}, body, streams=streams)) == (200, None)
    assert not streams or read_by_probe(O, status, body) == ""


async def test_perplexitys_streams_have_no_end_marker_and_are_whole_all_the_same(client):
    async with ProviderServer("A", vendor="perplexity") as server:
        _, _, body = await asked(client, server, O, streams=True)
    assert b"[DONE]" not in body
    assert read_by_gateway(O, 200, {}, body, streams=True) is None


async def test_ollamas_error_in_place_of_an_answer_comes_with_200_at_its_openai_address(client):
    async with ProviderServer("A", vendor="ollama") as server:
        server.set(Behaviour(failure=Failure.ERROR_FIRST))
        for streams in (False, True):
            status, headers, body = await asked(client, server, O, streams=streams)
            found = read_by_gateway(O, status, headers, body, streams=streams)
            assert (status, found) == (200, Fault.SERVER_ERROR if not streams else Fault.ERROR_EVENT)


@pytest.mark.parametrize("body", [b'{"error":"model runner has unexpectedly stopped"}', b'{"error":{"message":"m"}}'])
def test_a_bare_error_in_place_of_a_whole_answer_is_a_failure(body):
    assert read_by_gateway(O, 200, {}, body, streams=False) is Fault.ERROR_EVENT


async def test_geminis_list_of_models_answers_while_every_generation_fails(client):
    async with ProviderServer("A", vendor="gemini") as server:
        server.set(Behaviour(failure=Failure.STATUS, status=503, generates_only=True))
        status, _, _ = await asked(client, server, G, streams=False)
        async with client.get(f"{server.url}/v1beta/models", headers={"x-goog-api-key": "dummy"}) as answer:
            assert (answer.status, status) == (200, 503)
            assert (await answer.json())["models"]


async def test_googles_wait_is_the_one_that_was_set(client):
    async with ProviderServer("A", vendor="gemini") as server:
        server.set(Behaviour(failure=Failure.STATUS, status=429, retry_after="27"))
        _, headers, body = await asked(client, server, G, streams=False)
    assert (headers["Retry-After"], b'"retryDelay":"27s"' in body) == ("27", True)


@pytest.mark.parametrize("vendor", voices())
async def test_in_health_a_vendor_answers_in_each_of_its_protocols(client, vendor):
    known = {p.value: p for p in Protocol} | {"chat": O}
    protocols = [known[d.value] for d in voices()[vendor].protocols if d.value in known]
    if vendor == "bedrock":
        protocols = [B]
    async with ProviderServer("A", vendor=vendor) as server:
        for protocol in protocols:
            for streams in (False, True):
                status, headers, body = await asked(client, server, protocol, streams=streams)
                assert (status, read_by_gateway(protocol, status, headers, body, streams=streams)) == (200, None)


@pytest.mark.parametrize(
    ("name", "vendor"), [("claude", "anthropic"), ("grok", "xai"), ("deepl", "deepl"), ("groq", "groq"), ("nobody", "")]
)
def test_a_vendor_is_found_by_its_name_and_by_the_service_whose_api_it_is(name, vendor):
    assert vendor_of(name) == vendor


def test_every_service_a_voice_names_is_in_the_catalogue():
    named = [service for voice in voices().values() for service in voice.services]
    assert set(named) <= catalogue().keys()
    assert len(named) == len(set(named))


@pytest.mark.parametrize("vendor", voices())
@pytest.mark.parametrize("reason", [Reason.QUOTA, Reason.CONTEXT, Reason.FILTER, Reason.PREFILL])
def test_a_vendor_without_words_for_a_reason_has_those_of_whom_it_is_like(vendor, reason):
    voice = voices()[vendor]
    alike = voices().get(voice.like, voice)
    if reason.value in voice.words or reason.value in alike.words:
        assert voice.says(400, reason) != voice.says(400, Reason.PLAIN)


def test_words_and_statuses_are_kept_under_a_status_or_a_reason():
    for voice in voices().values():
        assert all(300 <= status <= 599 for status in voice.instead.values()), voice.vendor
        assert all(key.isdecimal() or key in {*Reason, "other"} for key in (*voice.instead, *voice.words)), voice.vendor
