"""What stands in for what with no configuration: the same model elsewhere, its kin, its equals, this machine."""

from __future__ import annotations

import pytest

from stillup.catalog.models import find_model, models
from stillup.gateway.core.values import Protocol
from stillup.gateway.standin import Reason
from stillup.gateway.upstreams import Local

from .conftest import Planner, chain, reasons

OLLAMA = Local(provider="ollama", origin="http://127.0.0.1:11434", models=("nomic-embed-text", "llama3.3:70b"))
ANTHROPIC, OPENAI, RESPONSES, GEMINI = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI
AWS = {"AWS_BEARER_TOKEN_BEDROCK": "dummy-aws"}
GCP = {"ANTHROPIC_VERTEX_PROJECT_ID": "my-project"}


def test_claude_is_asked_at_its_maker_then_in_the_clouds_then_at_the_router(plan_of: Planner):
    plan = plan_of("ANTHROPIC OPENROUTER", **AWS, **GCP)
    assert chain(plan, ANTHROPIC, "claude-sonnet-4-5-20250929")[:4] == [
        "anthropic",
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "vertex/claude-sonnet-4-5@20250929",
        "openrouter-anthropic/anthropic/claude-sonnet-4.5",
    ]


def test_the_maker_keeps_the_name_as_the_client_wrote_it(plan_of: Planner):
    (first, *_) = plan_of("ANTHROPIC").chain(ANTHROPIC, "claude-sonnet-4-5-20250929")
    assert (first.upstream, first.model, first.service, first.component) == ("anthropic", "", "claude", "api")


def test_a_cloud_that_uses_the_makers_own_name_is_still_elsewhere(plan_of: Planner):
    links = plan_of("ANTHROPIC", **GCP).links(ANTHROPIC, "claude-opus-5-5")
    assert reasons(links)["vertex"] == Reason.ELSEWHERE


def test_the_cloud_is_asked_through_the_profile_of_its_region(plan_of: Planner):
    plan = plan_of("ANTHROPIC", **AWS, AWS_REGION="eu-west-1")
    assert chain(plan, ANTHROPIC, "claude-opus-4-8")[1] == "bedrock/eu.anthropic.claude-opus-4-8"


def test_after_the_same_model_comes_one_of_the_same_line_and_then_other_makers(plan_of: Planner):
    plan = plan_of("OPENAI MISTRAL XAI OPENROUTER")
    assert chain(plan, OPENAI, "gpt-6.2-sol") == [
        "openai",
        "openrouter/openai/gpt-6.2-sol",
        "openai/gpt-6.1-sol",
        "mistral/mistral-large-4-0",
        "xai/grok-4.3",
    ]


def test_a_sibling_costs_at_most_twice_as_much(plan_of: Planner):
    for model in models().values():
        for link in plan_of("ANTHROPIC OPENAI GEMINI MISTRAL XAI").links(_home(model.maker), model.id):
            other = find_model(link.model)
            if link.reason is Reason.SIBLING and other and other.price and model.price:
                asked = 10 * model.price.input + model.price.output
                assert 10 * other.price.input + other.price.output <= max(2 * asked, 5.0)


def _home(maker: str) -> Protocol:
    return {"anthropic": ANTHROPIC, "gemini": GEMINI}.get(maker, OPENAI)


def test_what_costs_too_much_more_is_not_slipped_in(plan_of: Planner):
    links = plan_of("OPENAI PERPLEXITY XAI").links(OPENAI, "gpt-6-luna")
    assert reasons(links)["xai"] in (Reason.NO_MODEL, Reason.DEARER)
    assert all(link.target is None for link in links if link.upstream == "xai")


def test_a_lesser_model_is_better_than_an_error_and_says_so(plan_of: Planner):
    links = plan_of("ANTHROPIC DEEPSEEK").links(ANTHROPIC, "claude-opus-5-5")
    last = [link for link in links if link.target][-1]
    assert (last.upstream, last.model, last.reason) == ("deepseek-anthropic", "deepseek-v4-pro", Reason.LESSER)
    assert "a lesser model" in last.says


def test_an_agents_model_is_not_replaced_by_one_without_tools(plan_of: Planner):
    links = plan_of("OPENAI PERPLEXITY").links(OPENAI, "gpt-6.2-sol")
    assert reasons(links)["perplexity"] == Reason.NO_MODEL


def test_this_machine_comes_last_with_a_model_that_can_talk(plan_of: Planner):
    plan = plan_of("OPENAI MISTRAL", local=[OLLAMA])
    assert chain(plan, OPENAI, "gpt-6.2-sol")[-1] == "ollama/llama3.3:70b"
    assert chain(plan, ANTHROPIC, "claude-opus-5-5")[-1] == "ollama-anthropic/llama3.3:70b"


def test_what_is_asked_of_a_model_of_this_machine_goes_nowhere_else(plan_of: Planner):
    plan = plan_of("OPENAI MISTRAL OPENROUTER", local=[OLLAMA])
    assert chain(plan, OPENAI, "llama3.3:70b") == ["ollama"]
    assert set(reasons(plan.links(OPENAI, "llama3.3:70b")).values()) == {
        Reason.ASKED,
        Reason.STAYS,
        Reason.NO_KEY,
    }


def test_nothing_stands_in_for_an_embedding(plan_of: Planner):
    plan = plan_of("OPENAI MISTRAL OPENROUTER", local=[OLLAMA])
    assert chain(plan, OPENAI, "text-embedding-3-small") == ["openai"]


def test_without_a_key_only_the_maker_is_asked_for_the_clients_own_key_belongs_there(plan_of: Planner):
    plan = plan_of("")
    assert chain(plan, ANTHROPIC, "claude-opus-5-5") == ["anthropic", "anthropic/claude-opus-5"]
    assert chain(plan, OPENAI, "gpt-6.2-sol")[0] == "openai"
    assert chain(plan, GEMINI, "gemini-4-carbon")[0] == "gemini"
    assert reasons(plan.links(OPENAI, "grok-4.7"))["openai"] in (Reason.ASKED, Reason.NO_KEY)


def test_a_clients_key_is_not_sent_to_a_provider_it_was_not_made_for(plan_of: Planner):
    links = plan_of("MISTRAL").links(OPENAI, "mistral-large-2512")
    assert reasons(links)["openai"] == Reason.NO_KEY


def test_another_dialect_stands_in_once_for_each_provider_after_the_clients_own(plan_of: Planner):
    plan = plan_of("ANTHROPIC OPENAI DEEPSEEK GEMINI")
    links = [link for link in plan.links(ANTHROPIC, "claude-opus-5-5") if link.target]
    assert [(link.upstream, link.translated) for link in links] == [
        ("anthropic", False),
        ("anthropic", False),
        ("openai", True),
        ("gemini", True),
        ("deepseek-anthropic", False),
    ]
    assert [link.target.protocol for link in links if link.translated] == [RESPONSES, GEMINI]


def test_the_same_model_in_the_clients_dialect_comes_before_its_maker_in_another(plan_of: Planner):
    plan = plan_of("ANTHROPIC OPENROUTER")
    assert chain(plan, OPENAI, "claude-opus-5-5")[:2] == ["openrouter/anthropic/claude-opus-5.5", "anthropic"]
    assert [t.protocol for t in plan.chain(OPENAI, "claude-opus-5-5")][:2] == [OPENAI, ANTHROPIC]


def test_a_clients_key_never_opens_another_dialects_upstream(plan_of: Planner):
    links = plan_of("ANTHROPIC").links(ANTHROPIC, "claude-opus-5-5")
    assert reasons(links)["openai"] == reasons(links)["gemini"] == Reason.NO_KEY


def test_responses_go_where_chat_completions_go_and_in_them_where_they_are_not_spoken(plan_of: Planner):
    plan = plan_of("OPENAI MISTRAL XAI")
    targets = plan.chain(RESPONSES, "gpt-6.2-sol")
    assert [(t.upstream, t.protocol) for t in targets] == [
        ("openai", RESPONSES),
        ("openai", RESPONSES),
        ("xai", RESPONSES),
        ("mistral", OPENAI),
    ]


def test_what_openai_is_asked_by_clients_of_other_dialects_is_asked_in_responses(plan_of: Planner):
    """With tools its newest models think there only."""
    (first, *_) = plan_of("OPENAI").chain(ANTHROPIC, "gpt-6.2-sol")
    assert (first.upstream, first.model, first.protocol) == ("openai", "", RESPONSES)
    (first, *_) = plan_of("XAI").chain(GEMINI, "grok-4.7")
    assert first.protocol is OPENAI


def test_the_clouds_targets_speak_the_clouds_protocol(plan_of: Planner):
    targets = plan_of("ANTHROPIC", **AWS, **GCP).chain(ANTHROPIC, "claude-opus-5-5")
    assert [t.protocol for t in targets[:3]] == [ANTHROPIC, Protocol.BEDROCK, Protocol.VERTEX]


def test_a_version_nobody_knows_goes_to_its_maker_and_its_line_stands_in(plan_of: Planner):
    plan = plan_of("ANTHROPIC", **AWS)
    assert chain(plan, ANTHROPIC, "claude-opus-9") == [
        "anthropic",
        "anthropic/claude-opus-5-5",
        "bedrock/us.anthropic.claude-opus-5-5",
    ]


def test_a_name_nobody_knows_is_answered_by_the_first_upstream_itself(plan_of: Planner):
    plan = plan_of("OPENAI MISTRAL")
    assert chain(plan, OPENAI, "no-such-model") == ["openai"]
    first = plan.links(OPENAI, "no-such-model")[0]
    assert first.reason is Reason.ASKED
    assert first.says.startswith("no provider is known to have a model of that name; the first upstream is asked")


def test_a_routers_own_name_is_the_routers(plan_of: Planner):
    plan = plan_of("OPENAI OPENROUTER")
    assert chain(plan, OPENAI, "anthropic/claude-opus-5.5")[0] == "openrouter"
    assert chain(plan, OPENAI, "someone/some-model") == ["openrouter"]


def test_a_list_of_models_is_asked_of_every_upstream_of_the_protocol_in_order(plan_of: Planner):
    assert chain(plan_of("OPENAI MISTRAL GROQ"), OPENAI, "") == ["openai", "mistral", "groq"]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_words(reason: Reason):
    assert reason.says


@pytest.mark.parametrize("model", [m for m in models().values() if m.maker != "open"], ids=lambda m: m.id)
def test_the_first_choice_for_a_known_model_is_always_its_maker_with_the_clients_own_name(plan_of: Planner, model):
    plan = plan_of("ANTHROPIC OPENAI GEMINI MISTRAL DEEPSEEK XAI GROQ PERPLEXITY OPENROUTER", local=[OLLAMA], **AWS)
    first = plan.chain(_home(model.maker), model.id)[0]
    assert (first.upstream, first.model) == (model.maker, "")
