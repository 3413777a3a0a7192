"""Values that are well formed and still not what they seem: a line break at the end, a clock that jumped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from stillup.catalog.load import Endpoint
from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Layer
from stillup.model.signal import Alive
from stillup.registry import load_source
from stillup.sources.posts import Post, reading_of


def _radar(found):
    found["result"]["annotations"][0]["locations"] = ["US\n"]


def _globalping(found):
    found["results"][0]["probe"]["country"] = "US\n"


def _mastodon(found):
    found[0]["id"] += "\n"


@pytest.mark.parametrize(
    ("path", "tag", "change"),
    [
        ("globalping/good.json", "", _globalping),
        ("cloudflare_radar/good-outages.json", "outages", _radar),
        ("mastodon/good.json", "", _mastodon),
    ],
)
def test_a_line_break_at_the_end_of_a_code_or_an_id_is_malformed(path, tag, change, changed, context):
    """In Python's patterns ``$`` lets one pass."""
    with pytest.raises(Malformed):
        load_source(path.partition("/")[0]).parse(changed(path, change), context(), tag)


@pytest.mark.parametrize("since", [datetime(1970, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)])
def test_a_clock_that_was_at_1970_makes_a_gap_of_a_day_and_not_of_millions_of_windows(since, context, now):
    ctx = context(since=since, interval_s=60)
    reading = reading_of("mastodon", [], ctx, begins=since)
    assert len(reading.signals) <= 24 * 60 + 1
    assert all(s.at >= now - timedelta(hours=25) for s in reading.signals if isinstance(s, Alive))


def test_what_globalping_was_not_asked_for_is_not_taken(context):
    look = {"probe": {"country": "US"}, "result": {"status": "failed"}}
    body = {"id": "x", "type": "http", "status": "finished", "results": [look] * 5_000}
    reading = load_source("globalping").parse(json.dumps(body).encode(), context())
    assert len(reading.signals) <= 21


@pytest.mark.parametrize("host", ["wiki", "wiki.corp", "10.0.0.7", "127.0.0.1", "[::1]", "nas.local", "2130706433"])
def test_the_name_of_a_private_host_is_not_sent_to_globalping(host, context):
    ctx = context()
    front = Endpoint(id="edge", component="web", layer=Layer.EDGE, url=f"https://{host}/")
    ctx = replace(ctx, service=replace(ctx.service, endpoints=(front,)))
    with pytest.raises(NotConfigured, match="no public host"):
        load_source("globalping").requests(ctx)


def test_a_limit_met_at_the_end_of_the_calendar_is_let_pass(context):
    row = {"id": "1", "timestamp": "9999-12-31T23:59:59Z", "type": "error"}
    row["content"] = "[API Error: quota will reset after 999h99m99999s]"
    line = json.dumps(row, separators=(",", ":")).encode()
    assert [type(s) for s in load_source("gemini_cli").parse(line, context("gemini")).signals] == [Alive]


def test_posts_that_are_all_dated_at_the_end_of_the_calendar_wait(context):
    post = Post(id="a", at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), title="claude is down")
    assert [type(s) for s in reading_of("mastodon", [post], context()).signals] == [Alive]
