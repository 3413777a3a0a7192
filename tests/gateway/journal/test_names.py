"""A piece's name is its content's, remembered or not, and what is remembered is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.journal import names
from stillup.gateway.journal.names import Names
from stillup.gateway.journal.records import digest


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"a" * 300, b"b" * 300, b"c" * 30_000]), max_size=30))
def test_a_name_is_the_content_s_however_often_and_in_whatever_order_it_is_asked(pieces):
    kept = Names()

    assert [kept.name(piece) for piece in pieces] == [digest(piece) for piece in pieces]


def test_what_is_remembered_never_passes_its_bound(monkeypatch):
    monkeypatch.setattr(names, "_MOST_BYTES", 10_000)
    kept = Names()
    for n in range(1_000):
        kept.name(b"%d" % n * (n % 40))
        kept.name(b"x" * 10_000)

        assert sum(map(len, kept._known)) + 200 * len(kept._known) <= 10_000
