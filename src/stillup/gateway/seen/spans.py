"""Traces: a span for each request and one for each try, by OpenTelemetry's conventions for generative AI.

Off unless the environment names an exporter (``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_EXPORTER``) and the extra
``[otel]`` is there. Spans are made when the request has ended, so the way of a request carries none of it; they cost
some hundred microseconds then. They hold no content and no key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from stillup.gateway.core.values import Operation, Protocol, Target, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.seen.access import safe
from stillup.gateway.seen.passage import Ending, Passage

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

Attributes = dict[str, str | int | float | bool]

_NS = 1e9
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_EXPORTERS = "OTEL_TRACES_EXPORTER"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_OPERATIONS = {Operation.GENERATE: "chat", Operation.EMBED: "embeddings"}
_PROVIDERS = {
    Protocol.ANTHROPIC: "anthropic",
    Protocol.OPENAI: "openai",
    Protocol.RESPONSES: "openai",
    Protocol.GEMINI: "gcp.gemini",
    Protocol.BEDROCK: "aws.bedrock",
    Protocol.VERTEX: "gcp.vertex_ai",
}
_PROVIDERS_BY_SERVICE = {
    "azure-openai": "azure.ai.openai",
    "deepseek": "deepseek",
    "grok": "x_ai",
    "groq": "groq",
    "mistral": "mistral_ai",
    "perplexity": "perplexity",
}
_CACHE_BESIDE = (Protocol.ANTHROPIC, Protocol.BEDROCK, Protocol.VERTEX)
"""Who does not count cached tokens among the input's; the conventions do."""
_WELL = (Ending.ANSWERED, Ending.ABANDONED)


class Spans:
    """Makes spans of passages."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        from stillup import __version__

        self._provider = provider
        self._tracer = provider.get_tracer("stillup.gateway", __version__)
        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()

    def ended(self, passage: Passage, now_s: float) -> None:
        """Tell one request that ended at ``now_s``, seconds since the epoch."""
        ended_s = passage.started_s + passage.total_s  # on the steady clock
        kind, status = self._trace.SpanKind, self._trace.Status
        root = self._tracer.start_span(
            f"{operation_of(passage.operation, passage.protocol)} {safe(passage.asked_model)}".rstrip(),
            self._caller(passage),
            kind=kind.SERVER,
            start_time=int((now_s - passage.total_s) * _NS),
            attributes=request_attributes(passage),
        )
        if passage.ending not in _WELL:
            root.set_status(status(self._trace.StatusCode.ERROR, passage.ending.value))
        inside = self._trace.set_span_in_context(root)
        for at_s, result in passage.tries if root.is_recording() else ():
            over_s = now_s - (ended_s - at_s)
            span = self._tracer.start_span(
                f"{operation_of(result.operation, result.target.protocol)} {safe(result.model)}".rstrip(),
                inside,
                kind=kind.CLIENT,
                start_time=int((over_s - result.total_s) * _NS),
                attributes=try_attributes(result),
            )
            if result.fault is not None:
                span.set_status(status(self._trace.StatusCode.ERROR, result.fault.value))
            span.end(int(over_s * _NS))
        root.end(int(now_s * _NS))

    def close(self) -> None:
        """Send what is still held. Blocks."""
        self._provider.shutdown()

    def _caller(self, passage: Passage) -> Context | None:
        """The client's own trace, where it is in one."""
        if not passage.traceparent:
            return None
        return self._propagator.extract({"traceparent": passage.traceparent.decode("latin-1")})


def request_attributes(passage: Passage) -> Attributes:
    """What the span of a request says."""
    said: Attributes = {
        "gen_ai.operation.name": operation_of(passage.operation, passage.protocol),
        "gen_ai.request.model": safe(passage.asked_model),
        "gen_ai.request.stream": passage.stream,
        "stillup.request.id": passage.id,
        "stillup.protocol": passage.protocol.value,
        "stillup.outcome": passage.ending.value,
        "stillup.attempts": len(passage.tries),
    }
    if passage.status is not None:
        said["http.response.status_code"] = passage.status
    if passage.ending not in _WELL:
        said["error.type"] = passage.ending.value
    if passage.reason:
        said["stillup.reason"] = passage.reason
    if passage.hedges:
        said["stillup.hedges"] = passage.hedges
    if passage.usd is not None:
        said["stillup.cost_usd"] = passage.usd
    if passage.winner is not None:
        said["gen_ai.response.model"] = safe(passage.model)
        said |= provider_attributes(passage.winner.target)
        said |= usage_attributes(passage.usage, passage.winner.target.protocol)
    if passage.first_token_s is not None:
        said["gen_ai.response.time_to_first_chunk"] = passage.first_token_s
    return said


def try_attributes(result: Try) -> Attributes:
    """What the span of a try says."""
    said: Attributes = {
        "gen_ai.operation.name": operation_of(result.operation, result.target.protocol),
        "gen_ai.request.model": safe(result.model),
        **provider_attributes(result.target),
        **usage_attributes(result.usage, result.target.protocol),
    }
    if result.status is not None:
        said["http.response.status_code"] = result.status
    if result.fault is not None:
        said["error.type"] = result.fault.value
    if result.first_token_s is not None:
        said["gen_ai.response.time_to_first_chunk"] = result.first_token_s
    return said


def provider_attributes(target: Target) -> Attributes:
    """Who was asked, by the conventions' names and by ours."""
    provider = _PROVIDERS_BY_SERVICE.get(target.service) or _PROVIDERS[target.protocol]
    return {"gen_ai.provider.name": provider, "stillup.upstream": target.upstream}


def usage_attributes(usage: Usage, protocol: Protocol) -> Attributes:
    """The tokens, cached ones among the input's."""
    said: Attributes = {}
    cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    if usage.input_tokens is not None:
        said["gen_ai.usage.input_tokens"] = usage.input_tokens + (cached if protocol in _CACHE_BESIDE else 0)
    if usage.output_tokens is not None:
        said["gen_ai.usage.output_tokens"] = usage.output_tokens
    if usage.cache_read_tokens is not None:
        said["gen_ai.usage.cache_read.input_tokens"] = usage.cache_read_tokens
    if usage.cache_write_tokens is not None:
        said["gen_ai.usage.cache_creation.input_tokens"] = usage.cache_write_tokens
    return said


def operation_of(operation: Operation, protocol: Protocol) -> str:
    """The conventions' name of an operation, ours where they have none."""
    if operation is Operation.GENERATE and protocol is Protocol.GEMINI:
        return "generate_content"
    return _OPERATIONS.get(operation, operation.value)


# -- switching on -----------------------------------------------------------------------------------------------------


def spans_from(environ: Mapping[str, str]) -> tuple[Spans | None, str]:
    """Spans as the environment wants them, else None; and a sentence where it wants what cannot be had."""
    provider, why_not = provider_from(environ)
    return None if provider is None else Spans(provider), why_not


def provider_from(environ: Mapping[str, str], name: str = "stillup") -> tuple[TracerProvider | None, str]:
    """Where spans go, as the environment wants it; ``name`` is the service's where it names none."""
    named = environ.get(_EXPORTERS, "").strip().lower()
    wanted = named or ("otlp" if any(environ.get(name) for name in _ENDPOINTS) else "none")
    if wanted == "none" or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None, ""
    if wanted not in ("otlp", "console"):
        return None, f"{_EXPORTERS}={wanted[:40]!r}: traces go by otlp or console only; none are sent"
    protocol = next((environ[name] for name in _PROTOCOLS if environ.get(name)), "http/protobuf")
    if wanted == "otlp" and protocol != "http/protobuf":
        return None, f"traces are sent by http/protobuf only, not by {protocol[:40]!r}; none are sent"
    try:
        return _provider(wanted, environ, name), ""
    except ImportError:
        return None, "traces are asked for, and OpenTelemetry is not installed: pip install 'stillup[otel]'"


def _provider(wanted: str, environ: Mapping[str, str], name: str) -> TracerProvider:
    """A provider of our own; endpoint, headers, sampler and resource are read from ``OTEL_*`` by the library."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    exporter: SpanExporter
    if wanted == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter()
    else:
        exporter = ConsoleSpanExporter()
    is_named = "OTEL_SERVICE_NAME" in environ or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    provider = TracerProvider(resource=Resource.create({} if is_named else {"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
