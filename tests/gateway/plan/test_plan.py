"""The configuration and the environment resolved: upstreams, keys, routes, users, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.catalog.providers import providers
from stillup.config import parse_config
from stillup.errors import ConfigError
from stillup.gateway import plan as module
from stillup.gateway.core.values import Protocol, Target
from stillup.gateway.plan import resolve
from stillup.gateway.standin import Reason
from stillup.gateway.upstreams import Local, local_origin
from stillup.secret import Secret

from .conftest import Planner, chain, reasons

ANTHROPIC, OPENAI, RESPONSES, GEMINI = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI

KEYED = ["ANTHROPIC", "OPENAI", "GEMINI", "MISTRAL", "DEEPSEEK", "XAI", "GROQ", "PERPLEXITY", "OPENROUTER"]
CONTRACT = """
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "http://127.0.0.1:9001"
key_env = "A_KEY"
service = "claude"
component = "api"
[[gateway.upstreams]]
id = "b"
protocol = "openai"
base_url = "http://127.0.0.1:9002/v1"
service = "chatgpt"
[[gateway.routes]]
match = "*"
chain = ["a/claude-opus", "b/gpt-large"]
"""


# --- upstreams of the configuration


def test_an_upstream_is_as_configured_and_its_key_a_secret(plan_of: Planner):
    plan = plan_of(text=CONTRACT, A_KEY=" dummy-a ")
    a, b = plan.upstreams
    assert (a.id, a.protocol, a.base_url, a.key, a.service, a.component) == (
        "a",
        ANTHROPIC,
        "http://127.0.0.1:9001",
        Secret("dummy-a"),
        "claude",
        "api",
    )
    assert (b.id, b.key, b.service, b.component) == ("b", None, "chatgpt", "")
    assert plan.upstream("b") is b
    assert "dummy-a" not in repr(plan)


def test_a_key_that_is_not_there_is_said_and_the_upstream_stays(plan_of: Planner):
    plan = plan_of(text=CONTRACT)
    assert plan.upstream("a").key is None
    assert plan.missing == ("a: set A_KEY to its key; until then only clients' own keys can reach it",)


@pytest.mark.parametrize(("protocol", "whose"), [("bedrock", "AWS"), ("vertex", "Google Cloud")])
def test_a_cloud_without_its_key_is_opened_by_the_clouds_own_credentials(plan_of: Planner, protocol: str, whose: str):
    plan = plan_of(text=f"[[gateway.upstreams]]\nid = 'c'\nprotocol = '{protocol}'\nkey_env = 'C_KEY'")
    assert plan.missing == (f"c: set C_KEY to its key; until then {whose}'s own credentials are used",)


def test_a_key_may_lie_in_a_file(tmp_path: Path):
    (tmp_path / "a.key").write_text("dummy-file\n")
    text = '[[gateway.upstreams]]\nid = "a"\nprotocol = "openai"\nkey_file = "a.key"'
    plan = resolve(parse_config(text, {}, tmp_path / "stillup.toml"), {})
    assert plan.upstream("a").key == Secret("dummy-file")
    assert plan.known[0].key_from == str(tmp_path / "a.key")


@pytest.mark.parametrize(
    "text", ["", "[[gateway.upstreams]]\nid = 'a'\nprotocol = 'openai'\nkey_env = 'OPENAI_API_KEY'"]
)
def test_a_key_of_two_lines_stops_the_start_whether_it_was_named_or_found(text: str):
    with pytest.raises(ConfigError, match=r"^OPENAI_API_KEY: the key cannot be sent") as caught:
        resolve(parse_config(text), {"OPENAI_API_KEY": "dummy-a\ndummy-b"})
    assert "dummy" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "environ", "base_url", "region", "project"),
    [
        ("protocol = 'anthropic'", {}, "https://api.anthropic.com", "", ""),
        ("protocol = 'openai-responses'", {}, "https://api.openai.com/v1", "", ""),
        ("protocol = 'gemini'", {}, "https://generativelanguage.googleapis.com", "", ""),
        ("protocol = 'bedrock'", {}, "https://bedrock-runtime.us-east-1.amazonaws.com", "us-east-1", ""),
        (
            "protocol = 'bedrock'",
            {"AWS_DEFAULT_REGION": "eu-west-1"},
            "https://bedrock-runtime.eu-west-1.amazonaws.com",
            "eu-west-1",
            "",
        ),
        (
            "protocol = 'bedrock'\nregion = 'eu-west-2'",
            {"AWS_REGION": "eu-west-1"},
            "https://bedrock-runtime.eu-west-2.amazonaws.com",
            "eu-west-2",
            "",
        ),
        (
            "protocol = 'vertex'\nproject = 'mine'",
            {"CLOUD_ML_REGION": "us-east5"},
            "https://us-east5-aiplatform.googleapis.com/v1",
            "us-east5",
            "mine",
        ),
        (
            "protocol = 'vertex'",
            {"ANTHROPIC_VERTEX_PROJECT_ID": "env"},
            "https://aiplatform.googleapis.com/v1",
            "global",
            "env",
        ),
    ],
)
def test_what_is_not_said_is_the_providers_own(plan_of: Planner, line, environ, base_url, region, project):
    (spec,) = plan_of(text=f"[[gateway.upstreams]]\nid = 'a'\n{line}", **environ).upstreams
    assert (spec.base_url, spec.region, spec.project) == (base_url, region, project)


def test_a_vertex_without_a_project_is_said(plan_of: Planner):
    (says,) = plan_of(text="[[gateway.upstreams]]\nid = 'v'\nprotocol = 'vertex'").missing
    assert says.startswith("v: set `project`")


def test_the_gateways_own_address_in_the_environment_is_no_upstream(plan_of: Planner):
    """A program that runs inside `stillup with` has these set; the gateway must not ask itself."""
    plan = plan_of("ANTHROPIC", ANTHROPIC_BASE_URL="http://127.0.0.1:8790", OPENAI_BASE_URL="http://127.0.0.1:8790/v1")
    assert plan.upstream("anthropic").base_url == "https://api.anthropic.com"
    assert plan.upstream("openai").base_url == "https://api.openai.com/v1"


# --- routes


def test_the_contracts_chain_mixes_protocols(plan_of: Planner):
    plan = plan_of(text=CONTRACT)
    for protocol in (ANTHROPIC, OPENAI):
        first, second = plan.chain(protocol, "anything")
        assert first == Target(upstream="a", model="claude-opus", protocol=ANTHROPIC, service="claude", component="api")
        assert (second.name, second.protocol) == ("b/gpt-large", OPENAI)
    assert [(x.upstream, x.reason, x.translated) for x in plan.links(OPENAI, "x")] == [
        ("a", Reason.ROUTE, True),
        ("b", Reason.ROUTE, False),
    ]


ROUTES = """
[[gateway.upstreams]]
id = "a"
protocol = "anthropic"
base_url = "http://127.0.0.1:9001"
[[gateway.upstreams]]
id = "b"
protocol = "anthropic"
base_url = "http://127.0.0.1:9002"
[[gateway.routes]]
match = "claude-opus-*"
chain = ["a", "b/other"]
[[gateway.routes]]
match = "claude-*"
chain = ["b"]
"""


@pytest.mark.parametrize(
    ("model", "targets"),
    [
        ("claude-opus-5-5", ["a", "b/other"]),
        ("claude-sonnet-5-5", ["b"]),
        ("Claude-Opus-5-5", []),
        ("gpt-6.2-sol", []),
        ("", ["a", "b"]),
    ],
)
def test_the_first_route_that_fits_is_taken_and_none_is_no_chain(plan_of: Planner, model: str, targets: list[str]):
    assert chain(plan_of(text=ROUTES), ANTHROPIC, model) == targets


def test_a_target_that_a_route_names_twice_is_asked_once(plan_of: Planner):
    text = ROUTES.replace('["a", "b/other"]', '["a", "b/other", "a"]')
    assert chain(plan_of(text=text), ANTHROPIC, "claude-opus-5-5") == ["a", "b/other"]


def test_a_chain_keeps_the_clients_name_but_where_it_cannot_mean_anything(plan_of: Planner):
    text = """
[[gateway.upstreams]]
id = "aws"
protocol = "bedrock"
region = "us-east-1"
[[gateway.upstreams]]
id = "gcp"
protocol = "vertex"
project = "p"
[[gateway.routes]]
chain = ["aws", "gcp", "aws/my.own-profile"]
"""
    plan = plan_of(text=text)
    assert chain(plan, ANTHROPIC, "claude-haiku-4-5") == [
        "aws/us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "gcp/claude-haiku-4-5@20251001",
        "aws/my.own-profile",
    ]
    assert chain(plan, ANTHROPIC, "us.anthropic.claude-opus-4-8")[0] == "aws"
    assert chain(plan, ANTHROPIC, "never-heard-of") == ["aws", "gcp", "aws/my.own-profile"]


def test_upstreams_without_routes_are_asked_in_their_order_with_the_clients_name(plan_of: Planner):
    text = ROUTES.partition("[[gateway.routes]]")[0]
    assert chain(plan_of(text=text), ANTHROPIC, "claude-opus-5-5") == ["a", "b"]


def test_known_providers_among_them_stand_in_by_what_is_known_of_their_models(plan_of: Planner):
    text = """
[[gateway.upstreams]]
id = "router"
protocol = "openai"
base_url = "https://openrouter.ai/api/v1"
key_env = "R"
[[gateway.upstreams]]
id = "mine"
protocol = "openai"
key_env = "O"
"""
    plan = plan_of(text=text, R="dummy-r", O="dummy-o")
    assert chain(plan, OPENAI, "gpt-6.2-sol")[:2] == ["mine", "router/openai/gpt-6.2-sol"]


def test_an_openai_upstream_nobody_knows_is_tried_for_responses_too(plan_of: Planner):
    text = "[[gateway.upstreams]]\nid = 'x'\nprotocol = 'openai'\nbase_url = 'http://127.0.0.1:9/v1'"
    plan = plan_of(text=text)
    assert plan.chain(RESPONSES, "m") == (Target(upstream="x", model="", protocol=RESPONSES),)
    assert plan.chain(GEMINI, "m") == ()


def test_a_responses_upstream_is_not_asked_for_chat(plan_of: Planner):
    text = "[[gateway.upstreams]]\nid = 'x'\nprotocol = 'openai-responses'\nbase_url = 'http://127.0.0.1:9/v1'"
    assert plan_of(text=text).chain(OPENAI, "m") == ()


def test_with_upstreams_of_its_own_a_configuration_asks_nobody_else(plan_of: Planner):
    local = [Local(provider="ollama", origin="http://127.0.0.1:11434", models=("m",))]
    plan = plan_of("ANTHROPIC OPENAI", text=CONTRACT, local=local, A_KEY="dummy-a")
    assert [u.id for u in plan.upstreams] == ["a", "b"]
    assert plan.missing == ()


# --- upstreams of the environment


def test_with_nothing_at_all_the_makers_take_the_clients_own_keys(plan_of: Planner):
    plan = plan_of()
    assert [(u.id, u.key) for u in plan.upstreams] == [("anthropic", None), ("openai", None), ("gemini", None)]


def test_a_key_in_the_environment_makes_an_upstream_that_counts_as_its_service(plan_of: Planner):
    plan = plan_of("OPENAI", GOOGLE_API_KEY="dummy-g")
    openai = plan.upstream("openai")
    assert (openai.key, openai.service, openai.component) == (Secret("dummy-openai"), "chatgpt", "api")
    assert plan.upstream("gemini").key == Secret("dummy-g")
    assert next(k for k in plan.known if k.spec.id == "gemini").key_from == "GOOGLE_API_KEY"


def test_an_empty_variable_is_no_key(plan_of: Planner):
    assert [u.id for u in plan_of(MISTRAL_API_KEY="  ").upstreams] == ["anthropic", "openai", "gemini"]


def test_a_provider_of_two_protocols_is_two_upstreams_with_one_key(plan_of: Planner):
    plan = plan_of("DEEPSEEK")
    mine = [u for u in plan.upstreams if u.id.startswith("deepseek")]
    assert [(u.id, u.protocol, u.base_url) for u in mine] == [
        ("deepseek", OPENAI, "https://api.deepseek.com"),
        ("deepseek-anthropic", ANTHROPIC, "https://api.deepseek.com/anthropic"),
    ]
    assert {u.key for u in mine} == {Secret("dummy-deepseek")}


def test_azure_needs_its_address_and_gets_its_path(plan_of: Planner):
    assert "azure" not in [u.id for u in plan_of("AZURE_OPENAI").upstreams]
    plan = plan_of("AZURE_OPENAI", AZURE_OPENAI_ENDPOINT="https://team.openai.azure.com/")
    assert plan.upstream("azure").base_url == "https://team.openai.azure.com/openai/v1"


def test_credentials_for_aws_are_not_taken_for_a_wish_to_send_prompts_there(plan_of: Planner):
    plan = plan_of(AWS_ACCESS_KEY_ID="dummy", AWS_SECRET_ACCESS_KEY="dummy")
    assert "bedrock" not in [u.id for u in plan.upstreams]
    assert any("AWS credentials are there; set CLAUDE_CODE_USE_BEDROCK=1" in says for says in plan.missing)
    switched = plan_of(AWS_ACCESS_KEY_ID="dummy", CLAUDE_CODE_USE_BEDROCK="1")
    assert switched.upstream("bedrock").key is None


def test_a_model_server_is_an_upstream_for_each_protocol_once_it_answered(plan_of: Planner):
    server = Local(provider="ollama", origin="http://127.0.0.1:11500", models=("m",))
    assert "ollama" not in [u.id for u in plan_of(OLLAMA_HOST="127.0.0.1:11500").upstreams]
    plan = plan_of(local=[server])
    assert plan.upstream("ollama").base_url == "http://127.0.0.1:11500/v1"
    assert plan.upstream("ollama-anthropic").base_url == "http://127.0.0.1:11500"


@pytest.mark.parametrize(
    ("environ", "id_", "origin"),
    [
        ({"OLLAMA_HOST": "0.0.0.0:11500"}, "ollama", "http://127.0.0.1:11500"),
        ({"OLLAMA_HOST": ":11500"}, "ollama", "http://127.0.0.1:11500"),
        ({"OLLAMA_HOST": "myhost"}, "ollama", "http://myhost:11434"),
        ({"OLLAMA_HOST": "https://gpu.example:8443/"}, "ollama", "https://gpu.example:8443"),
        ({"LLAMACPP_BASE_URL": "http://127.0.0.1:8080"}, "llamacpp", "http://127.0.0.1:8080"),
        ({"VLLM_BASE_URL": "http://127.0.0.1:8000/v1"}, "vllm", "http://127.0.0.1:8000"),
        ({}, "ollama", ""),
    ],
)
def test_a_model_server_is_where_its_own_variable_says(environ, id_: str, origin: str):
    assert local_origin(providers()[id_], environ) == origin


def test_what_could_be_added_is_said_with_its_variable_and_never_a_key(plan_of: Planner):
    plan = plan_of("ANTHROPIC", OPENAI_API_KEY="dummy-secret")
    assert any(says.startswith("Mistral: set MISTRAL_API_KEY (https://") for says in plan.missing)
    assert any("Google Gemini" in says and "own keys are passed on meanwhile" in says for says in plan.missing)
    assert not any(says.startswith(("Anthropic", "OpenAI:")) for says in plan.missing)
    assert "dummy" not in "".join(plan.missing) + repr(plan)


# --- users


def user(lines: str) -> str:
    return f'[gateway]\nlisten = "0.0.0.0:1"\n[[gateway.users]]\nid = "ann"\n{lines}'


def test_a_users_token_and_bounds_are_resolved(plan_of: Planner):
    text = user('token_env = "ANN"\nrequests_per_minute = 60\nusd_per_day = 2.5')
    (ann,) = plan_of(text=text, ANN="dummy-token-of-ann").users
    assert (ann.id, ann.token, ann.requests_per_minute, ann.usd_per_day) == (
        "ann",
        Secret("dummy-token-of-ann"),
        60,
        2.5,
    )


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, "gateway user ann: there is no token in ANN"),
        ({"ANN": "hush"}, "gateway user ann: the token in ANN is shorter than 16 characters"),
    ],
)
def test_a_user_without_a_real_token_stops_the_start_and_the_token_is_not_repeated(plan_of: Planner, environ, says):
    with pytest.raises(ConfigError, match=says) as caught:
        plan_of(text=user('token_env = "ANN"'), **environ)
    assert "hush" not in str(caught.value)


# --- chains asked for again


def test_a_chain_that_was_asked_for_before_is_the_same_one(plan_of: Planner):
    plan = plan_of("ANTHROPIC")
    assert plan.chain(ANTHROPIC, "claude-opus-5-5") is plan.chain(ANTHROPIC, "claude-opus-5-5")


def test_models_made_up_by_clients_do_not_grow_memory(plan_of: Planner):
    plan = plan_of(text=CONTRACT)
    for number in range(module._REMEMBERED + 50):
        assert chain(plan, OPENAI, f"made-up-{number}") == ["a/claude-opus", "b/gpt-large"]
    assert len(plan.chains) == module._REMEMBERED


def test_a_models_context_is_known_or_not(plan_of: Planner):
    plan = plan_of()
    assert plan.context_of("claude-haiku-4-5-20251001") == 200_000
    assert plan.context_of("foo") is None


@given(
    st.sets(
        st.sampled_from(
            ["ANTHROPIC", "OPENAI", "GEMINI", "MISTRAL", "DEEPSEEK", "XAI", "GROQ", "PERPLEXITY", "OPENROUTER"]
        )
    ),
    st.sampled_from([ANTHROPIC, OPENAI, RESPONSES, GEMINI]),
    st.sampled_from(["claude-opus-5-5", "gpt-6.2-sol", "gemini-4-carbon", "grok-4.7", "foo", "qwen3:8b", "a/b", ""]),
)
def test_whatever_keys_there_are_a_chain_is_sound(keys: set[str], protocol: Protocol, model: str):
    plan = resolve(parse_config(""), {f"{name}_API_KEY": "dummy" for name in keys})
    targets = plan.chain(protocol, model)
    assert len(set(targets)) == len(targets)
    for target in targets:
        spec = plan.upstream(target.upstream)
        known = next(k for k in plan.known if k.spec is spec)
        assert target.protocol is known.speaks(protocol, target.model or model)
        assert spec.key is not None or (known.is_bare and target.protocol is protocol)
    links = plan.links(protocol, model)
    assert {u.id for u in plan.upstreams} >= set(reasons(links))
