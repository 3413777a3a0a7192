"""How much the words of a text sound like trouble now: a linear model over words, pairs of words and parts of words.

The rules know phrases; this knows the rest: slang, misspellings, other languages. Its table (``text_words.json``) is
fitted by ``bench/fit/text.py`` on the labelled texts of the tests and holds hundredths of log-odds. The parts of a
word make one sum, so a word seen before costs one look-up.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from math import sqrt

import msgspec
from msgspec import Struct

MAX_WORDS = 80
"""Who writes about trouble says so at once; what comes later is the story around it."""

_WORD = re.compile(r"[^\W_]{1,400}|[?!]")
_SIZES = (3, 4)
_HUNDREDTHS = 0.01


class WordTable(Struct, frozen=True, forbid_unknown_fields=True):
    """The shipped table: features under their weight in hundredths, set apart by blanks.

    ``=down`` is a word, ``is_down`` a pair (``^`` begins a text, ``$`` ends it), ``dow`` or ``<do`` a part of a word.
    ``needs``: for each rule, texts of which one stands in whatever the rule matches.
    """

    provenance: str
    bias: int
    weights: dict[int, str]
    needs: dict[str, tuple[str, ...]]


def wording(form: str) -> float:
    """Log-odds, from the words alone, that a text in normal form with its names replaced is about trouble now."""
    words = words_of(form)
    seen = dict.fromkeys(words)
    weights = _weights()
    pairs = set(pairwise(("^", *words, "$")))
    total = sum(_word_weight(word) for word in seen) + sum(weights.get(f"{a}_{b}", 0) for a, b in pairs)
    return (word_table().bias + total / sqrt(max(1, len(seen)))) * _HUNDREDTHS


def words_of(form: str) -> list[str]:
    """The words that count: the first ones, question and exclamation marks among them."""
    return _WORD.findall(form)[:MAX_WORDS]


def parts_of(word: str) -> set[str]:
    """What a word is made of; texts without blanks between words are also taken apart into characters and pairs."""
    framed = f"<{word}>"
    sizes = _SIZES if word.isascii() else (1, 2, *_SIZES)
    return {framed[at : at + size] for size in sizes for at in range(len(framed) - size + 1)} - {"<", ">"}


@lru_cache(maxsize=4096)
def _word_weight(word: str) -> float:
    weights, parts = _weights(), parts_of(word)
    return weights.get(f"={word}", 0) + sum(weights.get(part, 0) for part in parts) / sqrt(max(1, len(parts)))


@cache
def word_table() -> WordTable:
    """The shipped table."""
    return msgspec.json.decode((files("stillup.sources") / "text_words.json").read_bytes(), type=WordTable)


@cache
def _weights() -> dict[str, int]:
    return {feature: weight for weight, features in word_table().weights.items() for feature in features.split()}
