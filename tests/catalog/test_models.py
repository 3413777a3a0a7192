"""What is known of models: the file is sound, names lead to their model, tokens to their cost."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillup.catalog import models as module
from stillup.catalog.models import Model, Price, Rates, Tier, bedrock_profile, cost_usd, find_model, kin_of, models
from stillup.catalog.providers import providers
from stillup.gateway.core.values import Usage

ALL = list(models().values())


@pytest.mark.parametrize("model", ALL, ids=lambda m: m.id)
def test_every_model_has_its_source_with_a_date_and_sound_facts(model: Model):
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", model.as_of)
    assert urlsplit(model.source).scheme == "https"
    assert model.maker in providers() or model.maker == "open"
    assert not model.at.keys() - providers().keys()
    assert model.maker not in model.at
    assert bool(model.profiles) == ("bedrock" in model.at)
    for number in (model.context, model.max_output):
        assert number is None or 4_000 <= number <= 3_000_000


@pytest.mark.parametrize("model", [m for m in ALL if m.price], ids=lambda m: m.id)
def test_every_price_is_plausible(model: Model):
    price = model.price
    assert price is not None
    for rates in (price, price.long):
        if rates is None:
            continue
        assert 0 < rates.input <= rates.output <= 300
        assert rates.cache_read is None or rates.cache_read <= rates.input
        assert rates.cache_write is None or rates.input <= rates.cache_write <= 2 * rates.input
    assert (price.long is None) == (price.long_above is None)
    if price.long:
        assert price.long.input > price.input
        assert price.long.output > price.output


def test_no_two_models_share_a_name():
    names = [name.lower() for m in ALL for name in {m.id, *m.aliases}]
    assert len(names) == len(set(names))


def test_every_maker_that_is_a_provider_has_a_model_and_every_tier_is_in_use():
    makers = {p.id for p in providers().values() if p.kind == "maker"}
    assert makers <= {m.maker for m in ALL}
    assert {m.tier for m in ALL} == set(Tier)
    assert [t.rank for t in Tier] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("Claude-Opus-5-5", "claude-opus-5-5"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("claude-sonnet-4-5[1m]", "claude-sonnet-4-5"),
        ("anthropic.claude-opus-5-5", "claude-opus-5-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-4-8",
            "claude-opus-4-8",
        ),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("claude-sonnet-5@default", "claude-sonnet-5"),
        ("projects/p/locations/us/publishers/anthropic/models/claude-opus-5-5", "claude-opus-5-5"),
        ("anthropic/claude-opus-5.5", "claude-opus-5-5"),
        ("anthropic/claude-sonnet-4.5:thinking", "claude-sonnet-4-5"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("openai/gpt-6.2-sol", "gpt-6.2-sol"),
        ("openai/gpt-oss-120b", "gpt-oss-120b"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gemini-3.1-pro-preview", "gemini-3.1-pro-preview"),
        ("deepseek-v4-flash", "deepseek-flash"),
        ("llama3.3:70b-instruct-q4_K_M", "llama-3.3"),
        ("gpt-oss:20b", "gpt-oss"),
        ("qwen3-coder:30b", "qwen3-coder"),
        ("qwen3:8b", "qwen3"),
    ],
)
def test_a_name_as_clients_clouds_and_routers_write_it_leads_to_its_model(name: str, model: str):
    found = find_model(name)
    assert found is not None
    assert found.id == model


@pytest.mark.parametrize("model", ALL, ids=lambda m: m.id)
def test_every_name_of_a_model_leads_back_to_it(model: Model):
    for name in (model.id, *model.aliases, *model.at.values()):
        assert find_model(name) is model
    for profile in model.profiles:
        assert find_model(f"{profile}.{model.at['bedrock']}") is model


@pytest.mark.parametrize("name", ["", "foo", "gpt-4", "claude-opus-9", "text-embedding-3-small", "x" * 301, "/", ":8"])
def test_what_is_not_known_is_none_and_never_a_guess(name: str):
    assert find_model(name) is None


@pytest.mark.parametrize(
    ("name", "kin"),
    [
        ("claude-opus-9", "claude-opus-5-5"),
        ("us.anthropic.claude-sonnet-7-v1:0", "claude-sonnet-5-5"),
        ("gpt-7-sol", "gpt-6.2-sol"),
        ("mistral-large-latest", "mistral-large-4-0"),
        ("gemini-flash-latest", "gemini-3.8-flash"),
        ("gemini-flash-lite-latest", "gemini-3.1-flash-lite"),
        ("claude-opus-4-1", "claude-opus-4-1"),
    ],
)
def test_a_version_that_is_not_known_can_do_what_its_line_can(name: str, kin: str):
    found = kin_of(name)
    assert found is not None
    assert found.id == kin


def test_a_name_of_no_line_has_no_kin():
    assert kin_of("foo") is None
    assert kin_of("") is None


@given(st.text(max_size=400))
def test_no_name_at_all_makes_trouble(name: str):
    assert find_model(name) is None or isinstance(find_model(name), Model)
    assert kin_of(name) is None or isinstance(kin_of(name), Model)


def test_names_made_up_by_clients_do_not_grow_memory():
    assert find_model.cache_parameters()["maxsize"] == module.REMEMBERED
    assert kin_of.cache_parameters()["maxsize"] == module.REMEMBERED


@pytest.mark.parametrize(
    ("region", "there"),
    [
        ("us-west-2", "us.m"),
        ("eu-central-1", "eu.m"),
        ("ap-northeast-1", "jp.m"),
        ("ap-southeast-2", "au.m"),
        ("ca-central-1", "global.m"),
        ("", "global.m"),
    ],
)
def test_on_bedrock_the_profile_of_that_part_of_the_world_comes_first(region: str, there: str):
    assert bedrock_profile("m", ("us", "eu", "jp", "au", "global"), region) == there


def test_on_bedrock_a_model_without_a_fitting_profile_is_called_by_its_own_id():
    assert bedrock_profile("m", ("us",), "eu-west-1") == "m"


def test_an_id_elsewhere_is_told_only_where_it_is_known():
    opus = models()["claude-opus-5-5"]
    assert opus.id_at("anthropic") == "claude-opus-5-5"
    assert opus.id_at("openrouter") == "anthropic/claude-opus-5.5"
    assert opus.id_at("bedrock", "us-east-1") == "us.anthropic.claude-opus-5-5"
    assert opus.id_at("groq") == ""


# --- cost

PRICED = Model(
    id="m", name="M", maker="openai", tier=Tier.FAST, as_of="2026-01-01", source="https://x",
    price=Price(
        input=2.0, output=10.0, cache_read=0.2, cache_write=2.5, long_above=1000,
        long=Rates(input=4.0, output=15.0),
    ),
)  # fmt: skip


def usage(given: int | None, out: int | None, read: int | None = None, write: int | None = None) -> Usage:
    return Usage(input_tokens=given, output_tokens=out, cache_read_tokens=read, cache_write_tokens=write)


@pytest.mark.parametrize(
    ("counts", "cached_inside", "micro_usd"),
    [
        (usage(100, 10), None, 100 * 2 + 10 * 10),
        (usage(100, 10, read=40), True, 60 * 2 + 40 * 0.2 + 10 * 10),
        (usage(100, 10, read=40, write=20), True, 40 * 2 + 40 * 0.2 + 20 * 2.5 + 10 * 10),
        (usage(100, 10, read=40), False, 100 * 2 + 40 * 0.2 + 10 * 10),
        (usage(1000, 0), None, 1000 * 2),
        (usage(1001, 1), None, 1001 * 4 + 15),
        (usage(500, 0, read=501), False, 500 * 4 + 501 * 4),  # the long rates have no cache rate: other input's
        (usage(10, None), None, 20),
        (usage(None, 10), None, 100),
        (usage(10, 0, read=40), True, 40 * 0.2),  # counts that contradict each other never go below nothing
    ],
)
def test_tokens_cost_what_the_table_says(counts: Usage, cached_inside: bool | None, micro_usd: float):
    assert cost_usd(PRICED, counts, cached_inside=cached_inside) == pytest.approx(micro_usd / 1e6)


def test_anthropic_counts_cached_tokens_beside_the_input_and_others_inside():
    counts = usage(100, 0, read=50)
    opus, sol = models()["claude-opus-5-5"].price, models()["gpt-6.2-sol"].price
    assert opus is not None
    assert sol is not None
    assert opus.cache_read is not None
    assert sol.cache_read is not None
    assert cost_usd("claude-opus-5-5", counts) == pytest.approx((100 * opus.input + 50 * opus.cache_read) / 1e6)
    assert cost_usd("gpt-6.2-sol", counts) == pytest.approx((50 * sol.input + 50 * sol.cache_read) / 1e6)


def test_an_unknown_price_or_count_is_unknown_and_never_free():
    assert cost_usd("foo", usage(1, 1)) is None
    assert cost_usd("qwen3:8b", usage(1, 1)) is None
    assert cost_usd(PRICED, Usage()) is None


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 10**7), st.booleans())
def test_more_tokens_never_cost_less(given_: int, out: int, read: int, inside: bool):
    less = cost_usd(PRICED, usage(given_, out, read=read), cached_inside=inside)
    more = cost_usd(PRICED, usage(given_ + 1, out + 1, read=read), cached_inside=inside)
    assert less is not None
    assert more is not None
    assert 0 <= less < more
