"""Traces across roles: what a gateway heard, what a judge made of it and where it was shown are one trace."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from stillup.bus.local import LocalBus
from stillup.catalog.load import catalogue
from stillup.clock import SystemClock
from stillup.daemon.cluster.partitions import partitions_of
from stillup.daemon.cluster.publish import VERDICTS
from stillup.daemon.cluster.publish import unpack as word_of
from stillup.daemon.cluster.records import unpack
from stillup.daemon.cluster.telling import Telling
from stillup.daemon.cluster.together import end
from stillup.daemon.cluster.writing import Writer
from stillup.daemon.jobs import profile_of
from stillup.daemon.traces import OFF, Traces, traces_from
from stillup.model.signal import Alive
from stillup.verdict.monitor import Monitor

T = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)
(PARTITION,) = partitions_of([catalogue()["claude"]])


@pytest.fixture
def told():
    """Traces, and the spans that ended."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return SimpleNamespace(traces=Traces(provider), spans=exporter.get_finished_spans)


async def ended(task):
    await end([task])
    with suppress(asyncio.CancelledError):
        await task


async def test_what_was_heard_judged_and_shown_is_one_trace(told):
    bus = LocalBus(SystemClock())
    log = bus.log(PARTITION.log)
    writer = Writer(log, SystemClock(), "g1.0", told.traces)
    writing = asyncio.create_task(writer.run())
    writer.write([Alive(at=T, service="claude", source="gateway")])
    assert await writer.written(30)
    record = await anext(aiter(log.read(0)))
    heard = unpack(record.body)

    monitor = Monitor(profile_of)
    monitor.step(T, heard.signals)
    telling = Telling(PARTITION, bus, SystemClock(), 1, print, traces=told.traces)
    talking = asyncio.create_task(telling.run())
    telling.judged(monitor, SimpleNamespace(at=T, seq=record.seq, changes=()), heard.trace)
    async for entry in bus.table(VERDICTS).watch():
        word = word_of(entry.value)
        break
    told.traces.begin("show", word.trace, service=word.service).end()
    await ended(writing)
    await ended(talking)

    hear, judge, show = told.spans()
    assert [s.name for s in (hear, judge, show)] == ["hear", "judge", "show"]
    assert len({s.context.trace_id for s in (hear, judge, show)}) == 1
    assert judge.parent.span_id == hear.context.span_id
    assert show.parent.span_id == judge.context.span_id
    assert dict(hear.attributes) == {"stillup.by": "g1.0", "stillup.service": "claude", "stillup.signals": 1}


@pytest.mark.parametrize("odd", ["00", "00-" + "0" * 32 + "-" + "0" * 16 + "-00", "x" * 10_000, "00-é", "\x00\r\n"])
def test_what_is_no_traceparent_begins_a_trace_of_its_own(told, odd):
    span = told.traces.begin("judge", odd)
    span.end()
    assert told.spans()[0].parent is None
    assert span.trace.startswith("00-")


def test_without_a_wish_for_traces_there_are_none_and_nothing_travels():
    traces, why_not = traces_from({}, "monitor")
    assert traces is OFF
    assert why_not == ""
    assert traces.begin("judge").trace == ""


def test_a_process_is_named_for_its_role_where_the_environment_names_none():
    traces, _ = traces_from({"OTEL_TRACES_EXPORTER": "console"}, "monitor")
    assert traces._provider.resource.attributes["service.name"] == "stillup-monitor"
    traces.close()
