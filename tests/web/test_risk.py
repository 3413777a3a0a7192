"""The page of risk: behind the token, harmless, and drawn with what it says in words beside."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from lxml import html

from stillup.config import parse_config
from stillup.daemon.risk.assess import Assessor
from stillup.errors import BadDataError
from stillup.secret import Secret
from stillup.testing import FakeClock
from stillup.web.draw.depend import dependencies
from stillup.web.draw.downtime import downtime

TOKEN = Secret("a-token-of-the-page")
KNOWN = {"authorization": f"Bearer {TOKEN.reveal()}"}
NOWHERE = dict.fromkeys(
    ("OLLAMA_HOST", "LM_STUDIO_API_BASE", "LLAMACPP_BASE_URL", "VLLM_BASE_URL"), "http://127.0.0.1:9"
)
EVIL = "<script>alert(1)</script>"
CONFIG = f"""
[[gateway.upstreams]]
id = "first"
protocol = "anthropic"
service = "claude"
component = "api"
[[gateway.upstreams]]
id = "second"
protocol = "openai"
service = "chatgpt"
pass_credentials = true
[[gateway.routes]]
match = "{EVIL}*"
chain = ["first", "second/{EVIL}"]
[[gateway.routes]]
match = "gpt-*"
chain = ["second"]
"""


@pytest.fixture(scope="module")
def assessor(tmp_path_factory):
    """Of a configuration with a hostile name, and backups for a task; looked at once."""
    from tests.web.boards import NOW

    data = tmp_path_factory.mktemp("risk")
    (data / "toolkit.json").write_text(
        json.dumps({"tasks": {"coding": [{"service": "chatgpt"}, {"service": "local"}]}})
    )
    return Assessor(parse_config(f"data = {json.dumps(str(data))}\n{CONFIG}"), NOWHERE, FakeClock(NOW))


@pytest.fixture
def page(opened, assessor):
    client = opened(risk=assessor, token=TOKEN)

    def got(where="/risk", code=200):
        answer = client.get(where, headers=KNOWN)
        assert answer.status_code == code
        assert answer.headers["cache-control"] == "no-store"
        return answer.text

    return got


def test_nobody_comes_in_without_the_token(opened, assessor):
    client = opened(risk=assessor, token=TOKEN)
    for where in ("/risk", "/risk?task=coding"):
        answer = client.get(where, headers={"accept": "text/html"})
        assert answer.status_code == 401
        assert "Single points" not in answer.text
    assert opened(risk=assessor).get("/risk").status_code == 401


def test_it_says_what_is_needed_with_hours_points_and_what_one_more_buys(page):
    text = page()
    for words in ("Code generation", "gpt-* through the gateway", "Single points of failure", "One more way",
                  "Redundancy: counts as", "Without one of them", "What is not known", "public history"):  # fmt: skip
        assert words in text, words


def test_the_answer_stands_open_and_what_it_rests_on_is_folded(page):
    tree = html.fromstring(page())
    needs = tree.xpath("//main//section[h2]")
    assert needs
    for need in needs:
        assert need.xpath("./p/strong"), "the hours a year"
        assert len(need.xpath("./ul[@class='points']/li")) <= 1, "the first that would take it down"
        assert not need.xpath("./table | ./ol | ./figure")
    assert tree.xpath("//details/ul[@class='points']")
    assert not tree.xpath("//main//details[@open]")


def test_names_from_the_configuration_are_harmless(page):
    text = page()
    assert "alert(1)" in text
    assert "<script>alert" not in text


def test_one_task_is_shown_alone_and_nonsense_is_all(page):
    coding = page("/risk?task=coding")
    assert "through the gateway" not in coding
    assert 'href="/risk?task=coding" aria-current="page"' in coding
    assert "through the gateway" in page("/risk?task=%3Cscript%3E")


def test_a_page_that_has_it_leads_to_it_and_robots_do_not(opened, assessor):
    assert 'href="/risk"' in opened(risk=assessor, token=TOKEN).get("/").text
    assert 'href="/risk"' not in opened().get("/").text


def test_what_is_wrong_is_said_on_the_page(opened):
    def broken(task):
        raise BadDataError("toolkit.json cannot be used <b>")

    text = opened(risk=broken, token=TOKEN).get("/risk", headers=KNOWN).text
    assert "toolkit.json cannot be used &lt;b&gt;" in text
    assert "belongs to" in opened(token=TOKEN).get("/risk", headers=KNOWN).text


def test_the_drawings_are_sound_and_name_all_that_they_join(assessor):
    risk = assessor()
    picture = str(dependencies(risk.surveyed))
    root = ET.fromstring(picture)
    words = " ".join(root.itertext())
    for name in ("Code generation", "Claude", "ChatGPT", "Cloudflare", "gpt-* (gateway)"):
        assert name in words, name
    assert "<script" not in picture
    assert dependencies(()) == ""
    for one in risk.surveyed:
        assert "All at once" in str(downtime(one)) or len(one.alone) < 2
