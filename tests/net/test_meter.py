"""A meter knows what one reading cost and how old its oldest answer is, and holds it to what is left of the budget."""

from __future__ import annotations

import pytest

from stillup.errors import RateLimited, Refused
from stillup.net import Meter, Request
from stillup.testing import answers, http


async def test_only_what_was_really_asked_costs_and_the_oldest_answer_counts(serve, connect, clock, to_loopback):
    server = await serve(answers(http(200, b"x")))
    net = await connect(resolver=to_loopback)
    url = server.url(host="status.test")
    begun = clock.now()
    await net.fetch(Request(url=url))
    await clock.advance(20)
    meter = Meter(net)
    await meter.fetch_all((Request(url=url), Request(url=url + "other")))
    assert (meter.calls, meter.spent, meter.oldest) == (2, 1, begun)


async def test_a_failed_request_costs_too(serve, connect):
    server = await serve(answers(http(500)))
    meter = Meter(await connect())
    with pytest.raises(Refused):
        await meter.fetch(Request(url=server.url()))
    assert (meter.spent, meter.oldest) == (1, None)


async def test_the_allowance_is_never_passed_even_side_by_side(serve, connect):
    server = await serve(answers(http(200, b"x")))
    meter = Meter(await connect(), 2)
    with pytest.raises(RateLimited, match="our own daily budget"):
        await meter.fetch_all(tuple(Request(url=server.url(f"/{n}")) for n in range(4)))
    assert meter.spent == 2
    assert len(server.heads) <= 2
