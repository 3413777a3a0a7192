"""The pages of what was: they say how much was watched, never more than was kept, and refuse clearly."""

import re
from datetime import date, datetime, timedelta

import pytest
from litestar.testing import TestClient
from lxml import html
from msgspec import structs

from stillup.board import Day, Joint, Record, Story
from stillup.errors import StoreError
from stillup.model.incident import Incident
from stillup.model.service import Confidence, Family, State
from stillup.web.app import build
from stillup.web.mishaps import NO_HISTORY
from stillup.web.past import bearing, cell, cursor_of, floored, months_of, read_cursor
from tests.web import boards

NOW = boards.NOW
PAGE = {"accept": "text/html"}
EVIL = "<script>alert(1)</script>\u202e\x00" * 10


class Shelf(boards.MadeUpArchive):
    """The made-up archive with other incidents or other stories."""

    def __init__(self, incidents=(), stories=None):
        self._incidents = sorted(incidents, key=lambda i: (i.opened_at, i.id), reverse=True)
        self._stories = stories or {}

    def story(self, incident_id):
        return self._stories.get(incident_id)

    def incidents(self, service=None, *, before=None, limit=50):
        found = [i for i in self._incidents if service in (None, i.service)]
        return [i for i in found if before is None or (i.opened_at, i.id) < before][:limit]


class Broken(boards.MadeUpArchive):
    def story(self, *_, **__):
        raise StoreError("the database /home/somebody/x.db is damaged")

    incidents = record = joint = story


def incident(n=0, **rest):
    told = {"state": State.DEGRADED, "confidence": Confidence.CONFIRMED, "service": "claude", **rest}
    at = NOW - timedelta(hours=n)
    return Incident(**{"id": f"i{n:04}", "opened_at": at, "since": at, "recovered_at": at, **told})


@pytest.fixture
def open_(site_of):
    """A client of a site; what is named stands in for the made-up parts."""
    clients = []

    def start(**rest):
        client = TestClient(build(site_of(**rest)), base_url="http://127.0.0.1:8780")
        clients.append(client)
        return client.__enter__()

    yield start
    for client in clients:
        client.__exit__(None, None, None)


def words(answer):
    return " ".join(html.fromstring(answer.content).xpath("//main")[0].text_content().split())


# -- incidents --------------------------------------------------------------------------------------------------------


def test_all_incidents_are_listed_newest_first(client):
    answer = client.get("/incidents", headers=PAGE)
    assert answer.status_code == 200
    links = re.findall(r'href="/incidents/([^"?]+)"', answer.text)
    assert links == [boards.INCIDENT.id, boards.PAST.id]
    assert "19 min before the official page" in words(answer)
    assert "over after 53 min" in words(answer)
    assert "not over" in words(answer)


def test_every_incident_is_found_by_going_from_page_to_page(open_):
    many = [incident(n) for n in range(61)] + [incident(5, id="twin"), incident(5, service="chatgpt", id="other")]
    client = open_(archive=Shelf(many))
    found, url, pages = [], "/incidents?service=claude", 0
    while url:
        answer = client.get(url, headers=PAGE)
        assert answer.status_code == 200
        found += re.findall(r'href="/incidents/([^"?]+)"', answer.text)
        next_ = re.search(r'rel="next" href="([^"]+)"', answer.text)
        url, pages = html.fromstring(f'<a href="{next_[1]}">').get("href") if next_ else None, pages + 1
    assert len(found) == len(set(found)) == 62
    assert "other" not in found
    assert pages == 3


def test_an_empty_list_promises_nothing(open_):
    answer = open_(archive=Shelf()).get("/incidents", headers=PAGE)
    assert "not a promise that there was none" in words(answer)


def test_an_incident_whose_end_nobody_saw_does_not_go_on_for_ever(open_):
    client = open_(archive=Shelf([incident(50, recovered_at=None)]))
    assert "its end was not seen: the watch was interrupted" in words(client.get("/incidents", headers=PAGE))


@pytest.mark.parametrize(
    "cursor",
    ["x", "12", "~", "1~", "-1~a", "1~a b", "9" * 18 + "~a", "1~" + "a" * 500, "1~'; drop", "٣~a"],
)
def test_a_cursor_that_is_not_ours_is_refused(client, cursor):
    answer = client.get("/incidents", params={"before": cursor}, headers=PAGE)
    assert answer.status_code == 400
    assert "Begin at the top" in words(answer)


def test_a_cursor_comes_back_as_it_was():
    assert read_cursor(cursor_of(boards.PAST)) == (boards.PAST.opened_at, boards.PAST.id)


@pytest.mark.parametrize("url", ["/incidents?service=nope", "/nope/history", "/compare?services=claude,nope"])
def test_a_service_that_is_not_watched_here_is_said_to_be_unknown(client, url):
    answer = client.get(url, headers=PAGE)
    assert answer.status_code == 404
    assert "no service called “nope”" in words(answer)


def test_one_incident_is_told_from_its_beginning(client):
    answer = client.get(f"/incidents/{boards.INCIDENT.id}", headers=PAGE)
    told = words(answer)
    assert answer.status_code == 200
    assert "Users cannot sign in to Claude" in told
    for says in (
        "It began, as far as the numbers show.",
        "Our probe saw it.",
        "partial outage, confirmed",
        "Official page: Users cannot",
    ):
        assert says in told
    assert "Right: It was called 19 min before the official page spoke." in told
    assert "Wrong: The mobile apps were never named" in told
    assert "our probe 19 min before" in told
    assert "5 of 5 tries failed" in told
    assert 'role="img"' in answer.text
    assert len(answer.content) < 30_000


def test_an_incident_of_a_service_that_is_no_longer_watched_is_told_without_a_link_to_it(open_):
    old = incident(3, service="mistral", id="m", first_seen=((Family.CROWD, NOW),))
    client = open_(archive=Shelf([old], {"m": Story(incident=old, unjudged="Nothing to compare with.")}))
    answer = client.get("/incidents/m", headers=PAGE)
    assert answer.status_code == 200
    assert 'href="/mistral"' not in answer.text
    assert "Nothing to compare with." in words(answer)


@pytest.mark.parametrize("id_", ["nope", "a" * 81, "%00", "%3Cscript%3E", "..%2f..", "'%20or%201=1"])
def test_there_is_no_page_for_an_incident_that_never_was(client, id_):
    answer = client.get(f"/incidents/{id_}", headers=PAGE)
    assert answer.status_code in (400, 404)
    assert "<script>" not in answer.text.replace("<script src", "")


def test_hostile_words_in_an_incident_are_shown_harmless(open_):
    bad = incident(2, title=EVIL, components=(EVIL,), recovered_at=None)
    story = boards.MadeUpArchive().story(boards.INCIDENT.id)
    moments = tuple(structs.replace(m, says=EVIL * 500) for m in story.timeline)
    evidence = tuple(structs.replace(e, note=EVIL * 500, components=((EVIL, State.DEGRADED),)) for e in story.grounds)
    story = structs.replace(
        story, incident=bad, timeline=moments, right=(EVIL * 500,), wrong=(EVIL,), grounds=evidence, grounds_at=NOW
    )
    client = open_(archive=Shelf([bad], {bad.id: story}))
    for url in ("/incidents", f"/incidents/{bad.id}", "/claude/history"):
        answer = client.get(url, headers=PAGE)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "\u202e" not in answer.text
        assert "\x00" not in answer.text
        assert len(answer.content) < 60_000


# -- history ----------------------------------------------------------------------------------------------------------


def test_the_history_has_a_strip_and_a_row_for_the_service_and_every_part(client):
    answer = client.get("/claude/history", headers=PAGE)
    page = html.fromstring(answer.content)
    assert answer.status_code == 200
    assert [" ".join(h.text_content().split()) for h in page.xpath("//div[@class='d-subject']/h3")] == [
        "Claude as a whole", "claude.ai", "Claude API",
    ]  # fmt: skip
    assert [th.text_content() for th in page.xpath("//table//thead//th")][:5] == [
        "Part", "Feb 2026", "Mar 2026", "Apr 2026", "May 2026",
    ]  # fmt: skip
    assert "not watched" in words(answer)
    assert "40 min down" in words(answer)
    assert "watched" in words(answer)


@pytest.mark.parametrize("days", ["0", "8", "366", "-1", "ninety", "1e3", "9" * 30])
def test_a_history_of_so_many_days_is_refused(client, days):
    assert client.get(f"/claude/history?days={days}", headers=PAGE).status_code == 400


def test_the_history_of_a_year_stays_small(client):
    answer = client.get("/claude/history?days=365", headers=PAGE)
    assert answer.status_code == 200
    assert len(answer.content) < 60_000


def day(n, **rest):
    return Day(day=date(2026, 5, n), **{"worst": State.OPERATIONAL, "watched_s": 86_400.0, **rest})


def test_a_month_says_how_much_of_it_was_watched():
    days = (day(10, watched_s=43_200.0), day(11, worst=None, watched_s=0.0), day(12, watched_s=54_000.0, down_s=540.0))
    record = Record(service="s", component=None, days=days)
    found = cell(record, date(2026, 5, 10), date(2026, 5, 12), NOW)  # of today 15 hours have passed
    assert found.share == "42 %"
    assert found.available == "99.44 %"
    assert found.down_s == 540.0


def test_nothing_is_claimed_of_what_was_not_watched():
    record = Record(service="s", component=None, days=(day(1, worst=None, watched_s=0.0),))
    found = cell(record, date(2026, 5, 1), date(2026, 5, 1), NOW)
    assert (found.available, found.watched) == (None, 0.0)


@pytest.mark.parametrize(
    ("share", "says"), [(1.0, "100 %"), (0.999999, "99.99 %"), (0.9995, "99.95 %"), (0.0, "0.00 %"), (-0.1, "0.00 %")]
)
def test_availability_is_never_rounded_up(share, says):
    assert floored(share) == says


def test_months_begin_and_end_with_the_record():
    days = tuple(Day(day=date(2026, 4, 29) + timedelta(days=n), worst=None) for n in range(5))
    found = months_of([Record(service="s", component=None, days=days)], NOW)
    assert found.names == ("Apr 2026", "May 2026")
    assert months_of([], NOW).names == ()


# -- side by side -----------------------------------------------------------------------------------------------------


def test_services_stand_side_by_side_with_what_they_share(client):
    answer = client.get("/compare?services=claude,chatgpt", headers=PAGE)
    told = words(answer)
    assert answer.status_code == 200
    heads = html.fromstring(answer.content).xpath("//table[1]//thead//th")
    assert [th.text_content() for th in heads][:2] == ["Claude", "ChatGPT"]
    assert "Claude and ChatGPT" in told
    assert "10 min" in told  # down together
    assert "19 min later than others" in told
    assert "not measured" in told
    assert "99.84 %" in told


def test_a_form_may_send_the_services_one_by_one(client):
    one = client.get("/compare?services=claude&services=chatgpt", headers=PAGE)
    other = client.get("/compare?services=claude,chatgpt,claude", headers=PAGE)
    assert one.text == other.text


def test_without_a_choice_the_first_services_are_compared(client):
    answer = client.get("/compare", headers=PAGE)
    assert answer.status_code == 200
    assert "Gemini" in words(answer)


def test_one_service_alone_has_nothing_to_be_down_with(client):
    answer = client.get("/compare?services=claude", headers=PAGE)
    assert answer.status_code == 200
    assert "Down together" not in words(answer)


def test_more_than_eight_services_are_refused(open_):
    names = ("bedrock", "copilot", "cursor", "deepl", "deepseek", "github", "grok")
    client = open_(shown=boards.board(**{n: boards.calm(n) for n in names}))
    many = ",".join(("claude", "chatgpt", *names))
    answer = client.get(f"/compare?services={many}", headers=PAGE)
    assert answer.status_code == 400
    assert "At most 8 services" in words(answer)
    assert client.get(f"/compare?services={many.removeprefix('claude,')}", headers=PAGE).status_code == 200


def test_a_long_list_of_the_same_service_is_that_service(client):
    assert client.get("/compare?services=" + "claude," * 100, headers=PAGE).status_code == 200
    assert client.get("/compare?services=" + "," * 900, headers=PAGE).status_code == 200


def test_what_chance_alone_would_do_is_said_only_where_all_were_watched(open_):
    class Unwatched(boards.MadeUpArchive):
        def joint(self, services, now, days=90):
            alone = [Joint(services=(s,), down_s=0.0, watched_s=0.0) for s in services]
            return [*alone, Joint(services=tuple(services), down_s=0.0, watched_s=0.0)]

    told = words(open_(archive=Unwatched()).get("/compare?services=claude,chatgpt", headers=PAGE))
    assert "Claude and ChatGPTnot knownnot knownnever" in told


# -- nothing behind it ------------------------------------------------------------------------------------------------


URLS = ("/incidents", "/incidents/x", "/claude/history", "/compare?services=claude,chatgpt")


@pytest.mark.parametrize("url", URLS)
def test_without_a_database_the_page_says_that_nothing_is_kept(open_, url):
    answer = open_(archive=None).get(url, headers=PAGE)
    assert answer.status_code == 404
    assert "Nothing is kept here" in words(answer)


@pytest.mark.parametrize("url", URLS)
def test_a_database_that_cannot_be_read_is_said_and_nothing_of_it_told(open_, url):
    answer = open_(archive=Broken()).get(url, headers=PAGE)
    assert answer.status_code == 503
    assert "cannot be read right now" in words(answer)
    assert "somebody" not in answer.text
    for_programs = open_(archive=Broken()).get(url)
    assert (for_programs.status_code, for_programs.json()["detail"]) == (503, NO_HISTORY)


@pytest.mark.parametrize("url", URLS)
def test_no_page_has_a_style_or_a_script_of_its_own(client, url):
    answer = client.get(url.replace("/x", f"/{boards.INCIDENT.id}"), headers=PAGE)
    assert answer.status_code == 200
    assert not re.search(r'style="|<style|<script>|\son\w+="', answer.text)
    ids = re.findall(r'\sid="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids))


def test_how_an_incident_stands_is_told_by_the_board():
    board = boards.board()
    assert bearing(boards.PAST, board) == "over"
    assert bearing(boards.INCIDENT, board) == "open"
    assert bearing(structs.replace(boards.INCIDENT, id="another"), board) == "lost"
    assert bearing(incident(1, service="gone", recovered_at=None), board) == "lost"


def test_times_are_in_utc(client):
    answer = client.get(f"/incidents/{boards.INCIDENT.id}", headers=PAGE)
    stamps = re.findall(r'datetime="([^"]+)"', answer.text)
    assert stamps
    assert all(s.endswith("Z") and datetime.fromisoformat(s) for s in stamps)
