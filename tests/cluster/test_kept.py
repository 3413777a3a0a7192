"""What `bench/cluster/day.py` reckons of a log is what NATS counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from stillup.bus.jetstream.streams import Streams
from stillup.bus.open import open_bus
from stillup.clock import SystemClock
from stillup.daemon.cluster.records import Heard, id_of, pack

NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)


async def test_a_record_of_a_log_takes_to_the_byte_what_is_reckoned_for_it(nats, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "bench"))
    from cluster import sizes

    monkeypatch.setattr(sizes, "PREFIX", nats.prefix)
    bus = await open_bus(nats, SystemClock())
    log, reckoned = bus.log("signals.p9"), 0
    for second in range(20):
        heard = Heard(signals=sizes.signals("claude", NOON + timedelta(seconds=second), is_bad=False), by="sources")
        await log.append(id_of(heard), pack(heard))
        reckoned += sizes.record_bytes("signals.p9", id_of(heard), pack(heard))
    streams: Streams = bus._streams
    info = await streams.look(f"{nats.prefix}_log_signals_p9")
    await bus.close()
    assert info.state.bytes == reckoned
