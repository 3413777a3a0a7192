"""What goes in comes out equal, whatever it is and in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillup.errors import StoreError
from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Layer, OutageClass, Problem, Scope, Stage, State
from stillup.model.signal import Alive, Counted, Declared, Outcome
from stillup.model.verdict import Diagnosis, Forecast, Verdict
from stillup.store import Key, Report, open_store
from stillup.store.codec import EVIDENCE, SIGNAL, micros
from stillup.store.store import Store

zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
# Few different times, so that ties are common; and any time at all.
times = st.one_of(
    st.integers(0, 5).map(lambda n: datetime(2026, 4, 7, 12, n, tzinfo=UTC)),
    st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=zones),  # noqa: DTZ001 - bounds have no zone
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
floats = st.floats(0, 1e9)
shares = st.floats(0, 1)
counts = st.integers(0, 1_000_000_000)
some_names = st.lists(names, max_size=3).map(tuple)


def maybe(strategy):
    return st.none() | strategy


def an(enum):
    return st.sampled_from(enum)


def signals(service):
    common = {
        "at": times,
        "service": st.just(service),
        "source": names,
        "id": maybe(names),
        "family": maybe(an(Family)),
    }
    where = {"component": maybe(names), "region": maybe(names), "model": maybe(names)}
    outcome = {**common, **where, "layer": an(Layer), "latency_ms": maybe(floats), "error": maybe(texts)}
    return st.one_of(
        st.builds(
            Declared,
            **common,
            **where,
            state=an(State),
            stage=maybe(an(Stage)),
            incident=maybe(names),
            title=maybe(texts),
            body=maybe(texts),
        ),
        st.builds(
            Counted,
            **common,
            **where,
            window_s=st.integers(1, 7 * 86_400),
            count=counts,
            problem=maybe(an(Problem)),
            client=maybe(names),
            expected=maybe(floats),
        ),
        st.builds(Outcome, **outcome, ok=st.booleans()),
        st.builds(Outcome, **outcome, n_ok=counts, n_failed=counts, window_s=st.just(60)),
        st.builds(Alive, **common),
    )


def verdicts(service):
    return st.builds(
        Verdict,
        at=times,
        service=st.just(service),
        component=maybe(st.sampled_from(["web", "api"])),
        state=an(State),
        confidence=maybe(an(Confidence)),
        probability=maybe(shares),
        families=st.lists(an(Family), max_size=3).map(tuple),
        since=maybe(times),
        incident=maybe(names),
        components=some_names,
        regions=some_names,
        problems=some_names,
        scope=maybe(an(Scope)),
        models=some_names,
        diagnosis=st.lists(st.builds(Diagnosis, an(OutageClass), maybe(an(Layer)), shares), max_size=2).map(tuple),
        forecast=maybe(st.builds(Forecast, floats, floats, floats)),
        reason=an(Reason),
    )


evidence = st.builds(
    Evidence,
    family=an(Family),
    standing=an(Standing),
    sources=some_names,
    since=maybe(times),
    heard_at=maybe(times),
    state=an(State),
    log_e=st.floats(allow_nan=False, allow_infinity=False),
    observed=maybe(floats),
    usual=maybe(floats),
    unit=texts,
    components=st.lists(st.tuples(names, an(State)), max_size=3).map(tuple),
    note=texts,
)


def incidents(service):
    return st.builds(
        Incident,
        id=names.map(lambda name: f"{service}:{name}"),
        service=st.just(service),
        opened_at=times,
        since=times,
        state=an(State),
        confidence=an(Confidence),
        first_seen=st.lists(st.tuples(an(Family), times), max_size=3).map(tuple),
        confirmed_at=maybe(times),
        recovered_at=maybe(times),
        components=some_names,
        title=maybe(texts),
    )


fresh_services = map("service-{}".format, count())
"""Every example has a service of its own, so that all of them can share one database."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request, tmp_path_factory) -> Iterator[Store]:
    if request.param == "sqlite":
        where = tmp_path_factory.mktemp("round-trip") / "stillup.db"
    else:
        where = request.getfixturevalue("postgres").new_database("round-trip")
    with open_store(where) as store:
        yield store


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_recorded_signals_come_back_equal_by_time_then_in_the_order_they_were_recorded(shared: Store, data):
    service = next(fresh_services)
    given_ = data.draw(st.lists(signals(service), max_size=12))
    cut = data.draw(st.integers(0, len(given_)))

    shared.record(given_[:cut])
    shared.record(iter(given_[cut:]))

    assert list(shared.signals(service)) == sorted(given_, key=lambda s: s.at)


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_a_window_of_signals_has_its_start_and_not_its_end(shared: Store, data):
    service = next(fresh_services)
    given_ = data.draw(st.lists(signals(service), max_size=12))
    since, until = sorted(data.draw(st.tuples(times, times)))

    shared.record(given_)

    kept = [s for s in sorted(given_, key=lambda s: s.at) if since <= s.at < until]
    assert list(shared.signals(service, since, until)) == kept


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_changes_with_their_evidence_come_back_equal_however_often_and_in_whatever_order_they_are_committed(
    shared: Store, data
):
    service = next(fresh_services)
    changes = data.draw(st.lists(verdicts(service), max_size=6, unique_by=Key.of))
    grounds = {Key.of(change): data.draw(st.lists(evidence, max_size=3)) for change in changes}
    again = data.draw(st.permutations(changes))

    for change in [*changes, *again]:
        shared.commit_step([change], [], {Key.of(change): grounds[Key.of(change)]})

    assert shared.transitions(service) == sorted(changes, key=lambda change: change.at)
    for key, pieces in grounds.items():
        assert shared.evidence(*key) == pieces


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_incidents_come_back_equal_in_the_order_they_opened(shared: Store, data):
    service = next(fresh_services)
    given_ = data.draw(st.lists(incidents(service), max_size=5, unique_by=lambda i: i.id))

    shared.commit_step([], given_, {})
    shared.commit_step([], given_[::-1], {})

    assert shared.incidents(service) == sorted(given_, key=lambda i: (i.opened_at, i.id))


@given(report=st.builds(Report, source=names, service=st.just("x"), at=times, ok=st.booleans(), why=texts))
@settings(deadline=None, max_examples=40)
def test_a_report_comes_back_equal(shared: Store, report):
    report = Report(source=report.source, service=next(fresh_services), at=report.at, ok=report.ok, why=report.why)

    shared.save_reports([report])

    assert report in shared.reports()


@given(at=times, step=st.integers(-(10**12), 10**12))
def test_times_keep_their_microsecond_and_their_order(at, step):
    try:
        other = at + timedelta(microseconds=step)
    except OverflowError:
        return
    assert micros(other) - micros(at) == step


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_hold_is_refused_when_written_not_lost_when_read(number):
    with pytest.raises(StoreError, match="evidence cannot be stored"):
        EVIDENCE.pack(Evidence(family=Family.CROWD, standing=Standing.ALARM, log_e=number))


@pytest.mark.parametrize(
    "broken",
    [
        Declared(at=datetime(2026, 4, 7, tzinfo=UTC), service="s", source="s", state=State.DEGRADED, body="x" * 60_000),
        Alive(at=datetime(2026, 4, 7, tzinfo=UTC), service="\ud800", source="s"),
        Alive(at=datetime(2026, 4, 7), service="no zone", source="s"),  # noqa: DTZ001 - that is the fault
    ],
    ids=["too long", "not text", "no zone"],
)
def test_a_signal_that_could_not_be_read_back_is_refused_when_written(broken):
    with pytest.raises(StoreError, match="a signal cannot be stored"):
        SIGNAL.pack(broken)


def test_an_old_row_that_lacks_a_newer_field_is_read_with_its_default():
    text = SIGNAL.pack(Alive(at=datetime(2026, 4, 7, tzinfo=UTC), service="claude", source="reddit"))
    assert "family" not in text
    assert SIGNAL.unpack(text).family is None


def test_a_word_only_a_newer_stillup_knows_is_named_as_such():
    with pytest.raises(StoreError, match="cannot be read by this version"):
        SIGNAL.unpack('{"kind":"rumoured","at":"2026-04-07T12:00:00Z","service":"claude","source":"x"}')
