"""Hacker News: stories whose title says that the service is in trouble; a story found twice counts once."""

import json
from datetime import timedelta

import pytest

from stillup.errors import Malformed, NotConfigured
from stillup.model.signal import Alive, Counted
from stillup.net import Answer
from stillup.sources.hackernews import SOURCE


def counted(reading):
    return [s for s in reading.signals if isinstance(s, Counted)]


def found(now, *stories):
    """An answer with (number, age in minutes, title) stories."""
    hits = [
        {"objectID": str(n), "title": title, "created_at_i": int((now - timedelta(minutes=age)).timestamp())}
        for n, age, title in stories
    ]
    return json.dumps({"hits": hits, "nbHits": len(hits)}).encode()


class Answers:
    """A network that gives these bodies, in the order they are asked for."""

    def __init__(self, *bodies):
        self._bodies = bodies

    async def fetch_all(self, requests):
        assert len(requests) == len(self._bodies)
        return [Answer(status=200, body=body, headers={}, elapsed_ms=1.0) for body in self._bodies]


def test_every_phrase_is_asked_for_among_the_stories_of_the_last_day(context, now):
    requests = SOURCE.requests(context())
    since = int((now - timedelta(hours=24)).timestamp())
    assert [dict(r.params)["query"] for r in requests] == ["claude down", "anthropic outage"]
    for request in requests:
        assert request.url == "https://hn.algolia.com/api/v1/search_by_date"
        assert dict(request.params)["tags"] == "story"
        assert dict(request.params)["numericFilters"] == f"created_at_i>{since}"


def test_a_service_without_a_phrase_is_not_asked_for(context):
    ctx = context()
    bare = type(ctx.service)(id="x", name="X", vendor="X", home="https://x.example")
    with pytest.raises(NotConfigured):
        SOURCE.requests(type(ctx)(now=ctx.now, service=bare, setting=ctx.setting))


def test_stories_about_trouble_are_counted_and_linked(context, answer):
    reading = SOURCE.parse(answer("hackernews/outage.json"), context())
    assert sum(c.count for c in counted(reading)) == 4
    assert {c.component for c in counted(reading)} == {None, "api", "code"}
    assert reading.says == "4 of 4 stories in 24 h are about trouble; newest 2 min old"
    assert reading.links[0].url == "https://news.ycombinator.com/item?id=49000000"


def test_a_story_that_does_not_name_the_service_is_someone_elses(context, now):
    reading = SOURCE.parse(found(now, (1, 5, "The whole region is down"), (2, 9, "An outage explained")), context())
    assert counted(reading) == []
    assert reading.says == "no stories in 24 h"


async def test_a_story_that_answers_two_phrases_counts_once(context, now):
    one = found(now, (1, 2, "Anthropic outage: Claude is down"))
    two = found(now, (1, 2, "Anthropic outage: Claude is down"), (2, 3, "Claude down for you too?"))
    reading = await SOURCE.read(context(since=now - timedelta(minutes=5)), Answers(one, two))
    assert sum(c.count for c in counted(reading)) == 2


def test_silence_covers_no_past(context, now):
    reading = SOURCE.parse(found(now), context())
    assert [s.at for s in reading.signals if isinstance(s, Alive)] == [now]


def test_a_story_counted_before_is_not_counted_again(context, now):
    body = found(now, (1, 20, "Claude is down"))
    assert counted(SOURCE.parse(body, context(since=now - timedelta(minutes=10)))) == []


@pytest.mark.parametrize("number", ["12 34", "1<b>", "-1", "x" * 13])
def test_a_story_with_an_impossible_number_is_refused(context, now, number):
    body = found(now, (1, 2, "Claude is down")).replace(b'"1"', json.dumps(number).encode())
    with pytest.raises(Malformed):
        SOURCE.parse(body, context())


async def test_the_newest_two_hundred_stories_are_read_each_once(context, now):
    bodies = [found(now, *((n, n, "Claude is down") for n in range(600, 0, -1)))] * 2
    reading = await SOURCE.read(context(), Answers(*bodies))
    assert sum(c.count for c in counted(reading)) == 200
    assert "of 200 stories" in reading.says
    assert reading.says.endswith("newest 60 s old")
