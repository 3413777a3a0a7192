"""Whom one request is sent to: who can take it, who is affordable, and with whose key."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stillup.gateway.core.values import Ask, Operation, Protocol, Target, Usage
from stillup.gateway.core.views import Try
from stillup.gateway.dialects.base import KeyKind
from stillup.gateway.seen.passage import Passage
from stillup.gateway.standin import Reason
from stillup.gateway.upstreams import Local
from stillup.gateway.whom import Whom

from .conftest import Planner

ANTHROPIC, OPENAI, RESPONSES, GEMINI = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI
PATHS = {
    ANTHROPIC: "/v1/messages",
    OPENAI: "/v1/chat/completions",
    RESPONSES: "/v1/responses",
    GEMINI: "/v1beta/models/m",
}
NOON = datetime(2026, 4, 7, 12, tzinfo=UTC)
PICTURE = {"type": "image", "source": {"type": "base64", "data": "abc"}}
TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]


def ask(
    protocol: Protocol = ANTHROPIC, model: str = "m", operation: Operation = Operation.GENERATE, **body: Any
) -> Ask:
    raw = json.dumps({"model": model, **body}).encode()
    headers = ((b"x-api-key", b"clients-own"), (b"authorization", b"Bearer clients-own"))
    return Ask(
        protocol=protocol,
        operation=operation,
        method="POST",
        path=PATHS[protocol],
        headers=headers,
        body=raw,
        model=model,
    )


def saying(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": list(parts)}]


def names(chain: tuple[Target, ...]) -> list[str]:
    return [target.name for target in chain]


def upstream(name: str, protocol: str = "openai", more: str = "") -> str:
    return f'[[gateway.upstreams]]\nid = "{name}"\nprotocol = "{protocol}"\nbase_url = "http://127.0.0.1:9/{name}"\n{more}\n'


def route(*chain: str, more: str = "") -> str:
    return f"[[gateway.routes]]\nchain = {list(chain)}\n{more}\n"


THREE = upstream("a") + upstream("b", "anthropic") + upstream("c", "gemini")


def test_a_route_mixes_protocols_and_says_in_which_each_is_asked(plan_of: Planner):
    whom = Whom(plan_of(text=THREE + route("a/x", "b/y", "c/z")))
    assert [t.protocol for t in whom.chain(ask())] == [OPENAI, ANTHROPIC, GEMINI]


def test_images_never_go_to_a_model_without_sight_and_to_one_nobody_knows_last(plan_of: Planner):
    whom = Whom(
        plan_of(text=THREE + route("b/claude-opus-5-5", "a/codestral-latest", "a/unheard-of", "c/gemini-4-neon"))
    )
    assert names(whom.chain(ask(messages=saying(PICTURE)))) == ["b/claude-opus-5-5", "c/gemini-4-neon", "a/unheard-of"]
    assert len(whom.chain(ask(messages=saying({"type": "text", "text": "image"})))) == 4


def test_documents_tools_and_json_each_keep_those_out_that_cannot(plan_of: Planner):
    chain = route("b/claude-opus-5-5", "a/sonar", "a/gpt-oss", "b/claude-opus-4-0", "c/gemini-2.5-pro")
    whom = Whom(plan_of(text=THREE + chain))
    document = {"type": "document", "source": {"type": "base64", "data": "abc"}}
    assert "a/gpt-oss" not in names(whom.chain(ask(messages=saying(document))))
    assert "a/sonar" not in names(whom.chain(ask(tools=TOOLS)))
    form = {"format": {"type": "json_schema", "schema": {}}}
    assert "b/claude-opus-4-0" not in names(whom.chain(ask(output_config=form)))
    assert "c/gemini-2.5-pro" in names(whom.chain(ask(output_config=form)))
    assert "c/gemini-2.5-pro" not in names(whom.chain(ask(output_config=form, tools=TOOLS)))


def test_a_request_goes_to_no_model_it_is_too_long_for_the_answer_counted(plan_of: Planner):
    whom = Whom(plan_of(text=THREE + route("b/claude-opus-5-5", "b/claude-haiku-4-5", "c/gemini-4-neon")))
    long = "word " * 120_000
    assert names(whom.chain(ask(messages=saying({"type": "text", "text": long})))) == [
        "b/claude-opus-5-5",
        "b/claude-haiku-4-5",
        "c/gemini-4-neon",
    ]
    long *= 3
    assert names(whom.chain(ask(messages=saying({"type": "text", "text": long})))) == [
        "b/claude-opus-5-5",
        "c/gemini-4-neon",
    ]
    picture = {"type": "image", "source": {"type": "base64", "data": "A" * 2_000_000}}
    assert len(whom.chain(ask(messages=saying(picture)))) == 3


def test_the_model_that_the_client_named_is_the_clients_to_judge(plan_of: Planner):
    whom = Whom(plan_of("MISTRAL GEMINI"))
    chain = whom.chain(
        ask(OPENAI, "codestral-latest", messages=saying({"type": "image_url", "image_url": {"url": "x"}}))
    )
    assert chain[0].name == "mistral"
    assert all(t.upstream != "mistral" or not t.model or "codestral" not in t.model for t in chain[1:])


def test_a_chain_that_nobody_of_can_take_the_request_says_why(plan_of: Planner):
    whom = Whom(plan_of(text=THREE + route("a/codestral-latest")))
    blind = ask(messages=saying(PICTURE))
    assert whom.chain(blind) == ()
    assert whom.nobody(blind) == (
        "No upstream can take this request for the model 'm' (a/codestral-latest: it does not see images)."
    )
    assert "no route matches" in Whom(plan_of(text=THREE + route("a/x", more='match = "y"'))).nobody(ask())


def test_with_tools_openais_newest_are_asked_in_responses_where_that_is_spoken(plan_of: Planner):
    whom = Whom(plan_of("OPENAI MISTRAL"))
    tools = [{"type": "function", "function": {"name": "f"}}]
    chain = whom.chain(ask(OPENAI, "mistral-large-4-0", tools=tools))
    by_name = {t.name: t.protocol for t in chain}
    openais = {name: protocol for name, protocol in by_name.items() if name.startswith("openai/")}
    assert by_name["mistral"] is OPENAI
    assert set(openais.values()) <= {RESPONSES, OPENAI}
    own = whom.chain(ask(OPENAI, "gpt-6.2-sol", tools=tools))
    assert own[0].protocol is OPENAI  # as its client asked
    assert {t.protocol for t in own[1:] if t.upstream == "openai"} == {RESPONSES}


def test_with_stop_sequences_openai_is_asked_in_the_dialect_that_has_them(plan_of: Planner):
    whom = Whom(
        plan_of(
            text=upstream("o").replace("http://127.0.0.1:9/o", "https://api.openai.com/v1")
            + 'key_env = "K"\n'
            + route("o/gpt-4o"),
            K="dummy",
        )
    )
    assert whom.chain(ask())[0].protocol is RESPONSES
    assert whom.chain(ask(stop_sequences=["x"]))[0].protocol is OPENAI
    assert whom.chain(ask(stop_sequences=[]))[0].protocol is RESPONSES


def test_embeddings_and_lists_stay_in_their_own_dialect_and_counts_with_who_can_count(plan_of: Planner):
    whom = Whom(plan_of(text=THREE + route("b/x", "a/y", "c/z")))
    assert names(whom.chain(ask(operation=Operation.EMBED))) == ["b/x"]
    assert names(whom.chain(ask(operation=Operation.COUNT_TOKENS))) == ["b/x", "c/z"]
    assert names(whom.chain(ask(GEMINI, operation=Operation.COUNT_TOKENS))) == ["b/x", "c/z"]


def test_what_follows_a_stored_response_stays_where_that_is_kept(plan_of: Planner):
    whom = Whom(plan_of("OPENAI ANTHROPIC"))
    chain = whom.chain(ask(RESPONSES, "gpt-6.2-sol", previous_response_id="resp_1"))
    assert {t.upstream for t in chain} == {"openai"}


# --- money


def test_a_standin_that_costs_more_than_the_limit_is_left_out_but_never_the_first(plan_of: Planner):
    dear = route(
        "b/claude-fable-5-2",
        "b/claude-opus-5-5",
        "b/claude-haiku-5-5",
        "a/unheard-of",
        more="max_usd_per_million = 2.5",
    )
    plan = plan_of(text=THREE + dear)
    assert [(x.model, x.reason) for x in plan.links(ANTHROPIC, "m")] == [
        ("claude-fable-5-2", Reason.ROUTE),
        ("claude-opus-5-5", Reason.OVER_LIMIT),
        ("claude-haiku-5-5", Reason.ROUTE),
        ("unheard-of", Reason.ROUTE),
    ]
    assert names(Whom(plan).chain(ask())) == ["b/claude-fable-5-2", "b/claude-haiku-5-5", "a/unheard-of"]


def test_the_gateways_limit_holds_where_a_route_says_nothing_and_without_routes(plan_of: Planner):
    general = "[gateway]\nstandin_max_usd_per_million = 12\n"
    plan = plan_of(text=general + THREE + route("b/claude-opus-5-5", "b/claude-fable-5-2"))
    assert names(Whom(plan).chain(ask())) == ["b/claude-opus-5-5"]
    plan = plan_of("OPENAI GEMINI", general)
    for link in plan.links(OPENAI, "gpt-6.2-sol")[1:]:
        assert link.target is None or link.reason is not Reason.OVER_LIMIT
    assert any(x.reason is Reason.OVER_LIMIT for x in plan.links(OPENAI, "gpt-6.2-sol"))


def passage(target: Target, usd: float | None) -> Passage:
    found = Passage("id", ANTHROPIC, Operation.GENERATE, "claude-opus-5-5", False, 10, "", 0.0)
    found.winner = Try(target=target, model=target.model, operation=Operation.GENERATE, ok=True, usage=Usage())
    found.usd = usd
    return found


def test_when_the_days_budget_for_standins_is_used_up_only_the_first_and_this_machine_are_asked(plan_of: Planner):
    here = Local(provider="ollama", origin="http://127.0.0.1:11434", models=("llama3.3:70b",))
    plan = plan_of("ANTHROPIC OPENROUTER", "[gateway]\nstandin_usd_per_day = 1.5\n", local=[here])
    now = [NOON]
    whom = Whom(plan, lambda: now[0])
    asked = ask(model="claude-opus-5-5")
    first, second, *_ = before = whom.chain(asked)
    whom.paid(passage(first, 100.0))
    whom.paid(passage(second, 1.0))
    whom.paid(passage(second, None))
    assert whom.chain(asked) == before
    whom.paid(passage(second, 0.5))
    assert names(whom.chain(asked)) == ["anthropic", "ollama-anthropic/llama3.3:70b"]
    now[0] += timedelta(hours=13)
    assert whom.chain(asked) == before
    never = Whom(plan)
    never.paid(passage(second, 100.0))
    assert never.chain(asked) == before


# --- keys


@pytest.mark.parametrize(("more", "kind"), [("", KeyKind.NONE), ("pass_credentials = true", KeyKind.CLIENT)])
def test_a_clients_key_goes_to_another_dialect_only_where_the_configuration_says_so(plan_of: Planner, more, kind):
    whom = Whom(plan_of(text=upstream("a", "openai", more) + route("a/x")))
    asked = ask()
    assert whom.keys(asked, whom.chain(asked), lend=True)["a"].kind is kind


def test_a_subscriptions_token_never_opens_another_dialect(plan_of: Planner):
    text = '[[gateway.upstreams]]\nid = "a"\nprotocol = "anthropic"\npass_credentials = true\n' + route(
        "a/claude-opus-5-5"
    )
    whom = Whom(plan_of(text=text))
    asked = ask(OPENAI)
    asked = Ask(
        protocol=OPENAI,
        operation=Operation.GENERATE,
        method="POST",
        path=PATHS[OPENAI],
        headers=((b"authorization", b"Bearer sk-ant-oat01-dummy"),),
        body=asked.body,
        model="m",
    )
    assert whom.keys(asked, whom.chain(asked), lend=True)["a"].kind is KeyKind.NONE


def test_bedrock_is_asked_in_converse_for_what_is_not_claude(plan_of: Planner):
    text = '[[gateway.upstreams]]\nid = "aws"\nprotocol = "bedrock"\n' + route(
        "aws/claude-opus-5-5", "aws/mistral.mistral-large-3"
    )
    chain = Whom(plan_of(text=text)).chain(ask())
    assert [t.protocol for t in chain] == [Protocol.BEDROCK, Protocol.CONVERSE]


def test_what_one_upstream_keeps_is_asked_of_it_alone(plan_of: Planner):
    whom = Whom(plan_of(text=THREE + route("a/x", "b/y")))
    assert names(whom.chain(ask(OPENAI, operation=Operation.STORED))) == ["a/x"]
    assert whom.chain(ask(OPENAI, operation=Operation.MODELS))[0].name == "a/x"


def test_without_routes_a_model_that_does_it_less_well_comes_after_those_that_do_it(plan_of: Planner):
    whom = Whom(plan_of("OPENAI DEEPSEEK MISTRAL"))
    plain = names(whom.chain(ask(OPENAI, "gpt-6.2-sol")))
    assert plain.index("deepseek/deepseek-v4-pro") > plain.index("mistral/mistral-large-4-0")
    plan = plan_of("OPENAI DEEPSEEK XAI")
    form = {"type": "json_schema", "json_schema": {"schema": {}}}
    found = names(Whom(plan).chain(ask(OPENAI, "gpt-6.2-sol", response_format=form)))
    assert found[-1] == "deepseek/deepseek-v4-pro"
    stopped = names(Whom(plan).chain(ask(OPENAI, "gpt-6.2-sol", stop=["x"])))
    assert stopped[0] == "openai"
    assert stopped.index("deepseek/deepseek-v4-pro") < stopped.index("openai/gpt-6.1-sol")


def test_where_no_capability_is_missing_the_plan_says_why_nobody_can_be_asked(plan_of: Planner):
    whom = Whom(plan_of(text=THREE + route("a/x", more='match = "other"')))
    assert whom.nobody(ask()) == "No upstream can be asked for the model 'm': no route matches it."
    assert whom.nobody(ask(operation=Operation.COUNT_TOKENS)) == whom.nobody(ask())


def test_what_is_not_translated_is_not_called_an_upstream_that_the_route_says(plan_of: Planner):
    whom = Whom(plan_of(text=THREE + route("a/x")))
    other = ask(OPENAI if whom.chain(ask())[0].protocol is not OPENAI else ANTHROPIC, operation=Operation.EMBED)
    assert whom.chain(other) == ()
    assert "(a: it does not serve that)" in whom.nobody(other)
