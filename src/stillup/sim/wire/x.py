"""X's API v2: ``tweets/counts/recent`` and ``tweets/search/recent``, for whoever brings a token."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from stillup.catalog.load import Service, catalogue
from stillup.sim.wire.reply import Reply, json_reply, millis
from stillup.sim.wire.routes import Desk, Visit
from stillup.sim.wire.short import Short, shorts

_LATE = timedelta(seconds=30)
_LONGEST = timedelta(days=7)
_LEAST, _MOST = 10, 100
_TIMES = 4
"""How many say here what one says elsewhere: it is the largest network."""
_GROUP = re.compile(r"\(([^()]{1,200})\)")


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """One of the two; 401 without a token, 400 for what the real site refuses."""
    if not visit.has_token:
        return _problem(401, "Unauthorized")
    groups = _groups(visit)
    start, end = _time(visit.params.get("start_time")), _time(visit.params.get("end_time")) or visit.now - _LATE
    start = start or end - _LONGEST
    if not groups or not visit.now - _LONGEST - timedelta(minutes=1) <= start < end <= visit.now - timedelta(
        seconds=10
    ):
        return _problem(400, "Invalid Request")
    found = [short for service in _services(groups) for short in _matching(desk, service, groups, start, end)]
    found.sort(key=lambda short: (short.at, short.key))
    if rest == "tweets/counts/recent":
        return _counts(found, start, end)
    if rest == "tweets/search/recent":
        wanted = visit.params.get("max_results", "10")
        number = int(wanted) if wanted.isdigit() and len(wanted) < 4 else 0
        if not _LEAST <= number <= _MOST:
            return _problem(400, "Invalid Request")
        return _found(list(islice(reversed(found), number)))
    return _problem(404, "Not Found")


def concerns(visit: Visit, rest: str) -> list[str]:  # noqa: ARG001 - the query says it all
    """The services the query names."""
    return [service.id for service in _services(_groups(visit))]


def _groups(visit: Visit) -> list[list[str]]:
    """The words of each alternative; a post needs all of one."""
    return [re.findall(r'[^\s"]+', group.lower()) for group in _GROUP.findall(visit.params.get("query", ""))]


def _services(groups: list[list[str]]) -> list[Service]:
    words = {word for group in groups for word in group}
    return [s for s in catalogue().values() if any(s.name.lower().split()[0] in word for word in words)]


def _matching(desk: Desk, service: Service, groups: list[list[str]], start: datetime, end: datetime) -> Iterator[Short]:
    second = timedelta(seconds=1)  # the API's start is inclusive and its end is not
    for short in shorts(desk.stories, service, start - second, end - second, times=_TIMES):
        text = short.text.lower()
        if any(all(word in text for word in group) for group in groups):
            yield short


def _counts(found: list[Short], start: datetime, end: datetime) -> Reply:
    """A count for each minute of the clock, the first and the last cut where the question is."""
    minute = timedelta(minutes=1)
    number = Counter(short.at.replace(second=0, microsecond=0) for short in found)
    data, at = [], start.replace(second=0, microsecond=0)
    while at < end:
        data.append({"start": millis(max(at, start)), "end": millis(min(at + minute, end)), "tweet_count": number[at]})
        at += minute
    return json_reply({"data": data, "meta": {"total_tweet_count": len(found)}})


def _found(newest_first: list[Short]) -> Reply:
    meta: dict[str, object] = {"result_count": len(newest_first)}
    if not newest_first:
        return json_reply({"meta": meta})
    meta |= {"newest_id": _id(newest_first[0]), "oldest_id": _id(newest_first[-1])}
    countries = dict.fromkeys(c for s in newest_first if (c := _country(s)))
    answer: dict[str, object] = {"data": [_tweet(short) for short in newest_first], "meta": meta}
    if countries:
        places = [{"id": _place(c), "full_name": c, "country_code": c, "place_type": "country"} for c in countries]
        answer["includes"] = {"places": places}
    return json_reply(answer)


def _tweet(short: Short) -> dict[str, object]:
    key, country = short.key, _country(short)
    geo = {"geo": {"place_id": _place(country)}} if country else {}
    return {
        "id": _id(short),
        "text": short.text,
        "created_at": millis(short.at),
        "lang": "en",
        "author_id": "1",
        "edit_history_tweet_ids": [_id(short)],
        "public_metrics": {
            "retweet_count": key % 3,
            "reply_count": key % 5,
            "like_count": key % 17,
            "quote_count": 0,
            "bookmark_count": 0,
            "impression_count": key % 900,
        },
        **geo,
    }


def _id(short: Short) -> str:
    return str(short.key)


def _country(short: Short) -> str:
    """One in eight says where it was written."""
    region = short.post.region
    return region[:2] if region and short.key % 8 == 0 else ""


def _place(country: str) -> str:
    return f"{country.lower().encode().hex():0>16}"


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _problem(status: int, title: str) -> Reply:
    body = {"title": title, "type": "about:blank", "status": status, "detail": title}
    return json_reply(body, status=status)
