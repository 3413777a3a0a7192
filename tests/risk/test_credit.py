"""What a vendor owes by its published terms, as one side saw the period."""

from __future__ import annotations

from datetime import date

import pytest

from stillup.catalog.load import CreditStep, Promise, catalogue
from stillup.risk.credit import Standing, by_terms, credit, deadline
from stillup.risk.sla import SLOT_S, Seen, Side, Slot, month, quarter_of
from stillup.risk.values import Subject

OCTOBER = month("2026-10")
FIRST = int(OCTOBER.begin_s // SLOT_S)
SLOTS = round(OCTOBER.length_s / SLOT_S)


def promise(**rest):
    given = {
        "uptime": 0.999,
        "plan": "paid",
        "steps": (CreditStep(below=0.999, credit=0.1), CreditStep(below=0.99, credit=0.25)),
        "source": "https://example.com",
        "as_of": "2026",
    }
    return Promise(**given | rest)


def seen(hours_down=0.0, side=Side.PROBE, unit=5.0):
    bad = round(hours_down * 12)
    slots = {FIRST + n: Slot(bad=unit) if n < bad else Slot(good=unit) for n in range(SLOTS)}
    return Seen(subject=Subject("x"), side=side, slots=slots)


@pytest.mark.parametrize(
    ("hours", "standing", "share"),
    [
        (0, Standing.KEPT, 0),
        (0.5, Standing.KEPT, 0),
        (1, Standing.DUE, 0.1),
        (7, Standing.DUE, 0.1),
        (8, Standing.DUE, 0.25),
    ],
)
def test_the_table_decides_how_much_is_due(hours, standing, share):
    told = credit(seen(hours), promise(), OCTOBER, OCTOBER.end_s, 200.0)
    assert (told.standing, told.share) == (standing, share)
    assert told.amount == (200 * share if share else None)
    assert not told.partly


def test_without_a_bill_the_share_is_told_and_no_amount():
    assert credit(seen(1), promise(), OCTOBER, OCTOBER.end_s).amount is None


def test_a_broken_promise_without_a_table_is_said_to_be_one():
    told = credit(seen(1), promise(steps=()), OCTOBER, OCTOBER.end_s, 200.0)
    assert (told.standing, told.amount) == (Standing.NO_TABLE, None)


def test_best_effort_is_no_promise_and_silence_is_no_kept_one():
    assert credit(seen(1), promise(uptime=None, steps=()), OCTOBER, OCTOBER.end_s).standing is Standing.NO_PROMISE
    nobody = Seen(subject=Subject("x"), side=Side.PROBE, slots={})
    assert credit(nobody, promise(), OCTOBER, OCTOBER.end_s).standing is Standing.NOT_WATCHED


def test_what_was_not_watched_counts_as_up_as_the_terms_have_it():
    slots = {FIRST: Slot(bad=5.0), FIRST + 1: Slot(good=5.0)}
    some = Seen(subject=Subject("x"), side=Side.PROBE, slots=slots)
    assert by_terms(some, promise(measure="intervals"), OCTOBER, OCTOBER.end_s) == pytest.approx(1 - 1 / SLOTS)
    assert by_terms(some, promise(measure="requests"), OCTOBER, OCTOBER.end_s) == 0.5
    assert credit(some, promise(measure="intervals"), OCTOBER, OCTOBER.end_s).partly


def test_a_minute_is_down_above_the_terms_own_mark_only():
    slots = {FIRST: Slot(good=96.0, bad=4.0), FIRST + 1: Slot(good=90.0, bad=10.0)}
    some = Seen(subject=Subject("x"), side=Side.TRAFFIC, slots=slots)
    terms = promise(down_above=0.05)
    assert by_terms(some, terms, OCTOBER, OCTOBER.end_s) == pytest.approx(1 - 1 / SLOTS)


def test_a_page_is_measured_by_the_time_it_declared():
    told = by_terms(seen(1, Side.OFFICIAL, 300.0), promise(), OCTOBER, OCTOBER.end_s)
    assert told == pytest.approx(1 - 1 / 744)


def test_a_claim_is_due_by_the_last_day_that_the_terms_name():
    assert deadline(promise(claim_days=30), OCTOBER) == date(2026, 11, 30)
    assert deadline(promise(claim_months=2), OCTOBER) == date(2026, 12, 31)
    assert deadline(promise(claim_months=2), month("2026-12")) == date(2027, 2, 28)
    assert deadline(promise(), OCTOBER) is None
    assert deadline(promise(claim_days=30), quarter_of(OCTOBER)) == date(2027, 1, 30)


def test_a_month_that_goes_on_can_still_change():
    assert credit(seen(1), promise(), OCTOBER, OCTOBER.begin_s + 86_400).partly


@pytest.mark.parametrize(
    "service", [s for s in catalogue().values() if any(p.steps for p in s.promises)], ids=lambda s: s.id
)
def test_every_table_of_the_catalogue_can_be_worked_out(service):
    for terms in (p for p in service.promises if p.steps):
        told = credit(seen(200), terms, OCTOBER, OCTOBER.end_s, 100.0)
        assert told.standing is Standing.DUE
        assert told.amount == pytest.approx(100 * max(s.credit for s in terms.steps if told.available < s.below))
