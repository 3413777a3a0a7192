"""The forecast: what it may look at, what shape it has, and that the record leads it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.catalog.forecast import forecast_table, service_key
from stillup.model.service import Stage
from stillup.verdict.forecast.cues import cues, words
from stillup.verdict.forecast.forecaster import Forecaster, Prediction
from stillup.verdict.forecast.left import Level, left
from stillup.verdict.forecast.live import live_forecast
from stillup.verdict.forecast.next import chance_of_another
from stillup.verdict.forecast.question import Question, Resolved, Update, progress
from stillup.verdict.forecast.record import Record
from stillup.verdict.forecast.table import LEVELS, Effect, Provenance, Table
from stillup.verdict.official.chronicle import PageIncident
from stillup.verdict.official.chronicle import Update as Told

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PLAIN = Provenance(script="", until="", incidents={}, rows=0)
BARE = Table(provenance=PLAIN, effects={}, pool=(600.0, 3600.0, 21600.0), services={}, next_incident={})


def minutes(n):
    return timedelta(minutes=n)


def over(n, lasted_min, ago_min=1000, components=("api",), service="claude"):
    end = NOW - minutes(ago_min + n)
    return Resolved(
        service=service, id=str(n), first_posted_at=end - minutes(lasted_min), resolved_at=end, components=components
    )


def asked(after_min=0, stage="investigating", body="We are looking into it.", **rest):
    begun = NOW - minutes(after_min)
    updates = [Update(posted_at=begun, status="investigating", body="We are looking into it.")]
    if after_min:
        updates.append(Update(posted_at=begun + minutes(after_min / 2), status=stage, body=body))
    fields = {"components": ["API"], "first_posted_at": begun, "updates": updates, "stage": stage, **rest}
    return Question(id="q", service="claude", at=NOW, **fields)


def half_s(question, record=Record(), table=None):  # noqa: B008 - an empty record has no state
    return Forecaster(table or forecast_table()).predict(question, record).quantile_s(0.5)


@given(
    after_min=st.floats(0, 10_000),
    lasted=st.lists(st.floats(0.5, 50_000), max_size=40),
    stage=st.sampled_from(["investigating", "identified", "monitoring", "resolved", "nonsense", None]),
    body=st.text(max_size=200),
)
def test_quantiles_ascend_and_chances_grow_whatever_is_asked(after_min, lasted, stage, body):
    record = Record(over(i, d) for i, d in enumerate(lasted))
    found = Forecaster(forecast_table()).predict(asked(after_min, stage, body), record)
    quantiles = [found.quantile_s(p) for p in LEVELS]
    chances = [found.within(s) for s in (0, 60, 900, 3600, 14_400, 1e9)]
    assert quantiles == sorted(quantiles)
    assert quantiles[0] >= 1
    assert chances == sorted(chances)
    assert chances[0] >= 0
    assert chances[-1] <= 1


def test_chances_and_quantiles_tell_the_same_distribution():
    found = Forecaster(forecast_table()).predict(asked(20), Record())
    for p in LEVELS:
        assert found.within(found.quantile_s(p)) == pytest.approx(p, abs=0.001)


def test_nothing_later_than_the_question_changes_its_answer():
    before = [over(i, 60 + i) for i in range(30)]
    question = asked(30)
    later = Update(posted_at=NOW + minutes(1), status="monitoring", body="A fix has been implemented.")
    seen = msgspec.structs.replace(question, updates=[*question.updates, later])
    record, more = Record(before), Record([*before, *(over(100 + i, 3, ago_min=-200) for i in range(50))])
    forecaster = Forecaster(forecast_table())
    assert forecaster.predict(seen, more) == forecaster.predict(question, record)


def test_an_incident_resolved_at_the_very_moment_is_not_yet_known():
    at_once = Resolved(service="claude", first_posted_at=NOW - minutes(9), resolved_at=NOW)
    assert len(Record([at_once]).before("claude", NOW, 10).logs) == 0
    assert len(Record([at_once]).before("claude", NOW + timedelta(microseconds=1), 10).logs) == 1


row_times = st.tuples(st.integers(0, 12), st.integers(-3000, 3000), st.integers(0, 900))


def told_rows(times, since=None):
    """Rows with few ids; with ``since`` all of them resolved then or later."""
    for name, end, lasted in times:
        end_at = NOW + minutes(end) if since is None else since + minutes(abs(end))
        yield Resolved(
            service="claude", id=["", None, *"abcdefghijk"][name], first_posted_at=end_at - minutes(lasted),
            resolved_at=end_at, components=["api"] if lasted % 2 else ["web"],
        )  # fmt: skip


@given(
    known=st.lists(row_times, max_size=30), later=st.lists(row_times, min_size=1, max_size=15), q=st.sampled_from("qab")
)
def test_rows_resolved_at_the_question_or_later_change_no_answer_whatever_their_ids(known, later, q):
    before, after = list(told_rows(known)), list(told_rows(later, since=NOW))
    forecaster, question = Forecaster(BARE), msgspec.structs.replace(asked(30), id=q)
    assert forecaster.predict(question, Record([*before, *after])) == forecaster.predict(question, Record(before))
    assert forecaster.predict(question, Record([*after, *before])) == forecaster.predict(question, Record(before))


def test_of_rows_with_one_id_the_one_resolved_last_before_the_question_counts():
    rows = [msgspec.structs.replace(over(1, 10 * k, ago_min=100 - 60 * k), id="same") for k in (3, 1, 2)]
    for at_min, lasted_min in ((-45, []), (-35, [10]), (25, [20]), (90, [30])):
        found = Record(rows).before("claude", NOW + minutes(at_min), 10).lasted_s
        assert [s / 60 for s in found] == lasted_min


@pytest.mark.parametrize("name", ["", None])
def test_rows_without_an_id_are_incidents_of_their_own(name):
    rows = [msgspec.structs.replace(over(n, 20), id=name) for n in range(5)]
    assert len(Record(rows).before("claude", NOW, 10).logs) == 5


def test_only_the_incident_itself_is_left_out_and_the_window_stays_full():
    rows = [over(n, 100 + n) for n in range(20)]  # the smaller the number, the later it was over
    record = Record(rows)
    newest_five = [s / 60 for s in record.before("claude", NOW, 5).lasted_s]
    assert newest_five == [104, 103, 102, 101, 100]
    for n, wanted in (
        (0, [105, 104, 103, 102, 101]),
        (4, [105, 103, 102, 101, 100]),
        (5, newest_five),
        (19, newest_five),
    ):
        itself = Question(service="claude", id=str(n), at=NOW, first_posted_at=rows[n].first_posted_at)
        another = msgspec.structs.replace(itself, first_posted_at=NOW)
        assert [s / 60 for s in record.before("claude", NOW, 5, but=itself).lasted_s] == wanted
        assert [s / 60 for s in record.before("claude", NOW, 5, but=another).lasted_s] == newest_five


def test_the_shipped_record_is_not_counted_beside_a_hundred_own_incidents():
    shipping = msgspec.structs.replace(BARE, services={"claude": (86_400.0,) * 100})
    few = Record(over(i, 60) for i in range(99))
    past = [r.before("claude", NOW, 300) for r in (few, Record(over(i, 60) for i in range(100)))]
    tops = [[left(t, "claude", p, frozenset(), 0.0)[-2] for t in (BARE, shipping)] for p in past]
    assert tops[0][0] < tops[0][1]
    assert tops[1][0] == tops[1][1]


@given(
    steps=st.lists(st.sampled_from([0.0, 0.0, 1e-12, 0.3, 2.0]), min_size=len(LEVELS), max_size=len(LEVELS)),
    begin=st.floats(0.1, 12),
)
def test_the_chance_of_being_back_by_a_quantile_is_at_least_its_level_even_when_quantiles_are_equal(steps, begin):
    logs = tuple(begin + sum(steps[: i + 1]) for i in range(len(steps)))
    found = Prediction(logs)
    highest = dict(zip(logs, LEVELS, strict=True))
    for p, x in zip(LEVELS, logs, strict=True):
        assert found.within(found.quantile_s(p)) >= p - 1e-3
        if all(abs(x - other) > 1e-6 or x == other for other in logs):
            assert found.within(found.quantile_s(p)) == pytest.approx(highest[x], abs=1e-3)
    times = [found.quantile_s(p) * f for p in LEVELS for f in (0.5, 1, 1.001)]
    chances = [found.within(s) for s in sorted(times)]
    assert chances == sorted(chances)


def test_the_question_itself_in_the_record_does_not_leak():
    others = [over(i, 60 + i) for i in range(10)]
    itself = Resolved(service="claude", id="q", first_posted_at=NOW - minutes(50), resolved_at=NOW - minutes(40))
    forecaster, question = Forecaster(forecast_table()), asked(50)
    assert forecaster.predict(question, Record([*others, itself])) == forecaster.predict(question, Record(others))


def test_a_record_of_long_incidents_makes_the_forecast_long():
    short, long = (Record(over(i, d + i) for i in range(100)) for d in (20, 400))
    assert half_s(asked(), long) > 5 * half_s(asked(), short)


def test_newer_incidents_count_for_more_than_older_ones():
    quick_lately = Record(over(i, 20 if i < 60 else 400) for i in range(120))  # a larger number ended earlier
    slow_lately = Record(over(i, 400 if i < 60 else 20) for i in range(120))
    assert half_s(asked(), slow_lately, BARE) > half_s(asked(), quick_lately, BARE)


def test_incidents_of_the_same_components_count_for_more():
    record = Record(over(i, 20 if i % 2 else 400, components=("api",) if i % 2 else ("web",)) for i in range(60))
    assert half_s(asked(), record, BARE) < half_s(asked(components=["web"]), record, BARE)


def test_without_effects_and_with_an_even_record_the_forecast_is_the_record_given_the_time_elapsed():
    record = Record(over(i, 61 + i * 37 % 100) for i in range(300))
    bare = msgspec.structs.replace(BARE, pool=(1.0,))
    found = left(bare, "claude", record.before("claude", NOW, 300), frozenset({"api"}), 3600.0)
    assert float(found[LEVELS.index(0.5)]) == pytest.approx(8.016, abs=0.1)  # ln of 50.5 minutes


def test_a_page_that_is_monitoring_a_fix_is_nearer_its_end_than_one_that_investigates():
    fix = "A fix has been implemented and we are monitoring the results."
    assert half_s(asked(40, "monitoring", fix)) < 0.6 * half_s(
        asked(40, "investigating", "We continue to investigate.")
    )


def test_services_whose_pages_do_not_tell_stages_rest_on_the_record_alone():
    table = msgspec.structs.replace(BARE, effects={"base": Effect(2.0, 0.0)}, plain=("github",))
    claude, github = (msgspec.structs.replace(asked(), service=s) for s in ("claude", "github"))
    assert half_s(claude, table=table) == pytest.approx(half_s(github, table=table) * 7.389, rel=0.001)


def test_what_lasts_longer_than_anything_did_is_expected_to_last_about_as_long_again():
    week_s = 7 * 86_400
    assert week_s / 2 < half_s(asked(week_s / 60), table=BARE) < 2 * week_s


@pytest.mark.parametrize(
    ("updates", "stage", "wanted"),
    [
        ([], None, (Stage.INVESTIGATING, 60)),
        ([(60, "investigating"), (20, "investigating")], None, (Stage.INVESTIGATING, 60)),
        ([(60, "investigating"), (20, "identified"), (10, "update")], None, (Stage.IDENTIFIED, 20)),
        ([(60, "investigating"), (20, "monitoring"), (10, "investigating")], None, (Stage.INVESTIGATING, 10)),
        ([(60, "investigating"), (20, "update")], "monitoring", (Stage.MONITORING, 20)),
        ([(60, "Investigating"), (-5, "resolved")], None, (Stage.INVESTIGATING, 60)),
    ],
)
def test_stage_and_time_in_it_are_read_off_the_posts(updates, stage, wanted):
    told = [Update(posted_at=NOW - minutes(ago), status=status) for ago, status in updates]
    found = progress(Question(service="x", at=NOW, first_posted_at=NOW - minutes(60), stage=stage, updates=told))
    assert (found.stage, found.in_stage_s / 60) == wanted


def test_a_time_without_a_zone_is_utc():
    assert Question(service="x", at=NOW.replace(tzinfo=None)).at == NOW


def test_an_empty_text_says_nothing_rather_than_the_absence_of_words():
    where = progress(asked())
    silent = msgspec.structs.replace(where, text="")
    names = {name for name, _ in cues(asked(), silent, Level(), forecast_table().effects)}
    assert not any(name.startswith(("text", "word.")) for name in names)


def test_words_are_read_in_pairs_too():
    assert words("Fix implemented, monitoring.") == {
        "fix", "implemented", "monitoring", "fix implemented", "implemented monitoring",
    }  # fmt: skip


@given(seconds=st.floats(0, 1e7))
def test_the_shares_of_a_time_add_up_to_one(seconds):
    where = msgspec.structs.replace(progress(asked()), elapsed_s=seconds)
    shares = [v for n, v in cues(asked(), where, Level(), ()) if n.startswith("investigating.elapsed")]
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0


def test_what_a_watch_knows_of_the_page_steers_the_live_forecast():
    begun_s = (NOW - minutes(40)).timestamp()
    page = PageIncident(
        source="statuspage",
        id="p",
        first_posted_s=begun_s,
        stage=Stage.MONITORING,
        stage_since_s=begun_s + 1800,
        updates=(
            Told(begun_s, Stage.INVESTIGATING, "We are investigating."),
            Told(begun_s + 1800, Stage.MONITORING, "A fix has been implemented and we are monitoring."),
        ),
    )
    forecaster = Forecaster(forecast_table())
    known = {"service": "claude", "since": NOW - minutes(40), "now": NOW}
    alone = live_forecast(forecaster, Record(), **known)
    told = live_forecast(forecaster, Record(), **known, page=page)
    assert told.quantile_s(0.5) < alone.quantile_s(0.5)
    assert list(msgspec.to_builtins(told.forecast())) == ["p50_s", "p10_s", "p90_s"]


def test_another_incident_is_likelier_after_a_crowded_week_and_chances_stay_chances():
    quiet = [NOW - timedelta(days=d) for d in range(30, 90, 10)]
    crowded = [*quiet, *(NOW - timedelta(hours=8 * k) for k in range(1, 20))]
    table = forecast_table()
    low, high = (chance_of_another(table, "claude", starts, NOW) for starts in (quiet, crowded))
    assert 0 < low < high < 1
    assert 0 < chance_of_another(table, "nobody-knows", [], NOW) < 1


def test_the_table_says_where_it_comes_from_and_holds_no_later_month():
    made = forecast_table().provenance
    assert made.until <= "2026-01-01"
    assert made.rows > 10_000
    assert made.script.startswith("bench/fit/")


@pytest.mark.parametrize("name", ["Claude", "anthropic", "CLAUDE", " claude.ai "])
def test_a_service_is_found_by_whatever_records_call_it(name):
    assert service_key(name) == "claude"
    assert service_key("Some New AI") == "some new ai"
