"""X: counted by the minute, read where counts rise, and never beyond its money."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from stillup.catalog.load import SourceHint
from stillup.errors import Malformed, NotConfigured, RateLimited
from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted
from stillup.net import Net
from stillup.sources._x_purse import Ledger, gap_s
from stillup.sources.x import SOURCE, X, query_of
from stillup.testing import FakeClock, http, serving

MINUTE = timedelta(minutes=1)
STEP = timedelta(minutes=5)


def counted(reading):
    return [s for s in reading.signals if isinstance(s, Counted)]


def stamp(at):
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def counts(end, *numbers):
    """Counts of the minutes up to ``end``."""
    starts = [end - MINUTE * (len(numbers) - i) for i in range(len(numbers))]
    data = [
        {"start": stamp(s), "end": stamp(s + MINUTE), "tweet_count": n} for s, n in zip(starts, numbers, strict=True)
    ]
    return json.dumps({"data": data, "meta": {"total_tweet_count": sum(numbers)}}).encode()


def found(at, *texts):
    data = [
        {"id": str(100 - i), "text": text, "created_at": stamp(at - timedelta(seconds=i))}
        for i, text in enumerate(texts)
    ]
    return json.dumps({"data": data, "meta": {"result_count": len(texts)}}).encode()


class Site:
    """A loopback X that answers with what it is given, and remembers what it was asked."""

    def __init__(self, server, net):
        self.server, self.net = server, net
        self.counts = self.search = b""

    async def script(self, head, writer):
        writer.write(http(200, self.search if "search" in head.target else self.counts))

    @property
    def asked(self):
        heads = [urlsplit(head.target) for head in self.server.heads]
        return [(head.path, dict(parse_qsl(head.query))) for head in heads]


@pytest.fixture
async def site(tmp_path, now, monkeypatch):
    site = Site(None, None)
    async with serving(site.script) as server, Net(FakeClock(now), cache_dir=tmp_path / "cache") as net:
        site.server, site.net = server, net
        yield site


@pytest.fixture
def ask(site, context):
    """Reads once, as a source of one process would."""
    source = X()

    async def read(now, since=None, of=None, net=None, **options):
        ctx = context(now=now, since=since, base_url=site.server.url("/2"), **options)
        return await (of or source).read(ctx, net or site.net)

    return read


# -- what is asked ----------------------------------------------------------------------------------------------------


def test_counts_of_the_last_day_are_asked_by_the_minute_at_first(context, now, key):
    (request,) = SOURCE.requests(context())
    params = dict(request.params)
    assert request.url == "https://api.x.com/2/tweets/counts/recent"
    assert (params["granularity"], params["end_time"]) == ("minute", "2026-05-12T15:00:00Z")
    assert params["start_time"] == "2026-05-11T15:00:00Z"
    assert [(name, value.reveal()) for name, value in request.headers] == [("Authorization", f"Bearer {key}")]


def test_what_x_counts_half_a_minute_late_is_asked_for_neither_twice_nor_never(context, now):
    first = dict(SOURCE.requests(context(now=now))[0].params)
    second = dict(SOURCE.requests(context(now=now + STEP, since=now))[0].params)
    assert second["start_time"] == first["end_time"]


def test_any_phrase_with_all_of_its_words_is_looked_for_and_no_repost():
    hint = SourceHint(phrases=("Claude down", 'claude.ai "OR" -x'), tags=("claudedown", "bad tag"))
    assert query_of(hint) == '((claude down) OR ("claude.ai" or "-x") OR (#claudedown)) -is:retweet'


def test_a_query_stays_within_what_x_takes():
    assert len(query_of(SourceHint(phrases=tuple(f"some rather long phrase number {n}" for n in range(100))))) <= 512


def test_without_a_phrase_nothing_is_asked():
    with pytest.raises(NotConfigured, match="nothing to look for"):
        query_of(SourceHint())


async def test_one_to_nine_samples_are_refused_since_x_gives_ten_at_least(site, ask, now):
    with pytest.raises(NotConfigured, match="samples is 0, or 10 to 100"):
        await ask(now, samples=9)
    assert site.asked == []


# -- what is counted --------------------------------------------------------------------------------------------------


def test_the_past_is_counted_in_windows_and_empty_ones_are_calm(context, answer, now):
    reading = SOURCE.parse(answer("x/outage.json"), context())
    assert sum(c.count for c in counted(reading)) == 12 * 5 + 3 + 9 + 24 + 41 + 57
    assert all(c.problem is None and c.region is None for c in counted(reading))
    calm = SOURCE.parse(answer("x/quiet.json"), context())
    assert [s.at for s in calm.signals if isinstance(s, Alive) and s.at < now] == [
        datetime(2026, 5, 12, 14, minute, tzinfo=UTC) for minute in range(20, 60, 5)
    ] + [datetime(2026, 5, 12, 15, tzinfo=UTC)]


def test_later_only_what_is_new_is_counted_as_one_window_that_ends_now(context, now):
    reading = SOURCE.parse(counts(now - timedelta(seconds=30), 1, 2, 3, 4, 5), context(since=now - STEP))
    (line,) = counted(reading)
    assert (line.count, line.at, line.window_s) == (15, now, 300)
    assert line.id


def test_a_count_from_the_future_waits(context, now):
    assert counted(SOURCE.parse(counts(now + STEP, 9, 9), context())) == []


@pytest.mark.parametrize("time", ["", "yesterday", "2026-05-12T15:00:00", "2026-05-12T14:00:00.000Z"])
def test_a_count_without_a_time_or_with_its_end_first_is_malformed(context, now, time):
    body = counts(now, 3).replace(stamp(now).encode(), time.encode())
    with pytest.raises(Malformed):
        SOURCE.parse(body, context())


def test_posts_give_places_from_their_geo_and_what_they_say_but_no_author(context, answer):
    reading = SOURCE.parse(answer("x/outage-search.json"), context(), "search")
    keys = {(c.region, c.problem) for c in counted(reading)}
    assert ("US", Problem.SIGN_IN) in keys
    assert ("FR", None) in keys or ("FR", Problem.NO_RESPONSE) in keys
    assert reading.links[0].url == "https://x.com/i/web/status/2054200000000000010"
    assert [tip.host for tip in reading.tips] == ["x.com"]
    assert "author" not in repr(reading)


def test_posts_that_are_spoken_of_and_not_given_are_malformed(context):
    with pytest.raises(Malformed, match="does not give"):
        SOURCE.parse(b'{"meta": {"result_count": 3}}', context(), "search")


# -- what it costs ----------------------------------------------------------------------------------------------------


async def test_a_reading_says_what_the_day_has_cost(site, ask, now):
    site.counts = counts(now, 0, 1)
    await ask(now)
    assert (await ask(now)).says.endswith("; $0.01 of $0.50 today")
    assert (await ask(now, max_usd_per_day=2.0)).says.endswith("; $0.01 of $2.00 today")
    assert (await ask(now)).says.endswith("; $0.02 of $0.50 today")


async def test_the_cap_binds_before_x_is_asked(site, ask, now):
    site.counts = counts(now, 0)
    for _ in range(2):
        await ask(now, max_usd_per_day=0.01)
    with pytest.raises(RateLimited, match=r"the \$0.01 that X may cost a day are spent") as error:
        await ask(now, max_usd_per_day=0.01)
    assert len(site.asked) == 2
    assert error.value.retry_after_s == pytest.approx((datetime(2026, 5, 13, tzinfo=UTC) - now).total_seconds())


async def test_a_cap_of_nothing_asks_nothing(site, ask, now):
    with pytest.raises(RateLimited):
        await ask(now, max_usd_per_day=0.0)
    assert site.asked == []


async def test_a_new_day_has_new_money(site, ask, now):
    site.counts = counts(now, 0)
    await ask(now, max_usd_per_day=0.005)
    await ask(now + timedelta(days=1), max_usd_per_day=0.005)


async def test_another_process_and_a_restart_share_the_days_sum(site, ask, now, tmp_path):
    site.counts = counts(now, 0)
    await ask(now, max_usd_per_day=0.01)
    async with Net(FakeClock(now), cache_dir=tmp_path / "cache") as other:
        reading = await ask(now, of=X(), net=other, max_usd_per_day=0.01)
        assert reading.says.endswith("$0.01 of $0.01 today")
        with pytest.raises(RateLimited):
            await ask(now, of=X(), net=other, max_usd_per_day=0.01)


async def test_a_watcher_is_held_back_so_that_the_money_lasts_the_day(site, ask, now):
    site.counts = counts(now, 0)
    await ask(now, max_usd_per_day=0.05)
    with pytest.raises(RateLimited, match="spread over the day") as error:
        await ask(now + STEP, since=now, max_usd_per_day=0.05)
    assert 0 < error.value.retry_after_s < 3600
    later = now + STEP + timedelta(seconds=error.value.retry_after_s)
    await ask(later, since=now, max_usd_per_day=0.05)


def test_the_gap_is_what_is_left_of_the_day_over_what_the_money_still_buys():
    noon = datetime(2026, 5, 12, 12, tzinfo=UTC)
    assert gap_s(0.005, 0.25, noon, 1) == pytest.approx(864)
    assert gap_s(0.005, 0.25, noon, 2) == pytest.approx(1728)


def test_a_ledger_that_cannot_be_read_or_written_counts_in_memory(tmp_path, now):
    (tmp_path / "x-spent").mkdir()
    ledger = Ledger(tmp_path)
    assert ledger.take(0.4, 0.5, now)
    assert not ledger.take(0.2, 0.5, now)
    assert ledger.spent_usd(now.date()) == pytest.approx(0.4)


def test_a_ledger_takes_no_notice_of_what_is_not_a_line_of_it(tmp_path, now):
    tmp_path.chmod(0o700)
    (tmp_path / "x-spent").write_bytes(
        b"\x00garbage\n2026-05-12 100000\n2026-05-11 900000\n2026-05-12 99999999999999999\n"
    )
    ledger = Ledger(tmp_path)
    assert ledger.spent_usd(now.date()) == pytest.approx(0.1)


def test_a_long_ledger_is_cut_to_its_day(tmp_path, now):
    tmp_path.chmod(0o700)
    (tmp_path / "x-spent").write_bytes(b"2026-01-01 5000\n" * 12_000 + b"2026-05-12 100000\n")
    ledger = Ledger(tmp_path)
    assert ledger.take(0.1, 1.0, now)
    assert ledger.spent_usd(now.date()) == pytest.approx(0.2)
    assert (tmp_path / "x-spent").stat().st_size < 100


def test_a_day_of_very_many_spendings_is_summed_whole(tmp_path, now):
    """Where a cap is high, a day has more lines than the file may; they must not become free."""
    tmp_path.chmod(0o700)
    (tmp_path / "x-spent").write_bytes(b"2026-05-12 5000\n" * 20_000)
    assert Ledger(tmp_path).spent_usd(now.date()) == pytest.approx(100)
    assert not Ledger(tmp_path).take(1.0, 100.5, now)
    assert Ledger(tmp_path).take(0.4, 100.5, now)
    assert (tmp_path / "x-spent").stat().st_size < 100
    assert Ledger(tmp_path).spent_usd(now.date()) == pytest.approx(100.4)


# -- when texts are read ----------------------------------------------------------------------------------------------

CALM = (0, 1, 0, 0, 1) * 12
"""An hour: two in five minutes."""


async def test_texts_are_read_when_more_match_than_usual_and_only_then(site, ask, now):
    site.search = found(now, "claude is down, cannot log in")
    end = now - timedelta(seconds=30)
    site.counts = counts(end, *CALM)
    await ask(now)
    assert [path for path, _ in site.asked] == ["/2/tweets/counts/recent"]
    site.counts = counts(end + STEP, 9, 12, 20, 30, 40)
    await ask(now + STEP, since=now, max_usd_per_day=100.0)
    path, params = site.asked[-1]
    assert path == "/2/tweets/search/recent"
    assert (params["max_results"], params["expansions"]) == ("10", "geo.place_id")


async def test_with_samples_at_nothing_no_text_is_read(site, ask, now):
    site.counts = counts(now - timedelta(seconds=30), *CALM, 90, 90, 90, 90, 90)
    await ask(now, samples=0)
    assert len(site.asked) == 1


async def test_texts_are_paid_for_by_the_post(site, ask, now):
    site.counts = counts(now - timedelta(seconds=30), *CALM, 90, 90, 90, 90, 90)
    site.search = found(now, "claude is down", "claude down again", "claude is down, error 500")
    reading = await ask(now, max_usd_per_day=100.0)
    assert reading.says.endswith("; 3 of 3 read are about trouble; $0.02 of $100.00 today")


async def test_posts_that_were_not_asked_for_are_paid_for_too(site, ask, now):
    site.counts = counts(now - timedelta(seconds=30), *CALM, 90, 90, 90, 90, 90)
    site.search = found(now, *("claude is down",) * 30)
    reading = await ask(now, max_usd_per_day=100.0)
    assert "$0.15 of" in reading.says or "$0.16 of" in reading.says


async def test_the_share_that_is_about_trouble_is_taken_for_the_share_of_all(site, ask, now):
    site.counts = counts(now - timedelta(seconds=30), *CALM)
    await ask(now, max_usd_per_day=100.0)
    site.counts = counts(now + STEP - timedelta(seconds=30), 20, 20, 20, 20, 20)
    site.search = found(
        now + STEP - MINUTE,
        "claude is down, cannot log in",
        "claude down? login error here too",
        "a day with claude and a notebook",
        "Show and tell: a recipe book made with claude",
    )
    reading = await ask(now + STEP, since=now, max_usd_per_day=100.0)
    assert sum(c.count for c in counted(reading)) == 50
    assert {c.problem for c in counted(reading)} == {Problem.SIGN_IN}
    assert "100 posts match in 5 min; 2 of 4 read are about trouble" in reading.says


async def test_counts_stand_where_texts_cannot_be_had(site, ask, now):
    site.counts = counts(now - timedelta(seconds=30), *CALM, 90, 90, 90, 90, 90)
    site.search = b"<html>"
    reading = await ask(now, max_usd_per_day=100.0)
    assert sum(c.count for c in counted(reading)) == 450 + 24
    assert "read are" not in reading.says


async def test_where_the_money_does_not_reach_texts_are_left_and_counts_go_on(site, ask, now):
    site.counts = counts(now - timedelta(seconds=30), *CALM, 90, 90, 90, 90, 90)
    await ask(now, max_usd_per_day=0.04)
    assert len(site.asked) == 1
