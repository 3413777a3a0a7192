"""Work that official pages announce: told beside the signals, for it is no evidence of a fault."""

from datetime import UTC, datetime

import pytest

from stillup.model.service import Stage
from stillup.sources.incidentio import SOURCE as INCIDENTIO
from stillup.sources.instatus import SOURCE as INSTATUS
from stillup.sources.statuspage import SOURCE as STATUSPAGE


def test_planned_work_has_its_times_its_words_and_whom_it_hits(answer, context):
    (work,) = STATUSPAGE.parse(answer("statuspage/quiet.json"), context()).maintenances
    assert (work.stage, work.components) == (Stage.SCHEDULED, ("console",))
    assert (work.starts, work.ends) == (
        datetime(2026, 5, 20, 2, tzinfo=UTC),
        datetime(2026, 5, 20, 3, tzinfo=UTC),
    )
    assert work.updated_at == datetime(2026, 5, 10, 9, tzinfo=UTC)
    assert work.title
    assert work.body


def test_work_is_planned_in_minutes_from_its_beginning_on_instatus(answer, context):
    answers = {
        "summary": answer("instatus/outage-summary.json"),
        "components": answer("instatus/quiet-components.json"),
    }
    at_work, planned = INSTATUS.answered(answers, context()).maintenances
    assert (at_work.stage, planned.stage) == (Stage.IN_PROGRESS, Stage.SCHEDULED)
    assert at_work.ends == datetime(2026, 5, 12, 16, tzinfo=UTC)
    assert planned.ends == datetime(2026, 5, 16, 3, tzinfo=UTC)


@pytest.mark.parametrize("duration", ["", "-5", "1e9", "９", "9" * 40, None])
def test_a_length_that_is_no_number_of_minutes_is_no_end(changed, answer, context, duration):
    body = changed("instatus/outage-summary.json", lambda p: p["activeMaintenances"][0].update(duration=duration))
    assert INSTATUS.parse(body, context(), "summary").maintenances[0].ends is None


def test_a_page_that_says_no_times_announces_all_the_same(answer, context):
    (work,) = INCIDENTIO.parse(answer("incidentio/quiet.json"), context()).maintenances
    assert (work.stage, work.starts, work.ends) == (Stage.SCHEDULED, None, None)
    assert work.body == "The console is read-only for an hour."


def test_markup_in_what_is_announced_is_taken_out(changed, context):
    def hostile(page):
        page["scheduled_maintenances"][0]["name"] = "up\u202egrade\x1b[2J"
        page["scheduled_maintenances"][0]["incident_updates"][0]["body"] = "<script>alert(1)</script>short<br>breaks"

    (work,) = STATUSPAGE.parse(changed("statuspage/quiet.json", hostile), context()).maintenances
    assert "\u202e" not in work.title
    assert "\x1b" not in work.title
    assert "<" not in work.body


def test_work_that_is_done_is_not_announced_any_more(changed, context):
    body = changed("statuspage/quiet.json", lambda p: p["scheduled_maintenances"][0].update(status="completed"))
    assert STATUSPAGE.parse(body, context()).maintenances == ()
