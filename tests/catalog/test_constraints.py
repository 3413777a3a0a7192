"""What models take: the file is sound, and every name leads to its group."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.catalog.constraints import (
    UNKNOWN,
    Constraints,
    Json,
    Thinks,
    Way,
    When,
    all_constraints,
    constraints_of,
)
from stillup.catalog.models import models
from stillup.gateway.core.values import Form

EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
MEMBERS = {"temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "stop"}


@pytest.mark.parametrize("group", all_constraints(), ids=lambda g: g.models[0])
def test_every_group_has_its_source_with_a_date_and_sound_facts(group: Constraints):
    assert group.models
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", group.as_of)
    assert urlsplit(group.source).scheme == "https"
    assert Form(group.prefix) is not Form.NONE
    assert list(group.efforts) == [e for e in EFFORTS if e in group.efforts]
    assert {*group.lacks, *group.lacks_thinking} <= MEMBERS
    assert not set(group.lacks) & set(group.lacks_thinking)
    if group.budget:
        assert 0 < group.budget[0] < group.budget[1]
    if group.thinking is Thinks.ALWAYS:
        assert group.thinks_unasked
        assert not group.off
        assert "none" not in group.efforts
    if group.thinking is Thinks.NEVER:
        assert (group.efforts, group.budget, group.asked) == ((), None, None)
    assert (group.asked is Way.BUDGET) <= (group.budget is not None)


def test_every_maker_of_the_catalogues_current_models_is_described():
    unknown = {
        m.id for m in models().values() if not m.legacy and m.maker != "open" and constraints_of(m.id) is UNKNOWN
    }
    assert unknown == {"grok-build-0.1"}


def test_every_group_is_of_some_model_or_of_ones_that_were():
    for group in all_constraints():
        named = [m for m in models() if constraints_of(m) is group]
        assert named or any(p.startswith(("claude-3", "claude-2")) for p in group.models)


@pytest.mark.parametrize(
    ("name", "prefix", "thinking"),
    [
        ("claude-opus-5-5", "instruction", Thinks.ALWAYS),
        ("us.anthropic.claude-opus-4-5-20251101-v1:0", "prefill", Thinks.OPTIONAL),
        ("claude-sonnet-4-5-20250929", "prefill", Thinks.OPTIONAL),
        ("anthropic/claude-haiku-4.5", "prefill", Thinks.OPTIONAL),
        ("claude-3-5-sonnet-20241022", "prefill", Thinks.NEVER),
        ("claude-opus-77", "instruction", Thinks.ALWAYS),
        ("claude-sonnet-9", "instruction", Thinks.OPTIONAL),
        ("openai/gpt-4o", "instruction", Thinks.NEVER),
        ("deepseek/deepseek-v4-pro", "prefix", Thinks.OPTIONAL),
        ("gpt-oss:20b", "instruction", Thinks.ALWAYS),
        ("gemini-2.5-flash-lite", "instruction", Thinks.OPTIONAL),
    ],
)
def test_a_model_is_found_by_any_of_its_names_and_an_unheard_of_version_is_like_its_line(name, prefix, thinking):
    found = constraints_of(name)
    assert (found.prefix, found.thinking) == (prefix, thinking)


@pytest.mark.parametrize("name", ["", "foo", "a" * 400, "gpt-7", "*"])
def test_of_a_name_nobody_knows_nothing_is_assumed(name):
    assert constraints_of(name) is UNKNOWN


def test_what_others_rely_on_is_there():
    assert constraints_of("claude-sonnet-5-5").off == "between_tools"
    assert constraints_of("claude-opus-4-6").forced_tools is When.NOT_THINKING
    assert constraints_of("gpt-6.2-sol").chat_tools is When.NO
    assert constraints_of("deepseek-flash").json is Json.OBJECT
    assert constraints_of("gemini-2.5-pro").json_with_tools is False
    assert constraints_of("o3").completion_tokens is True


@given(st.text(max_size=40))
def test_any_name_has_an_answer(name: str):
    assert isinstance(constraints_of(name), Constraints)
