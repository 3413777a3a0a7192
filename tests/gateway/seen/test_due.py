"""What a user's budget pays for a request, counted by the upstream or not."""

from __future__ import annotations

import pytest

from stillup.gateway.core.fault import Fault
from stillup.gateway.core.values import Operation, Protocol, Usage
from stillup.gateway.seen import Ending, Seen
from stillup.testing import FakeClock

from .conftest import PROMPT, ask, try_


def per_token(model, usage):
    return 1.0 * (usage.input_tokens or 0) + 100.0 * (usage.output_tokens or 0)


def due(*tries, ending, sent_bytes=0, user="ann", by=None, **more):
    seen = Seen(FakeClock(), price=per_token)
    passage = seen.begin(ask(**more), "r1", user)
    for each in tries:
        seen.tried(passage, each)
    seen.ended(passage, ending, status=200, sent_bytes=sent_bytes, by=by)
    return passage.due_usd


ASKED = len(PROMPT) // 4
CHAT = {"protocol": Protocol.OPENAI}
GIVEN_UP = try_(ok=False)


def test_what_the_upstream_counted_is_due():
    answered = try_(usage=Usage(input_tokens=7, output_tokens=3))
    assert due(answered, ending=Ending.ANSWERED, sent_bytes=100_000) == 307.0


def test_a_stream_that_was_asked_not_to_count_is_due_by_its_bytes():
    assert due(try_(), ending=Ending.ANSWERED, sent_bytes=2_000, **CHAT) == ASKED + 100 * 10


def test_a_stream_that_its_client_left_is_due_by_its_bytes_whatever_it_had_counted_until_then():
    left = try_(ok=False, usage=Usage(input_tokens=7, output_tokens=1))
    assert due(left, ending=Ending.ABANDONED, sent_bytes=3_000, by=left) == 7 + 100 * 100


def test_a_client_that_leaves_before_the_first_word_has_asked_all_the_same():
    assert due(GIVEN_UP, ending=Ending.ABANDONED) == ASKED


@pytest.mark.parametrize("tries", [(), (try_(Fault.OVERLOADED),)])
def test_nothing_is_due_for_what_no_upstream_took(tries):
    assert due(*tries, ending=Ending.FAILED, sent_bytes=500) is None


def test_counting_tokens_makes_none():
    answered = try_(usage=Usage(input_tokens=None), operation=Operation.COUNT_TOKENS)
    assert not due(answered, ending=Ending.ANSWERED, sent_bytes=50, operation=Operation.COUNT_TOKENS)


def test_without_users_nothing_is_estimated():
    assert due(try_(), ending=Ending.ANSWERED, sent_bytes=2_000, user="") is None
