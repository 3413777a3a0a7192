"""Traces across the roles of a cluster: what was heard, what was judged of it, where that was shown, as one trace.

Off unless the environment asks for it, as the gateway's own traces are (``OTEL_*``, extra ``[otel]``). On the bus a
trace travels as W3C ``traceparent``. Spans hold names of services, sources and partitions, and nothing that was said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from stillup.gateway.seen.spans import provider_from

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

_PARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""https://www.w3.org/TR/trace-context/#traceparent-header, version 00."""


class Open:
    """A span that is under way, or none, which costs nothing. ``trace`` is what goes on the bus, empty of none."""

    __slots__ = ("_span", "trace")

    def __init__(self, span: Span | None = None, trace: str = "") -> None:
        self._span = span
        self.trace = trace

    def end(self) -> None:
        """It is done."""
        if self._span is not None:
            self._span.end()


_NONE = Open()


class Traces:
    """Begins spans, where they are asked for."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = None
        if provider is not None:
            from stillup import __version__

            self._tracer = provider.get_tracer("stillup.cluster", __version__)

    def begin(self, name: str, parent: str = "", **attributes: str | int) -> Open:
        """A span, below ``parent`` where that is a traceparent; what else came over the bus begins one of its own."""
        if self._tracer is None:
            return _NONE
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = TraceContextTextMapPropagator()
        above = carrier.extract({"traceparent": parent}) if _PARENT.fullmatch(parent) else None
        named = {f"stillup.{key}": value for key, value in attributes.items()}
        span = self._tracer.start_span(name, above, attributes=named)
        from opentelemetry.trace import set_span_in_context

        told: dict[str, str] = {}
        carrier.inject(told, set_span_in_context(span))
        return Open(span, told.get("traceparent", ""))

    def close(self) -> None:
        """Send what waits; blocks for some seconds at most."""
        if self._provider is not None:
            self._provider.shutdown()


OFF = Traces()


def traces_from(environ: Mapping[str, str], role: str) -> tuple[Traces, str]:
    """Traces as the environment wants them, and a sentence where it wants what cannot be had."""
    provider, why_not = provider_from(environ, f"stillup-{role}")
    return Traces(provider) if provider is not None else OFF, why_not
