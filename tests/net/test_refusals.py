"""An error status becomes an error that says which, who can mend it, and how long to stay away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.errors import Blame, RateLimited, Refused
from stillup.net import Request
from stillup.net.refusals import MAX_RETRY_AFTER_S, retry_after_s
from stillup.secret import Secret
from stillup.testing import answers, http

NOW = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)


def date(seconds):
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "99999999999"}, MAX_RETRY_AFTER_S),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": date(90)}, 90),
        ({"retry-after": date(-90)}, 0),
        ({"retry-after": date(10**8)}, MAX_RETRY_AFTER_S),
        ({"retry-after": date(3690), "date": date(3600)}, 90),  # the server's clock is an hour ahead of ours
        ({"retry-after": "Tue, 07 Apr 2026 14:01:30 -0000"}, 90),
        ({"retry-after": "Tue, 99 Apr 2026 14:01:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(headers, wait_s):
    assert retry_after_s(headers, NOW) == wait_s


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_retry_after_at_all_breaks_the_bounds(text, sent):
    wait_s = retry_after_s({"retry-after": text, "date": sent}, NOW)
    assert wait_s is None or 0 <= wait_s <= MAX_RETRY_AFTER_S


async def refused(serve, connect, status, **headers):
    server = await serve(answers(http(status, b"<html>a body nobody quotes</html>", **headers)))
    with pytest.raises(Refused) as error:
        await (await connect()).fetch(Request(url=server.url("/?key=hunter2")))
    return error.value


async def test_429_is_rate_limited_with_its_wait(serve, connect):
    error = await refused(serve, connect, 429, Retry_After="120")
    assert isinstance(error, RateLimited)
    assert (str(error), error.retry_after_s) == ("127.0.0.1 answered 429 Too Many Requests", 120)


async def test_429_with_a_date_is_measured_against_the_servers_own_clock(serve, connect):
    error = await refused(serve, connect, 429, Retry_After=date(60), Date=date(0))
    assert error.retry_after_s == 60


@pytest.mark.parametrize(
    ("status", "words"), [(503, "503 Service Unavailable"), (404, "404 Not Found"), (529, "529"), (999, "999")]
)
async def test_an_error_status_is_a_refusal_with_its_name(serve, connect, status, words):
    error = await refused(serve, connect, status, Retry_After="5")
    assert not isinstance(error, RateLimited)
    assert (str(error), error.status, error.retry_after_s) == (f"127.0.0.1 answered {words}", status, 5)
    assert error.blame is Blame.PROVIDER


async def test_an_answer_we_did_not_ask_for_is_a_refusal(serve, connect):
    server = await serve(answers(http(304)))
    with pytest.raises(Refused, match="answered 304 Not Modified"):
        await (await connect()).fetch(Request(url=server.url()))


async def test_a_key_that_is_refused_is_the_users_to_mend_and_is_not_shown(serve, connect):
    server = await serve(answers(http(401, b"bad key hunter2")))
    with pytest.raises(Refused) as error:
        await (await connect()).fetch(Request(url=server.url(), headers=(("Authorization", Secret("hunter2")),)))
    assert error.value.blame is Blame.USER
    assert "hunter2" not in f"{error.value!r} {error.value}"
    assert server.heads[0].headers["authorization"] == "hunter2"
