"""Incidents about what stands beside the service: its support chat, its blog, its documentation."""

from __future__ import annotations

import json

import pytest

from stillup.model.signal import Declared
from stillup.sources.pages.words import is_beside
from stillup.sources.statuspage import SOURCE


@pytest.mark.parametrize(
    ("title", "beside"),
    [
        ("Support chat unavailable", True),
        ("Unauthorized post from our X.com account", True),
        ("Latency and errors in Intercom", True),
        ("Help center is slow to load", True),
        ("Errors on our documentation site", True),
        ("Issues reaching status.example.com", True),
        ("Elevated errors", False),
        ("Google Docs not shown in projects", False),
        ("Chat unavailable", False),
        ("API does not support images for some users", False),
    ],
)
def test_what_stands_beside_the_service_is_told_by_the_words_of_the_title(title, beside):
    assert is_beside(title) is beside


def test_what_the_page_calls_grave_is_never_beside_the_service():
    assert not is_beside("Support chat unavailable", grave=True)


def summary(answer, title, **rest):
    page = json.loads(answer("statuspage/quiet.json"))
    update = {"status": "investigating", "body": "…", "created_at": "2026-05-12T14:35:00Z"}
    incident = {"id": "a", "name": title, "status": "investigating", "incident_updates": [update], **rest}
    return json.dumps({**page, "incidents": [{"impact": "none", **incident}]}).encode()


def faults(reading):
    return {s.component for s in reading.signals if isinstance(s, Declared) and s.state.is_fault}


def test_a_support_chat_that_is_down_leaves_the_service_operational(answer, context):
    assert faults(SOURCE.parse(summary(answer, "Support chat unavailable"), context())) == set()
    assert faults(SOURCE.parse(summary(answer, "Elevated errors"), context())) == {None}


def test_a_title_that_also_names_a_component_is_about_that(answer, context):
    assert faults(SOURCE.parse(summary(answer, "Claude API and support chat unavailable"), context())) == {"api"}


def test_the_feed_leaves_it_out_too(answer, context):
    feed = answer("statuspage/good-atom.xml").replace(b"Elevated errors on Opus requests", b"Support chat unavailable")
    assert faults(SOURCE.parse(feed, context(), "atom")) == set()
