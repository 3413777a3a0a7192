"""Which header lines of an answer are the client's to see."""

import pytest

from stillup.gateway.wire.hops import end_to_end, header_value


def test_lines_between_two_hops_and_of_our_own_names_are_dropped_and_the_rest_is_as_it_was():
    headers = (
        (b"Date", b"now"),
        (b"Connection", b"close, X-Hop"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Transfer-Encoding", b"chunked"),
        (b"CONTENT-LENGTH", b"5"),
        (b"Upgrade", b"h2c"),
        (b"TE", b"trailers"),
        (b"Trailer", b"X-T"),
        (b"Proxy-Authenticate", b"Basic"),
        (b"Proxy-Authentication-Info", b"x"),
        (b"Proxy-Connection", b"close"),
        (b"x-hop", b"1"),
        (b"X-Stillup-Upstream", b"forged"),
        (b"anthropic-ratelimit-requests-remaining", b"5"),
        (b"Set-Cookie", b"a=1"),
        (b"alt-svc", b'h3=":443"'),
        (b"Strict-Transport-Security", b"max-age=1"),
    )

    assert end_to_end(headers) == [
        (b"Date", b"now"),
        (b"anthropic-ratelimit-requests-remaining", b"5"),
    ]


def test_every_connection_line_names_lines_to_drop():
    headers = ((b"connection", b"X-A ,, x-b"), (b"X-B", b""), (b"Connection", b"x-c"), (b"X-C", b""), (b"X-A", b""))

    assert end_to_end(headers) == []


def test_the_content_coding_goes_only_where_it_was_taken_off():
    headers = ((b"Content-Encoding", b"gzip"), (b"x", b"y"))

    assert end_to_end(headers) == list(headers)
    assert end_to_end(headers, decoded=True) == [(b"x", b"y")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("claude-opus", b"claude-opus"),
        ("a\r\nSet-Cookie: b", b"a??Set-Cookie: b"),
        ("modèle\0\x7f", b"mod?le??"),
        ("x" * 300, b"x" * 200),
        ("", b""),
    ],
)
def test_text_that_may_hold_anything_becomes_one_line_of_printable_ascii(text, value):
    assert header_value(text) == value
