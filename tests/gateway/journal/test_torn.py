"""A segment that broke off, or was damaged, gives all that is sound in it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.values import Ask, Operation, Protocol
from stillup.gateway.journal import Journal, Settings
from stillup.gateway.journal.read import read_exchanges
from stillup.gateway.journal.segment import segments

NOON = 1_775_563_200.0
CHUNKS = [b"A%d " % n for n in range(12)]


def a_segment():
    """The bytes of a segment with three exchanges, and where each commit ended in it."""
    ends = []
    with tempfile.TemporaryDirectory() as made:
        journal = Journal.open(Path(made), NOON, Settings(sync="none"), print)
        for n in range(3):
            body = b'{"messages":[{"role":"user","content":"%b"}]}' % (b"q%d" % n * 40)
            ask = Ask(protocol=Protocol.ANTHROPIC, operation=Operation.GENERATE, method="POST", path="/", body=body)
            entry = journal.begin(ask, f"x{n}", NOON)
            for chunk in CHUNKS[n * 4 : n * 4 + 4]:
                journal.forwarded(entry, chunk)
                journal.commit(NOON)
                ends.append((segments(Path(made))[0].stat().st_size, chunk))
            journal.ended(entry, "answered", NOON)
        journal.close(NOON)
        return segments(Path(made))[0].read_bytes(), ends


WHOLE, ENDS = a_segment()


def read(data):
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "20260407T120000.000Z.journal").write_bytes(data)
        return [(one.id, one.body(), one.answer(), one.outcome) for one in read_exchanges(Path(made))]


SOUND = read(WHOLE)


@given(st.integers(0, len(WHOLE)))
def test_a_file_cut_at_any_byte_gives_every_chunk_committed_before_it(size):
    found = read(WHOLE[:size])

    assert b"".join(answer for _, _, answer, _ in found) == b"".join(chunk for end, chunk in ENDS if end <= size)
    for (id_, body, answer, _), sound in zip(found, SOUND, strict=False):
        assert (id_, body) == sound[:2]
        assert sound[2].startswith(answer)


@given(st.integers(0, len(WHOLE)), st.binary(max_size=200))
def test_whatever_stands_after_a_cut_adds_nothing(size, rubbish):
    found = read(WHOLE[:size] + rubbish)

    answers = b"".join(answer for _, _, answer, _ in found)
    assert b"".join(CHUNKS).startswith(answers) or WHOLE.startswith(WHOLE[:size] + rubbish)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_damaged_byte_never_gives_a_wrong_one(at, flip):
    damaged = bytearray(WHOLE)
    damaged[at] ^= flip

    sound = {id_: (body, answer) for id_, body, answer, _ in SOUND}
    for id_, body, answer, _ in read(bytes(damaged)):
        assert body in (None, sound[id_][0])
        assert all(chunk in sound[id_][1].split() for chunk in answer.split())


@pytest.mark.parametrize("at", [len(WHOLE) // 3, len(WHOLE) // 2])
def test_one_damaged_record_costs_no_other(at):
    damaged = bytearray(WHOLE)
    damaged[at] ^= 1

    assert [id_ for id_, *_ in read(bytes(damaged))][-1] == "x2"
