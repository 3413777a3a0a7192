"""Mastodon: posts under a service's tags, as one server sees them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted
from stillup.sources.mastodon import SOURCE, id_at

TAGS = ("claudedown", "claude", "claudeai", "claudecode", "anthropic")


def counted(reading):
    return [s for s in reading.signals if isinstance(s, Counted)]


def status(at, content, **rest):
    made = {"id": str(id_at(at)), "created_at": at.isoformat().replace("+00:00", "Z"), "content": content}
    return {**made, **rest}


def body(*statuses):
    return json.dumps(statuses).encode()


def test_each_tag_is_asked_for_by_the_time_that_ids_begin_with(context, now):
    requests = SOURCE.requests(context(key=False))
    assert [r.url.rpartition("/")[2] for r in requests] == list(TAGS)
    assert requests[0].url == "https://mastodon.social/api/v1/timelines/tag/claudedown"
    assert requests[0].headers == ()
    since = int(dict(requests[0].params)["since_id"])
    assert datetime.fromtimestamp((since >> 16) / 1000, UTC) == datetime(2026, 5, 11, 15, 0, tzinfo=UTC)


def test_two_who_look_within_five_minutes_ask_the_same(context, now):
    first, second = (SOURCE.requests(context(now=now + timedelta(minutes=m), key=False)) for m in (0, 4))
    assert first == second


def test_a_server_that_needs_a_token_gets_it_as_a_bearer(context, key):
    (name, value) = SOURCE.requests(context())[0].headers[0]
    assert (name, value.reveal()) == ("Authorization", f"Bearer {key}")


def test_another_server_can_be_asked(context):
    request = SOURCE.requests(context(base_url="https://hachyderm.example"))[0]
    assert request.url.startswith("https://hachyderm.example/api/v1/timelines/tag/")


def test_a_service_without_a_tag_is_not_asked_for(context):
    ctx = context()
    bare = type(ctx.service)(id="x", name="X", vendor="X", home="https://x.example")
    with pytest.raises(NotConfigured):
        SOURCE.requests(type(ctx)(now=ctx.now, service=bare, setting=ctx.setting))


def test_html_is_stripped_and_what_hides_behind_a_warning_is_read_too(context, answer):
    reading = SOURCE.parse(answer("mastodon/outage.json"), context())
    keys = {(c.component, c.region, c.problem) for c in counted(reading)}
    assert (None, None, Problem.SIGN_IN) in keys
    assert ("web", "FR", None) in keys
    assert sum(c.count for c in counted(reading)) >= 4
    assert all("<" not in link.title for link in reading.links)


def test_links_lead_to_the_post_on_that_server_and_not_by_its_writers_name(context, answer):
    reading = SOURCE.parse(answer("mastodon/outage.json"), context())
    assert reading.links[0].url.startswith("https://mastodon.social/statuses/")
    assert [tip.host for tip in reading.tips] == ["mastodon.social"]
    assert "nobody" not in repr(reading)
    elsewhere = SOURCE.parse(answer("mastodon/outage.json"), context(base_url="https://hachyderm.example"))
    assert [tip.host for tip in elsewhere.tips] == ["hachyderm.example"]


def test_a_tag_can_be_a_persons_name(context, now):
    reading = SOURCE.parse(body(status(now, "<p>My printer is down again</p>")), context())
    assert counted(reading) == []


async def test_a_post_under_two_tags_counts_once(context, site, now):
    post = body(status(now - timedelta(minutes=1), "<p>Claude is down again</p>"))
    server, net = await site({f"/api/v1/timelines/tag/{tag}": post for tag in TAGS})
    reading = await SOURCE.read(context(since=now - timedelta(minutes=5), base_url=server.url("")), net)
    assert [c.count for c in counted(reading)] == [1]


def test_a_list_that_is_full_says_nothing_of_what_is_older_than_it(context, now):
    full = body(*(status(now - timedelta(minutes=n), "<p>tea</p>") for n in range(1, 41)))
    short = body(*(status(now - timedelta(minutes=n), "<p>tea</p>") for n in range(1, 40)))
    calm = [[s.at for s in SOURCE.parse(b, context()).signals if isinstance(s, Alive)] for b in (full, short)]
    assert min(calm[0]) > now - timedelta(minutes=40)
    assert min(calm[1]) < now - timedelta(hours=23)


@pytest.mark.parametrize("time", ["", "now", "2026-05-12T15:00:00", None])
def test_a_post_without_a_time_makes_the_answer_malformed(context, now, time):
    with pytest.raises(Malformed):
        SOURCE.parse(body({**status(now, "<p>Claude is down</p>"), "created_at": time}), context())


@pytest.mark.parametrize("number", ["", "12/../x", "1?a=b", "x" * 30])
def test_an_id_that_could_lead_elsewhere_makes_the_answer_malformed(context, now, number):
    with pytest.raises(Malformed):
        SOURCE.parse(body({**status(now, "<p>Claude is down</p>"), "id": number}), context())
