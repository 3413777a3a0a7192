"""The rules of the replay format, one test each."""

import pytest

from stillup.model.reason import Reason
from stillup.model.service import Confidence, Family, Scope, State
from stillup.verdict.outcomes.stream import ErrorKind, kind_of


def test_the_first_known_state_is_emitted_and_nothing_before_it(timeline, story):
    timeline.alive("statuspage", 10, 13)
    assert story(timeline, timeline.run()) == [(10, "operational", None, "all_calm")]


def test_three_intervals_without_a_word_are_no_data(timeline, story):
    timeline.alive("statuspage", 0, 20).alive("reddit", 0, 60, every=5)
    timeline.lines = [line for line in timeline.lines if line["source"] != "reddit"]
    timeline.alive("hackernews", 0, 60, every=5)  # heard, but its silence says nothing
    assert story(timeline, timeline.run()) == [
        (0, "operational", None, "all_calm"),
        (23, "unknown", None, "no_data"),
    ]


def test_a_slower_rhythm_than_the_registry_knows_is_learned(timeline, story):
    timeline.alive("statuspage", 0, 120, every=5)
    assert story(timeline, timeline.run()) == [(0, "operational", None, "all_calm")]


def test_a_source_that_never_says_alive_never_expires(timeline, story):
    timeline.declared(0, "operational", "web").alive("hackernews", 0, 600)
    assert story(timeline, timeline.run()) == [(0, "operational", None, "all_calm")]


def test_a_page_fault_is_confirmed_and_ends_with_the_page(timeline, story):
    timeline.alive("statuspage", 0, 60)
    timeline.declared(10, "major_outage", "web", incident="i1", stage="investigating")
    timeline.declared(40, "operational", "web", incident="i1", stage="resolved")
    changes = timeline.run()
    assert story(timeline, changes) == [
        (0, "operational", None, "all_calm"),
        (10, "partial_outage", "confirmed", "page_says_fault"),
        (40, "operational", None, "all_calm"),
    ]
    assert story(timeline, changes, "web") == [
        (10, "major_outage", "confirmed", "page_says_fault"),
        (40, "operational", None, "all_calm"),
    ]


def test_all_components_in_major_outage_are_a_major_outage(timeline):
    timeline.alive("statuspage", 0, 10)
    for component in ("web", "api", "code"):
        timeline.declared(0, "operational", component).declared(5, "major_outage", component)
    assert timeline.run()[-4].state is State.MAJOR_OUTAGE  # the service's own line comes before its components'


def test_any_degraded_component_degrades_the_service(timeline):
    timeline.alive("statuspage", 0, 10).declared(5, "degraded", "api")
    service = [v for v in timeline.run() if v.component is None][-1]
    assert (service.state, service.components, service.scope) == (State.DEGRADED, ("api",), Scope.COMPONENT)


def test_two_incidents_on_one_component_end_one_by_one(timeline, story):
    timeline.alive("statuspage", 0, 60)
    timeline.declared(5, "degraded", "api", incident="a").declared(10, "major_outage", "api", incident="b")
    timeline.declared(20, "operational", "api", incident="b", stage="resolved")
    timeline.declared(30, "operational", "api", incident="a", stage="resolved")
    assert [s[:2] for s in story(timeline, timeline.run(), "api")] == [
        (5, "degraded"),
        (10, "major_outage"),
        (20, "degraded"),
        (30, "operational"),
    ]


def test_an_incident_closed_for_the_whole_service_is_closed_for_every_component(timeline, story):
    timeline.alive("statuspage", 0, 40).declared(5, "major_outage", "web", incident="a")
    timeline.declared(20, "operational", None, incident="a", stage="resolved")
    assert [s[:2] for s in story(timeline, timeline.run())] == [
        (0, "operational"),
        (5, "partial_outage"),
        (20, "operational"),
    ]


def test_maintenance_is_no_fault(timeline, story):
    timeline.alive("statuspage", 0, 40).declared(5, "maintenance").declared(20, "operational")
    assert story(timeline, timeline.run()) == [
        (0, "operational", None, "all_calm"),
        (5, "maintenance", None, "maintenance"),
        (20, "operational", None, "all_calm"),
    ]


def test_one_family_is_suspected_and_two_are_confirmed(timeline):
    timeline.alive("statuspage", 0, 240)
    timeline.counts("downdetector", 0, 200, 0.05).counts("downdetector", 200, 240, 4.0)
    timeline.counts("reddit", 0, 210, 0.05).counts("reddit", 210, 240, 3.0)
    service = [v for v in timeline.run() if v.component is None]
    assert [v.confidence for v in service] == [None, Confidence.SUSPECTED, Confidence.CONFIRMED]
    assert service[1].families == (Family.CROWD,)
    assert service[2].families == (Family.CROWD, Family.SOCIAL)
    assert 200 <= timeline.minute(service[1]) <= 204
    assert abs((service[1].since - timeline.run()[0].at).total_seconds() / 60 - 199.5) <= 1.5


def test_two_sources_of_one_family_are_one_voice(timeline):
    timeline.alive("statuspage", 0, 240)
    for source in ("reddit", "bluesky"):
        timeline.counts(source, 0, 200, 0.05).counts(source, 200, 240, 4.0)
    service = [v for v in timeline.run() if v.component is None]
    assert {v.confidence for v in service} == {None, Confidence.SUSPECTED}


def test_statusgators_counts_are_crowd_and_its_declarations_official(timeline):
    timeline.alive("statusgator", 0, 300)
    timeline.counts("statusgator", 0, 240, 0.02).counts("statusgator", 240, 300, 3.0)
    timeline.declared(280, "major_outage", source="statusgator")
    service = [v for v in timeline.run() if v.component is None]
    assert [v.families for v in service] == [(), (Family.CROWD,), (Family.OFFICIAL, Family.CROWD)]


def test_a_red_page_is_outlived_by_the_recovery_of_those_who_had_alarmed(timeline, story):
    timeline.alive("statuspage", 0, 400)
    timeline.counts("downdetector", 0, 200, 0.1).counts("downdetector", 200, 240, 5.0)
    timeline.counts("downdetector", 240, 400, 0.1)
    timeline.declared(220, "major_outage", "web", incident="a", stage="investigating")
    timeline.declared(350, "operational", "web", incident="a", stage="resolved")
    told = story(timeline, timeline.run())
    assert [s[1:] for s in told] == [
        ("operational", None, "all_calm"),
        ("partial_outage", "suspected", "one_family_alarms"),
        ("partial_outage", "confirmed", "page_and_families_agree"),
        ("operational", None, "page_not_updated"),
    ]
    assert 241 <= told[-1][0] <= 256


def test_quota_and_key_errors_never_vote(timeline):
    timeline.alive("statuspage", 0, 60)
    for error in ("rate_limit", "quota:five_hour", "authentication_error", "billing", "429 Too Many Requests"):
        timeline.tries(5, 40, ok=False, error=error, source="claude_code", component="code")
    service = [v for v in timeline.run() if v.component is None]
    assert {v.state for v in service} == {State.OPERATIONAL}
    assert service[1].scope is Scope.YOUR_QUOTA


def test_a_machine_that_is_offline_blames_itself(timeline, story):
    timeline.alive("statuspage", 0, 60).tries(0, 10, ok=True)
    timeline.tries(10, 20, ok=False, layer="local", component=None, error="offline")
    timeline.tries(10, 20, ok=False, error="dns")
    timeline.tries(20, 60, ok=True, layer="local", component=None).tries(20, 60, ok=True)
    assert story(timeline, timeline.run()) == [
        (0, "operational", None, "all_calm"),
        (10, "operational", None, "only_you"),
        (20, "operational", None, "all_calm"),
    ]


def test_nobody_is_called_well_by_a_machine_that_hears_only_that_nobody_reports_to_it(timeline, story):
    timeline.alive("statuspage", 0, 10).counts("hub", 0, 60, 0.0)
    timeline.tries(10, 60, ok=False, layer="local", component=None, error="offline")
    told = story(timeline, timeline.run())
    assert told[0] == (0, "operational", None, "all_calm")
    assert told[-1][1:] == ("unknown", None, "only_you"), "when what the page said is too old"


def test_failing_tries_alarm_and_working_ones_recover(timeline):
    timeline.alive("statuspage", 0, 200)
    timeline.tries(0, 100, ok=True).tries(100, 140, ok=False, error="overloaded").tries(140, 200, ok=True)
    service = [v for v in timeline.run() if v.component is None]
    assert [v.state.is_fault for v in service] == [False, True, False]
    assert 102 <= timeline.minute(service[1]) <= 105
    assert timeline.minute(service[2]) <= 150
    assert service[1].components == ("api",)


def test_tries_that_fail_in_two_parts_are_told_apart(timeline):
    timeline.alive("statuspage", 0, 110)
    for component, layer in (("web", "auth"), ("console", "presentation")):
        timeline.tries(0, 100, ok=True, component=component, layer=layer)
        timeline.tries(100, 110, ok=False, component=component, layer=layer, error="server_error")
    timeline.run()
    (probe,) = [e for e in timeline.replay.monitor.evidence("claude") if e.family is Family.PROBE]
    assert sorted(n.part for n in probe.numbers) == [("console", "presentation"), ("web", "auth")]


def test_a_window_of_outcomes_counts_as_its_tries(timeline):
    timeline.alive("statuspage", 0, 100)
    for minute in range(100):
        failed = 30 if minute >= 50 else 0
        timeline.add(minute, "outcome", "gateway", component="api", layer="inference", window_s=60,
                     n_ok=100 - failed, n_failed=failed, model="opus")  # fmt: skip
    fault = next(v for v in timeline.run() if v.state.is_fault)
    assert fault.models == ("opus",)
    assert fault.scope is Scope.MODEL
    assert timeline.minute(fault) <= 53


def test_the_end_of_the_file_invents_no_recovery(timeline):
    timeline.counts("downdetector", 0, 120, 0.1).counts("downdetector", 120, 130, 9.0)
    assert timeline.run()[-1].state.is_fault


def test_unknown_closes_no_incident(timeline):
    timeline.alive("statuspage", 0, 30).declared(10, "major_outage", "web", incident="a")
    timeline.alive("hackernews", 0, 120)
    changes = [v for v in timeline.run() if v.component is None]
    assert [v.state.value for v in changes] == ["operational", "partial_outage", "unknown"]
    assert [i.recovered_at for i in timeline.replay.monitor.incidents()] == [None]


def test_an_incidents_id_follows_from_its_service_and_opening_alone(timeline):
    timeline.alive("statuspage", 0, 30).declared(10, "major_outage", "web")
    first = [v.incident for v in timeline.run() if v.incident]
    timeline.lines.append({**timeline.lines[0], "source": "hackernews"})
    assert [v.incident for v in timeline.run() if v.incident] == first
    assert len(set(first)) == 1


def test_lead_time_is_kept_with_who_saw_it_first(timeline):
    timeline.alive("statuspage", 0, 260)
    timeline.counts("downdetector", 0, 200, 0.1).counts("downdetector", 200, 260, 6.0)
    timeline.declared(220, "major_outage", "web")
    timeline.run()
    (incident,) = timeline.replay.monitor.incidents()
    seen = dict(incident.first_seen)
    assert incident.lead() == seen[Family.OFFICIAL] - seen[Family.CROWD]
    assert 14 <= incident.lead().total_seconds() / 60 <= 20


def test_a_mirror_of_the_page_does_not_outlast_the_page_itself(timeline, story):
    timeline.alive("statuspage", 0, 60).alive("statusgator", 0, 60)
    timeline.declared(10, "major_outage", "web").declared(14, "major_outage", source="statusgator")
    timeline.declared(30, "operational", "web").declared(36, "operational", source="statusgator")
    assert story(timeline, timeline.run()) == [
        (0, "operational", None, "all_calm"),
        (10, "partial_outage", "confirmed", "page_says_fault"),
        (30, "operational", None, "all_calm"),
    ]


def test_searches_that_go_on_do_not_keep_an_outage_alive_nor_begin_a_new_one(timeline):
    timeline.alive("statuspage", 0, 500)
    timeline.counts("downdetector", 0, 200, 0.1).counts("downdetector", 200, 240, 5.0).counts(
        "downdetector", 240, 500, 0.1
    )
    for minute in range(210, 480, 10):
        timeline.add(minute, "counted", "google_trends", window_s=600, count=2000, expected=1.0)
    service = [v for v in timeline.run() if v.component is None]
    assert [v.state.is_fault for v in service] == [False, True, True, False]
    assert timeline.minute(service[-1]) <= 256


def test_one_failing_control_among_working_ones_is_not_you(timeline):
    timeline.alive("statuspage", 0, 30)
    for ok in (True, True, False):
        timeline.tries(0, 30, ok=ok, layer="network", component=None)
    assert {v.scope for v in timeline.run()} == {None}


def test_a_family_in_alarm_about_one_part_is_calm_about_the_others(timeline):
    timeline.alive("statuspage", 0, 20).declared(0, "operational", "api").declared(5, "major_outage", "web")
    changes = timeline.run()
    assert [v.state for v in changes if v.component == "api"] == [State.OPERATIONAL]


@pytest.mark.parametrize(
    "error",
    [
        "HTTP 429",
        "http_429",
        "too_many_requests",
        "rate-limited",
        "HTTP 401",
        "invalid x-api-key",
        "usage_limit_reached",
        "Your credit balance is too low",
        "exceeded_current_quota",
        "out_of_credits",
        "token_expired",
        "billing_error",
    ],
)
def test_the_users_own_errors_are_told_by_their_words_wherever_they_stand(error):
    assert kind_of(error) is ErrorKind.YOURS


@pytest.mark.parametrize(
    "error", [None, "overloaded", "HTTP 529", "server_error", "timeout", "500", "error 4290", "dns"]
)
def test_other_errors_are_the_providers(error):
    assert kind_of(error) is ErrorKind.PROVIDER


def test_a_page_that_falls_silent_in_mid_incident_leaves_it_unknown_not_over(timeline, story):
    timeline.alive("statuspage", 0, 30).declared(20, "major_outage", "web").alive("reddit", 0, 120)
    assert [s[1] for s in story(timeline, timeline.run())] == ["operational", "partial_outage", "unknown"]
    assert [i.recovered_at for i in timeline.replay.monitor.incidents()] == [None]


def test_statusgators_word_counts_while_the_page_itself_has_declared_nothing(timeline):
    timeline.alive("statuspage", 0, 30).declared(10, "major_outage", source="statusgator").alive("statusgator", 0, 30)
    assert timeline.run()[-1].state is State.MAJOR_OUTAGE


def test_a_part_the_page_names_after_recovery_is_a_new_matter(timeline):
    timeline.alive("statuspage", 0, 400)
    timeline.counts("hub", 0, 200, 0.1).counts("hub", 200, 240, 5.0).counts("hub", 240, 400, 0.1)
    timeline.declared(220, "major_outage", "web", incident="a").declared(330, "major_outage", "api", incident="a")
    assert [v.state for v in timeline.run() if v.component == "api"] == [State.MAJOR_OUTAGE]


def test_the_same_id_of_two_sources_is_two_lines(timeline):
    timeline.alive("statuspage", 0, 30)
    for minute in range(30):
        for source, ok in (("gateway", True), ("probe", minute < 10)):
            timeline.add(minute, "outcome", source, component="api", layer="inference", ok=ok, id=str(minute))
    assert any(v.state.is_fault for v in timeline.run())


def test_maintenance_that_is_only_scheduled_changes_nothing(timeline, story):
    timeline.alive("statuspage", 0, 30).declared(5, "maintenance", "api", incident="m", stage="scheduled")
    assert story(timeline, timeline.run()) == [(0, "operational", None, "all_calm")]


def test_made_up_names_fill_no_memory_and_are_counted(timeline):
    for k in range(300):
        timeline.add(k % 5, "counted", f"source-{k}", window_s=60, count=1, family="crowd")
        timeline.add(k % 5, "declared", "statuspage", state="major_outage", component=f"part-{k}", incident=f"i-{k}")
        timeline.add(k % 5, "declared", "statuspage", state="major_outage", component="web", incident=f"i-{k}")
    for k in range(900):
        timeline.add(5, "outcome", "probe", component="api", layer="inference", model=f"model-{k}", ok=True)
    timeline.run()
    watch = timeline.replay.monitor._watches["claude"]
    assert len(watch._heard) <= 64
    assert len(watch._outcomes) <= 512
    assert len(watch._books[Family.OFFICIAL].components) <= 256
    assert timeline.replay.monitor.overflow > 0


def test_where_tries_that_ask_no_model_fail_too_it_is_not_only_the_model_that_was_tried(timeline):
    timeline.alive("statuspage", 0, 100)
    for minute in range(100):
        ok = minute < 50
        timeline.add(minute, "outcome", "probe", component="web", layer="auth", ok=ok)
        timeline.add(minute, "outcome", "probe", component="api", layer="inference", ok=ok, model="haiku")
    faults = [v for v in timeline.run() if v.component is None and v.state.is_fault]
    assert faults[-1].scope is Scope.COMPONENT


def test_who_speaks_for_a_verdict_is_told_as_it_is_now_though_it_did_not_change(timeline):
    timeline.declared(0, "operational", "api").declared(0, "operational", "web").alive("statuspage", 0, 90, every=5)
    for source in ("gateway", "probe"):
        timeline.tries(1, 40, ok=True, source=source).tries(40, 90, ok=False, source=source, error="overloaded")
    timeline.declared(70, "major_outage", "api")
    changes = timeline.run()
    assert max(timeline.minute(c) for c in changes if c.component is None) < 70
    now = timeline.replay.monitor.verdicts("claude")[None]
    assert timeline.minute(now) < 70, "it stands"
    assert now.reason is Reason.PAGE_AND_FAMILIES_AGREE
    assert Family.OFFICIAL in now.families
