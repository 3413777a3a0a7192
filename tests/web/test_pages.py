"""What the pages say, as a browser without scripts gets them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from litestar.testing import TestClient
from lxml import html
from msgspec import structs

from stillup.board import SourceLine
from stillup.catalog.load import catalogue, outage_classes
from stillup.daemon.board import first_board, nobody_judges
from stillup.hub.values import Admission, Reason
from stillup.model.service import Confidence, Family, OutageClass, Problem, Scope, State
from stillup.model.verdict import Forecast, Verdict
from stillup.response.playbook import Step
from stillup.secret import Secret
from stillup.web.app import build
from stillup.web.mishaps import error_page
from stillup.web.pages import report_page, reported_page
from tests.web import boards
from tests.web.paged import BROWSER, faulty, main, page, words

# --- what is said


def test_the_verdict_stands_on_top_in_one_sentence(showing):
    top = page(showing(), "/claude").xpath("//h1")
    assert [words(h) for h in top] == ["Parts of Claude are down: claude.ai and Claude Console."]


@pytest.mark.parametrize(
    ("state", "confidence", "sentence"),
    [
        (State.MAJOR_OUTAGE, Confidence.CONFIRMED, "ChatGPT is down."),
        (State.MAJOR_OUTAGE, Confidence.SUSPECTED, "ChatGPT may be down."),
        (State.PARTIAL_OUTAGE, Confidence.SUSPECTED, "Parts of ChatGPT may be down."),
        (State.DEGRADED, Confidence.CONFIRMED, "ChatGPT is having trouble."),
        (State.MAINTENANCE, None, "ChatGPT is in maintenance."),
        (State.OPERATIONAL, None, "ChatGPT is up."),
        (State.UNKNOWN, None, "Whether ChatGPT is up, nobody can say right now."),
    ],
)
def test_each_state_has_its_sentence(showing, state, confidence, sentence):
    client = showing(services={"chatgpt": faulty("chatgpt", state, confidence)})
    assert words(page(client, "/chatgpt").xpath("//h1")[0]) == sentence


def test_a_fault_of_ones_own_is_not_called_an_outage(showing):
    mine = structs.replace(boards.verdict(), state=State.OPERATIONAL, confidence=None, scope=Scope.YOU)
    client = showing(services={"claude": boards.claude(verdict=mine)})
    assert "It is you, not Claude." in main(client, "/claude")


def test_the_front_says_that_it_is_you_where_nothing_can_be_seen_from_here(showing):
    def cut_off(service):
        offline = Verdict(at=boards.NOW, service=service, state=State.UNKNOWN, scope=Scope.YOU)
        return structs.replace(boards.calm(service, State.UNKNOWN), verdict=offline)

    board = structs.replace(boards.board(), services={s: cut_off(s) for s in ("claude", "chatgpt")})
    client = showing(board=board)
    assert words(page(client, "/").xpath("//h1")[0]) == "It is you, not them."
    assert "This machine or its network fails" in main(client, "/")


def test_before_the_first_minute_is_over_the_front_says_so_and_not_that_nobody_could_be_read(showing):
    client = showing(board=first_board([catalogue()[s] for s in ("claude", "chatgpt")], boards.NOW))
    assert words(page(client, "/").xpath("//h1")[0]) == "Not judged yet."
    assert "The first verdict comes with the next full minute." in main(client, "/")
    assert "No source could be read" not in main(client, "/")


def test_a_page_that_hears_no_monitor_says_so_and_where_to_look(showing):
    first = first_board([catalogue()[s] for s in ("claude", "chatgpt")], boards.NOW)
    client = showing(board=nobody_judges(first))
    assert words(page(client, "/").xpath("//h1")[0]) == "Nobody judges here."
    assert "stillup doctor --cluster" in main(client, "/")
    assert "No source could be read" not in main(client, "/")
    assert "no monitor was heard since" in main(client, "/claude")
    assert client.get("/readyz").status_code == 503


def test_how_long_it_takes_is_said_from_now_on_and_agrees_with_the_curve(showing):
    told = boards.verdict(forecast=Forecast(p50_s=600.0, p10_s=60.0, p90_s=3600.0))
    left = Forecast(p50_s=6600.0, p10_s=1560.0, p90_s=36_000.0)
    client = showing(services={"claude": boards.claude(verdict=told, left=left)})
    assert "about 1 h 50 min from now" in main(client, "/claude")
    assert "Four in five such faults end 26 min to 10 h from now." in main(client, "/claude")
    assert "About 1 h 50 min more." in main(client, "/")


def test_a_kind_of_fault_that_is_not_known_yet_has_no_chance_beside_it(showing):
    unknown = outage_classes()[OutageClass.UNKNOWN]
    client = showing(services={"claude": boards.claude(likely=unknown, likely_p=0.29)})
    assert f"{unknown.title}. {unknown.impact}" in main(client, "/claude")


def test_what_is_to_be_typed_stands_as_code_on_a_page_of_trouble():
    assert html.fromstring(error_page(401, "Ask `stillup up`.")).xpath("//main//code/text()") == ["stillup up"]
    assert b"<b>" not in error_page(401, "Ask `<b>up</b>`.")


def test_a_page_that_was_not_updated_is_named_as_such(showing):
    over = structs.replace(
        boards.verdict(), state=State.OPERATIONAL, confidence=None, reason=boards.Reason.PAGE_NOT_UPDATED, scope=None
    )
    client = showing(services={"claude": boards.claude(verdict=over)})
    assert "Claude works again, though its own page does not say so yet." in main(client, "/claude")


def test_all_that_is_known_of_a_fault_is_on_its_page(showing):
    said = main(showing(), "/claude")
    for words_ in (
        "Partial outage, confirmed", "14:32 UTC", "28 min ago", "France, California", "sign in", "very likely (98 %)",
        "What to do now", "See that it is not only you.", "no gateway runs here", "your team",
        "about 55 min", "15 min to 3.9 h", "within 1 hour", "Still works here: Claude API", "ChatGPT", "up now",
        "What each side says", "Our probe", "in alarm", "no data", "By the rule: confirmed",
        "The rule in full, with what was seen",
        "Users cannot sign in to Claude", "Database upgrade", "Sources: 1 of 2 can be read", "Sign-in, likely (82 %)",
    ):  # fmt: skip
        assert words_ in said, words_


def test_what_nobody_was_heard_of_is_unknown_and_not_up(showing):
    said = main(showing(), "/gemini")
    assert "Unknown is unknown: this is not a sign that Gemini is up." in said


def test_a_fault_without_a_forecast_says_that_there_is_none(showing):
    no_forecast = boards.claude(verdict=boards.verdict(forecast=None), recovery=(), evidence=(), steps=())
    said = main(showing(services={"claude": no_forecast}), "/claude")
    assert "That cannot be said yet." in said
    assert "usually take 2 h to 4 h, by rule of thumb" in said


@pytest.mark.parametrize("state", list(State))
def test_every_service_of_the_catalogue_can_be_shown_in_every_state(showing, state):
    confidence = Confidence.CONFIRMED if state.is_fault else None
    client = showing(services={s: faulty(s, state, confidence) for s in catalogue()})
    assert client.get("/", headers=BROWSER).status_code == 200
    for service, facts in catalogue().items():
        answer = client.get(f"/{service}", headers=BROWSER)
        assert answer.status_code == 200
        assert facts.name in html.fromstring(answer.text).findtext(".//h1")


# --- all services


def test_the_first_page_says_how_all_of_them_are(showing):
    client = showing()
    top = words(page(client, "/").xpath("//h1")[0])
    assert top == "Claude has a partial outage; 1 other is up; of 1 nothing is known."


def test_all_well_is_said_in_four_words(showing):
    everyone = {s: boards.calm(s) for s in ("claude", "chatgpt", "gemini")}
    assert words(page(showing(services=everyone), "/").xpath("//h1")[0]) == "Everything that is watched is up."


def test_of_many_faults_the_headline_names_the_number(showing):
    down = {s: faulty(s) for s in ("claude", "chatgpt", "gemini", "grok", "cursor")}
    said = main(showing(services=down), "/")
    assert "5 services are in trouble, 5 of them are down as a whole." in said


def test_no_service_at_all_is_said_too(showing):
    empty = structs.replace(boards.board(), services={})
    assert "No service is watched here." in main(showing(board=empty), "/")


def test_the_worst_comes_first_and_the_unknown_last(showing):
    client = showing(services={"grok": faulty("grok"), "cursor": faulty("cursor", State.DEGRADED)})
    links = page(client, "/").xpath("//main//*[self::li]//a[not(contains(@href, 'task='))]/@href")
    assert [link for link in links if link != "/"] == ["/grok", "/claude", "/cursor", "/chatgpt", "/gemini"]


def test_a_plain_link_shows_those_alone_that_can_do_a_task(showing):
    client = showing(services={"deepl": boards.calm("deepl"), "aws": boards.calm("aws")})
    links = page(client, "/?task=translation").xpath("//main//li/a/@href")
    assert "/deepl" in links
    assert "/aws" not in links
    assert "/aws" in page(client, "/?task=nonsense").xpath("//main//li/a/@href")


# --- names


@pytest.mark.parametrize("word", ["anthropic", "Claude", "CLAUDE.AI", "claude-code", "chat gpt"])
def test_another_name_of_a_service_leads_to_it(showing, word):
    answer = showing().get(f"/{word}", follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"] in ("/claude", "/chatgpt")


def test_a_name_nobody_goes_by_is_not_found_and_near_ones_are_offered(showing):
    answer = showing().get("/cluade", headers=BROWSER)
    assert answer.status_code == 404
    assert [a.get("href") for a in html.fromstring(answer.text).xpath("//main//a")] == ["/claude", "/"]


def test_a_service_that_is_not_watched_here_is_not_found(showing):
    assert showing().get("/midjourney", headers=BROWSER).status_code == 404
    assert showing().get("/midjourney/report", headers=BROWSER).status_code == 404


def test_programs_get_their_errors_as_json(showing):
    answer = showing().get("/nobody", headers={"Accept": "*/*"})
    assert answer.json()["status_code"] == 404


def test_a_fault_of_the_page_itself_tells_nothing_from_inside(site_of):
    def broken():
        raise RuntimeError("the password is hunter2")

    app = build(site_of(board=broken))
    with TestClient(app, base_url="http://127.0.0.1:8780", raise_server_exceptions=False) as client:
        answer = client.get("/claude", headers=BROWSER)
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "says nothing about the service" in answer.text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 418, 429, 500, 503])
def test_every_error_has_a_page_that_says_what_to_do(status):
    shown = html.fromstring(error_page(status).decode())
    assert len(words(shown.get_element_by_id("main"))) > 40


# --- the report


def test_a_report_needs_two_clicks_and_no_script(showing, site_of):
    form = page(showing(), "/claude/report").forms[0]
    assert (form.method, form.action) == ("POST", "/claude/report")
    assert {i.get("value") for i in form.xpath(".//input[@name='problem']")} == {p.value for p in Problem}
    buttons = [b.get("value") for b in form.xpath(".//button[@name='component']")]
    assert buttons == [*(c.id for c in catalogue()["claude"].components), ""]
    assert form.fields["token"] == "made-up-token"
    assert form.fields["region"] in (None, "")
    codes = [o.get("value") for o in form.xpath(".//option")]
    assert len(codes) == len(set(codes)) > 290
    assert {"", "FR", "US", "US-CA"} <= set(codes)


def test_a_form_is_never_kept_for_it_is_good_once(showing):
    assert showing().get("/claude/report").headers["cache-control"] == "no-store"


def test_where_no_reports_are_taken_there_is_no_form(site_of):
    closed = report_page(site_of(), "claude").decode()
    assert "No reports are taken here." in closed
    assert not html.fromstring(closed).forms


def test_older_names_of_time_zones_say_where_one_is_too(showing):
    options = page(showing(), "/claude/report").xpath("//option[@data-zones]")
    zones = {zone: o.get("value") for o in options for zone in o.get("data-zones").split()}
    assert zones["Asia/Kolkata"] == zones["Asia/Calcutta"] == "IN"
    assert zones["America/Los_Angeles"] == "US"
    assert zones["Pacific/Honolulu"] == "US-HI"
    assert zones["Europe/Paris"] == "FR"


@pytest.mark.parametrize("reason", list(Reason))
def test_the_answer_to_a_report_says_what_became_of_it(site_of, reason):
    told = Admission(reason=reason, status=202, says="One <b>sentence</b>.", retry_after_s=90.0)
    shown = reported_page(site_of(), "claude", told).decode()
    taken = reason in (Reason.ADMITTED, Reason.FOLDED)
    assert ("Your report was taken." in shown) is taken
    assert ("Your report was not taken." in shown) is not taken
    assert "One &lt;b&gt;sentence&lt;/b&gt;." in shown
    assert "<b>sentence" not in shown


# --- how old, how real


def test_an_old_board_is_called_old(showing):
    old = structs.replace(boards.board(), at=boards.NOW - timedelta(minutes=4))
    assert page(showing(board=old), "/").get_element_by_id("old").get("hidden") is None
    assert page(showing(), "/").get_element_by_id("old").get("hidden") is not None


def test_every_page_says_when_it_was_so_in_absolute_time(showing):
    for path in ("/", "/claude"):
        assert "As of 12 May 2026, 15:00 UTC" in main(showing(), path)


@pytest.mark.parametrize("path", ["/", "/claude", "/claude/report", "/method", "/nobody"])
def test_what_is_played_is_called_played(showing, path):
    played = structs.replace(boards.board(), simulated="The outage of 2026-04-07, sped up.")
    assert "Played, not real. The outage of 2026-04-07" in words(page(showing(board=played), path))
    assert "Played, not real" not in words(page(showing(), path))


def test_code_in_a_step_is_code_and_markup_in_it_is_not(site_of):
    step = Step(says="Run `ops/hold` <b>now</b>", note="`<i>`")
    shown = boards.board(claude=boards.claude(steps=(step,)))
    with TestClient(build(site_of(shown=shown)), base_url="http://127.0.0.1:8780") as client:
        page = client.get("/claude", headers={"Accept": "text/html"}).text
    assert "Run <code>ops/hold</code> &lt;b&gt;now&lt;/b&gt;" in page
    assert "<code>&lt;i&gt;</code>" in page


def test_a_few_pages_stand_in_the_row_and_the_others_behind_more(showing):
    def links(tree, where):
        return [a.text_content() for a in tree.xpath(f"//nav[@aria-label='Pages']/ul/li{where}/a")]

    plain = page(showing(), "/")
    assert links(plain, "") == ["Services", "Incidents", "Compare", "Method"]
    assert not plain.xpath("//nav[@aria-label='Pages']//details")
    site = {"gateway": "http://127.0.0.1:1", "token": Secret("t" * 30)}
    chat = page(showing(**site), "/")
    assert links(chat, "") == ["Services", "Incidents", "Chat", "Compare", "Method"], "there is room for one more"
    whole = page(showing(**site, risk=lambda task: None), "/")
    assert links(whole, "") == ["Services", "Incidents", "Chat", "Compare"]
    assert links(whole, "/details/ul/li") == ["Risk", "Method"]


def test_sources_that_are_not_set_up_share_one_line(showing):
    def source(name, says, *, ok=False):
        return SourceLine(id=name, title=name.upper(), family=Family.CROWD, ok=ok, says=says, delay_s=60)

    lines = (
        source("a", "calm", ok=True),
        source("b", "not asked: B needs a key"),
        source("c", "not asked: C needs a key"),
        source("d", "no data: not asked: it asked us to wait"),
    )
    told = main(showing(services={"claude": boards.claude(sources=lines)}), "/claude")
    assert "Sources: 1 of 2 can be read; 2 are not set up" in told
    assert "not set up: B, C. stillup doctor claude says what each needs" in told
    assert "needs a key" not in told
