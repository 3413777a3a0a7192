"""Bytes and texts of strangers are bounded, strict, and clean; what is wrong with them is said without quoting them."""

from datetime import UTC, datetime
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from stillup.errors import Malformed, TooLarge
from stillup.sources.decode import clean, decode_json, http_url, moment, parse_xml, strip_html


class Colour(StrEnum):
    RED = "red"


class Thing(Struct):
    size: int
    colour: Colour = Colour.RED
    when: datetime | None = None


def test_json_is_read_as_the_type_asked_for():
    assert decode_json(b'{"size": 3, "more": true}', Thing).size == 3


def test_a_byte_order_mark_before_json_is_no_obstacle():
    assert decode_json(b'\xef\xbb\xbf{"size": 3}', Thing).size == 3


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"{}", "missing required field size"),
        (b'{"size": "quoted text"}', "Expected int, got str - at $.size"),
        (b'{"size": 1, "colour": "quoted text"}', "not allowed at $.colour"),
        (b'{"size": 1, "when": "quoted text"}', "not allowed at $.when"),
        (b'{"size": NaN}', "not whole and valid JSON"),
        (b'{"size": 1} quoted text', "not whole and valid JSON"),
        (b'{"size": 1, "unread": "quoted text \xe9"}', "not whole and valid JSON"),
        (b'{"size": 1, "colour": ' + b"[" * 100_000, "JSON"),
    ],
)
def test_what_is_wrong_with_json_is_said_without_quoting_it(body, says):
    with pytest.raises(Malformed) as refusal:
        decode_json(body, Thing)
    assert says in str(refusal.value)
    assert "quoted" not in repr(refusal.value)
    assert refusal.value.__context__ is None


def test_a_body_beyond_the_bound_is_not_even_looked_at():
    with pytest.raises(TooLarge, match="larger than 1 MiB"):
        decode_json(b"x" * ((1 << 20) + 1), Thing, max_bytes=1 << 20)


def test_xml_gives_its_root():
    assert parse_xml(b"<feed><a/></feed>", "feed", "rss")[0].tag == "a"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b" ", "empty"),
        (b"<feed>", "not whole and valid XML"),
        (b"<html/>", "not a feed or rss document"),
        (b"<!DOCTYPE feed><feed/>", "document type"),
        (b"<a>" * 100_000, "not whole"),
        (b'<?xml version="1.0" encoding="klingon"?><feed/>', "not whole"),
        ("<feed>é</feed>".encode("latin-1"), "not whole"),
    ],
)
def test_what_is_wrong_with_xml_is_named(body, says):
    with pytest.raises(Malformed, match=says):
        parse_xml(body, "feed", "rss")


def test_no_file_is_read_for_an_entity(tmp_path):
    (tmp_path / "secret").write_text("canary")
    body = f'<!DOCTYPE feed [<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}">]><feed>&x;</feed>'
    with pytest.raises(Malformed):
        parse_xml(body.encode())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("  a\n b\tc ", "a b c"),
        ("\x1b[31mred\x07", "[31mred"),
        ("safe\u202eelif\u2066", "safeelif"),
        ("zero\u200bwidth", "zerowidth"),
        ("a\u2028b", "a b"),
        ("no\u3164th\u115f\u1160ing\u2800", "nothing"),
        ("\u3164\u2800", ""),
        ("e" + "\u0301" * 40 + "nd", "e" + "\u0301" * 4 + "nd"),
        ("e" + "\u0301\u3164" * 9, "e" + "\u0301" * 4),
        ("\u0928\u093f\u092e\u094d\u0928", "\u0928\u093f\u092e\u094d\u0928"),
        ("0123456789abc", "012345678…"),
        ("\ud800", ""),
    ],
)
def test_clean_leaves_one_printable_line(text, told):
    assert clean(text, 10 if len(text) > 12 and text.isalnum() else 50) == told


@given(st.text(max_size=400), st.integers(1, 60))
def test_clean_text_is_printable_short_and_stays_as_it_is(text, limit):
    once = clean(text, limit)
    assert once.isprintable()
    assert len(once) <= limit
    assert clean(once, limit) == once


@pytest.mark.parametrize(
    ("html", "told"),
    [
        ("plain < text", "plain < text"),
        ("<p>one</p><p>two &amp; three</p>", "one two & three"),
        ("a<br>b", "a b"),
        ("<script>alert(1)</script>x<style>y</style>", "x"),
        ("&lt;b&gt;", "<b>"),
        ("<b onclick='x'>bold</b>\x1b[0m", "bold[0m"),
    ],
)
def test_html_comes_out_as_its_text(html, told):
    assert strip_html(html, 80) == told


@given(st.text(alphabet="<>&;!-/abp \"'=#x0\x00\x1b\u202e", max_size=300))
def test_any_html_comes_out_printable_and_short(html):
    text = strip_html(html, 40)
    assert text.isprintable()
    assert len(text) <= 40


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://status.example/incidents/1?a=b#c", True),
        ("javascript:alert(1)", False),
        ("//status.example", False),
        ("https://a b", False),
        ("https://a\x1b[0m", False),
        ("https://" + "a" * 2000, False),
        ("", False),
    ],
)
def test_only_plain_web_addresses_are_links(text, is_one):
    assert http_url(text) == (text if is_one else "")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-05-12T15:00:00.250Z", datetime(2026, 5, 12, 15, 0, 0, 250_000, UTC)),
        ("2026-05-12T08:00:00-07:00", datetime(2026, 5, 12, 15, tzinfo=UTC)),
        ("2026-05-12T15:00:00", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_moment_is_a_time_with_its_offset_or_nothing(text, at):
    assert moment(text) == at
