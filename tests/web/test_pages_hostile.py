"""Texts from elsewhere that would like to be more than text."""

from __future__ import annotations

import re

import pytest
from lxml import html
from msgspec import structs

from stillup.model.service import State
from stillup.response.workarounds import Workaround
from stillup.web.render import environment
from tests.web import boards
from tests.web.paged import BROWSER, page, words

UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>\x00\x07\x1b[31m"
    "\u202egnp.exe\u2066\u200b{{ 7 * 7 }}{% raw %}&lt;b&gt;"
)
HUGE = EVIL * (1_000_000 // len(EVIL))


def evil_board(text: str):
    bad = boards.verdict(
        components=("web", text), regions=(text, "FR"), problems=(text,), models=(text,),
        diagnosis=tuple(structs.replace(d, for_=(text,), against=(text,)) for d in boards.verdict().diagnosis),
    )  # fmt: skip
    base = boards.claude()
    return boards.claude(
        verdict=bad,
        components={**base.components, text: structs.replace(bad, component=text)},
        evidence=tuple(
            structs.replace(e, note=text, sources=(text,), components=((text, State.DEGRADED),)) for e in base.evidence
        ),
        sources=tuple(
            structs.replace(s, title=text, says=text, reliability=text, link="javascript:alert(1)")
            for s in base.sources
        ),
        headline=text, because=text, rule=text, who=text, pattern=text, up_parts=(text,),
        places=(boards.Place(text, 4.0, 1.0),), problems=(boards.Share(text, 4.0),),
        steps=tuple(structs.replace(s, says=text, note=text) for s in base.steps),
        workarounds=(
            Workaround(
                title=text, url="javascript:alert(1)", host=text, source=text, age_s=60.0, why=(text,)
            ),
            Workaround(title="fine", url="https://example.org/a", host="example.org", source="x", age_s=60.0, why=()),
        ),
        incidents=tuple(structs.replace(i, title=text) for i in base.incidents),
        maintenances=tuple(structs.replace(m, title=text, body=text) for m in base.maintenances),
    )  # fmt: skip


@pytest.mark.parametrize("text", [EVIL, HUGE], ids=["short", "a megabyte"])
@pytest.mark.parametrize("path", ["/", "/claude", "/claude/report"])
def test_hostile_texts_are_shown_harmless(showing, text, path):
    client = showing(board=structs.replace(boards.board(claude=evil_board(text)), simulated=text))
    plain = page(showing(), path)
    answer = client.get(path, headers=BROWSER)
    assert answer.status_code == 200
    assert len(answer.content) < 300_000
    assert not UNSEEN.search(answer.text)
    shown = html.fromstring(answer.text)
    assert not [a for e in shown.iter() for a in e.attrib if a.startswith("on") or a == "style"]
    assert {s.get("src") for s in shown.iter("script")} == {s.get("src") for s in plain.iter("script")}
    assert {e.tag for e in shown.iter() if isinstance(e.tag, str)} <= {
        *(e.tag for e in page(showing(), "/claude").iter() if isinstance(e.tag, str)),
        *(e.tag for e in plain.iter() if isinstance(e.tag, str)), "aside",
    }  # fmt: skip
    for to in shown.xpath("//@href | //@src | //@action"):
        assert re.match(r"(/(?!/)|#|https://)", to), to


@pytest.mark.parametrize(
    "path",
    [
        "/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/%00",
        "/%E2%80%AEedualc",
        "/" + "a" * 8000,
        "/..%2f..%2fetc",
        "/%7B%7B7*7%7D%7D",
    ],
)
def test_a_hostile_path_is_a_harmless_not_found(showing, path):
    answer = showing().get(path, headers=BROWSER)
    assert answer.status_code in (404, 414)
    assert not UNSEEN.search(answer.text)
    assert "<script>alert" not in answer.text
    assert len(answer.content) < 10_000


def test_links_to_other_sites_take_nothing_along(showing):
    tip = Workaround(title="t", url="https://example.org/a", host="example.org", source="x", age_s=60.0, why=())
    shown = page(showing(services={"claude": boards.claude(workarounds=(tip,))}), "/claude")
    away = shown.xpath("//a[starts-with(@href, 'http')]")
    assert {"https://example.org/a", "https://chatgpt.com", "https://status.claude.com"} == {
        a.get("href") for a in away
    }
    for link in away:
        assert set(link.get("rel").split()) == {"nofollow", "noopener", "noreferrer", "external"}
    assert "Nobody here has checked them" in words(shown)


def test_harmless_spaces_stay_and_what_could_fool_goes():
    shown = environment().from_string("{{ word }}").render(word="1\N{NO-BREAK SPACE}km\n\u202egnp\x00")
    assert shown == "1\N{NO-BREAK SPACE}km\ngnp"
