"""What is publicly known of models: ``models.toml`` read, a model found by any of its names, and what tokens cost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib.resources import files
from typing import Protocol

import msgspec
from msgspec import Struct

from stillup.errors import CatalogError

LONGEST_NAME = 300
"""Characters; what is longer is no model's name."""
REMEMBERED = 4_096
"""Names that are looked up quickly: clients may make any up."""
_MILLION = 1e6


class Tier(StrEnum):
    """How much a model can do; the order is from most to least."""

    FRONTIER = "frontier"
    STRONG = "strong"
    FAST = "fast"
    SMALL = "small"

    @property
    def rank(self) -> int:
        """0 for the most able."""
        return list(Tier).index(self)


class Rates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """US dollars for a million tokens. What is unknown is absent; unknown cache rates are those of other input."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None


class Price(Rates, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rates, and others for requests with more than ``long_above`` input tokens: they hold for all tokens of it."""

    long_above: int | None = None
    long: Rates | None = None


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model; the head of ``models.toml`` says what each field is."""

    id: str
    name: str
    maker: str
    tier: Tier
    as_of: str
    source: str
    kin: str = ""
    aliases: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    at: dict[str, str] = {}
    """Its id at other providers, by provider."""
    profiles: tuple[str, ...] = ()
    """Bedrock's inference profiles that serve it, by their prefixes."""
    context: int | None = None
    max_output: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    price: Price | None = None
    legacy: bool = False

    def id_at(self, provider: str, region: str = "") -> str:
        """Its id at a provider; empty where it is not known to be there."""
        there = self.id if provider == self.maker else self.at.get(provider, "")
        return bedrock_profile(there, self.profiles, region) if provider == "bedrock" and there else there


class Tokens(Protocol):
    """Counts as an upstream gave them; None where it did not say."""

    @property
    def input_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...
    @property
    def cache_read_tokens(self) -> int | None: ...
    @property
    def cache_write_tokens(self) -> int | None: ...


class _Models(Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[Model, ...]


@cache
def models() -> dict[str, Model]:
    """Every model by id: each maker's newest first.

    :raises CatalogError: the shipped file breaks the format.
    """
    text = (files("stillup.catalog") / "models.toml").read_text("utf-8")
    try:
        found = msgspec.toml.decode(text, type=_Models, strict=True).models
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        msg = f"catalogue file models.toml: {exc}"
        raise CatalogError(msg) from exc
    return {m.id: m for m in found}


def bedrock_profile(model: str, profiles: tuple[str, ...], region: str) -> str:
    """The id to call on Bedrock in a region: through the profile of that part of the world, else the global one.

    Newer models can be called through a profile only; the part of the world comes first because of data residency.
    """
    part = {"ap-northeast": "jp", "ap-southeast": "au"}.get(region.rpartition("-")[0], region.partition("-")[0])
    for prefix in (part, "global"):
        if prefix in profiles:
            return f"{prefix}.{model}"
    return model


# What stands around a model's own name: where it is served (before), and which snapshot or variant (after).
_BEFORE = re.compile(
    r"^(?:models/|arn:[^/]*/|projects/.*/models/|publishers/[^/]*/models/|(?:us|eu|apac|jp|au|global|us-gov)\."
    r"(?=[a-z0-9]+\.)|(?:anthropic|mistral|deepseek|openai|meta|xai)\.(?=[a-z])|[a-z0-9_-]+/)"
)
_AFTER = re.compile(r"(?:\[1m\]|:(?:free|nitro|floor|online|extended|thinking|beta)|@(?:default|latest|\d{8})|"
                    r"-v\d+(?::\d+)?(?::\d+k)?|:\d+|-latest|-preview|-\d{8}|-\d{4}-\d{2}-\d{2})$")  # fmt: skip


def forms_of(name: str) -> Iterator[str]:
    """The name, then what remains of it when what stands around it is taken off, one thing after another."""
    heads = [name]
    while found := _BEFORE.match(heads[-1]):
        heads.append(heads[-1][found.end() :])
    for head in heads:
        form = head
        while form:
            yield form
            found = _AFTER.search(form)
            form = form[: found.start()] if found else ""


@cache
def _by_name() -> dict[str, Model]:
    names: dict[str, Model] = {}
    for model in models().values():
        for name in (model.id, *model.aliases, *model.at.values()):
            names.setdefault(name.lower(), model)
    return names


@lru_cache(maxsize=REMEMBERED)
def find_model(name: str) -> Model | None:
    """The model that a name means, as clients, clouds and routers write it; None where that is not known."""
    if not name or len(name) > LONGEST_NAME:
        return None
    lower = name.strip().lower()
    known = _by_name()
    for form in forms_of(lower):
        if form in known:
            return known[form]
    return next((m for m in models().values() for p in m.patterns if fnmatchcase(lower, p)), None)


@lru_cache(maxsize=REMEMBERED)
def kin_of(name: str) -> Model | None:
    """A model that the name is a later or earlier version of, for what it can do; its price may be another."""
    if not name or len(name) > LONGEST_NAME:
        return None
    found = find_model(name)
    if found is not None:
        return found
    forms = list(forms_of(name.strip().lower()))
    return next((m for m in models().values() if m.kin and any(fnmatchcase(f, m.kin) for f in forms)), None)


def cost_usd(model: str | Model, usage: Tokens, *, cached_inside: bool | None = None) -> float | None:
    """What the tokens cost by the price table; None where the price or the counts are not known.

    ``cached_inside`` says that the input count holds the cached tokens too. Anthropic counts them beside, all others
    inside; without a word that is taken from the model's maker.
    """
    found = find_model(model) if isinstance(model, str) else model
    if found is None or found.price is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    inside = found.maker != "anthropic" if cached_inside is None else cached_inside
    given = usage.input_tokens or 0
    fresh = max(given - read - write, 0) if inside else given
    rates = _rates(found.price, fresh + read + write)
    read_rate = rates.input if rates.cache_read is None else rates.cache_read
    write_rate = rates.input if rates.cache_write is None else rates.cache_write
    cost = fresh * rates.input + read * read_rate + write * write_rate + (usage.output_tokens or 0) * rates.output
    return cost / _MILLION


def _rates(price: Price, prompt_tokens: int) -> Rates:
    is_long = price.long is not None and price.long_above is not None and prompt_tokens > price.long_above
    return price.long if is_long and price.long is not None else price
