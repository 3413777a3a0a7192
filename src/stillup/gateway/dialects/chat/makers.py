"""Who made a model, as far as its name tells: the makers' servers differ in what they take of Chat Completions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_NEWER = re.compile(r"(?:o[1-9]|gpt-(?:[5-9]|[1-9]\d)|chatgpt-|codex-)", re.ASCII)
"""OpenAI's reasoning models and what came after them: they refuse ``max_tokens`` and take ``max_completion_tokens``."""
_OPENAI = re.compile(r"(?:o[1-9](?:-|$)|gpt-(?!oss)|chatgpt-|codex-)", re.ASCII)
_MISTRAL = re.compile(r"(?:open-)?(?:mistral|mixtral|codestral|ministral|magistral|devstral|pixtral|voxtral|labs-)")
_THINKING = re.compile(r"deepseek|kimi|glm-")
_WANTING = re.compile(r"deepseek|kimi")
_INSTEAD = 40
"""Characters of an answer."""


@lru_cache(maxsize=512)
def is_openais(model: str) -> bool:
    """One of OpenAI's own, not its open weights."""
    return _OPENAI.match(_bare(model)) is not None


@lru_cache(maxsize=512)
def is_newer_openais(model: str) -> bool:
    """One of OpenAI's that refuses ``max_tokens``. A deployment of another name is learnt from its 400."""
    return _NEWER.match(_bare(model)) is not None


@lru_cache(maxsize=512)
def is_mistrals(model: str) -> bool:
    """One that may be served by Mistral, which refuses every member it does not know."""
    return _MISTRAL.match(_bare(model)) is not None


@lru_cache(maxsize=512)
def has_switch(model: str) -> bool:
    """One whose maker has a switch for thinking, which is on by itself: ``thinking = {type = "disabled"}``."""
    return _THINKING.match(_bare(model)) is not None


@lru_cache(maxsize=512)
def wants_thoughts(model: str) -> bool:
    """One whose maker answers 400 where a message of the assistant's in a conversation with calls has no thought.

    Empty ones are refused too, and the same one each time spoils what is answered.
    https://api-docs.deepseek.com/guides/thinking_mode
    """
    return _WANTING.match(_bare(model)) is not None


def thought_instead(text: str, calls: Sequence[str]) -> str:
    """A thought for what was said without one: of what it is about, so that no two are the same."""
    return f"I call {', '.join(calls)}." if calls else f"I answer: {text[:_INSTEAD]}"


def _bare(model: str) -> str:
    """``openai/gpt-x`` and ``ft:gpt-x:…`` are ``gpt-x``."""
    return model.rpartition("/")[2].removeprefix("ft:").lower()
