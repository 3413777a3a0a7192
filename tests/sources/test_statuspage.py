"""The official page: every component by its id, incidents with whom they hit, and nothing out of a missing field."""

import json
from datetime import timedelta

import pytest

from stillup.errors import Malformed, NotConfigured
from stillup.model.service import Stage, State
from stillup.model.signal import Alive, Declared
from stillup.sources.statuspage import SOURCE

QUARTER = timedelta(minutes=15)
GREEN = {"web", "console", "api", "code", "cowork", "gov"}


@pytest.fixture
def page(answer):
    """A changeable copy of a recorded page: ``page("outage", change)`` gives the bytes after ``change(page)``."""

    def make(name="quiet", change=lambda page: None):
        loaded = json.loads(answer(f"statuspage/{name}.json"))
        change(loaded)
        return json.dumps(loaded).encode()

    return make


def words(reading, now):
    """The page's general word now: component (None: the service) to state."""
    return {
        s.component: s.state for s in reading.signals if isinstance(s, Declared) and s.incident is None and s.at == now
    }


def incidents(reading, now):
    """What incidents say now: (incident, component) to the line."""
    return {
        (s.incident, s.component): s for s in reading.signals if isinstance(s, Declared) and s.incident and s.at == now
    }


def past(reading, now):
    return [
        (s.at.strftime("%H:%M"), s.component, s.state, s.stage)
        for s in reading.signals
        if isinstance(s, Declared) and s.at != now
    ]


# -- which requests ---------------------------------------------------------------------------------------------------


def test_one_request_asks_for_the_summary(context):
    (request,) = SOURCE.requests(context())
    assert (request.url, request.tag) == ("https://status.claude.com/api/v2/summary.json", "summary")


def test_api_false_asks_for_the_feed_alone(context):
    (request,) = SOURCE.requests(context(base_url="http://127.0.0.1:9000/", api=False))
    assert (request.url, request.tag) == ("http://127.0.0.1:9000/history.atom", "atom")


def test_a_service_without_a_page_is_not_configured(context):
    with pytest.raises(NotConfigured, match="no status page"):
        SOURCE.requests(context("aws"))


# -- components -------------------------------------------------------------------------------------------------------


def test_a_quiet_page_says_that_every_component_works(page, context, now):
    reading = SOURCE.parse(page(), context())
    assert words(reading, now) == dict.fromkeys([None, *GREEN], State.OPERATIONAL)
    assert reading.signals[-1] == Alive(at=now, service="claude", source="statuspage")
    assert reading.says == "page: all operational"
    assert not incidents(reading, now), "a maintenance that is only planned is not one"


def test_components_are_told_by_id_however_they_are_called(page, context, now):
    def rename(page):
        for component in page["components"]:
            component["name"] = "Renamed again"

    assert set(words(SOURCE.parse(page(change=rename), context()), now)) == {None, *GREEN}


def test_a_page_with_other_ids_is_matched_by_name(page, context, now):
    def renumber(page):
        for component in page["components"]:
            component["id"] = f"other-{component['position']}"

    assert set(words(SOURCE.parse(page(change=renumber), context()), now)) == {None, *GREEN}


def test_a_component_the_catalogue_does_not_know_keeps_its_name_and_counts(page, context, now):
    def add(page):
        page["components"].append(
            page["components"][0] | {"id": "new1", "name": "Claude in Space!", "status": "major_outage"}
        )

    said = words(SOURCE.parse(page(change=add), context()), now)
    assert said["claude-in-space"] is State.MAJOR_OUTAGE
    assert said[None] is State.PARTIAL_OUTAGE


def test_a_group_without_any_known_component_is_not_the_services_state(page, context, now):
    def add(page):
        row = page["components"][0]
        page["components"].append(row | {"id": "cities", "name": "Cities", "group": True, "status": "partial_outage"})
        page["components"].append(row | {"id": "c1", "name": "Oslo", "group_id": "cities", "status": "partial_outage"})
        page["incidents"].append(incident(codes=["c1"]))

    reading = SOURCE.parse(page(change=add), context())
    assert words(reading, now) == dict.fromkeys([None, *GREEN], State.OPERATIONAL)
    assert not incidents(reading, now)


def test_of_two_components_with_one_meaning_the_worse_one_stands(answer, context, now):
    reading = SOURCE.parse(answer("statuspage/compatible.json"), context("chatgpt"))
    assert words(reading, now) == {None: State.DEGRADED, "sign_in": State.DEGRADED}


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (["operational"], State.OPERATIONAL),
        (["degraded_performance", "operational"], State.DEGRADED),
        (["degraded_performance"], State.DEGRADED),
        (["partial_outage", "operational"], State.PARTIAL_OUTAGE),
        (["partial_outage"], State.PARTIAL_OUTAGE),
        (["major_outage", "operational"], State.PARTIAL_OUTAGE),
        (["major_outage", "partial_outage"], State.PARTIAL_OUTAGE),
        (["major_outage"], State.MAJOR_OUTAGE),
        (["under_maintenance", "operational"], State.MAINTENANCE),
        (["under_maintenance", "degraded_performance"], State.DEGRADED),
    ],
)
@pytest.mark.parametrize("indicator", ["none", "critical"])
def test_the_services_state_comes_from_its_components_and_never_from_the_indicator(
    page, context, now, states, whole, indicator
):
    def change(page):
        page["status"]["indicator"] = indicator
        for number, component in enumerate(page["components"]):
            component["status"] = states[number % len(states)]

    assert words(SOURCE.parse(page(change=change), context()), now)[None] is whole


@pytest.mark.parametrize("status", ["", "ok", "OPERATIONAL", "all_good", None, 1, True])
def test_a_component_in_an_unknown_state_spoils_the_answer(page, context, status):
    def change(page):
        page["components"][3]["status"] = status

    with pytest.raises(Malformed):
        SOURCE.parse(page(change=change), context())


@pytest.mark.parametrize("field", ["id", "name", "status"])
def test_a_component_that_lacks_a_field_spoils_the_answer(page, context, field):
    with pytest.raises(Malformed):
        SOURCE.parse(page(change=lambda page: page["components"][0].pop(field)), context())


def test_a_page_without_components_is_no_answer(page, context):
    with pytest.raises(Malformed, match="components"):
        SOURCE.parse(page(change=lambda page: page["components"].clear()), context())


def test_another_vendors_page_is_no_answer(answer, context):
    with pytest.raises(Malformed, match="none of this service's components"):
        SOURCE.parse(answer("statuspage/compatible.json"), context("claude"))


# -- one component of a shared page -----------------------------------------------------------------------------------


def shared_page(page, status="operational", *more):
    rows = [("pjmpxvq2cmr2", "Copilot", status), ("br0l2tvcx85d", "Actions", "major_outage")]

    def change(page):
        row = page["components"][0]
        page["components"] = [row | {"id": i, "name": n, "status": s} for i, n, s in rows]
        page["incidents"] = list(more)

    return page(change=change)


def test_on_a_shared_page_only_the_component_asked_for_speaks(page, context, now):
    reading = SOURCE.parse(shared_page(page, "degraded_performance"), context("copilot"))
    assert words(reading, now) == {None: State.DEGRADED, "assistant": State.DEGRADED}


def test_on_a_shared_page_others_incidents_are_not_ours(page, context, now):
    theirs = incident(codes=["br0l2tvcx85d"], title="Actions and Copilot trouble")
    unnamed = incident(title="Trouble with pull requests", name="b")
    ours = incident(title="Disruption with Copilot", name="c")
    reading = SOURCE.parse(shared_page(page, "operational", theirs, unnamed, ours), context("copilot"))
    assert set(incidents(reading, now)) == {("c", "assistant")}


def test_a_shared_page_without_our_component_is_no_answer(page, context):
    with pytest.raises(Malformed, match="none of this service's components"):
        SOURCE.parse(page(), context("copilot"))


# -- incidents --------------------------------------------------------------------------------------------------------


def incident(codes=(), *, title="Trouble", status="investigating", impact="major", name="a", new="major_outage"):
    post = {"status": status, "body": "Text.", "created_at": "2026-05-12T14:40:00Z"}
    post["affected_components"] = [{"code": c, "name": c, "new_status": new} for c in codes] or None
    return {"id": name, "name": title, "status": status, "impact": impact, "incident_updates": [post]}


def with_incident(**fields):
    return lambda page: page["incidents"].append(incident(**fields))


def test_an_incident_speaks_for_the_components_it_leaves_in_trouble(answer, context, now):
    said = incidents(SOURCE.parse(answer("statuspage/outage.json"), context()), now)
    assert {(i, c): (s.state, s.stage) for (i, c), s in said.items()} == {
        ("inc000outag1", "web"): (State.MAJOR_OUTAGE, Stage.INVESTIGATING),
        ("inc000outag1", "code"): (State.PARTIAL_OUTAGE, Stage.INVESTIGATING),
        ("inc000outag2", None): (State.DEGRADED, Stage.INVESTIGATING),
        ("mnt00000now1", "console"): (State.MAINTENANCE, Stage.IN_PROGRESS),
    }
    line = said["inc000outag1", "web"]
    assert (line.title, line.body) == ("People cannot sign in", "Sign-in fails on the web.")


def test_the_sentence_names_who_is_hit_and_how_many_incidents_are_open(answer, context):
    says = SOURCE.parse(answer("statuspage/outage.json"), context()).says
    assert says == (
        "page: claude.ai major outage; Claude Code partial outage; Claude Console maintenance,"
        " 3 incidents open (investigating, in progress)"
    )


def test_a_model_named_in_the_title_is_said_with_each_line(answer, context, now):
    said = incidents(SOURCE.parse(answer("statuspage/good.json"), context()), now)
    assert [(c, s.model) for (_, c), s in said.items()] == [("api", "opus")]


@pytest.mark.parametrize(
    ("impact", "state"),
    [
        ("none", State.DEGRADED),
        ("minor", State.DEGRADED),
        ("major", State.PARTIAL_OUTAGE),
        ("critical", State.MAJOR_OUTAGE),
        ("maintenance", State.MAINTENANCE),
        ("apocalyptic", State.DEGRADED),
        (None, State.DEGRADED),
    ],
)
def test_an_incident_that_turned_no_component_red_is_as_bad_as_its_impact(page, context, now, impact, state):
    change = with_incident(codes=["rwppv331jlwc"], impact=impact, new="operational")
    said = incidents(SOURCE.parse(page(change=change), context()), now)
    assert [(c, s.state) for (_, c), s in said.items()] == [("web", state)]


def test_an_incident_that_names_no_component_is_about_the_whole_service(page, context, now):
    said = incidents(SOURCE.parse(page(change=with_incident()), context()), now)
    assert list(said) == [("a", None)]


def test_an_incident_that_names_components_in_its_title_alone_is_about_those(page, context, now):
    change = with_incident(title="Elevated errors on the Claude API and claude.ai")
    said = incidents(SOURCE.parse(page(change=change), context()), now)
    assert {c for _, c in said} == {"api", "web"}


def test_a_component_that_an_open_incident_set_green_again_is_no_longer_out(page, context, now):
    def change(page):
        page["incidents"].append(incident(codes=["rwppv331jlwc"], impact="critical"))
        green = incident(codes=["rwppv331jlwc"], status="monitoring", new="operational")
        page["incidents"][0]["status"] = "monitoring"
        page["incidents"][0]["incident_updates"].insert(0, green["incident_updates"][0])

    line = incidents(SOURCE.parse(page(change=change), context()), now)["a", "web"]
    assert (line.state, line.stage) == (State.DEGRADED, Stage.MONITORING)


@pytest.mark.parametrize("status", ["resolved", "postmortem", "completed", "scheduled"])
def test_what_is_over_or_only_planned_is_not_open(page, context, now, status):
    reading = SOURCE.parse(page(change=with_incident(status=status)), context())
    assert not incidents(reading, now)
    assert reading.says == "page: all operational"


def test_an_incident_at_an_unknown_stage_is_open(page, context, now):
    line = incidents(SOURCE.parse(page(change=with_incident(status="escalated")), context()), now)["a", None]
    assert (line.state, line.stage) == (State.PARTIAL_OUTAGE, None)


# -- the past ---------------------------------------------------------------------------------------------------------


def test_the_first_reading_tells_what_was_posted_when(answer, context, now):
    reading = SOURCE.parse(answer("statuspage/good.json"), context())
    assert past(reading, now) == [
        ("14:35", "api", State.DEGRADED, Stage.INVESTIGATING),
        ("14:50", "api", State.DEGRADED, Stage.IDENTIFIED),
    ]


def test_a_post_does_not_blame_a_component_that_a_later_one_added(answer, page, context, now):
    def add(page):
        changes = page["incidents"][0]["incident_updates"][0]["affected_components"]
        changes.append({"code": "yyzkbfz2thpt", "name": "Claude Code", "new_status": "partial_outage"})

    told = past(SOURCE.parse(page("good", add), context()), now)
    assert [at for at, component, *_ in told if component == "code"] == ["14:50"]


def test_later_readings_tell_only_what_is_now(answer, context, now):
    assert not past(SOURCE.parse(answer("statuspage/good.json"), context(since=now - QUARTER)), now)


@pytest.mark.parametrize("posted", ["2026-05-10T14:40:00Z", "2026-05-12T18:00:00Z", "2026-05-12", "", None])
def test_posts_of_another_day_of_the_future_or_without_time_are_left_out_of_the_past(page, context, now, posted):
    def change(page):
        page["incidents"].append(incident())
        page["incidents"][0]["incident_updates"][0]["created_at"] = posted

    reading = SOURCE.parse(page(change=change), context())
    assert not past(reading, now)
    assert ("a", None) in incidents(reading, now)


def test_the_record_of_incidents_tells_each_post_at_its_time_and_nothing_of_now(answer, context, now):
    reading = SOURCE.parse(answer("statuspage/good-incidents.json"), context(), "incidents")
    told = [(s.at.strftime("%d %H:%M"), s.component, s.state, s.stage) for s in reading.signals]
    assert told == [
        ("11 10:00", "code", State.DEGRADED, Stage.INVESTIGATING),
        ("11 10:30", "code", State.DEGRADED, Stage.MONITORING),
        ("11 11:00", "code", State.OPERATIONAL, Stage.RESOLVED),
        ("12 14:35", "api", State.DEGRADED, Stage.INVESTIGATING),
        ("12 14:50", "api", State.DEGRADED, Stage.IDENTIFIED),
    ]


# -- the feed ---------------------------------------------------------------------------------------------------------


def feed_lines(reading):
    lines = (s for s in reading.signals if isinstance(s, Declared) and s.incident)
    return {s.incident: (s.component, s.state, s.stage) for s in lines}


def test_the_newest_stage_of_an_entry_is_its_stage(answer, context):
    reading = SOURCE.parse(answer("statuspage/good-atom.xml"), context(), "atom")
    assert feed_lines(reading)["atomopen0001"] == (None, State.DEGRADED, Stage.IDENTIFIED)
    assert reading.says == "page: 1 incident open (identified): Elevated errors on Opus requests"
    assert [link.url for link in reading.links] == ["https://status.example/incidents/atomopen0001"]


def test_words_of_an_outage_make_one_and_name_the_component(answer, context):
    reading = SOURCE.parse(answer("statuspage/outage-atom.xml"), context())
    assert feed_lines(reading)["atomdown0001"] == ("web", State.PARTIAL_OUTAGE, Stage.INVESTIGATING)


def test_a_component_that_only_the_text_names_is_not_blamed(answer, context):
    body = answer("statuspage/good-atom.xml").replace(b"Some requests fail", b"claude.ai is not affected")
    assert feed_lines(SOURCE.parse(body, context()))["atomopen0001"][0] is None


def test_an_entry_that_ended_of_late_is_named_as_ended(answer, context):
    reading = SOURCE.parse(answer("statuspage/quiet-atom.xml"), context())
    assert feed_lines(reading) == {"atomdone0001": (None, State.OPERATIONAL, Stage.RESOLVED)}
    assert reading.says == "page: nothing open in its feed"


def test_an_entry_nobody_touched_for_a_day_is_unknown_then_forgotten(answer, context, now):
    body = answer("statuspage/good-atom.xml")
    later = SOURCE.parse(body, context(now=now + timedelta(hours=25)))
    assert feed_lines(later)["atomopen0001"] == (None, State.UNKNOWN, Stage.IDENTIFIED)
    assert not feed_lines(SOURCE.parse(body, context(now=now + timedelta(days=5))))


def test_an_open_entry_dated_in_the_future_is_open(answer, context, now):
    reading = SOURCE.parse(answer("statuspage/good-atom.xml"), context(now=now - timedelta(days=1)))
    assert feed_lines(reading)["atomopen0001"][1] is State.DEGRADED


@pytest.mark.parametrize("gone", [b"strong", b"updated", b"entry"])
def test_a_feed_whose_format_changed_is_never_calm(answer, context, gone):
    changed = answer("statuspage/quiet-atom.xml").replace(gone, b"renamed")
    if gone == b"updated":
        changed = changed.replace(b"published", b"renamed")
    if gone == b"entry":
        changed = changed.replace(b"http://www.w3.org/2005/Atom", b"urn:other")
    with pytest.raises(Malformed):
        SOURCE.parse(changed, context())


def test_one_recent_entry_without_a_stage_spoils_the_feed_an_old_one_does_not(answer, context):
    feed, stage = answer("statuspage/good-atom.xml"), b"&lt;strong&gt;Resolved&lt;/strong&gt;"
    investigating = b"&lt;strong&gt;Investigating&lt;/strong&gt;"
    with pytest.raises(Malformed, match="recent entry"):
        SOURCE.parse(feed.replace(stage, b"").replace(investigating, b""), context())
    old = b"&lt;strong&gt;Monitoring&lt;/strong&gt;"
    assert SOURCE.parse(feed.replace(old, b""), context()) == SOURCE.parse(feed, context())


def test_on_a_shared_page_only_entries_that_name_the_service_count(answer, context):
    body = answer("statuspage/good-atom.xml").replace(b"Elevated errors on Opus", b"Disruption with Copilot")
    assert set(feed_lines(SOURCE.parse(body, context("copilot"), "atom"))) == {"atomopen0001"}


# -- a real request ---------------------------------------------------------------------------------------------------


async def test_a_reading_over_http_gives_what_the_page_says(site, answer, context, now):
    server, net = await site({"/p/api/v2/summary.json": answer("statuspage/outage.json")})
    reading = await SOURCE.read(context(base_url=server.url("/p"), key=False), net)
    assert words(reading, now)[None] is State.PARTIAL_OUTAGE


# -- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bold", ["<b>" + " " * 99_000, "<b>Status:" + " " * 99_000, "<b>" * 33_000])
def test_a_bold_text_that_never_ends_is_read_in_linear_time(answer, context, bold):
    """A quadratic or cubic search would not come back from 100 KB. What follows them is still found."""
    hostile = bold.replace("<", "&lt;").encode()
    body = answer("statuspage/good-atom.xml")
    body = body.replace(b'<content type="html">', b'<content type="html">' + hostile, 1)
    assert hostile in body
    assert feed_lines(SOURCE.parse(body, context())).keys() >= {"atomopen0001"}


def test_a_components_name_that_grows_in_lower_case_still_fits_a_signal(page, context, now):
    def add(page):
        page["components"].append(page["components"][0] | {"id": "new1", "name": "İ" * 80})

    grown = words(SOURCE.parse(page(change=add), context()), now).keys() - {None, *GREEN}
    assert [len(name) <= 80 for name in grown] == [True]


def test_of_an_endless_page_two_hundred_components_stay_known_ones_first_and_faults_next(page, context, now):
    def add(page):
        row = page["components"][0]
        page["components"] = [
            row | {"id": f"n{i}", "name": f"City {i}", "status": "operational"} for i in range(500)
        ] + page["components"]
        page["components"][400]["status"] = "major_outage"

    said = words(SOURCE.parse(page(change=add), context()), now)
    assert len(said) == 201
    assert said.keys() >= GREEN
    assert said["city-400"] is State.MAJOR_OUTAGE
    assert said[None] is State.PARTIAL_OUTAGE


def test_the_text_of_an_update_stands_on_its_first_line_alone(page, context, answer):
    signals = [
        *SOURCE.parse(page("outage"), context()).signals,
        *SOURCE.parse(answer("statuspage/good-atom.xml"), context()).signals,
    ]
    bodies = {}
    for line in (s for s in signals if isinstance(s, Declared) and s.incident):
        bodies.setdefault((line.incident, line.at, line.stage), []).append(line.body)
    assert any(len(lines) > 1 for lines in bodies.values())
    for first, *rest in bodies.values():
        assert first
        assert not any(rest)


def test_a_reading_keeps_at_most_two_thousand_signals_the_newest(page, context, now):
    def swell(page):
        post = {"status": "investigating", "body": "Text."}
        page["incidents"] = [
            incident(name=f"i{i}")
            | {
                "components": [{**c, "status": "partial_outage"} for c in page["components"]],
                "incident_updates": [
                    post | {"created_at": (now - timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%SZ")}
                    for m in range(1, 31)
                ],
            }
            for i in range(100)
        ]

    signals = SOURCE.parse(page(change=swell), context()).signals
    assert len(signals) == 2000
    assert signals[-1] == Alive(at=now, service="claude", source="statuspage")
    assert words(SOURCE.parse(page(change=swell), context()), now).keys() == {None, *GREEN}
    assert {s.at for s in signals if s.at < now - timedelta(minutes=5)} == set()
