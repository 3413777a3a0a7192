"""No key is ever on the disk, wherever a client puts it."""

from __future__ import annotations

import pytest

from stillup.gateway.journal.read import load
from stillup.gateway.journal.segment import segments

KEY = "sk-dummy-0123456789"


@pytest.mark.parametrize(
    "where",
    [
        {"headers": ((b"Authorization", b"Bearer " + KEY.encode()),)},
        {"headers": ((b"X-Api-Key", KEY.encode()),)},
        {"headers": ((b"api-key", KEY.encode()), (b"x-goog-api-key", KEY.encode()))},
        {"headers": ((b"Cookie", KEY.encode()), (b"proxy-authorization", KEY.encode()))},
        {"headers": ((b"x-something-new", KEY.encode()),)},
        {"query": f"alt=sse&key={KEY}"},
        {"query": f"access_token={KEY}&alt=sse"},
        {"query": f"KEY={KEY}"},
        {"query": f"key%3d{KEY}"},
    ],
    ids=["bearer", "x-api-key", "azure and gemini", "cookie", "unknown header", "query", "token", "case", "escaped"],
)
def test_a_key_is_not_kept(where, start, folder, ask, noon):
    journal = start()
    journal.ended(journal.begin(ask("hello", **where), "x", noon), "answered", noon)
    journal.commit(noon)

    assert KEY.encode() not in segments(folder)[0].read_bytes()


def test_what_is_needed_to_send_the_request_again_is_kept(start, folder, ask, noon):
    journal = start()
    lines = ((b"Anthropic-Version", b"2023-06-01"), (b"anthropic-beta", b"a,b"), (b"Host", b"localhost"))
    journal.begin(ask("hello", headers=lines, query="beta=true&alt=sse"), "x", noon)
    journal.commit(noon)

    found = load(folder, "x").begin
    assert found.headers == (("anthropic-version", "2023-06-01"), ("anthropic-beta", "a,b"))
    assert found.query == "beta=true&alt=sse"
