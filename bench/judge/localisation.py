"""Localisation: is the true cause among the first sets told, and is nothing told of a calm table.

    python bench/judge/localisation.py [--quick] [--cases FOLDER]

Tables are generated (``tables.py``), the method was developed on seeds below 300 and is reported on seeds from 1000.
``--cases`` judges a public set instead: a folder (searched through) with ``injection_info.csv``, columns ``timestamp``
and ``set`` like ``a=a1&b=b2;a=a3``, and for each timestamp ``TIMESTAMP.csv``: attributes, then ``real`` and ``predict``
(or ``observed`` and ``expected``), a leaf a line.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from baselines import leaf_votes, margin_rule, poisson_scan, surprise_by_attribute
from tables import KINDS, Case, Cause, reports

from stillup.cli.judge.leaves import read_leaves
from stillup.verdict.locate.scan import Found, Standing, scan
from stillup.verdict.locate.table import Table

Method = Callable[[Case], list[Cause]]
_FIRST_SEED = 1000
_FAULTS_APART = ("cdn", "uneven", "patterns", "ripple", "severities")


def subset_scan(case: Case) -> list[Cause]:
    return [found.where for found in _scanned(case)]


def _sure(case: Case) -> list[Cause]:
    return [found.where for found in _scanned(case) if found.standing is Standing.FAULT]


def _scanned(case: Case) -> list[Found]:
    labels = tuple(tuple(column) for column in case.labels)
    table = Table(case.attributes, labels, case.codes, case.expected, case.observed)
    return scan(table)


METHODS: dict[str, Method] = {
    "**stillup**": subset_scan,
    "Poisson scan": poisson_scan,
    "leaf votes": leaf_votes,
    "surprise by attribute": surprise_by_attribute,
}


def report(data: Path | None, *, quick: bool) -> str:  # noqa: ARG001 - needs no recorded data
    """The section of docs/benchmarks.md; everything in it is simulated."""
    runs = 20 if quick else 150
    return "\n".join(
        [
            "### Localisation",
            "",
            f"Simulated tables, {runs} a kind; `bench/judge/tables.py` says what each is.",
            "recall@k: share of the true causes among the first k sets; first: a true cause is the first set (95 %",
            "interval); ms: of one core.",
            "",
            *_foreign(runs),
            "",
            "Crowd reports by component, region, problem, client and model; a fault takes several values of each.",
            "exact: the first sets are exactly the faults; of each fault ten reports and more were usual.",
            "",
            *_ours(runs),
            "",
            *_calm(runs),
            "",
            *_speed(),
        ]
    )


def _foreign(runs: int) -> list[str]:
    lines = ["| tables | method | first | recall@1 | @3 | @5 | ms a table |", "|---|---|---|---|---|---|---|"]
    for kind in _FAULTS_APART:
        cases = [KINDS[kind](_FIRST_SEED + i) for i in range(runs)]
        lines += [f"| {kind} | {name} | {_row(cases, method)} |" for name, method in METHODS.items()]
    return lines


def _row(cases: list[Case], method: Method) -> str:
    scores, seconds = _judged(cases, method)
    first, recall = scores[:, 0], scores[:, 1:4].mean(axis=0)
    return f"{_share(first)} | " + " | ".join(f"{r:.2f}" for r in recall) + f" | {1e3 * seconds:.0f}"


def _ours(runs: int) -> list[str]:
    lines = [
        "| faults | stillup exact | one attribute at a time | Poisson scan | ms a table |",
        "|---|---|---|---|---|",
    ]
    for faults, least in ((1, 2.0), (1, 3.0), (2, 3.0), (2, 5.0)):
        cases = [reports(_FIRST_SEED + i, faults=faults, least=least) for i in range(runs)]
        scores, seconds = _judged(cases, subset_scan)
        others = [_share(_judged(cases, method)[0][:, 4]) for method in (margin_rule, poisson_scan)]
        name = f"{'one' if faults == 1 else 'two'}, from {least:g}-fold"
        lines.append(f"| {name} | {_share(scores[:, 4])} | {' | '.join(others)} | {1e3 * seconds:.0f} |")
    return lines


def _calm(runs: int) -> list[str]:
    lines = [
        "| calm tables | a fault named | anything, doubtful ones too | one attribute at a time |",
        "|---|---|---|---|",
    ]
    for kind, make in KINDS.items():
        cases = [make(_FIRST_SEED + i, calm=True) for i in range(runs)]
        named = [_share(np.array([bool(method(c)) for c in cases])) for method in (_sure, subset_scan, margin_rule)]
        lines.append(f"| {kind} | {' | '.join(named)} |")
    return lines


def _speed() -> list[str]:
    lines = ["| leaves | attributes | sets | median ms | worst ms |", "|---|---|---|---|---|"]
    for names, together in (
        (("a", "b", "c", "d"), "one value"),
        (("component", "region", "problem", "client"), "several"),
    ):
        times = []
        for seed in range(9):
            case = _large(seed, names)
            begun = time.process_time()
            subset_scan(case)
            times.append(time.process_time() - begun)
        lines.append(f"| 10,000 | 4 | {together} | {1e3 * float(np.median(times)):.0f} | {1e3 * max(times):.0f} |")
    return lines


def _large(seed: int, names: tuple[str, ...]) -> Case:
    rng = np.random.default_rng([9, seed])
    codes = np.stack([axis.ravel() for axis in np.indices((10,) * 4)], axis=1).astype(np.int64)
    usual = rng.lognormal(1.0, 1.0, len(codes))
    raised = ((codes[:, 0] < 2) & (codes[:, 1] == 3)) | ((codes[:, 0] == 4) & (codes[:, 2] == 1))
    observed = rng.poisson(usual * np.where(raised, 3.0, 1.0)).astype(float)
    labels = [[f"{name}{i}" for i in range(10)] for name in names]
    return Case(names, labels, codes, usual, observed, ())


def _judged(cases: Iterable[Case], method: Method) -> tuple[np.ndarray, float]:
    """By case: a true cause first, recall@1, @3, @5, the first sets exactly the causes; and the mean seconds."""
    scores, seconds = [], 0.0
    for case in cases:
        begun = time.process_time()
        told = [_key(cause) for cause in method(case)]
        seconds += time.process_time() - begun
        true = {_key(cause) for cause in case.causes}
        recall = [len(true & set(told[:k])) / len(true) for k in (1, 3, 5)]
        scores.append([told[:1] != [] and told[0] in true, *recall, set(told[: len(true)]) == true])
    return np.array(scores, dtype=float), seconds / len(scores)


def _key(cause: Cause) -> frozenset[tuple[str, tuple[str, ...]]]:
    return frozenset((name, tuple(sorted(values))) for name, values in cause.items())


def _share(hits: np.ndarray) -> str:
    """A share with Wilson's 95 % interval."""
    n, p, z = len(hits), float(hits.mean()), 1.96
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    return f"{p:.2f} ({max(0.0, low):.2f}–{min(1.0, high):.2f})"


def public(folder: Path) -> str:
    """Figures on a public set; see the module's first lines for its layout."""
    truths = sorted(folder.rglob("injection_info.csv"))
    if not truths:
        msg = f"{folder} holds no injection_info.csv"
        raise LookupError(msg)
    cases = [case for truth in truths for case in _cases(truth)]
    lines = [
        f"{len(cases)} cases of {folder.name}",
        "",
        "| method | first | recall@1 | @3 | @5 | ms a case |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {name} | {_row(cases, method)} |" for name, method in METHODS.items()]
    return "\n".join(lines)


def _cases(truth: Path) -> Iterable[Case]:
    with truth.open(newline="") as file:
        for row in csv.DictReader(file):
            path = truth.parent / f"{row['timestamp']}.csv"
            if path.exists():
                table = read_leaves(str(path), path.read_bytes()).table
                causes = tuple(_cause(one) for one in row["set"].split(";") if one)
                labels = [[str(label) for label in column] for column in table.labels]
                yield Case(table.attributes, labels, table.codes, table.expected, table.observed, causes)


def _cause(text: str) -> Cause:
    return {name: (value,) for name, _, value in (part.strip().partition("=") for part in text.split("&"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="not needed here")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cases", type=Path, help="a folder with a public set")
    args = parser.parse_args()
    print(public(args.cases) if args.cases else report(args.data, quick=args.quick))


if __name__ == "__main__":
    main()
