"""Fits the table of words (``src/stillup/sources/text_words.json``) on the labelled posts and titles of the tests.

``python bench/fit/text.py``: needs scikit-learn. ``tests/fixtures/text/fresh.tsv`` and the fresh titles are never read
here.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

import msgspec

from stillup.catalog.load import catalogue
from stillup.sources.text import form_of, table
from stillup.sources.text_words import WordTable, parts_of, words_of

ROOT = Path(__file__).parents[2]
TEXTS = ROOT / "tests" / "fixtures" / "text"
SHIPPED = ROOT / "src" / "stillup" / "sources" / "text_words.json"
STRENGTH = 10.0
"""Inverse of the penalty; 30 does the same within a point."""
SEEN_IN = 2
"""Rows a feature must stand in. Keeping all of them gains a point of F1 for a table twice the size."""

Row = dict[str, str]
Items = Sequence[tuple[Any, Any]]


def rows_of(name: str, *, splits_with: str = "") -> list[Row]:
    """The rows of a labelled table; of one that also holds fresh rows, those of one split."""
    with (TEXTS / name).open(encoding="utf-8", newline="") as file:
        every = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row for row in every if not splits_with or row["split"] == splits_with]


def features_of(text: str) -> dict[str, float]:
    """The features of a text as :func:`stillup.sources.text_words.wording` weighs them."""
    words = words_of(form_of(text, catalogue()["claude"]))
    seen = dict.fromkeys(words)
    share = max(1, len(seen)) ** -0.5
    found: dict[str, float] = {f"{a}_{b}": share for a, b in pairwise(("^", *words, "$"))}
    for word in seen:
        parts = parts_of(word)
        found[f"={word}"] = share
        for part in parts:
            found[part] = found.get(part, 0.0) + share / max(1, len(parts)) ** 0.5
    return found


def fit(rows: list[Row]) -> tuple[float, dict[str, float]]:
    """Bias and weights of an L2-penalised logistic regression."""
    vectors = import_module("sklearn.feature_extraction").DictVectorizer()
    seen = vectors.fit_transform([features_of(row["text"].replace("\\n", "\n")) for row in rows]).tocsc()
    common = (seen.indptr[1:] - seen.indptr[:-1]) >= SEEN_IN
    model = import_module("sklearn.linear_model").LogisticRegression(C=STRENGTH, max_iter=5000)
    model.fit(seen[:, common], [row["about_outage"] == "1" for row in rows])
    names = [name for name, is_common in zip(vectors.feature_names_, common, strict=True) if is_common]
    return float(model.intercept_[0]), dict(zip(names, map(float, model.coef_[0]), strict=True))


def needs_of(pattern: str) -> tuple[str, ...]:
    """Texts of which one stands in all that a pattern matches; none where there is no such set."""
    return tuple(sorted(_needed(_parsed(pattern)) or ()))


def _parsed(pattern: str) -> Items:
    """The standard library's own reading of a pattern; private, so not for the package itself."""
    parsed: Items = import_module("re._parser").parse(pattern)
    return parsed


def _needed(items: Items) -> frozenset[str] | None:
    """The best set found along a sequence: the one that the fewest texts are likely to hold by chance."""
    found: list[frozenset[str]] = []
    run = ""
    for op, value in [*items, (None, None)]:
        name = str(op)
        if name == "LITERAL":
            run += chr(value)
            continue
        if name in ("AT", "ASSERT", "ASSERT_NOT"):
            continue
        if run and name == "BRANCH":
            found.append(frozenset(run + _leading(branch) for branch in value[1]))
        elif run:
            found.append(frozenset((run,)))
        run = ""
        inner = _inner(name, value)
        if inner:
            found.append(inner)
    return min(found, key=_by_chance, default=None)


def _inner(name: str, value: Sequence[Any]) -> frozenset[str] | None:
    if name == "SUBPATTERN":
        return _needed(value[-1])
    if name in ("MAX_REPEAT", "MIN_REPEAT"):
        return _needed(value[2]) if value[0] else None
    if name != "BRANCH":
        return None
    branches = [_needed(branch) for branch in value[1]]
    return frozenset().union(*(b for b in branches if b)) if all(branches) else None


def _leading(items: Items) -> str:
    """The plain text that a sequence begins with."""
    return "".join(chr(value) for _, value in takewhile(lambda item: str(item[0]) == "LITERAL", items))


def _by_chance(texts: frozenset[str]) -> float:
    return sum(0.08 ** len(text) for text in texts)


def write(bias: float, weights: dict[str, float], n_rows: int) -> None:
    """The table in hundredths, features grouped by weight."""
    groups: dict[int, list[str]] = {}
    for name, weight in sorted(weights.items()):
        if round(weight * 100):
            groups.setdefault(round(weight * 100), []).append(name)
    shipped = WordTable(
        provenance=f"bench/fit/text.py on {n_rows} posts and titles of tests/fixtures/text, all written for stillup",
        bias=round(bias * 100),
        weights={weight: " ".join(groups[weight]) for weight in sorted(groups)},
        needs={rule.name: needs_of(expanded) for rule, expanded in _expanded()},
    )
    SHIPPED.write_bytes(msgspec.json.format(msgspec.json.encode(shipped), indent=1) + b"\n")


def _expanded() -> list[tuple[Any, str]]:
    macros = table().macros
    return [(rule, re.sub(r"<<([a-z]+)>>", lambda m: macros[m[1]], rule.pattern)) for rule in table().rules]


def main() -> int:
    """Fit on every development row and write the table."""
    rows = [*rows_of("posts.tsv"), *rows_of("titles.tsv", splits_with="dev")]
    bias, weights = fit(rows)
    write(bias, weights, len(rows))
    print(f"{len(rows)} rows, {len(weights)} features, {SHIPPED.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
