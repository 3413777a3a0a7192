"""Reddit: new posts are classified and counted; the past in windows at first, then what is new."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted
from stillup.sources.posts import Post, reading_of, span, window_end
from stillup.sources.reddit import SOURCE

STEP = timedelta(minutes=5)


def counted(reading):
    return [s for s in reading.signals if isinstance(s, Counted)]


def alive(reading):
    return [s.at for s in reading.signals if isinstance(s, Alive)]


def listing(*posts):
    """A listing of (age in minutes, title) pairs, as of the tests' now."""

    def make(now):
        things = [
            {"id": f"p{i}", "title": title, "created_utc": (now - timedelta(minutes=age)).timestamp()}
            for i, (age, title) in enumerate(posts)
        ]
        return json.dumps(
            {"kind": "Listing", "data": {"children": [{"kind": "t3", "data": t} for t in things]}}
        ).encode()

    return make


# -- what is asked ----------------------------------------------------------------------------------------------------


def test_without_a_key_one_feed_of_all_communities_is_asked(context):
    (request,) = SOURCE.requests(context(key=False))
    assert request.url == "https://www.reddit.com/r/ClaudeAI+ClaudeCode+Anthropic/new/.rss"
    assert request.headers == ()


def test_with_a_key_the_api_is_asked_with_it_as_a_bearer_token(context, key):
    (request,) = SOURCE.requests(context())
    assert request.url == "https://oauth.reddit.com/r/ClaudeAI+ClaudeCode+Anthropic/new"
    assert ("limit", "100") in request.params
    ((name, value),) = request.headers
    assert (name, value.reveal()) == ("Authorization", f"Bearer {key}")


def test_a_service_without_a_community_is_not_asked_for(context):
    ctx = context()
    bare = type(ctx.service)(id="x", name="X", vendor="X", home="https://x.example")
    with pytest.raises(NotConfigured):
        SOURCE.requests(type(ctx)(now=ctx.now, service=bare, setting=ctx.setting))


# -- what is read -----------------------------------------------------------------------------------------------------


def test_an_outage_is_counted_by_part_place_and_problem(context, answer):
    reading = SOURCE.parse(answer("reddit/outage.xml"), context())
    keys = {(c.component, c.region, c.problem) for c in counted(reading)}
    assert (None, "US-IL", Problem.SIGN_IN) in keys
    assert ("web", "IN-KA", Problem.NO_RESPONSE) in keys
    assert ("mobile", "US-CA", Problem.SIGN_IN) in keys
    assert sum(c.count for c in counted(reading)) == 8
    assert reading.says == "8 of 12 posts in 2 h are about trouble; newest 67 s old"


def test_feed_and_api_tell_the_same(context, answer):
    feed = SOURCE.parse(answer("reddit/outage.xml"), context())
    api = SOURCE.parse(answer("reddit/outage-oauth.json"), context())
    assert feed.signals == api.signals
    assert feed.says == api.says


def test_quota_complaints_other_services_and_mirrors_of_the_page_are_not_counted(context, answer):
    reading = SOURCE.parse(answer("reddit/quiet.xml"), context())
    assert counted(reading) == []
    assert reading.says == "none of 5 posts in 2 h about trouble"


def test_a_pinned_post_is_not_news(context, now):
    body = listing((3, "Is Claude down?"))(now).replace(b'"id": "p0"', b'"id": "p0", "stickied": true')
    assert counted(SOURCE.parse(body, context())) == []


def test_a_community_named_after_a_part_stands_for_it(context, now):
    body = listing((3, "Is it down?"))(now)
    for community, component in (("ClaudeCode", "code"), ("ClaudeAI", None), ("Anthropic", None)):
        placed = body.replace(b'"id": "p0"', f'"id": "p0", "subreddit": "{community}"'.encode())
        assert [c.component for c in counted(SOURCE.parse(placed, context()))] == [component]


def test_a_post_that_names_several_parts_counts_once_for_the_whole(context, now):
    (line,) = counted(SOURCE.parse(listing((3, "Down on web and API"))(now), context()))
    assert (line.component, line.count) == (None, 1)


def test_links_are_the_newest_five_about_trouble_without_their_authors(context, answer):
    reading = SOURCE.parse(answer("reddit/outage.xml"), context())
    assert [link.title for link in reading.links[:2]] == ["Can't log in, anyone else?", "claude.ai not responding"]
    assert len(reading.links) == 6
    assert "nobody" not in repr(reading)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x.example/\x1b[2J", "//x.example", ""])
def test_a_link_that_is_no_web_address_is_left_out(context, now, url):
    post = Post(id="a", at=now, title="Is Claude down?", url=url)
    assert [link.title for link in reading_of("reddit", [post], context()).links] == ["Reddit"]


def test_a_feed_of_another_site_is_refused(context):
    feed = '<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:status.example</id>{}</feed>'
    entry = "<entry><id>tag:1</id><updated>2026-05-12T14:00:00Z</updated><title>Down</title></entry>"
    for inside in ("", entry, entry.replace("tag:1", "t3_1").replace("2026", "soon")):
        with pytest.raises(Malformed):
            SOURCE.parse(feed.format(inside).encode(), context())


# -- when it is counted -----------------------------------------------------------------------------------------------


def test_the_first_reading_counts_the_past_in_closed_windows_and_names_the_empty_ones(context, now):
    body = listing((2, "Is Claude down?"), (3, "Claude is down"), (12, "Claude down?"), (24, "Tips for prompts"))(now)
    reading = SOURCE.parse(body, context())
    t = datetime(2026, 5, 12, 15, 0, tzinfo=UTC)
    assert [(c.at, c.count, c.id) for c in counted(reading)] == [(t - 2 * STEP, 1, None), (t, 2, None)]
    # 14:36:30 is where the list begins: the window to 14:40 is not wholly known.
    assert alive(reading) == [t - 3 * STEP, t - STEP, now]


def test_the_open_window_is_counted_under_now(context, now):
    (line,) = counted(SOURCE.parse(listing((0.2, "Is Claude down?"), (60, "Tips"))(now), context()))
    assert line.at == now
    assert line.id == "reddit:2026-05-12T15:00:30Z::::"


def test_a_later_reading_counts_what_is_new_as_one_window_that_ends_now(context, now):
    body = listing((0.2, "Is Claude down?"), (3, "Claude is down"), (4.9, "Claude down?"), (5.1, "Claude down??"))(now)
    reading = SOURCE.parse(body, context(since=now - STEP))
    assert [(c.at, c.window_s, c.count) for c in counted(reading)] == [(now, 300, 3)]
    assert alive(reading) == [now]


def test_two_readings_in_one_window_never_overwrite_each_other(context, now):
    first = SOURCE.parse(listing((1, "Is Claude down?"))(now), context(since=now - STEP))
    later = now + timedelta(seconds=60)
    second = SOURCE.parse(listing((0.5, "Claude is down"))(later), context(now=later, since=now))
    assert len({c.id for c in counted(first) + counted(second)}) == 2


def test_after_a_long_pause_the_posts_go_where_they_belong(context, now):
    body = listing((30, "Is Claude down?"), (100, "Claude is down"), (200, "Claude down?"))(now)
    reading = SOURCE.parse(body, context(since=now - timedelta(hours=2)))
    assert [c.count for c in counted(reading)] == [1, 1]
    assert all(c.at < now for c in counted(reading))
    assert min(alive(reading)) > now - timedelta(hours=2)


def test_a_post_from_the_future_waits_for_its_time(context, now):
    body = listing((-1, "Is Claude down?"))(now)
    assert counted(SOURCE.parse(body, context())) == []
    later = now + STEP
    assert len(counted(SOURCE.parse(body, context(now=later, since=now)))) == 1


def test_a_post_in_the_list_twice_counts_once(context, now):
    post = Post(id="a", at=now - STEP, title="Is Claude down?")
    assert sum(c.count for c in counted(reading_of("reddit", [post, post], context()))) == 1


def test_an_empty_list_is_alive_and_covers_no_past(context, now):
    reading = SOURCE.parse(b'{"kind": "Listing", "data": {"children": []}}', context())
    assert alive(reading) == [now]
    assert reading.says == "no posts in 24 h"


_POSTS = st.lists(
    st.tuples(st.integers(0, 3 * 3600), st.sampled_from(["Is Claude down?", "Tips", "Can't log in", "Down in France"])),
    max_size=25,
)


@given(posts=_POSTS, cuts=st.sets(st.integers(1, 3 * 3600 - 1), max_size=8))
def test_however_often_it_is_read_every_post_counts_once(posts, cuts):
    from stillup.catalog.load import catalogue
    from stillup.sources.base import Context, Setting

    start = datetime(2026, 5, 12, 12, 0, tzinfo=UTC)
    made = [Post(id=str(i), at=start + timedelta(seconds=s), title=t) for i, (s, t) in enumerate(posts)]
    trouble = sum(post.title != "Tips" for post in made)
    total, since, ids = 0, None, []
    for second in (*sorted(cuts), 3 * 3600):
        now = start + timedelta(seconds=second)
        setting = Setting(interval_s=300)
        ctx = Context(now=now, service=catalogue()["claude"], setting=setting, since=since)
        lines = counted(reading_of("reddit", [p for p in made if p.at <= now], ctx))
        total += sum(line.count for line in lines)
        ids += [line.id for line in lines if line.id]
        assert all(line.at <= now for line in lines)
        since = now
    assert total == trouble
    assert len(set(ids)) == len(ids)


@given(st.integers(0, 2**31), st.sampled_from([1, 60, 300, 900]))
def test_a_window_holds_its_end_and_not_its_beginning(second, window_s):
    at = datetime.fromtimestamp(second, UTC)
    end = window_end(at, window_s)
    assert end - timedelta(seconds=window_s) < at <= end
    assert end.timestamp() % window_s == 0


def test_a_length_of_time_is_said_in_its_coarsest_useful_unit():
    lengths = (0, 40, 91, 240, 7200, 86400)
    assert [span(timedelta(seconds=s)) for s in lengths] == ["0 s", "40 s", "2 min", "4 min", "2 h", "24 h"]


# -- bounds -----------------------------------------------------------------------------------------------------------


def test_of_a_listing_that_never_ends_the_newest_two_hundred_posts_are_read(context, now):
    body = listing(*((minute / 2, "Is Claude down?") for minute in range(900, 0, -1)))(now)
    assert sum(c.count for c in counted(SOURCE.parse(body, context()))) == 200
    assert SOURCE.parse(body, context()).says.endswith("newest 30 s old")


def test_of_a_feed_that_never_ends_the_newest_hundred_posts_are_read(context, now):
    def entry(minute):
        at = (now - timedelta(minutes=minute)).isoformat()
        return f"<entry><id>t3_{minute}</id><title>Is Claude down?</title><published>{at}</published></entry>"

    entries = "".join(entry(minute) for minute in range(600, 0, -1))
    body = f'<feed xmlns="http://www.w3.org/2005/Atom"><id>/r/x/new/.rss</id>{entries}</feed>'.encode()
    reading = SOURCE.parse(body, context())
    assert sum(c.count for c in counted(reading)) == 100
    assert reading.says == "100 of 100 posts in 2 h are about trouble; newest 60 s old"
    assert min(alive(reading)) >= now - timedelta(minutes=100), "of what was not read nothing is known"
