"""Traces by OpenTelemetry's conventions: a request with its tries inside, sent only where the environment says so."""

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation, Protocol, Target
from stillup.gateway.seen import Ending
from stillup.gateway.seen.spans import Spans, spans_from
from stillup.testing import http, serving

from .conftest import KEY, MISTRAL, PROMPT, USAGE, ask, try_

pytest.importorskip("opentelemetry.sdk", reason="the extra [otel] is not installed")

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode


@pytest.fixture
def traced(told):
    """A gateway whose spans are kept, and those spans by name, the request's last."""
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    one = told(spans=Spans(provider), price=lambda model, usage: 0.5)
    return one, kept.get_finished_spans


async def test_a_request_is_a_span_with_its_tries_inside(traced):
    one, spans = traced
    tries = [try_(Fault.OVERLOADED, status=529, total_s=1.0), try_(target=MISTRAL, model="mistral-large", usage=USAGE)]
    await one.request(*tries, seconds=4.0, first_token_s=1.5)
    first, second, whole = spans()
    assert [s.name for s in spans()] == ["chat claude-opus-4-5", "chat mistral-large", "chat claude-opus-4-5"]
    assert [s.kind for s in spans()] == [SpanKind.CLIENT, SpanKind.CLIENT, SpanKind.SERVER]
    assert first.parent.span_id == second.parent.span_id == whole.context.span_id
    assert whole.end_time - whole.start_time == pytest.approx(4e9, abs=1e6)
    assert first.end_time - first.start_time == pytest.approx(1e9, abs=1e6)
    assert first.end_time - whole.start_time == pytest.approx(2e9, abs=1e6)
    assert second.end_time == pytest.approx(whole.end_time, abs=1e6)
    assert (first.status.status_code, first.attributes["error.type"]) == (StatusCode.ERROR, "overloaded")
    assert whole.status.status_code is StatusCode.UNSET


async def test_it_says_what_the_conventions_want_to_know(traced):
    one, spans = traced
    await one.request(try_(usage=USAGE, first_token_s=0.5, status=200), first_token_s=0.75)
    inner, whole = spans()
    assert dict(inner.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-opus-4-5",
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.usage.input_tokens": 1_015,  # cached ones are the conventions' input too
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 1_000,
        "gen_ai.usage.cache_creation.input_tokens": 5,
        "http.response.status_code": 200,
        "stillup.upstream": "anthropic",
    }
    assert whole.attributes["stillup.outcome"] == "answered"
    assert whole.attributes["stillup.cost_usd"] == 0.5
    assert whole.attributes["gen_ai.response.model"] == "claude-opus-4-5"


@pytest.mark.parametrize(
    ("protocol", "service", "operation", "name", "provider"),
    [
        (Protocol.OPENAI, "mistral", Operation.GENERATE, "chat", "mistral_ai"),
        (Protocol.OPENAI, "", Operation.EMBED, "embeddings", "openai"),
        (Protocol.RESPONSES, "chatgpt", Operation.GENERATE, "chat", "openai"),
        (Protocol.GEMINI, "gemini", Operation.GENERATE, "generate_content", "gcp.gemini"),
        (Protocol.BEDROCK, "bedrock", Operation.GENERATE, "chat", "aws.bedrock"),
        (Protocol.VERTEX, "vertex", Operation.COUNT_TOKENS, "count_tokens", "gcp.vertex_ai"),
    ],
)
async def test_every_protocol_and_operation_has_its_conventional_name(
    traced, protocol, service, operation, name, provider
):
    one, spans = traced
    await one.request(try_(target=Target("u", "", protocol, service), operation=operation))
    assert spans()[0].attributes["gen_ai.operation.name"] == name
    assert spans()[0].attributes["gen_ai.provider.name"] == provider


async def test_a_clients_own_trace_goes_on(traced):
    one, spans = traced
    header = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await one.request(try_(), asked=ask(headers=[(b"Traceparent", header)]))
    assert {f"{s.context.trace_id:032x}" for s in spans()} == {"0af7651916cd43dd8448eb211c80319c"}
    assert f"{spans()[-1].parent.span_id:016x}" == "b7ad6b7169203331"


@pytest.mark.parametrize("header", [b"", b"nonsense", b"\xff\xfe", b"00-0-0-0"])
async def test_a_broken_trace_header_begins_a_trace_of_its_own(traced, header):
    one, spans = traced
    await one.request(try_(), asked=ask(headers=[(b"traceparent", header)]))
    assert spans()[-1].parent is None


async def test_a_failed_request_is_an_error_and_a_client_that_went_away_is_none(traced):
    one, spans = traced
    await one.request(try_(Fault.SERVER_ERROR), ending=Ending.FAILED, status=500)
    await one.request(try_(ok=False), ending=Ending.ABANDONED)
    failed, left = (s for s in spans() if s.kind is SpanKind.SERVER)
    assert (failed.status.status_code, failed.attributes["error.type"]) == (StatusCode.ERROR, "failed")
    assert left.status.status_code is StatusCode.UNSET


async def test_no_key_and_no_content_is_ever_in_them(traced):
    one, spans = traced
    await one.request(try_(), user="ada")
    text = "".join(s.to_json() for s in spans())
    assert KEY not in text
    assert PROMPT not in text


# -- switching on -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    ],
)
def test_nothing_is_traced_unless_the_environment_says_so(environ):
    assert spans_from(environ) == (None, "")


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
def test_an_exporter_that_cannot_be_had_is_named(environ):
    spans, why_not = spans_from(environ)
    assert spans is None
    assert "none are sent" in why_not


async def test_spans_arrive_where_the_environment_says(told, monkeypatch):
    bodies = []

    async def collect(head, writer):
        bodies.append(head)
        writer.write(http(200, b"", Content_Type="application/x-protobuf"))

    async with serving(collect) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url("").rstrip("/"))
        spans, why_not = spans_from({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url("")})
        assert why_not == ""
        one = told(spans=spans)
        await one.request(try_())
        await one.seen.stop()
    assert [b.target for b in bodies] == ["/v1/traces"]
