"""The outbox: nothing is sent before it is written, and no turn of the loop gathers without a bound."""

from __future__ import annotations

from pathlib import Path

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.journal import Journal, Settings
from stillup.gateway.outbox import MOST_BYTES, Outbox

_CHUNK = b"x" * 65_536


def _ask() -> Ask:
    return Ask(
        protocol=Protocol.ANTHROPIC, operation=Operation.GENERATE, method="POST", path="/v1/messages", query="",
        headers=(), body=b"{}", model="m", stream=True,
    )  # fmt: skip


async def test_what_one_turn_reads_beyond_a_megabyte_is_written_and_sent_before_the_turn_is_over(
    tmp_path: Path,
) -> None:
    journal = Journal.open(tmp_path, 0.0, Settings(sync="none"), lambda _: None)
    entry = journal.begin(_ask(), "id", 0.0)
    outbox, sent, written = Outbox(journal, lambda: 0.0), 0, 0

    def send(data: bytes) -> None:
        nonlocal sent
        sent += len(data)
        assert journal.written_bytes > sent  # law 7

    for _ in range(100):
        journal.forwarded(entry, _CHUNK)
        outbox.put(send, _CHUNK, size=len(_CHUNK))
        written += len(_CHUNK)
        assert written - sent <= MOST_BYTES + 2 * len(_CHUNK)

    assert sent > 0
    outbox.flush()
    assert sent == written
    journal.close(0.0)


async def test_what_is_put_in_while_others_are_sent_keeps_its_place() -> None:
    outbox, sent = Outbox(None, lambda: 0.0), []

    def first(name: str) -> None:
        sent.append(name)
        for n in range(3):
            outbox.put(sent.append, f"of {name} {n}", size=MOST_BYTES)

    outbox.put(first, "a")
    outbox.put(sent.append, "b")
    outbox.flush()
    outbox.flush()
    assert sent == ["a", "b", "of a 0", "of a 1", "of a 2"]
