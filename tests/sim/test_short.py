"""What simulated people say of ways round, and where there is little room, reads as it was written to be read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stillup.catalog.load import catalogue
from stillup.sim.load import load
from stillup.sim.scenario import Stream
from stillup.sim.stories import Stories
from stillup.sim.story import Story
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
