"""``stillup run monitor`` as a process: it owns, judges, keeps and tells; told to end it lets another go on at once."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta

from stillup.bus.lease import claim_of
from stillup.bus.open import open_bus
from stillup.catalog.load import find_service
from stillup.clock import SystemClock
from stillup.daemon.cluster.partitions import partitions_of
from stillup.daemon.cluster.publish import BOARDS, VERDICTS, unpack, unpack_board
from stillup.daemon.cluster.records import Heard, pack
from stillup.model.service import State
from stillup.model.signal import Alive, Declared
from stillup.registry import usable_sources
from stillup.store import open_store

BOUND_S = 60.0
(PARTITION,) = partitions_of([find_service("claude")])


def config(nats, tmp_path, name):
    off = "\n".join(f"[sources.{spec.id}]\nenabled = false" for spec in usable_sources())
    path = tmp_path / f"{name}.toml"
    path.write_text(
        f'data = "{tmp_path}/data"\nservices = ["claude"]\n{off}\n[cluster]\n'
        f'bus = ["{nats.servers[0]}"]\nprefix = "{nats.prefix}"\nname = "{name}"\n'
    )
    return path


async def run(nats, tmp_path, name):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stillup", "run", "monitor", "--config", config(nats, tmp_path, name),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def first(entries, condition):
    async with asyncio.timeout(BOUND_S):
        async for entry in entries:
            if condition(entry):
                return entry
    raise AssertionError


async def test_a_monitor_judges_keeps_and_tells_and_another_goes_on_when_it_ends(nats, tmp_path):
    bus = await open_bus(nats, SystemClock())
    leases = bus.table("leases", stands_s=6.0)
    at = await bus.now() - timedelta(minutes=2)
    lines = (
        Declared(at=at, service="claude", source="statuspage", component="web", state=State.MAJOR_OUTAGE),
        Alive(at=at, service="claude", source="statuspage"),
    )
    await bus.log(PARTITION.log).append("told", pack(Heard(signals=lines, by="test")))
    one = await run(nats, tmp_path, "one")
    try:
        entry = await first(
            bus.table(VERDICTS).watch(), lambda e: any(v.state.is_outage for v in unpack(e.value).verdicts)
        )
        fence = unpack(entry.value).fence
        shown = await first(bus.table(BOARDS).watch(), lambda e: unpack_board(e.value).board.state.is_outage)
        assert unpack_board(shown.value).board.service.id == "claude"
        two = await run(nats, tmp_path, "two")
        try:
            one.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(one.wait(), BOUND_S) == 0
            await first(leases.watch(), lambda e: e.value and claim_of(e).holder.startswith("two."))
            entry = await first(bus.table(VERDICTS).watch(), lambda e: unpack(e.value).fence > fence)
            assert any(v.state.is_outage for v in unpack(entry.value).verdicts)
            two.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(two.wait(), BOUND_S) == 0
        finally:
            if two.returncode is None:
                two.kill()
                await two.wait()
        entry = await leases.get(PARTITION.name)
        assert entry is None or claim_of(entry).holder == ""
        with open_store(tmp_path / "data" / "stillup.db") as store:
            assert {c.component for c in store.transitions("claude")} == {None, "web"}
            assert sorted(map(repr, store.signals("claude"))) == sorted(map(repr, lines))
    finally:
        if one.returncode is None:
            one.kill()
            await one.wait()
        await bus.close()
