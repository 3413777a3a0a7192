"""Which models can be talked to, and whom the gateway would ask for each."""

import pytest

from stillup.config import parse_config
from stillup.gateway.choices import choices
from stillup.gateway.plan import resolve
from stillup.gateway.upstreams import Local

A = '[[gateway.upstreams]]\nid = "a"\nprotocol = "anthropic"\nkey_env = "A"\n'
B = '[[gateway.upstreams]]\nid = "b"\nprotocol = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
BEDROCK = '[[gateway.upstreams]]\nid = "bedrock"\nprotocol = "bedrock"\nkey_env = "A"\n'
R = '[[gateway.upstreams]]\nid = "r"\nprotocol = "openai-responses"\nkey_env = "A"\n'
KEY = {"A": "dummy-key"}


def route(match, *chain):
    return f'[[gateway.routes]]\nmatch = "{match}"\nchain = {list(chain)}\n'


def offered(text="", environ=None, local=()):
    return {c.model: c for c in choices(resolve(parse_config(text), environ or {}, local))}


def chain(choice):
    return [f"{hop.upstream}/{hop.model}" for hop in choice.chain]


def test_without_any_key_there_is_nobody_to_talk_to():
    assert offered() == {}


def test_a_key_in_the_environment_offers_its_makers_current_models():
    found = offered(environ={"ANTHROPIC_API_KEY": "dummy-key"})
    assert found
    assert all(name.startswith("claude-") and c.protocol == "anthropic" for name, c in found.items())
    assert all(chain(c)[0] == f"anthropic/{name}" for name, c in found.items())
    assert found["claude-opus-5-5"].vision


def test_the_same_model_at_a_router_is_offered_once_under_its_own_name():
    found = offered(environ={"ANTHROPIC_API_KEY": "dummy-key", "OPENROUTER_API_KEY": "dummy-key"})
    assert "claude-opus-5-5" in found
    assert "anthropic/claude-opus-5.5" not in found
    assert "openrouter-anthropic/anthropic/claude-opus-5.5" in chain(found["claude-opus-5-5"])


def test_a_model_server_of_this_machine_offers_what_it_has():
    here = Local(provider="ollama", origin="http://127.0.0.1:11434", models=("tiny:1b", "nomic-embed-text"))
    found = offered(local=[here])
    assert list(found) == ["tiny:1b"]
    assert chain(found["tiny:1b"])[0] == "ollama/tiny:1b"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (A + B + route("*", "a/claude-opus", "b/gpt-large"), ["claude-opus", "gpt-large"]),
        (A + route("work", "a/claude-opus-5-5"), ["work"]),
        (A + route("team-*", "a/claude-opus-5-5"), []),
        (A + route("*-team", "a/claude-opus-5-5"), []),
        (A + route("team*", "a/claude-opus-5-5"), ["team"]),
        (B + route("*", "b"), []),
        (R + route("*", "r/some"), ["some"]),
    ],
)
def test_routes_offer_names_that_they_let_through(text, names):
    assert list(offered(text, KEY)) == names


def test_a_route_that_keeps_the_clients_name_offers_what_is_known_there():
    found = offered(A + BEDROCK + route("claude-*", "a", "bedrock"), KEY)
    assert chain(found["claude-opus-5-5"]) == ["a/claude-opus-5-5", "bedrock/us.anthropic.claude-opus-5-5"]
    assert found["claude-opus-5-5"].protocol == "anthropic"


def test_an_upstream_that_only_a_clients_own_key_opens_is_not_offered():
    assert offered(A + route("claude-*", "a"), {}) == {}
