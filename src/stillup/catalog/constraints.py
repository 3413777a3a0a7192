"""What models take and refuse: ``constraints.toml`` read, and found by any of a model's names."""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from stillup.catalog.models import LONGEST_NAME, REMEMBERED, find_model, forms_of, kin_of
from stillup.errors import CatalogError


class Thinks(StrEnum):
    """Whether a model thinks before it answers."""

    ALWAYS = "always"
    OPTIONAL = "optional"
    NEVER = "never"


class Way(StrEnum):
    """In which parameter a model is asked to think, in its maker's own dialect."""

    ADAPTIVE = "adaptive"
    """Claude: ``thinking.type = adaptive``, with an effort beside it."""
    ENABLED = "enabled"
    """Claude: ``thinking.type = enabled``, with a budget."""
    EFFORT = "effort"
    """OpenAI and those who follow it: a word."""
    LEVEL = "level"
    """Gemini 3 and later: a word."""
    BUDGET = "budget"
    """Gemini 2.5: a number of tokens."""


class When(StrEnum):
    """Whether a model takes something."""

    YES = "yes"
    NOT_THINKING = "not_thinking"
    """Only while it does not think."""
    NO = "no"


class Json(StrEnum):
    """How well a model keeps to JSON."""

    SCHEMA = "schema"
    """It takes a JSON schema."""
    OBJECT = "object"
    """It can be told to answer in JSON, of no certain schema."""
    NONE = "none"


class Constraints(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of some models' manners; the head of ``constraints.toml`` says what each field is.

    What is not known is absent, and nothing is changed for it.
    """

    models: tuple[str, ...] = ()
    as_of: str = ""
    source: str = ""
    prefix: str = ""
    thinking: Thinks | None = None
    thinks_unasked: bool = False
    asked: Way | None = None
    off: str = ""
    efforts: tuple[str, ...] = ()
    budget: tuple[int, int] | None = None
    lacks: tuple[str, ...] = ()
    lacks_thinking: tuple[str, ...] = ()
    one_of_sampling: bool = False
    forced_tools: When | None = None
    chat_tools: When | None = None
    completion_tokens: bool | None = None
    json: Json | None = None
    json_with_tools: bool | None = None
    documents: bool | None = None


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    constraints: tuple[Constraints, ...]


UNKNOWN = Constraints()
"""Of a model that nobody described: nothing is assumed."""


@cache
def all_constraints() -> tuple[Constraints, ...]:
    """Every group of models with what they take.

    :raises CatalogError: the shipped file breaks the format.
    """
    text = (files("stillup.catalog") / "constraints.toml").read_text("utf-8")
    try:
        return msgspec.toml.decode(text, type=_File, strict=True).constraints
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        msg = f"catalogue file constraints.toml: {exc}"
        raise CatalogError(msg) from exc


@lru_cache(maxsize=REMEMBERED)
def constraints_of(name: str) -> Constraints:
    """What a model takes, by any of its names; a version nobody knows is taken for the newest of its line."""
    if not name or len(name) > LONGEST_NAME:
        return UNKNOWN
    known = find_model(name)
    names = [known.id.lower()] if known else [form.lower() for form in forms_of(name.strip().lower())]
    kin = None if known else kin_of(name)
    for form in (*names, *([kin.id.lower()] if kin else [])):
        for each in all_constraints():
            if any(fnmatchcase(form, pattern) for pattern in each.models):
                return each
    return UNKNOWN
