"""Google Trends' list of trending searches, one country a feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from stillup.sim.draw import chance
from stillup.sim.scenario import News, Trend
from stillup.sim.stories import Stories
from stillup.sim.texts import trending_words
from stillup.sim.wire.reply import RSS, Reply, not_found, xml

if TYPE_CHECKING:
    from stillup.sim.wire.routes import Desk, Visit

_BACKGROUND = 6
_TRAFFIC = ("100+", "200+", "500+", "1000+", "2000+")


def answer(desk: Desk, visit: Visit, rest: str) -> Reply:
    """``trending/rss?geo=``."""
    if rest.rstrip("/") not in ("trending/rss", "rss"):
        return not_found()
    return reply(desk.stories, visit.params.get("geo", "US")[:2].upper(), visit.now)


def reply(stories: Stories, geo: str, now: datetime) -> Reply:
    """The list of one country: the scenario's queries among whatever else is searched for that day."""
    trends = stories.trending(geo, now)
    items = [_item(t.query, t.traffic, t.began or t.from_, geo, _about(t, news)) for t, news in trends]
    body = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<rss xmlns:atom="http://www.w3.org/2005/Atom" xmlns:ht="https://trends.google.com/trending/rss"'
        ' version="2.0">\n'
        "  <channel>\n    <title>Daily Search Trends</title>\n"
        f"{''.join(items + _background(stories.scenario.seed, geo, now))}  </channel>\n</rss>\n"
    )
    return Reply(body=body.encode(), content_type=RSS)


def _background(seed: int, geo: str, now: datetime) -> list[str]:
    """Unrelated searches, the same all day."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    random = chance(seed, "trending", geo, day.date())
    began = [day - timedelta(minutes=random.randrange(60, 900)) for _ in range(_BACKGROUND)]
    words = random.sample(trending_words(), _BACKGROUND)
    return [_item(w, random.choice(_TRAFFIC), b, geo, []) for w, b in zip(words, began, strict=True)]


def _about(trend: Trend, news: list[News]) -> list[News]:
    """The newest articles out since the trend began; the list shows three."""
    return [n for n in news if n.at >= (trend.began or trend.from_)][:3]


def _item(query: str, traffic: str, began: datetime, geo: str, news: list[News]) -> str:
    articles = "".join(
        f"      <ht:news_item>\n        <ht:news_item_title>{xml(n.headline)}</ht:news_item_title>\n"
        "        <ht:news_item_snippet/>\n"
        f"        <ht:news_item_source>{xml(n.outlet)}</ht:news_item_source>\n      </ht:news_item>\n"
        for n in news
    )
    return (
        f"    <item>\n      <title>{xml(query)}</title>\n      <ht:approx_traffic>{traffic}</ht:approx_traffic>\n"
        f"      <description/>\n      <link>https://trends.google.com/trending/rss?geo={geo}</link>\n"
        f"      <pubDate>{began.astimezone(UTC):%a, %d %b %Y %H:%M:%S} +0000</pubDate>\n{articles}    </item>\n"
    )
