"""What simulated people say of ways round, and where there is little room, reads as it was written to be read."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib.resources import files

import msgspec
import pytest

from stillup.catalog.load import catalogue
from stillup.model.service import Problem
from stillup.sim.load import load
from stillup.sim.scenario import Stream
from stillup.sim.stories import Stories
from stillup.sim.story import Happening, Story
from stillup.sim.texts import post_of
from stillup.sim.wire.short import shorts
from stillup.sources.text import classify
from stillup.sources.workarounds import offer_of

APRIL = load("2026-04-07")
CLAUDE = catalogue()["claude"]


@pytest.fixture(scope="module")
def posts():
    story = Story(APRIL)
    return [post_of(h, CLAUDE, APRIL.seed) for h in story.happened(Stream.POSTS, APRIL.starts, APRIL.ends)]


def test_a_few_of_those_in_trouble_offer_a_way_round_and_no_other_text_is_taken_for_one(posts):
    offered = [p for p in posts if offer_of(f"{p.title}\n{p.body}", CLAUDE).is_one]
    assert 0.02 < len(offered) / len(posts) < 0.12
    assert all(classify(f"{p.title}\n{p.body}", CLAUDE).about_outage for p in offered)
    words = ("Clearing", "private window", "magic link", "API still", "VPN", "restarting", "smaller model", "new chat")
    assert [p.title for p in offered if not any(word in p.title for word in words)] == []


def written_of(service: str):
    """A text of every kind of trouble many times over, each once: (problem, title, body)."""
    of = catalogue()[service]
    happened = (
        Happening(name=f"{service}-{problem}-{n}", at=APRIL.starts, stream=Stream.POSTS, problem=problem)
        for problem in Problem
        for n in range(150)
    )
    posts = ((h.problem, post_of(h, of, 1)) for h in happened)
    return {(problem, post.title, post.body) for problem, post in posts}


CHATS = re.compile(
    r"chat|message|conversation|\bapp\b|magic link|VPN|phone|prompt|529|line of text|sentence|paragraph", re.IGNORECASE
)


@pytest.mark.parametrize(
    "service", ["aws", "gcp", "azure", "cloudflare", "github", "bedrock", "vertex", "azure-openai"]
)
def test_of_clouds_and_code_hosts_nobody_writes_as_of_an_assistant(service):
    written = written_of(service)
    assert [text for _, *text in written if CHATS.search(" ".join(text))] == []
    of = catalogue()[service]
    said = {f"{title}\n{body}": problem for problem, title, body in written}
    assert [text for text in said if not classify(text, of).about_outage] == []
    offers = {text for text in said if offer_of(text, of).is_one}
    assert offers
    assert offers == {
        t for t in said if any(w in t for w in ("region ", "region\n", "still works", "private window", "another zone"))
    }


@pytest.mark.parametrize("service", ["deepl", "stackoverflow", "copilot"])
def test_of_a_tool_without_a_chat_nobody_is_told_to_start_a_new_one(service):
    assert [text for _, *text in written_of(service) if "chat" in " ".join(text).lower()] == []


def test_another_kind_of_service_has_other_words_and_the_same_chances():
    kinds = msgspec.toml.decode((files("stillup.sim") / "texts.toml").read_text("utf-8"))
    for instead in kinds.pop("instead").values():
        for name, banks in instead.items():
            pairs = [(banks, kinds[name])] if name == "chatter" else [(banks[p], kinds[name][p]) for p in banks]
            for own, general in pairs:
                assert {key: len(own[key]) for key in own} == {key: len(general[key]) for key in general}


def test_nobody_offers_a_way_round_a_rumour():
    rumour = load("rumour")
    story = Story(rumour)
    texts = [post_of(h, CLAUDE, rumour.seed) for h in story.happened(Stream.POSTS, rumour.starts, rumour.ends)]
    assert [p.title for p in texts if offer_of(f"{p.title}\n{p.body}", CLAUDE).is_one] == []


def test_short_posts_are_the_same_however_the_time_is_cut():
    stories, start = Stories(Story(APRIL)), APRIL.faults[0].from_
    end, step = start + timedelta(minutes=20), timedelta(minutes=1)
    whole = {short.key for short in shorts(stories, CLAUDE, start, end, times=4)}
    parts = [
        s.key for n in range(20) for s in shorts(stories, CLAUDE, start + n * step, start + (n + 1) * step, times=4)
    ]
    assert len(parts) == len(set(parts))
    assert set(parts) == whole
    assert len(whole) > 20
