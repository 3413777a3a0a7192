"""Who made a model, as far as its name tells: the makers' servers differ in what they take of Chat Completions."""

from __future__ import annotations

import re
from functools import lru_cache

_NEWER = re.compile(r"(?:o[1-9]|gpt-(?:[5-9]|[1-9]\d)|chatgpt-|codex-)", re.ASCII)
"""OpenAI's reasoning models and what came after them: they refuse ``max_tokens`` and take ``max_completion_tokens``."""
_OPENAI = re.compile(r"(?:o[1-9](?:-|$)|gpt-(?!oss)|chatgpt-|codex-)", re.ASCII)
_MISTRAL = re.compile(r"(?:open-)?(?:mistral|mixtral|codestral|ministral|magistral|devstral|pixtral|voxtral|labs-)")
_DEEPSEEK = re.compile(r"deepseek")


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
def is_deepseeks(model: str) -> bool:
    """One of DeepSeek's, whose server wants the thoughts before a call back."""
    return _DEEPSEEK.match(_bare(model)) is not None


def _bare(model: str) -> str:
    """``openai/gpt-x`` and ``ft:gpt-x:…`` are ``gpt-x``."""
    return model.rpartition("/")[2].removeprefix("ft:").lower()
