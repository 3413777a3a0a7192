"""Downdetector's quarter-hours: counted once each, the open one as far as it goes, with what people say is wrong."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.errors import Malformed, NotConfigured, Refused
from stillup.model.service import Problem
from stillup.model.signal import Alive, Counted
from stillup.sources._downdetector_series import Company, Indicator, problem_shares, reading_of
from stillup.sources.downdetector import SOURCE

QUARTER = timedelta(minutes=15)
LAST_END = datetime(2026, 5, 12, 15, 0, tzinfo=UTC)


def counts(reading):
    """Count lines as (at, problem) to count."""
    return {(s.at, s.problem): s.count for s in reading.signals if isinstance(s, Counted)}


def company(*stats, baseline=()):
    return json.dumps({"id": 1, "status": "warning", "stats_24": stats, "baseline": baseline}).encode()


# -- which requests ---------------------------------------------------------------------------------------------------


def test_the_company_is_searched_for_by_its_slug(context):
    (request,) = SOURCE.requests(context())
    assert (request.url, request.tag) == ("https://downdetectorapi.com/v2/companies/search", "search")
    assert dict(request.params)["slug"] == "claude-ai"


def test_a_company_named_in_the_config_saves_the_search(context, now):
    about, indicators = SOURCE.requests(context(company=90210, base_url="http://127.0.0.1:9/v2/"))
    assert about.url == "http://127.0.0.1:9/v2/companies/90210"
    assert "stats_24" in dict(about.params)["fields"]
    assert indicators.url == "http://127.0.0.1:9/v2/companies/90210/indicators"
    assert dict(indicators.params)["enddate"] == now.isoformat()


def test_a_service_without_a_slug_is_not_configured(context):
    with pytest.raises(NotConfigured, match="no Downdetector company"):
        SOURCE.requests(context("copilot"))


@pytest.mark.parametrize("body", [b"[]", b'[{"id": 7, "slug": "claudes-shoes"}]'])
def test_a_search_that_finds_nobody_is_no_answer(context, body):
    with pytest.raises(Malformed, match="knows no company"):
        SOURCE.parse(body, context(), "search")


# -- quarter-hours ----------------------------------------------------------------------------------------------------


def test_the_first_reading_counts_the_whole_day_each_quarter_at_its_end(context, now):
    reading = SOURCE.parse(company(3, 0, 17, 16, 9), context())
    assert {k: n for k, n in counts(reading).items() if n} == {
        (LAST_END - 3 * QUARTER, None): 3,
        (LAST_END - QUARTER, None): 17,
        (LAST_END, None): 16,
        (now, None): 9,
    }
    assert Alive(at=LAST_END - 2 * QUARTER, service="claude", source="downdetector") in reading.signals
    assert reading.says == "9 reports since 15:00 UTC, 16 in the quarter-hour before, 45 in 24 h; it says warning"


def test_each_quarter_carries_what_is_usual_for_a_whole_one(context):
    reading = SOURCE.parse(company(17, 16, 9, baseline=(1, 2.5, 3)), context())
    usual = [s.expected for s in reading.signals if isinstance(s, Counted) and s.problem is None]
    assert usual == [1.0, 2.5, 3.0]
    assert "in the quarter-hour before (3 usual)" in reading.says


def test_the_sites_own_clock_says_which_quarter_is_the_last(context):
    """Asked just before a quarter ends and answered just after: the last number is the new quarter's."""
    asked = LAST_END - timedelta(seconds=5)
    ctx = context(now=asked, since=asked - timedelta(minutes=1))
    body = Company(stats_24=(3.0, 40.0, 1.0))

    assert counts(reading_of(body, ctx, answered_at=LAST_END + timedelta(seconds=2)))[(asked, None)] == 40
    assert counts(reading_of(body, ctx))[(asked, None)] == 1
    assert counts(reading_of(body, ctx, answered_at=asked + timedelta(hours=3)))[(asked, None)] == 1


def test_a_shorter_baseline_belongs_to_the_newest_quarters(context):
    reading = SOURCE.parse(company(17, 16, 9, baseline=(2,)), context())
    assert [s.expected for s in reading.signals if isinstance(s, Counted) and s.problem is None] == [None, None, 2.0]


def test_later_readings_count_only_what_was_still_open_then(context, now):
    reading = SOURCE.parse(company(3, 5, 17, 16, 9), context(since=LAST_END - QUARTER + timedelta(seconds=30)))
    assert {at for at, _ in counts(reading)} == {LAST_END, now}


def test_on_the_quarter_the_last_number_is_of_the_quarter_just_closed(context):
    reading = SOURCE.parse(company(3, 9), context(now=LAST_END))
    assert counts(reading) == {(LAST_END - QUARTER, None): 3, (LAST_END, None): 9}
    assert reading.says.startswith("9 reports in the quarter-hour to 15:00 UTC, 12 in 24 h")


def test_dated_points_are_read_alike_on_whole_quarters(answer, context, now):
    reading = SOURCE.parse(answer("downdetector/good-points.json"), context())
    ends = [s.at.strftime("%H:%M:%S") for s in reading.signals if isinstance(s, Counted) and s.problem is None]
    assert ends == ["14:00:00", "14:30:00", "14:45:00", "15:00:00"]


def test_figures_that_stopped_are_not_calm(answer, context, now):
    reading = SOURCE.parse(answer("downdetector/good-points.json"), context(now=now + timedelta(days=1)))
    assert not [s for s in reading.signals if isinstance(s, Alive) and s.at > LAST_END + QUARTER]
    assert reading.says == "Downdetector: no count since 2026-05-12 15:00 UTC"


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": 1}',
        b'{"stats_24": []}',
        b'{"stats_24": null, "baseline": [1]}',
        b'{"stats_24": [-1]}',
        b'{"stats_24": [1e300]}',
        b'{"stats_24": ["1"]}',
        b'{"reports": [{"date": "soon", "value": 1}]}',
        b'{"reports": [{"date": "2030-01-01T00:00:00Z", "value": 1}]}',
        b'{"stats_24": [' + b"1," * 1000 + b"1]}",
    ],
)
def test_an_answer_without_usable_counts_is_no_answer(context, body):
    with pytest.raises(Malformed):
        SOURCE.parse(body, context())


# -- problems ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("Login", Problem.SIGN_IN),
        ("Sign-in", Problem.SIGN_IN),
        ("Log in", Problem.SIGN_IN),
        ("Server Connection", Problem.CONNECTION),
        ("Internet", Problem.CONNECTION),
        ("App crashing", Problem.APP_CRASH),
        ("Not responding", Problem.NO_RESPONSE),
        ("Loading", Problem.NO_RESPONSE),
        ("Slow performance", Problem.SLOW),
        ("Server errors", Problem.SERVER_ERROR),
        ("Payments", Problem.BILLING),
        ("Website", None),
        ("App", None),
        ("", None),
    ],
)
def test_a_label_tells_the_problem(label, problem):
    shares = problem_shares((Indicator(amount=3, indicator=label),))
    assert shares == ({problem: 1.0} if problem else {})


def test_what_is_still_open_is_split_by_problem_and_billing_is_no_outage(answer, context, now):
    indicators = tuple(Indicator(**row) for row in _rows(answer))
    reading = reading_of(Company(stats_24=(3, 100), baseline=(1, 2)), context(), indicators)
    split = {p: n for (at, p), n in counts(reading).items() if at == now}
    assert {p: n for p, n in split.items() if n} == {Problem.SIGN_IN: 60, Problem.CONNECTION: 20, None: 10}
    assert Problem.BILLING not in split
    assert sum(split.values()) == 90


def _rows(answer):
    return [
        {"amount": r["amount"], "indicator": r["indicator"]} for r in json.loads(answer("downdetector/indicators.json"))
    ]


@given(
    people=st.integers(1, 10_000),
    amounts=st.lists(st.floats(0, 1e9), max_size=6),
    labels=st.permutations(["Login", "Internet", "Crash", "Slow", "App", "Loading"]),
)
def test_the_split_adds_up_and_always_has_the_same_keys(context, people, amounts, labels):
    rows = tuple(Indicator(amount=a, indicator=i) for a, i in zip(amounts, labels, strict=False))
    told = counts(reading_of(Company(stats_24=(people,)), context(), rows))
    assert sum(told.values()) == people
    assert set(told) == set(counts(reading_of(Company(stats_24=(people,)), context())))


# -- over HTTP --------------------------------------------------------------------------------------------------------


async def test_the_american_company_is_read_with_its_problems(site, answer, context, key, now):
    server, net = await site(
        {
            "/v2/companies/search": answer("downdetector/search.json"),
            "/v2/companies/90210": answer("downdetector/outage.json"),
            "/v2/companies/90210/indicators": answer("downdetector/indicators.json"),
        }
    )
    reading = await SOURCE.read(context(base_url=server.url("/v2")), net)
    assert counts(reading)[now, Problem.SIGN_IN] > 0
    assert {head.headers["authorization"] for head in server.heads} == {f"Bearer {key}"}


async def test_counts_stand_alone_where_problems_cannot_be_had(site, answer, context, now):
    server, net = await site({"/companies/5": answer("downdetector/outage.json"), "/companies/5/indicators": b"<html>"})
    reading = await SOURCE.read(context(base_url=server.url("").rstrip("/"), company="5"), net)
    assert counts(reading)[now, None] == 47


async def test_without_the_counts_there_is_no_reading(site, answer, context):
    server, net = await site({"/companies/5/indicators": answer("downdetector/indicators.json")})
    with pytest.raises(Refused):
        await SOURCE.read(context(base_url=server.url("").rstrip("/"), company="5"), net)
