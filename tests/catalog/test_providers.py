"""Who serves models: the file is sound, and an address or a name leads to its provider."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from stillup.catalog.load import catalogue
from stillup.catalog.models import models
from stillup.catalog.providers import Provider, local_provider_at, maker_of, provider_at, providers, vertex_base
from stillup.config.kinds import stays_here
from stillup.gateway.core.values import Protocol

ALL = list(providers().values())


@pytest.mark.parametrize("provider", ALL, ids=lambda p: p.id)
def test_every_provider_speaks_a_known_protocol_at_a_sound_address(provider: Provider):
    assert provider.bases
    for protocol, base in provider.bases.items():
        Protocol(protocol)
        if provider.named_by_user:
            assert base == ""
            continue
        parts = urlsplit(base)
        assert stays_here(base) if provider.is_local else parts.scheme == "https"
        assert not base.endswith("/")
    assert provider.get_key
    assert provider.source.startswith("https://")


@pytest.mark.parametrize("provider", [p for p in ALL if p.service], ids=lambda p: p.id)
def test_what_a_provider_counts_as_is_in_the_catalogue_of_services(provider: Provider):
    assert provider.component in [c.id for c in catalogue()[provider.service].components]


def test_no_two_providers_share_a_variable_for_their_key():
    names = [name for p in ALL for name in p.key_env]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        ("https://api.anthropic.com", "anthropic"),
        ("https://api.openai.com/v1", "openai"),
        ("https://API.OPENAI.COM/v1", "openai"),
        ("https://generativelanguage.googleapis.com", "gemini"),
        ("https://api.deepseek.com/anthropic", "deepseek"),
        ("https://my-team.openai.azure.com/openai/v1", "azure"),
        ("https://x.services.ai.azure.com/openai/v1", "azure"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", "bedrock"),
        ("https://us-east5-aiplatform.googleapis.com/v1", "vertex"),
        ("https://aiplatform.googleapis.com/v1", "vertex"),
        ("https://aiplatform.eu.rep.googleapis.com/v1", "vertex"),
        ("https://openrouter.ai/api/v1", "openrouter"),
    ],
)
def test_an_address_leads_to_its_provider(base_url: str, provider: str):
    found = provider_at(base_url)
    assert found is not None
    assert found.id == provider


@pytest.mark.parametrize(
    "base_url",
    ["https://api.anthropic.com.evil.example", "https://evil-openai.com", "http://127.0.0.1:11434", "", "https://com"],
)
def test_any_other_address_is_nobodys(base_url: str):
    assert provider_at(base_url) is None


def test_a_local_server_is_known_by_the_port_that_is_its_own():
    found = local_provider_at("http://127.0.0.1:11434/v1")
    assert found is not None
    assert found.id == "ollama"
    assert local_provider_at("http://127.0.0.1:8080/v1") is None


@pytest.mark.parametrize("model", [m for m in models().values() if m.maker in providers()], ids=lambda m: m.id)
def test_a_model_looks_like_its_makers(model):
    found = maker_of(model.id)
    assert found is not None
    assert found.id == model.maker


@pytest.mark.parametrize("name", ["", "foo", "openai/gpt-oss-120b", "us.anthropic.claude-opus-4-8"])
def test_a_name_without_a_makers_beginning_is_nobodys(name: str):
    assert maker_of(name) is None


def test_regions_are_put_into_the_clouds_addresses():
    assert providers()["bedrock"].base_url("bedrock", "eu-west-3") == "https://bedrock-runtime.eu-west-3.amazonaws.com"
    assert providers()["bedrock"].base_url("bedrock") == "https://bedrock-runtime.us-east-1.amazonaws.com"
    assert providers()["vertex"].base_url("vertex", "us-east5") == "https://us-east5-aiplatform.googleapis.com/v1"
    assert providers()["mistral"].base_url("anthropic") == ""


@pytest.mark.parametrize(
    ("region", "base"),
    [
        ("global", "https://aiplatform.googleapis.com/v1"),
        ("us", "https://aiplatform.us.rep.googleapis.com/v1"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com/v1"),
        ("europe-west1", "https://europe-west1-aiplatform.googleapis.com/v1"),
    ],
)
def test_vertex_has_three_forms_of_addresses_as_the_official_sdk_makes_them(region: str, base: str):
    assert vertex_base(region) == base
    anthropic = pytest.importorskip("anthropic")
    try:
        client = anthropic.AnthropicVertex(region=region, project_id="p", access_token="t")
    except ImportError as exc:  # the SDK's own extra is not installed
        pytest.skip(str(exc))
    assert str(client.base_url).rstrip("/") == base
