"""X (API v2): how many posts match, by the minute; and when more do than usual, what a few of them say.

Every question costs money: half a cent for the counts, half a cent for each post that is read. So nothing is asked
unless the configuration says ``enabled = true``, and never beyond ``max_usd_per_day``, whoever of this user's
processes asks. Counts give volume without text. Where texts are read, the share of them that is about trouble, and
what they name, is taken for the share of all that match.

X counts the newest half minute late. Each reading therefore counts from half a minute before the last one to half a
minute before now: nothing twice, nothing lost.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import sqrt
from statistics import median
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from stillup.catalog.load import SourceHint
from stillup.errors import NotConfigured, RateLimited, SourceError
from stillup.model.signal import Alive
from stillup.net import Net, Request
from stillup.sources._x_answers import HOST, Bucket, buckets_of, posts_of
from stillup.sources._x_purse import Ledger, gap_s, left_of_day_s
from stillup.sources.base import Context, HttpSource, Link, Reading
from stillup.sources.posts import reading_of, span, trouble_in
from stillup.sources.tally import HISTORY, Key, Post, Told, lines, past_from
from stillup.sources.text import names_service

_API = "https://api.x.com/2"
COST_USD = 0.005
"""Of one question for counts, and of one post read (pay per use, 2026-04-16)."""
MAX_USD_PER_DAY, SAMPLES = 0.50, 10
_FEWEST, _MOST = 10, 100
"""Posts X gives at once."""
_LAG = timedelta(seconds=30)
_MOST_QUERY = 512
_KNOWN_WINDOWS = 12
"""Windows that must be known before "more than usual" means anything."""
_WORD = re.compile(r"[\w.+#-]{1,60}")
_SEARCH = "search"
_NEVER = datetime.min.replace(tzinfo=UTC)


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``max_usd_per_day`` caps what X may cost, all services together; ``samples`` posts are read when counts rise."""

    max_usd_per_day: Annotated[float, Meta(ge=0, le=1000)] = MAX_USD_PER_DAY
    samples: Annotated[int, Meta(ge=0, le=_MOST)] = SAMPLES


def read_options(options: dict[str, object]) -> Options:
    """The typed options.

    :raises NotConfigured: a bad value; says which and what is allowed.
    """
    try:
        said = msgspec.convert(options, Options)
    except msgspec.ValidationError as exc:
        msg = f"x: {exc}"
        raise NotConfigured(msg) from exc
    if 0 < said.samples < _FEWEST:
        msg = f"x: samples is 0, or {_FEWEST} to {_MOST}: X gives no fewer at once"
        raise NotConfigured(msg)
    return said


class X(HttpSource):
    """Posts that match a service's phrases, counted; what was asked and what was usual is remembered per service."""

    id = "x"

    def __init__(self) -> None:
        self._asked: dict[str, datetime] = {}
        self._usual: dict[str, deque[float]] = {}

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        """The question for counts since the last reading, at first for a day."""
        from_ = past_from(ctx) or ctx.since or ctx.now - HISTORY
        return (_request(ctx, "/tweets/counts/recent", from_, granularity="minute"),)

    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading:
        """Read counts, or (``search``) posts."""
        if tag == _SEARCH:
            return reading_of(self.id, _about(posts_of(body), ctx), ctx, is_whole=False, host=HOST)
        return self._reading(_Volume.of(buckets_of(body), ctx), None, ctx)

    async def read(self, ctx: Context, net: Net) -> Reading:
        """Ask for the counts, and for texts where they have risen and the day's money allows it.

        :raises RateLimited: the day's money is spent, or would not last the day.
        """
        options, (request,) = read_options(ctx.setting.options), self.requests(ctx)
        ledger = net.shared(Ledger.of)
        self._pay(ctx, options, ledger)
        volume = _Volume.of(buckets_of((await net.fetch(request)).body), ctx)
        posts = await self._texts(ctx, net, options, ledger) if self._has_risen(volume, ctx) else None
        reading = self._reading(volume, posts, ctx)
        spent = f"${ledger.spent_usd(ctx.now.date()):.2f} of ${options.max_usd_per_day:.2f} today"
        return msgspec.structs.replace(reading, says=f"{reading.says}; {spent}")

    def _pay(self, ctx: Context, options: Options, ledger: Ledger) -> None:
        """Take the price of the counts. A person who asks once is not told to wait for an even spread."""
        cap_usd, now = options.max_usd_per_day, ctx.now
        left_usd = cap_usd - ledger.spent_usd(now.date())
        self._asked.setdefault(ctx.service.id, _NEVER)
        wait_s = gap_s(COST_USD, left_usd, now, len(self._asked))
        passed_s = (now - self._asked[ctx.service.id]).total_seconds()
        if ctx.since is not None and left_usd >= COST_USD and 0 <= passed_s < wait_s:
            msg = f"not asked: ${cap_usd:.2f} a day are spread over the day"
            raise RateLimited(msg, 429, wait_s - passed_s)
        if not ledger.take(COST_USD, cap_usd, now):
            msg = f"not asked: the ${cap_usd:.2f} that X may cost a day are spent"
            raise RateLimited(msg, 429, left_of_day_s(now))
        self._asked[ctx.service.id] = now

    async def _texts(self, ctx: Context, net: Net, options: Options, ledger: Ledger) -> list[Post] | None:
        """The newest posts that match; None where none may be read, or they could not be had."""
        cost_usd = options.samples * COST_USD
        if not options.samples or not ledger.take(cost_usd, options.max_usd_per_day, ctx.now):
            return None
        wanted = _request(
            ctx,
            "/tweets/search/recent",
            _newest_from(ctx),
            max_results=str(options.samples),
            sort_order="recency",
            expansions="geo.place_id",
            **{"tweet.fields": "created_at,geo,public_metrics", "place.fields": "country_code"},
        )
        try:
            posts = posts_of((await net.fetch(wanted)).body)
        except SourceError:
            return None  # the counts stand without; what was set aside counts as spent
        ledger.give_back(cost_usd - len(posts) * COST_USD, ctx.now)
        return posts

    def _has_risen(self, volume: _Volume, ctx: Context) -> bool:
        """Whether more match than usual; what is usual is learned here."""
        usual = self._usual.setdefault(ctx.service.id, deque(maxlen=288))
        usual.extend(volume.past_rates)
        rate_s = volume.number / volume.newest_s
        if len(usual) < _KNOWN_WINDOWS:
            usual.append(rate_s)
            return False
        expected = median(usual) * volume.newest_s
        usual.append(rate_s)
        return volume.number > expected + 3 * sqrt(expected) + 3

    def _reading(self, volume: _Volume, posts: list[Post] | None, ctx: Context) -> Reading:
        about = None if posts is None else _about(posts, ctx)
        told = [*volume.past, *_apportioned(volume, posts, about, ctx)]
        texts = Reading() if about is None else reading_of(self.id, about, ctx, is_whole=False, host=HOST)
        page = ctx.hint(self.id).link or f"https://{HOST}/search?f=live&q={quote(query_of(ctx.hint(self.id)))}"
        return Reading(
            signals=(
                *lines(self.id, told, ctx, volume.begins),
                Alive(at=ctx.now, service=ctx.service.id, source=self.id),
            ),
            says=_says(volume, posts, about, ctx),
            links=(*texts.links[:5], Link(page, "X")),
            tips=texts.tips,
        )


class _Volume(Struct, frozen=True):
    """How many match: in the windows before the newest, and in the newest, ``newest_s`` seconds long."""

    past: tuple[Told, ...]
    past_rates: tuple[float, ...]
    newest: tuple[Told, ...]
    newest_s: float
    begins: datetime

    @property
    def number(self) -> int:
        """How many match in the newest window."""
        return sum(line.n for line in self.newest)

    @staticmethod
    def of(buckets: Sequence[Bucket], ctx: Context) -> _Volume:
        """Counts, set apart at the beginning of the newest window."""
        known = [bucket for bucket in buckets if bucket.end <= ctx.now]
        from_ = (_newest_from(ctx) - _LAG).replace(microsecond=0)
        newest_s = max(1.0, (ctx.now - _newest_from(ctx)).total_seconds())
        sums: Counter[int] = Counter()
        for bucket in known:
            if bucket.start < from_:
                sums[int(bucket.start.timestamp() // newest_s)] += bucket.number
        # What was read since a reading just now is one window, which ends now.
        is_one = past_from(ctx) is None
        return _Volume(
            past=tuple(Told(b.end, Key(), b.number) for b in known if b.start < from_),
            past_rates=tuple(number / newest_s for _, number in sorted(sums.items())),
            newest=tuple(Told(ctx.now if is_one else b.end, Key(), b.number) for b in known if b.start >= from_),
            newest_s=newest_s,
            begins=min((bucket.start for bucket in known), default=ctx.now),
        )


def _newest_from(ctx: Context) -> datetime:
    """When the newest window begins: at the last reading, or one interval ago."""
    if ctx.since is not None and past_from(ctx) is None:
        return ctx.since
    return ctx.now - timedelta(seconds=ctx.setting.interval_s)


def _about(posts: Sequence[Post], ctx: Context) -> list[Post]:
    """The whole world writes here: what does not name the service is somebody else's."""
    return [post for post in posts if names_service(post.title, ctx.service)]


def _apportioned(volume: _Volume, read: list[Post] | None, about: list[Post] | None, ctx: Context) -> list[Told]:
    """The newest window's posts: all of them where no text was read, else the share that the texts say.

    Rounded down for each key; what rounding leaves is counted for the whole.
    """
    if not read or about is None or not volume.number:
        return list(volume.newest)
    keys = Counter(trouble_in(about, ctx))
    told = {key: n * volume.number // len(read) for key, n in keys.items()}
    rest = round(keys.total() * volume.number / len(read)) - sum(told.values())
    told[Key()] = told.get(Key(), 0) + max(0, rest)
    return [line for key, n in told.items() for line in _dated(key, n, volume)]


def _dated(key: Key, number: int, volume: _Volume) -> list[Told]:
    """So many posts of one key, dated as all that match are."""
    found, seen, given = [], 0, 0
    for line in volume.newest:
        seen += line.n
        share = number * seen // volume.number - given
        given += share
        found.append(Told(line.at, key, share))
    return found


def _says(volume: _Volume, posts: list[Post] | None, about: list[Post] | None, ctx: Context) -> str:
    window = span(timedelta(seconds=volume.newest_s))
    said = f"{volume.number} {'post matches' if volume.number == 1 else 'posts match'} in {window}"
    if volume.past:
        said += f", {sum(line.n for line in volume.past) + volume.number} in {span(ctx.now - volume.begins)}"
    if posts:
        said += f"; {len(trouble_in(about or [], ctx))} of {len(posts)} read are about trouble"
    return said


def query_of(hint: SourceHint) -> str:
    """What X is asked for: any of the phrases (each with all of its words) or tags, as many as fit; no reposts.

    :raises NotConfigured: nothing to look for is known.
    """
    terms = [" ".join(map(_quoted, _WORD.findall(phrase.lower()))) for phrase in hint.phrases]
    terms += [f"#{tag}" for tag in hint.tags if tag.isalnum()]
    query = ""
    for term in dict.fromkeys(t for t in terms if t):
        longer = f"{query} OR ({term})" if query else f"({term})"
        if len(longer) + len("() -is:retweet") <= _MOST_QUERY:
            query = longer
    if not query:
        msg = "nothing to look for on X is known for this service"
        raise NotConfigured(msg)
    return f"({query}) -is:retweet"


def _quoted(word: str) -> str:
    return word if word.removeprefix("#").isalnum() else f'"{word}"'


def _request(ctx: Context, path: str, from_: datetime, **params: str) -> Request:
    query = query_of(ctx.hint("x"))
    if ctx.setting.key is None:
        msg = "no key: X_BEARER_TOKEN is not set"
        raise NotConfigured(msg)
    asked = {"query": query, "start_time": _stamp(from_ - _LAG), "end_time": _stamp(ctx.now - _LAG), **params}
    return Request(
        url=f"{ctx.setting.base_url or _API}{path}",
        params=tuple(asked.items()),
        headers=(("Authorization", ctx.setting.key.bearer()),),
        tag=_SEARCH if "max_results" in params else "",
    )


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


SOURCE = X()
