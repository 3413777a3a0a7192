"""Google Trends: a search for this service being down that trends is counted; everything else that trends is not."""

from datetime import timedelta

import pytest

from stillup.errors import Malformed
from stillup.model.signal import Alive, Counted
from stillup.sources.google_trends import SOURCE


def counted(reading):
    return [s for s in reading.signals if isinstance(s, Counted)]


def trends(now, *items):
    """A list with (search, traffic, minutes since it began; None: no time) items."""
    inside = "".join(
        f"<item><title>{title}</title><ht:approx_traffic>{traffic}</ht:approx_traffic>"
        + (f"<pubDate>{now - timedelta(minutes=age):%a, %d %b %Y %H:%M:%S +0000}</pubDate>" if age is not None else "")
        + "</item>"
        for title, traffic, age in items
    )
    spaces = 'xmlns:ht="https://trends.google.com/trending/rss"'
    return f'<rss version="2.0" {spaces}><channel><title>x</title>{inside}</channel></rss>'.encode()


def test_each_country_is_one_request(context):
    requests = SOURCE.requests(context(geo=("US", "IN")))
    assert [(r.url, r.params, r.tag) for r in requests] == [
        ("https://trends.google.com/trending/rss", (("geo", "US"),), "US"),
        ("https://trends.google.com/trending/rss", (("geo", "IN"),), "IN"),
    ]
    assert [r.tag for r in SOURCE.requests(context())] == ["US"]


def test_a_matching_search_counts_with_its_traffic_in_its_country(context, now, answer):
    reading = SOURCE.parse(answer("google_trends/outage.xml"), context(), "IN")
    (line,) = counted(reading)
    assert (line.at, line.count, line.region, line.window_s, line.expected) == (now, 2000, "IN", 300, 1.0)
    assert reading.says == "'is claude down right now' trends in IN: 2000+ searches, began 40 min ago"


def test_what_else_trends_is_ignored_even_when_its_news_or_words_are_alike(context, answer):
    reading = SOURCE.parse(answer("google_trends/quiet.xml"), context())
    assert counted(reading) == []
    assert reading.says == "not among the trending searches in US"
    assert [type(s) for s in reading.signals] == [Alive]


@pytest.mark.parametrize(
    ("search", "matches"),
    [
        ("claude down", True),
        ("Is Claude Down?", True),
        ("claude ai down today", True),
        ("why is claude code down", True),
        ("anthropic down", True),
        ("claude outage", True),
        ("claude", False),
        ("claude code", False),
        ("claude monet", False),
        ("jean claude down under", False),
        ("chatgpt down", False),
        ("down", False),
    ],
)
def test_a_search_matches_by_the_words_that_carry_its_meaning(context, now, search, matches):
    body = trends(now, (search, "500+", 10), ("weather", "1000+", 10))
    assert bool(counted(SOURCE.parse(body, context()))) is matches


@pytest.mark.parametrize(
    ("traffic", "count"),
    [("200+", 200), ("2000+", 2000), ("2,000+", 2000), ("2K+", 2000), ("1M+", 1_000_000), ("50", 50)],
)
def test_traffic_is_the_least_the_list_promises(context, now, traffic, count):
    assert [c.count for c in counted(SOURCE.parse(trends(now, ("claude down", traffic, 5)), context()))] == [count]


@pytest.mark.parametrize(("traffic", "age"), [("", 5), ("many", 5), ("-5", 5), ("500+", None), ("500+", -30)])
def test_an_item_without_a_number_or_a_time_that_has_come_counts_nothing(context, now, traffic, age):
    reading = SOURCE.parse(trends(now, ("claude down", traffic, age)), context())
    assert [type(s) for s in reading.signals] == [Alive]


def test_the_largest_of_several_matching_searches_stands_for_all(context, now):
    body = trends(now, ("claude down", "500+", 10), ("is claude down", "2000+", 15))
    assert [c.count for c in counted(SOURCE.parse(body, context()))] == [2000]


def test_an_item_still_counts_at_later_readings_while_its_rise_is_fresh(context, now):
    for age, counts in ((5, 1), (89, 1), (91, 0)):
        body = trends(now, ("claude down", "500+", age))
        assert len(counted(SOURCE.parse(body, context(since=now - timedelta(minutes=10))))) == counts


def test_an_old_item_is_history_at_the_first_reading_and_an_echo_after_it(context, now):
    body = trends(now, ("claude down", "500+", 300))
    (line,) = counted(SOURCE.parse(body, context()))
    assert timedelta() <= line.at - (now - timedelta(minutes=300)) < timedelta(minutes=5)
    later = SOURCE.parse(body, context(since=now - timedelta(minutes=10)))
    assert counted(later) == []
    assert later.says.endswith("began 5 h ago: an echo by now, not counted")


@pytest.mark.parametrize(
    "body",
    [
        b'<rss version="2.0"><channel><item><title>claude down</title></item></channel></rss>',
        b'<rss version="2.0" xmlns:ht="https://trends.google.com/trending/rss"><channel></channel></rss>',
    ],
)
def test_another_feed_or_a_list_of_nothing_is_refused(context, body):
    with pytest.raises(Malformed):
        SOURCE.parse(body, context())


def test_phrases_of_every_service_keep_two_words_when_fillers_are_taken_out():
    from stillup.catalog.load import catalogue
    from stillup.sources.google_trends import _essence

    for service in catalogue().values():
        hint = service.sources.get("google_trends")
        for phrase in hint.phrases if hint else ():
            assert len(_essence(phrase)) > 1, phrase
