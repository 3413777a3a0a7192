"""The official reader: severity from components, stages and their times, and the ways in which pages mislead."""

from __future__ import annotations

import pytest
from msgspec import convert

from stillup.model.service import Stage
from stillup.model.signal import Declared
from stillup.verdict.official.book import Book, models_named

MODELS = ("opus", "sonnet", "haiku")


def always(_: str) -> bool:
    return True


def line(state="degraded", component=None, **rest):
    whole = {"at": "2026-03-02T00:00:00Z", "service": "claude", "source": "statuspage"}
    return convert({**whole, "state": state, "component": component, **rest}, Declared)


class Page:
    """A book with minutes instead of seconds."""

    def __init__(self, models=()):
        self.book = Book(models)

    def say(self, minute, state="degraded", component=None, **rest):
        return self.book.declare(line(state, component, **rest), minute * 60.0)

    def faults(self):
        return {(e.component, e.state.value) for e in self.book.faults(always)}

    def only(self):
        [incident] = self.book.open_incidents()
        return incident


@pytest.fixture
def page():
    return Page()


# -- how bad it is ---------------------------------------------------------------------------------------------------


def test_a_pages_word_on_the_whole_gives_way_to_its_components_of_the_same_moment(page):
    page.say(0, "degraded")
    page.say(0, "major_outage", "web")
    page.say(0, "operational", "api")
    assert page.faults() == {("web", "major_outage")}
    page.say(5, "major_outage")
    page.say(5, "operational", "web")
    page.say(5, "operational", "api")
    assert page.faults() == set()


def test_a_word_on_the_whole_that_is_newer_than_those_on_the_parts_stands(page):
    page.say(0, "operational", "web")
    page.say(0, "operational", "api")
    page.say(5, "major_outage")
    assert page.faults() == {(None, "major_outage")}


def test_an_incident_without_components_is_as_bad_as_it_is_declared(page):
    page.say(0, "operational", "web")
    page.say(0, "operational", "api")
    page.say(0, "degraded", incident="a", stage="investigating", title="Elevated errors")
    assert page.faults() == {(None, "degraded")}


def test_what_is_only_planned_is_no_fault_however_it_is_declared(page):
    page.say(0, "major_outage", "web", incident="a", stage="scheduled")
    assert page.faults() == set()


# -- what was posted when --------------------------------------------------------------------------------------------


def test_the_stage_is_kept_with_the_time_it_was_first_told(page):
    for minute, stage in ((0, "investigating"), (5, "investigating"), (20, "identified"), (30, "identified")):
        page.say(minute, "degraded", "web", incident="a", stage=stage)
    told = page.only()
    assert (told.stage, told.stage_since_s / 60) == (Stage.IDENTIFIED, 20)
    assert told.first_posted_s == 0


def test_updates_are_told_once_however_often_and_for_however_many_parts_they_are_read(page):
    for minute in (0, 1, 2):
        page.say(
            minute, "degraded", "web", incident="a", stage="investigating", title="Errors", body="We look into it."
        )
        page.say(minute, "degraded", "api", incident="a", stage="investigating", title="Errors")
    page.say(9, "degraded", "web", incident="a", stage="identified", title="Errors", body="We found it.")
    told = page.only()
    assert [(u.posted_s / 60, u.body) for u in told.updates] == [(0, "We look into it."), (9, "We found it.")]
    assert told.text == "Errors\nWe look into it.\nWe found it."
    assert told.components == ("api", "web")


def test_an_edited_update_takes_the_place_of_the_old_one_and_keeps_its_time(page):
    page.say(
        0, incident="a", stage="investigating", body="We are investigating elevated erors on sign-in for all users."
    )
    page.say(
        6, incident="a", stage="investigating", body="We are investigating elevated errors on sign-in for all users."
    )
    page.say(8, incident="a", stage="investigating", body="Mobile is hit too; the API is not.")
    bodies = [(u.posted_s / 60, u.body) for u in page.only().updates]
    assert [at for at, _ in bodies] == [0, 8]
    assert "errors" in bodies[0][1]


def test_the_newest_title_stands(page):
    page.say(0, incident="a", title="Elevated errors")
    page.say(3, incident="a", title="Elevated errors on sign-in")
    assert page.only().title == "Elevated errors on sign-in"


def test_an_endless_incident_keeps_its_first_update_and_the_newest(page):
    for n in range(200):
        page.say(n, incident="a", stage="investigating", body=f"{n} {'x' * (n % 7)} {hash(str(n) * 9)}")
    told = page.only()
    assert len(told.updates) == 60
    assert told.updates[0].body.startswith("0 ")
    assert told.updates[-1].body.startswith("199 ")


def test_an_endless_text_is_cut(page):
    page.say(0, incident="a", stage="investigating", title="t" * 40_000, body="b" * 40_000)
    told = page.only()
    assert (len(told.title), len(told.updates[0].body)) == (2000, 2000)


def test_thousands_of_incidents_are_forgotten_oldest_first(page):
    for n in range(1000):
        page.say(n, "degraded", "web", incident=f"i{n}", stage="resolved")
    assert len(page.book.ended_incidents()) == 200


# -- born resolved, re-opened, vanished ------------------------------------------------------------------------------


def test_a_post_that_is_born_resolved_is_a_label_and_never_a_fault(page):
    page.say(0, "major_outage", "web", incident="a", stage="resolved", title="Outage last night")
    assert page.faults() == set()
    assert page.book.open_incidents() == []
    [told] = page.book.ended_incidents()
    assert told.born_resolved


def test_a_post_that_is_born_resolved_ends_no_other_fault_of_its_component(page):
    page.say(0, "major_outage", "web")
    page.say(5, "operational", "web", incident="other", stage="resolved")
    assert page.faults() == {("web", "major_outage")}


def test_the_end_of_an_incident_that_was_open_is_the_newest_word_on_its_component(page):
    page.say(0, "major_outage", "web", incident="a", stage="investigating")
    page.say(5, "operational", "web", incident="a", stage="resolved")
    assert page.faults() == set()
    [told] = page.book.ended_incidents()
    assert (told.ended_s, told.born_resolved) == (300.0, False)


def test_a_reopened_incident_is_a_fault_since_its_reopening(page):
    page.say(0, "degraded", "web", incident="a", stage="investigating")
    page.say(10, "operational", "web", incident="a", stage="resolved")
    page.say(30, "degraded", "web", incident="a", stage="investigating")
    told = page.only()
    assert (told.reopened, told.ended_s, told.stage_since_s / 60) == (1, None, 30)
    [entry] = page.book.faults(always)
    assert entry.since_s == 1800.0
    page.say(40, "operational", "web", incident="a", stage="resolved")
    assert page.book.open_incidents() == []


def test_a_part_that_works_again_ends_nothing_while_the_stage_is_open(page):
    page.say(0, "degraded", "web", incident="a", stage="investigating")
    page.say(0, "degraded", "api", incident="a", stage="investigating")
    page.say(9, "operational", "web", incident="a", stage="monitoring")
    assert page.faults() == {("api", "degraded")}
    assert page.only().stage is Stage.MONITORING


def test_an_incident_that_vanishes_from_its_page_is_no_longer_open(page):
    page.say(0, "degraded", "web", incident="a", stage="investigating")
    page.say(5, "operational", "web")
    assert page.book.open_incidents() == []


def test_a_stale_source_has_nothing_open(page):
    page.say(0, "degraded", "web", incident="a", stage="investigating")
    assert page.book.open_incidents(lambda _: False) == []


def test_maintenance_is_no_incident(page):
    page.say(0, "maintenance", "web", incident="m", stage="in_progress")
    assert page.book.open_incidents() == []
    assert page.faults() == set()


# -- news and models -------------------------------------------------------------------------------------------------


def test_only_what_changes_the_book_is_news(page):
    assert page.say(0, "degraded", "web", incident="a", stage="investigating", body="one")
    assert not page.say(1, "degraded", "web", incident="a", stage="investigating", body="one")
    assert page.say(2, "degraded", "web", incident="a", stage="investigating", body="Something else altogether.")
    assert page.say(3, "operational", "web", incident="a", stage="resolved")
    assert not page.say(4, "operational", "web", incident="a", stage="resolved")


@pytest.mark.parametrize(
    ("title", "models"),
    [
        ("Elevated errors on Opus 4.6 and Sonnet 4.6", ("opus", "sonnet")),
        ("Sonnet-4 latency", ("sonnet",)),
        ("Elevated errors on claude.ai", ()),
        ("Magnum Opuses", ()),
    ],
)
def test_models_are_named_in_titles_alone(title, models):
    assert models_named(title, MODELS) == models


def test_the_models_of_a_title_go_with_the_fault_and_an_edited_title_replaces_them():
    page = Page(MODELS)
    page.say(0, "degraded", "api", incident="a", title="Errors on Opus and Haiku")
    assert {e.model for e in page.book.faults(always)} == {"opus", "haiku"}
    page.say(5, "degraded", "api", incident="a", title="Errors on all models")
    assert [e.model for e in page.book.faults(always)] == [None]
