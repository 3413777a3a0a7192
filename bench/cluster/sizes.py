"""What one of each takes: bytes of a record as NATS counts them, of a row as PostgreSQL does; from the real packers."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from kept import Sizes, Volume

from stillup.daemon.cluster.records import Heard, Minute, Part, Partial, id_of, minute_id, pack
from stillup.hub.replica import Replica
from stillup.hub.values import CrowdReport
from stillup.model.service import Layer, Problem, State
from stillup.model.signal import Alive, Counted, Declared, Outcome, Signal
from stillup.store.write import signal_row

PREFIX = "trial"
"""Of the installation: it stands in the name of each stream."""
KINDS = [*Problem][:6]
_INDEX_FULL = 0.7
"""Of a page of an index whose entries come in order service by service, on average."""


def signals(service: str, at: datetime, is_bad: bool) -> tuple[Signal, ...]:  # noqa: FBT001 - what the lines say
    """What is heard of a service in one turn."""
    state = State.MAJOR_OUTAGE if is_bad else State.OPERATIONAL
    return (
        Declared(at=at, service=service, source="statuspage", component="api", state=state),
        Outcome(
            at=at, service=service, source="gateway", layer=Layer.INFERENCE, component="api", window_s=20,
            n_ok=0 if is_bad else 9, n_failed=9 if is_bad else 0,
        ),
        Alive(at=at, service=service, source="statuspage"),
    )  # fmt: skip


def network(dice: Random) -> str:
    """Somebody's address."""
    n = dice.getrandbits(24)
    return f"{11 + n % 200}.{n >> 8 & 255}.{n >> 16 & 255}.7"


def sizes(at: datetime, volume: Volume) -> Sizes:
    """Bytes of each sort of record and row, as the real packers make them and NATS and PostgreSQL count them."""
    log, desk = "signals.p10", "hub-1.0f0f0f"
    heard = signals("claude", at, is_bad=False)
    asked = Outcome(
        at=at, service="claude", source="gateway", component="api", layer=Layer.INFERENCE, model="claude-sonnet-4-5",
        ok=True, latency_ms=3.4142135623,
    )  # fmt: skip
    counted = Counted(
        at=at, service="claude", source="hub", window_s=60, count=3, component="web", problem=Problem.SIGN_IN
    )

    def of(said: Heard) -> int:
        return record_bytes(log, id_of(said), pack(said))

    return Sizes(
        minute=record_bytes(log, minute_id("p10", at), pack(Minute(at=at, owner="monitor-1", fence=3))),
        heard=of(Heard(signals=heard, by="sources")),
        asked=of(Heard(signals=(asked,), by="gateway-1.0f0f0f")),
        asked_too=of(Heard(signals=(asked, asked), by="gateway-1.0f0f0f"))
        - of(Heard(signals=(asked,), by="gateway-1.0f0f0f")),
        sign=record_bytes(log, f"partial:{desk}:100000", pack(Partial(replica=desk, end=at, parts=()))),
        quiet_words=words_bytes(volume.quiet, volume, at),
        loud_words=words_bytes(volume.loud, volume, at),
        heard_rows=sum(map(row_bytes, heard)),
        asked_row=row_bytes(asked),
        counted_row=row_bytes(counted),
        alive_row=row_bytes(Alive(at=at, service="claude", source="hub")),
    )


def record_bytes(log: str, id_: str, body: bytes) -> int:
    """What NATS counts for a record: its subject, two headers, what it says, and 34 bytes of its own."""
    stream = f"{PREFIX}_log_{log.replace('.', '_')}"
    headers = f"NATS/1.0\r\nNats-Msg-Id: ={id_}\r\nNats-Expected-Stream: {stream}\r\n\r\n"
    return 34 + len(f"{PREFIX}.log.{log}") + len(headers) + len(body)


def row_bytes(signal: Signal) -> float:
    """What PostgreSQL takes for a signal: 28 bytes and its columns in the page, and its place in the index."""
    row = signal_row(signal)
    words = sum(1 + len(row[name]) for name in ("service", "source", "kind"))
    value = len(row["value"])
    heap = 28 + 16 + words + (1 if value < 127 else 4) + value
    return _whole(heap) + (12 + _whole(1 + len(row["service"])) + 8) / _INDEX_FULL


def _whole(n: int) -> int:
    """Rounded up to eight bytes."""
    return -(-n // 8) * 8


def words_bytes(reports: float, volume: Volume, at: datetime, minutes: int = 5) -> float:
    """What the desks together say of so many reports a minute, from a rehearsal with the real ones."""
    dice, total = Random(5), 0
    desks = [Replica(f"hub-{n}.0f0f0f", Random(n).randbytes, at) for n in range(volume.desks)]
    since = int(at.timestamp()) // 60 * 60
    for desk in desks:
        desk.share((b"k" * 32, since), (b"f" * 32, since))
    for step in range(int(minutes * 60 / volume.gather_s)):
        now = at + timedelta(seconds=step * volume.gather_s)
        share = reports * volume.gather_s / 60
        for _ in range(int(share) + (dice.random() < share % 1)):
            said = CrowdReport(service="claude", problem=dice.choice(KINDS), component="web")
            dice.choice(desks).hand_in(said, network(dice), None, now)
        for desk in desks:
            batch = desk.batch(now.timestamp())
            for words in batch.words.values():
                parts = tuple(Part(service=w.service, count=w.n, sketch=w.grounds, **w.leaf._asdict()) for w in words)
                body = pack(Partial(replica="hub-1.0f0f0f", end=now, parts=parts))
                total += record_bytes("signals.p9", "partial:hub-1.0f0f0f:100000", body)
            desk.was_said(batch)
    return total / minutes
