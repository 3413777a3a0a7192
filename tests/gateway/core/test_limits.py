"""What answers say of limits."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.gateway.core.limits import headroom, retry_after_s, seconds

AT = datetime(2026, 4, 7, 14, 0, tzinfo=UTC)


def wait(body: bytes = b"", **headers: str) -> float | None:
    lines = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return retry_after_s(lines, body, AT)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("0", 0),
        ("7", 7),
        ("1.5", 1.5),
        ("20ms", 0.02),
        ("1s", 1),
        ("6m0s", 360),
        ("2m59.56s", 179.56),
        ("1h2m3s", 3723),
        ("1d", 86_400),
        ("-1", None),
        ("", None),
        ("soon", None),
        ("1s and more", None),
        ("5x1s", None),
        ("nan", None),
        ("inf", None),
        ("9" * 65, None),
    ],
)
def test_durations_are_read_in_every_provider_s_way(text, after):
    assert seconds(text) == (pytest.approx(after) if after is not None else None)


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"retry_after": "20"}, 20),
        ({"Retry_After": "0.5"}, 0.5),
        ({"Retry_After": "Tue, 07 Apr 2026 14:00:30 GMT"}, 30),
        ({"Retry_After": "Tue, 07 Apr 2026 13:00:00 GMT"}, 0),
        ({"Retry_After": "Tue, 07 Apr 2026 16:00:10 +0200"}, 10),
        ({"Retry_After": "Tue, 07 Apr 2026 14:00:10 -0000"}, 10),
        ({"retry_after_ms": "1500", "retry_after": "2"}, 1.5),
        ({"retry_after_ms": "soon", "retry_after": "2"}, 2),
        ({"retry_after": "999999999"}, 86_400),
        ({"retry_after": "Tue, 07 Apr 9999 14:00:30 GMT"}, 86_400),
        ({"retry_after": "-3"}, None),
        ({"retry_after": "tomorrow"}, None),
        ({"retry_after": "1e999"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_milliseconds_or_a_date(headers, after):
    assert wait(**headers) == after


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (b'{"error":{"details":[{"@type":"RetryInfo","retryDelay":"34.5s"}]}}', 34.5),
        (b'{"error":{"details":[{"retryDelay": "34s"}]}}', 34),
        (b'{"error":{"message":"Rate limit reached. Please try again in 11.054s. Visit"}}', 11.054),
        (b'{"error":{"message":"Please try again in 6m0s."}}', 360),
        (b'{"error":{"message":"Please try again in 20ms."}}', 0.02),
        (b'{"error":{"message":"Please retry in 34.07s."}}', 34.07),
        (b"Too many requests, please try again in 5 minutes.", 300),
        (b"Please try again in 30 seconds", 30),
        (b"try again in 3 bananas", 3),
        (b"try again later", None),
        (b"x" * 20_000 + b"try again in 3s", None),
    ],
)
def test_bodies_say_when_to_come_back(body, after):
    assert wait(body) == (pytest.approx(after) if after is not None else None)


def test_a_header_is_believed_before_a_body():
    assert wait(b"try again in 3s", retry_after="7") == 7


def left(**headers: str) -> dict[str, tuple[float | None, float, float]]:
    lines = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return {of: (each.limit, each.remaining, each.until) for of, each in headroom(lines, AT, 0.0).items()}


def test_anthropics_headers_say_what_is_left_of_each_limit_until_a_time():
    assert left(
        anthropic_ratelimit_requests_limit="50",
        anthropic_ratelimit_requests_remaining="49",
        anthropic_ratelimit_requests_reset="2026-04-07T14:00:01Z",
        Anthropic_Ratelimit_Input_Tokens_Limit="400000",
        Anthropic_Ratelimit_Input_Tokens_Remaining="1000",
        Anthropic_Ratelimit_Input_Tokens_Reset="2026-04-07T14:00:30Z",
        anthropic_ratelimit_unified_5h_remaining="0",
    ) == {"requests": (50, 49, 1), "input-tokens": (400_000, 1000, 30)}


def test_openais_headers_say_what_is_left_for_a_duration():
    assert left(
        x_ratelimit_limit_requests="60",
        x_ratelimit_remaining_requests="0",
        x_ratelimit_reset_requests="20ms",
        x_ratelimit_limit_tokens="150000",
        x_ratelimit_remaining_tokens="149984",
        x_ratelimit_reset_tokens="6m0s",
    ) == {"requests": (60, 0, 0.02), "tokens": (150_000, 149_984, 360)}


def test_openrouter_tells_the_time_in_milliseconds():
    reset = str(int(AT.timestamp() * 1000) + 45_000)
    assert left(X_RateLimit_Limit="20", X_RateLimit_Remaining="0", X_RateLimit_Reset=reset) == {"requests": (20, 0, 45)}
    reset = str(int(AT.timestamp()) + 45)
    assert left(x_ratelimit_remaining="0", x_ratelimit_reset=reset) == {"requests": (None, 0, 45)}


def test_mistrals_limits_hold_a_minute():
    assert left(x_ratelimit_limit_req_minute="60", x_ratelimit_remaining_req_minute="3") == {"requests": (60, 3, 60)}


def test_a_limit_without_what_is_left_and_words_instead_of_numbers_say_nothing():
    assert left(x_ratelimit_limit_requests="60", x_ratelimit_remaining_tokens="many") == {}


def test_a_reset_nobody_understands_counts_as_unsaid():
    assert left(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="in a while") == {
        "requests": (None, 0, 10)
    }
    assert left(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="2026-04-07T14:00:01") == {
        "requests": (None, 0, 10)  # without a zone it is no time
    }


NAMES = st.sampled_from(
    b"retry-after Retry-After-Ms x-ratelimit-remaining-requests x-ratelimit-reset-requests x-ratelimit-reset date "
    b"anthropic-ratelimit-tokens-reset anthropic-ratelimit-tokens-remaining".split()
)
DATES = st.datetimes(timezones=st.just(UTC)).map(lambda when: when.isoformat().encode())
VALUES = st.binary(max_size=80) | st.floats().map(lambda number: str(number).encode()) | DATES


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12), st.binary(max_size=200), st.datetimes(timezones=st.just(UTC)))
def test_whatever_is_sent_nothing_raises_and_nobody_is_obeyed_for_longer_than_a_day(headers, body, at):
    after = retry_after_s(headers, body, at)
    assert after is None or 0 <= after <= 86_400
    for each in headroom(headers, at, 0.0).values():
        assert 0 <= each.until <= 86_400


@given(st.integers(0, 86_399))
def test_seconds_and_a_date_so_far_away_mean_the_same(after):
    stamp = datetime.fromtimestamp(AT.timestamp() + after, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert wait(retry_after=str(after)) == wait(retry_after=stamp) == after
