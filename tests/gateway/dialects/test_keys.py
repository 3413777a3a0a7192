"""Law 10: an upstream gets its own key; the client's passes only to the provider it belongs to."""

from __future__ import annotations

import pytest

from stillup.gateway.core.values import Protocol
from stillup.gateway.dialects.base import KeyChoice, KeyKind, UpstreamSpec
from stillup.gateway.dialects.keys import choose_key, client_key
from stillup.gateway.dialects.requests import read_request
from stillup.secret import Secret

A, O, R, G = Protocol.ANTHROPIC, Protocol.OPENAI, Protocol.RESPONSES, Protocol.GEMINI  # noqa: E741
OAT = "sk-ant-oat01-dummy"
PATHS = {
    A: "/v1/messages",
    O: "/v1/chat/completions",
    R: "/v1/responses",
    G: "/v1beta/models/gemini-x:generateContent",
}
SENDS = {
    A: (b"X-Api-Key", b"client-key"),
    O: (b"Authorization", b"Bearer client-key"),
    R: (b"Authorization", b"Bearer client-key"),
    G: (b"x-goog-api-key", b"client-key"),
}


def ask(protocol, *headers, query=""):
    return read_request("POST", PATHS[protocol], query, headers, b'{"model": "m"}')


def upstream(protocol, base_url="", **rest):
    return UpstreamSpec(id="u", protocol=protocol, base_url=base_url, region="us-east-1", **rest)


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("client", PATHS)
def test_an_upstreams_own_key_goes_before_the_clients(protocol, client):
    choice = choose_key(ask(client, SENDS[client]), upstream(protocol, key=Secret("own")))
    assert (choice.kind, choice.secret, choice.fingerprint) == (KeyKind.OWN, Secret("own"), "own")


PASSES = [(A, A), (O, O), (O, R), (R, O), (R, R), (G, G)]


@pytest.mark.parametrize("client", PATHS)
@pytest.mark.parametrize("protocol", list(Protocol))
def test_the_clients_key_passes_to_the_provider_of_its_own_protocol_only(client, protocol):
    choice = choose_key(ask(client, SENDS[client]), upstream(protocol))
    passes = (client, protocol) in PASSES
    assert choice.kind is (KeyKind.CLIENT if passes else KeyKind.NONE)
    assert choice.secret == (Secret("client-key") if passes else None)


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.anthropic.com",
        "https://api.anthropic.com.evil.example",
        "https://evil.example/api.anthropic.com",
        "https://api.anthropic.com:8443",
        "http://127.0.0.1:9001",
        "https://openrouter.ai/api",
    ],
)
def test_the_clients_key_passes_to_no_other_host_unless_the_config_says_so(base_url):
    client = ask(A, SENDS[A])
    assert choose_key(client, upstream(A, base_url)) == KeyChoice()
    passed = choose_key(client, upstream(A, base_url, pass_credentials=True))
    assert (passed.kind, passed.secret) == (KeyKind.CLIENT, Secret("client-key"))


def test_the_providers_host_may_be_written_in_any_of_its_forms():
    for base_url in ("https://API.Anthropic.com", "https://api.anthropic.com/v1/", "https://api.anthropic.com:443"):
        assert choose_key(ask(A, SENDS[A]), upstream(A, base_url)).kind is KeyKind.CLIENT


@pytest.mark.parametrize("header", [(b"Authorization", b"Bearer " + OAT.encode()), (b"x-api-key", OAT.encode())])
def test_a_subscriptions_token_goes_to_anthropic_and_nowhere_else_whatever_the_config_says(header):
    client = ask(A, (b"x-api-key", b"another"), header)
    choice = choose_key(client, upstream(A))
    assert (choice.secret, choice.bearer, choice.subscription) == (Secret(OAT), True, True)
    for elsewhere in (
        upstream(A, "https://other.example", pass_credentials=True),
        upstream(A, "http://api.anthropic.com", pass_credentials=True),
        upstream(O, pass_credentials=True),
        upstream(Protocol.BEDROCK, pass_credentials=True),
    ):
        assert choose_key(client, elsewhere) == KeyChoice()


def test_a_subscriptions_token_that_is_configured_elsewhere_is_not_sent_there():
    assert choose_key(ask(A), upstream(A, "https://other.example", key=Secret(OAT))) == KeyChoice()
    assert choose_key(ask(A), upstream(A, key=Secret(OAT))).subscription


def test_a_token_of_this_gateway_is_lent_to_nobody():
    assert choose_key(ask(O, SENDS[O]), upstream(O, pass_credentials=True), lend=False) == KeyChoice()


@pytest.mark.parametrize(
    ("protocol", "headers", "query", "secret", "bearer"),
    [
        (A, ((b"x-api-key", b" k "),), "", "k", False),
        (A, ((b"authorization", b"bearer k"),), "", "k", True),
        (A, ((b"authorization", b"Bearer b"), (b"x-api-key", b"k")), "", "k", False),
        (O, ((b"Authorization", b"Bearer k"),), "", "k", True),
        (O, ((b"api-key", b"k"),), "", "k", False),
        (G, ((b"X-Goog-Api-Key", b"k"),), "", "k", False),
        (G, (), "alt=sse&key=k%2B", "k+", False),
        (G, ((b"authorization", b"Bearer ya29.k"),), "", "ya29.k", True),
        (A, ((b"authorization", b"Basic abc"),), "key=k", None, False),
        (A, ((b"x-goog-api-key", b"k"),), "", None, False),
        (O, (), "", None, False),
        (O, ((b"authorization", b"Bearer "),), "", None, False),
    ],
)
def test_the_clients_key_is_found_where_its_protocol_puts_it(protocol, headers, query, secret, bearer):
    choice = client_key(ask(protocol, *headers, query=query))
    assert choice.secret == (None if secret is None else Secret(secret))
    assert choice.bearer is bearer


def test_a_key_shows_itself_neither_in_a_choice_nor_in_its_fingerprint():
    choice = client_key(ask(A, SENDS[A]))
    assert "client-key" not in repr(choice) + choice.fingerprint
    assert choice.fingerprint not in {"", "own"}
    assert choice.fingerprint == client_key(ask(A, SENDS[A])).fingerprint
    assert KeyChoice().fingerprint == ""
