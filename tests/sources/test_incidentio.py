"""incident.io: affected is what is listed, ids decide, and the copy of Statuspage's format is the second choice."""

import json

import pytest

from stillup.errors import Malformed, Refused
from stillup.model.service import Stage, State
from stillup.model.signal import Alive
from stillup.sources.incidentio import SOURCE, impacts_of

OPENAI = "01JMDK9XYNY6RXSED6SDWW50WY"
CONVERSATIONS, LOGIN, LOGIN_OF_API = (
    "01JMXBNJXGV1T5GT2M9XA83XNG",
    "01JMXBNJXG1S2D9V65P1ZZTD94",
    "01JSM5RTJWHRWDTS6Q604VEW3B",
)
CHAT_COMPLETIONS = "01JMXBRMFE6N2NNT7DG6XZQ6PW"


@pytest.fixture
def page(changed):
    """A changed page: ``page("outage", change)``; ``change`` gets what stands under ``summary``."""
    return lambda name="quiet", change=lambda page: None: changed(
        f"incidentio/{name}.json", lambda p: change(p["summary"])
    )


def openai(*affected, names=None):
    """OpenAI's page as its proxy has it, in groups; ``names`` are other names for its components."""
    called = {
        CONVERSATIONS: "Conversations",
        LOGIN: "Login",
        LOGIN_OF_API: "Login",
        CHAT_COMPLETIONS: "Chat Completions",
    }
    called |= names or {}
    groups = {"ChatGPT": (CONVERSATIONS, LOGIN), "APIs": (CHAT_COMPLETIONS, LOGIN_OF_API)}
    items = [
        {"group": {"id": f"g-{group}", "name": group, "hidden": False, "components": [
            {"component_id": i, "name": called[i], "hidden": False} for i in ids]}}
        for group, ids in groups.items()
    ]  # fmt: skip
    summary = {"id": OPENAI, "name": "OpenAI", "ongoing_incidents": [], "structure": {"id": "s", "items": items}}
    summary["affected_components"] = [{"component_id": i, "status": s} for i, s in affected]
    return json.dumps({"summary": summary}).encode()


def copy(states, incidents=None, indicator="minor"):
    """OpenAI's page in Statuspage's format."""
    page = {
        "page": {"id": OPENAI, "name": "OpenAI", "updated_at": "2025-11-09T19:25:56Z"},
        "status": {"indicator": indicator, "description": "Partial System Degradation"},
        "components": [
            {"id": i, "name": n, "status": s, "page_id": OPENAI, "updated_at": "2025-11-09T19:25:56Z"}
            for i, n, s in states
        ],
    }
    return json.dumps(page | ({} if incidents is None else {"incidents": incidents})).encode()


# -- which requests ---------------------------------------------------------------------------------------------------


def test_the_proxy_is_asked_for_the_pages_own_host(context):
    (request,) = SOURCE.page_requests("https://status.openai.com")
    assert (request.url, request.tag) == ("https://status.openai.com/proxy/status.openai.com", "proxy")


def test_below_another_base_url_the_proxys_last_part_is_that_ones_host(context):
    (request,) = SOURCE.requests(context("chatgpt", base_url="http://127.0.0.1:9000/incidentio/chatgpt/"))
    assert request.url == "http://127.0.0.1:9000/incidentio/chatgpt/proxy/127.0.0.1"


# -- components -------------------------------------------------------------------------------------------------------


def test_a_component_that_is_not_listed_as_affected_works(page, context, told, now):
    reading = SOURCE.parse(page(), context())
    assert told.general(reading) == dict.fromkeys([None, "web", "console", "code", "api", "cowork"], State.OPERATIONAL)
    assert reading.signals[-1] == Alive(at=now, service="claude", source="incidentio")
    assert not told.incidents(reading), "a maintenance that is only planned is not one"


def test_each_word_of_the_page_is_a_state_and_full_outage_is_a_major_one(page, context, told):
    words = {"full_outage": State.MAJOR_OUTAGE, "partial_outage": State.PARTIAL_OUTAGE}
    words |= {"degraded_performance": State.DEGRADED, "under_maintenance": State.MAINTENANCE}
    words |= {"operational": State.OPERATIONAL}
    for word, state in words.items():
        listed = [{"component_id": "yyzkbfz2thpt", "status": word}]
        reading = SOURCE.parse(page(change=lambda p, listed=listed: p.update(affected_components=listed)), context())
        assert told.general(reading)["code"] is state


@pytest.mark.parametrize("word", ["major_outage", "$undefined", "", None])
def test_an_unknown_word_for_a_component_now_is_no_data(page, context, word):
    def change(page):
        page["affected_components"] = [{"component_id": "yyzkbfz2thpt", "status": word}]

    with pytest.raises(Malformed):
        SOURCE.parse(page(change=change), context())


@pytest.mark.parametrize("gone", ["affected_components", "ongoing_incidents", "structure"])
def test_a_missing_list_never_means_that_nothing_is_wrong(page, context, gone):
    with pytest.raises(Malformed, match=gone):
        SOURCE.parse(page("outage", lambda p: p.pop(gone)), context())


def test_what_the_page_hides_is_left_out_alone_or_in_a_hidden_group(page, context, told):
    def hit(page):
        page["affected_components"] = [{"component_id": c["id"], "status": "full_outage"} for c in page["components"]]
        for item in page["structure"]["items"]:
            for shown in item["group"]["components"] if "group" in item else [item["component"]]:
                shown["hidden"] = shown["name"] != "Claude API" and shown["name"] != "Claude Next"

    assert told.general(SOURCE.parse(page(change=hit), context())) == dict.fromkeys([None, "api"], State.MAJOR_OUTAGE)


def test_of_two_words_on_one_component_the_worse_stands(page, context, told):
    words = ["degraded_performance", "full_outage", "under_maintenance"]
    listed = [{"component_id": "yyzkbfz2thpt", "status": word} for word in words]
    reading = SOURCE.parse(page(change=lambda p: p.update(affected_components=listed)), context())
    assert told.general(reading)["code"] is State.MAJOR_OUTAGE


def test_two_components_both_called_login_are_told_apart_by_their_ids(context, told):
    names = {CONVERSATIONS: "Login", CHAT_COMPLETIONS: "Login"}
    reading = SOURCE.parse(openai((CHAT_COMPLETIONS, "partial_outage"), names=names), context("chatgpt"))
    assert told.general(reading) == {
        None: State.PARTIAL_OUTAGE,
        "web": State.OPERATIONAL,
        "sign_in": State.OPERATIONAL,
        "api": State.PARTIAL_OUTAGE,
    }


def test_a_component_the_catalogue_does_not_know_belongs_by_its_group(context, told):
    def body(group):
        page = json.loads(openai(("new", "full_outage")))
        groups = {item["group"]["name"]: item["group"]["components"] for item in page["summary"]["structure"]["items"]}
        groups.setdefault(group, []).append({"component_id": "new", "name": "Something new", "hidden": False})
        page["summary"]["structure"]["items"] = [
            {"group": {"id": name, "name": name, "components": listed}} for name, listed in groups.items()
        ]
        return json.dumps(page).encode()

    assert told.general(SOURCE.parse(body("APIs"), context("chatgpt")))["something-new"] is State.MAJOR_OUTAGE
    assert "something-new" not in told.general(SOURCE.parse(body("Advertising"), context("chatgpt")))


# -- incidents --------------------------------------------------------------------------------------------------------


def test_an_incident_speaks_for_the_components_it_leaves_in_trouble(answer, context, told):
    said = told.incidents(SOURCE.parse(answer("incidentio/outage.json"), context()))
    assert {key: (line.state, line.stage) for key, line in said.items()} == {
        ("People cannot sign in", "web"): (State.MAJOR_OUTAGE, Stage.INVESTIGATING),
        ("People cannot sign in", "code"): (State.PARTIAL_OUTAGE, Stage.INVESTIGATING),
        ("Console maintenance", "console"): (State.MAINTENANCE, Stage.IN_PROGRESS),
    }
    assert said["People cannot sign in", "web"].body == "Claude Code is affected too.", "the newest update's"


def test_updates_in_any_order_tell_their_story_by_when_they_were_published(page, context, told):
    def turn(page):
        page["ongoing_incidents"][0]["updates"].reverse()

    reading = SOURCE.parse(page("outage", turn), context())
    assert reading == SOURCE.parse(page("outage"), context())
    assert told.past(reading) == [
        ("12 14:00", "console", State.MAINTENANCE, Stage.IN_PROGRESS),
        ("12 14:40", "web", State.MAJOR_OUTAGE, Stage.INVESTIGATING),
        ("12 14:52", "web", State.MAJOR_OUTAGE, Stage.INVESTIGATING),
        ("12 14:52", "code", State.PARTIAL_OUTAGE, Stage.INVESTIGATING),
    ]


def test_an_incident_links_to_its_own_page(answer, context):
    reading = SOURCE.parse(answer("incidentio/good.json"), context())
    (link,) = reading.links
    assert link.url.startswith("https://status.example/incidents/01KN")
    assert link.title == "Elevated errors on Opus requests"


def test_an_incident_whose_component_is_well_again_is_not_an_outage(page, context, told):
    def calm(page):
        page["affected_components"] = []
        for update in page["ongoing_incidents"][0]["updates"]:
            update["component_statuses"] = None
        for touched in page["ongoing_incidents"][0]["affected_components"]:
            touched["current_status"] = "operational"
        page["ongoing_incidents"] = page["ongoing_incidents"][:1]

    said = told.incidents(SOURCE.parse(page("outage", calm), context()))
    assert {component: line.state for (_, component), line in said.items()} == {
        "web": State.DEGRADED,
        "code": State.DEGRADED,
    }


def test_unknown_words_of_history_do_not_spoil_the_page(page, context, told):
    def change(page):
        incident = page["ongoing_incidents"][0]
        incident["status"] = "escalated"
        incident["updates"][0] |= {
            "to_status": "escalated",
            "component_statuses": [{"component_id": "x", "status": "?"}],
        }

    reading = SOURCE.parse(page("outage", change), context())
    assert any(line.stage is None for line in told.incidents(reading).values()), "and it counts as open"


# -- the past ---------------------------------------------------------------------------------------------------------


def test_the_record_of_incidents_tells_each_update_at_its_time(answer, context, told):
    reading = SOURCE.parse(answer("incidentio/good-incidents.json"), context(), "incidents")
    assert told.past(reading) == [
        ("10 02:00", "cowork", State.MAINTENANCE, Stage.IN_PROGRESS),
        ("10 04:00", "cowork", State.OPERATIONAL, Stage.COMPLETED),
        ("11 10:00", "code", State.PARTIAL_OUTAGE, Stage.INVESTIGATING),
        ("11 10:30", "code", State.DEGRADED, Stage.MONITORING),
        ("11 11:00", "code", State.OPERATIONAL, Stage.RESOLVED),
        ("12 14:35", "api", State.DEGRADED, Stage.INVESTIGATING),
        ("12 14:50", "api", State.DEGRADED, Stage.IDENTIFIED),
    ]


def test_true_times_of_impact_are_read_past_groups_without_component_and_undefined_uptimes(answer):
    body = answer("incidentio/impacts.json")
    assert b'"$undefined"' in body
    assert [(i.row, i.state, f"{i.start:%d %H:%M}", i.end and f"{i.end:%d %H:%M}") for i in impacts_of(body)] == [
        ("bpp5gb3hpjcl", State.MAINTENANCE, "10 02:00", "10 03:30"),
        ("yyzkbfz2thpt", State.PARTIAL_OUTAGE, "11 09:41", "11 10:52"),
        ("k8w3r06qmzrp", State.DEGRADED, "12 14:21", None),
    ]


def test_another_answer_is_no_list_of_impacts(answer):
    with pytest.raises(Malformed, match="component_impacts"):
        impacts_of(answer("incidentio/good-incidents.json"))


# -- the copy of Statuspage's format ----------------------------------------------------------------------------------


def test_a_quiet_copy_has_no_list_of_incidents_and_an_old_time_and_is_calm(answer, context, told):
    body = answer("incidentio/compatible.json")
    assert b"incidents" not in body
    assert b'"updated_at": "2025-11-09' in body
    reading = SOURCE.parse(body, context(), "summary")
    assert set(told.general(reading).values()) == {State.OPERATIONAL}
    assert any(isinstance(s, Alive) for s in reading.signals)


def test_with_22_of_25_components_in_trouble_the_indicator_minor_is_not_believed(context, told):
    """As on 2026-09-29."""
    known = [(CHAT_COMPLETIONS, "Chat Completions"), (LOGIN, "Login"), (LOGIN_OF_API, "Login"), (CONVERSATIONS, "C")]
    states = [(i, n, "partial_outage") for i, n in known]
    states += [(f"x{i}", f"Part {i}", "partial_outage" if i < 18 else "operational") for i in range(21)]
    assert sum(s == "partial_outage" for *_, s in states) == 22
    beside = {"id": "h", "name": "Support chat unavailable", "status": "investigating", "impact": "none"}
    reading = SOURCE.parse(copy(states, [beside]), context("chatgpt"), "summary")
    assert told.general(reading)[None] is State.PARTIAL_OUTAGE
    assert {told.general(reading)[c] for c in ("web", "sign_in", "api")} == {State.PARTIAL_OUTAGE}
    assert not told.incidents(reading), "the support chat is beside the service"


def test_a_copy_that_is_statuspages_own_page_is_not_this_platforms(answer, context):
    with pytest.raises(Malformed, match="Statuspage itself"):
        SOURCE.parse(answer("statuspage/quiet.json"), context(), "summary")


async def test_where_the_proxy_is_not_there_the_copy_is_read(site, answer, context, told):
    server, net = await site({"/p/api/v2/summary.json": answer("incidentio/compatible.json")})
    reading = await SOURCE.read_here(context(base_url=server.url("/p")), net)
    assert told.general(reading)["api"] is State.OPERATIONAL


async def test_the_proxy_is_preferred_to_the_copy(site, answer, context, told):
    answers = {"/api/v2/summary.json": answer("incidentio/compatible.json")}
    server, net = await site(answers | {"/proxy/127.0.0.1": answer("incidentio/outage.json")})
    reading = await SOURCE.read_here(context(base_url=server.url("")), net)
    assert told.general(reading)["web"] is State.MAJOR_OUTAGE


async def test_a_proxy_with_a_word_nobody_knows_is_no_data_whatever_the_copy_says(site, answer, context):
    answers = {"/api/v2/summary.json": answer("incidentio/compatible.json")}
    odd = answer("incidentio/outage.json").replace(b"full_outage", b"on_fire")
    server, net = await site(answers | {"/proxy/127.0.0.1": odd})
    with pytest.raises(Malformed):
        await SOURCE.read_here(context(base_url=server.url("")), net)


async def test_without_proxy_and_copy_the_page_is_gone(site, context):
    server, net = await site({})
    with pytest.raises(Refused, match="404"):
        await SOURCE.read_here(context(base_url=server.url("")), net)
