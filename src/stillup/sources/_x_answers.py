"""X's answers (API v2) as values: counts by the minute, and the newest posts with where and how they were received."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from stillup.errors import Malformed
from stillup.sources.decode import decode_json, moment
from stillup.sources.tally import Post

HOST = "x.com"
_Text = Annotated[str, Meta(max_length=40)]
_Number = Annotated[int, Meta(ge=0, le=1_000_000_000)]


class Bucket(Struct, frozen=True):
    """So many posts that match, in ``start <= t < end``."""

    start: datetime
    end: datetime
    number: int


class _Bucket(Struct, frozen=True):
    start: _Text
    end: _Text
    tweet_count: Annotated[int, Meta(ge=0, le=1_000_000)]


class _Total(Struct, frozen=True):
    total_tweet_count: _Number


class _Counts(Struct, frozen=True):
    data: Annotated[tuple[_Bucket, ...], Meta(max_length=12_000)]
    meta: _Total


class _Geo(Struct, frozen=True):
    place_id: str | None = None


class _Metrics(Struct, frozen=True):
    retweet_count: _Number = 0
    reply_count: _Number = 0
    like_count: _Number = 0
    quote_count: _Number = 0


class _Tweet(Struct, frozen=True):
    id: Annotated[str, Meta(pattern=r"^\d{1,20}\Z")]
    text: str
    created_at: _Text
    geo: _Geo | None = None
    public_metrics: _Metrics | None = None


class _Place(Struct, frozen=True):
    id: str
    country_code: str | None = None


class _Includes(Struct, frozen=True):
    places: Annotated[tuple[_Place, ...], Meta(max_length=500)] = ()


class _Found(Struct, frozen=True):
    result_count: Annotated[int, Meta(ge=0, le=500)]


class _Search(Struct, frozen=True):
    meta: _Found
    data: Annotated[tuple[_Tweet, ...], Meta(max_length=500)] = ()
    includes: _Includes = _Includes()


def buckets_of(body: bytes) -> list[Bucket]:
    """The counts of ``/tweets/counts/recent``, oldest first.

    :raises stillup.errors.Malformed: not in that format, or a bucket that ends before it begins.
    """
    found = []
    for line in decode_json(body, _Counts).data:
        start, end = moment(line.start), moment(line.end)
        if start is None or end is None or start >= end:
            msg = "a count of X has no time that can be read"
            raise Malformed(msg)
        found.append(Bucket(start, end, line.tweet_count))
    return sorted(found, key=lambda bucket: bucket.end)


def posts_of(body: bytes) -> list[Post]:
    """The posts of ``/tweets/search/recent``; who wrote them is not read.

    :raises stillup.errors.Malformed: not in that format, or a post without a time.
    """
    answer = decode_json(body, _Search)
    if answer.meta.result_count and not answer.data:
        msg = "X speaks of posts it does not give"
        raise Malformed(msg)
    countries = {place.id: place.country_code for place in answer.includes.places}
    return [_post(tweet, countries) for tweet in answer.data]


def _post(tweet: _Tweet, countries: dict[str, str | None]) -> Post:
    at = moment(tweet.created_at)
    if at is None:
        msg = "a post of X has no time that can be read"
        raise Malformed(msg)
    country = countries.get(tweet.geo.place_id or "") if tweet.geo else None
    seen = tweet.public_metrics
    return Post(
        id=tweet.id,
        at=at,
        title=tweet.text,
        url=f"https://{HOST}/i/web/status/{tweet.id}",
        region=country if country and len(country) == 2 and country.isascii() and country.isupper() else None,
        score=seen.like_count + seen.retweet_count + seen.quote_count if seen else None,
        replies=seen.reply_count if seen else None,
    )
