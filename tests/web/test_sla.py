"""The pages of what was promised and of staying or switching: behind the token, harmless, and the same in one file."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from msgspec.structs import replace

from stillup.board import Board
from stillup.catalog.load import CreditStep, Promise, catalogue
from stillup.errors import StoreError
from stillup.risk.credit import credit
from stillup.risk.gain import Candidate
from stillup.risk.sla import SLOT_S, Seen, Side, Slot, budget, burns, lost, measure, month
from stillup.risk.sla_report import Held, Report, Row
from stillup.risk.switch import Advice, Comparison, Rival
from stillup.risk.values import Alone, Basis, Hours, Subject
from stillup.secret import Secret
from stillup.web.draw.sla import burn_down, lost_days
from stillup.web.sla import report_file

TOKEN = Secret("a-token-of-the-page")
KNOWN = {"authorization": f"Bearer {TOKEN.reveal()}"}
EVIL = '<script>alert(1)</script>"'
APRIL = month("2026-04")
FIRST = int(APRIL.begin_s // SLOT_S)
TERMS = Promise(
    plan=EVIL, uptime=0.999, steps=(CreditStep(below=0.999, credit=0.1),), claim=EVIL, claim_days=30,
    source="https://example.com/sla", as_of="2026",
)  # fmt: skip


def row(side, slots, now_s=APRIL.end_s, target=0.999):
    seen = Seen(subject=Subject("claude", "api"), side=side, slots=slots)
    told = measure(seen, APRIL, now_s)
    return Row(
        measured=told, budget=budget(told, target), burns=burns(seen, now_s, target), lost=tuple(lost(seen, APRIL)),
        credit=credit(seen, TERMS, APRIL, now_s, 100.0) if side is Side.PROBE else None,
    )  # fmt: skip


def made_up(service="claude", name="2026-04"):
    slots = {FIRST + n: Slot(bad=5.0) if 300 <= n < 330 else Slot(good=5.0) for n in range(3000)}
    page = {FIRST + n: Slot(bad=300.0) if 300 <= n < 310 else Slot(good=300.0) for n in range(3000)}
    held = Held(
        subject=Subject("claude", "api"), name=EVIL, target=0.999, because=EVIL, agreement=EVIL, bill=100.0,
        rows=(row(Side.PROBE, slots), row(Side.OFFICIAL, page), row(Side.PEOPLE, page)),
    )  # fmt: skip
    return Report(service=catalogue()["claude"], period=month(name), now_s=APRIL.end_s, parts=(held,), trouble=(EVIL,))


def compared(service, incident):
    alone = Alone(subject=Subject("claude"), hours=Hours(40, 20, 80), basis=Basis.OWN, days=90, provenance=EVIL)
    rival = Rival(
        candidate=Candidate(id="chatgpt", title=EVIL, subject=Subject("chatgpt")), alone=alone, better=1.0,
        both=Hours(1, 0.5, 2), saved=Hours(39, 19, 78), falls_too=(EVIL,),
    )  # fmt: skip
    return Comparison(
        service="claude", name="Claude", task="Chat", alone=alone, rivals=(rival,), advice=Advice.ADD_BACKUP,
        because=(EVIL,), incident=incident, title=EVIL, moves=(EVIL,), stays_behind=(EVIL,), unknown=(EVIL,),
        precedence=catalogue()["claude"].precedence,
    )  # fmt: skip


@pytest.fixture
def page(opened):
    client = opened(sla=made_up, switch=compared, token=TOKEN)

    def got(where="/sla", code=200):
        answer = client.get(where, headers=KNOWN)
        assert answer.status_code == code
        return answer

    return got


@pytest.mark.parametrize("where", ["/sla", "/sla/report", "/sla/switch?service=claude"])
def test_nobody_comes_in_without_the_token(opened, where):
    assert opened(sla=made_up, switch=compared, token=TOKEN).get(where).status_code == 401
    assert opened(sla=made_up, switch=compared).get(where).status_code == 401


def test_each_side_stands_beside_the_others_with_what_it_watched_and_what_is_left(page):
    answer = page()
    assert answer.headers["cache-control"] == "no-store"
    for words in (
        "our probes",
        "official page",
        "people",
        "Watched",
        "Budget left",
        "over by",
        "is due",
        "30 May 2026",
    ):
        assert words in answer.text, words


@pytest.mark.parametrize("where", ["/sla", "/sla/report", "/sla/switch?service=claude&incident=x"])
def test_names_from_elsewhere_are_harmless(page, where):
    text = page(where).text
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert 'alert(1)</script>"' not in text


@pytest.mark.parametrize(
    "where",
    [
        "/sla?service=nobody",
        "/sla?month=2026-13",
        "/sla?month=%00",
        "/sla/report?service=..%2f",
        "/sla/switch?service=x",
    ],
)
def test_what_is_not_there_is_not_found(page, where):
    page(where, 404)


def test_what_is_wrong_is_said_on_the_page(opened):
    def broken(*_):
        raise StoreError("the database <b> cannot be read")

    client = opened(sla=broken, switch=broken, token=TOKEN)
    for where in ("/sla", "/sla/switch"):
        assert "the database &lt;b&gt; cannot be read" in client.get(where, headers=KNOWN).text
    assert client.get("/sla/report", headers=KNOWN).status_code == 404
    assert "belongs to" in opened(token=TOKEN).get("/sla/switch", headers=KNOWN).text


def test_a_page_that_has_it_leads_to_it(opened):
    assert 'href="/sla"' in opened(sla=made_up, token=TOKEN).get("/").text
    assert 'href="/sla"' not in opened().get("/").text


def test_an_incident_that_is_over_leads_to_staying_or_switching_but_not_in_public(opened, site_of):
    from tests.web import boards

    told = boards.MadeUpArchive()
    over = next((i for i in told.incidents(limit=50) if i.recovered_at is not None), None)
    assert over is not None
    assert "Stay or switch" in opened(switch=compared, token=TOKEN).get(f"/incidents/{over.id}").text
    assert "Stay or switch" not in opened(token=TOKEN).get(f"/incidents/{over.id}").text


def test_the_report_is_one_file_that_needs_nothing_else():
    text = report_file([made_up()]).decode()
    assert text.count("<html") == 1
    assert not re.search(r"\b(src|href)=|@import|url\(", text)
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert "Claude in April 2026" in text


def test_the_report_is_saved_and_not_shown_for_the_pages_policy_would_refuse_its_style(page):
    answer = page("/sla/report?service=claude&month=2026-04")
    assert answer.headers["content-disposition"] == 'attachment; filename="stillup-sla-claude-2026-04.html"'
    assert "style-src 'self'" in answer.headers["content-security-policy"]


def test_the_drawings_are_sound_and_say_in_words_what_they_show():
    held = made_up().parts[0]
    budget_drawn = str(burn_down(held))
    root = ET.fromstring(budget_drawn)
    words = " ".join(root.itertext())
    assert "our probes overspent" in words
    assert "people" not in words
    assert "in alarm" in str(lost_days(held))
    calm = Row(measured=held.rows[0].measured, budget=replace(held.rows[0].budget, spent_s=0.0), lost=(0.0,))
    assert burn_down(replace(held, rows=(calm,))) == ""
    assert lost_days(replace(held, rows=())) == ""


def test_a_board_without_services_has_no_such_page(opened):
    from tests.web import boards

    bare = Board(at=boards.NOW)
    assert opened(sla=made_up, shown=bare, token=TOKEN).get("/sla", headers=KNOWN).status_code == 404
