"""How well the diagnosis names the class of an outage, and how often a page's impact is not what its components say.

    python bench/judge/diagnosis.py [--data DIR] [--quick]

Generated cases are drawn from the likelihood table itself, so they show what is possible with it, not that it is
right. Real cases need, under the data folder, ``incidents/*.jsonl`` and ``diagnosis_labels.jsonl`` (one hand-labelled
incident a line: ``file id at label part``, ``part`` the drawing it belongs to); the diagnosis is given its title,
its components and the updates posted before it was resolved.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Family, OutageClass, State
from stillup.verdict.diagnosis.diagnose import Scene, diagnose, explain
from stillup.verdict.diagnosis.likelihoods import CLASSES, PRIOR, TABLE, Group

Row = dict[str, Any]
OVER = ("resolved", "postmortem")
KEYWORDS = (
    ("authentication", ("login", "log in", "log into", "sign in", "sign-in", "auth", "sso", "magic link")),
    ("dependency", ("third-party", "third party", "upstream", "provider", "cloudflare", "aws")),
    ("network_regional", ("network", "dns", "connectivity", "packet", "routing", "tls")),
    ("database", ("database", "storage", "history")),
    ("api_overload", ("overload", "529", "capacity", "429", "latency", "queue")),
    ("model_infrastructure", ("model", "opus", "sonnet", "haiku", "gpt", "claude-", "whisper", "dall", "davinci")),
    ("presentation", ("claude.ai", "chatgpt", "web", "ui", "page", "desktop", "console")),
)
"""The baseline: the first class one of whose words stands in the text."""
PARTS = {"Claude API": "api", "OpenAI API": "api", "API Requests": "api", "API": "api", "REST API": "api"}
SEVERITY = {"degraded_performance": 2, "partial_outage": 3, "major_outage": 4}
IMPACT = {"none": 2, "minor": 2, "major": 3, "critical": 4}


def interval(hits: int, n: int) -> str:
    """A share with Wilson's 95 % interval."""
    p, z = hits / n, 1.96
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
    return f"{p:.2f} [{low:.2f}, {high:.2f}]"


def drawn(rng: random.Random, of: OutageClass, *, probed: bool) -> dict[str, bool]:
    """What is seen in one outage of this class: what people say and, where it is probed, how every rung answers."""
    groups = {Group.SYMPTOMS, Group.TRIES} if probed else {Group.SYMPTOMS}
    seen = {name: rng.random() < row.p(of) for name, row in TABLE.items() if row.group in groups or name == "api_works"}
    # People say what is wrong; of what they do not say only sign-in is asked after.
    return {n: s for n, s in seen.items() if s or TABLE[n].group is not Group.SYMPTOMS or n == "sign_in"}


def generated(cases: int) -> str:
    rng = random.Random(11)
    lines = ["| class | reports only: first | first two | with probes: first | first two |", "|---|---|---|---|---|"]
    total: Counter[str] = Counter()
    for of in CLASSES[:-1]:
        hits: Counter[str] = Counter()
        for probed in (False, True):
            for _ in range(cases):
                named = [d.class_ for d in explain(drawn(rng, of, probed=probed))]
                hits[f"first{probed}"] += named[0] is of
                hits[f"two{probed}"] += of in named[:2]
        total += hits
        lines.append(f"| {of.value} | {_shares(hits, cases)} |")
    lines.append(f"| all, in even shares | {_shares(total, cases * (len(CLASSES) - 1))} |")
    lines.append("| baseline: always the likeliest | 0.14 | 0.29 | 0.14 | 0.29 |")
    return "\n".join(lines)


def _shares(hits: Counter[str], n: int) -> str:
    return " | ".join(interval(hits[name], n) for name in ("firstFalse", "twoFalse", "firstTrue", "twoTrue"))


def posted(row: Row) -> list[Row]:
    """Its updates before it was resolved, oldest first."""
    live = [u for u in row["updates"] if u["status"] not in OVER]
    return sorted(live, key=lambda u: u.get("posted_at") or u["at"])


def asked(row: Row, file: str, *, first: bool) -> tuple[list[Evidence], Scene, str]:
    updates = posted(row)[:1] if first else posted(row)
    text = "\n".join([row["title"], *(u["body"] or "" for u in updates)])
    parts = sorted({PARTS.get(c, c) for c in row["components"]})
    page = Evidence(
        family=Family.OFFICIAL,
        standing=Standing.ALARM,
        note=row["title"],
        components=tuple((part, State.DEGRADED) for part in parts),
    )
    known = file in ("anthropic", "openai") and parts
    everything = ("api", "Claude Console", "Claude Code", "claude.ai") if file == "anthropic" else ()
    return [page], Scene(own_names=(file,), api_works=True if known else None, text=text, components=everything), text


def by_keyword(text: str) -> str:
    return next((c for c, words in KEYWORDS if any(w in text.lower() for w in words)), "unknown")


def labelled(data: Path) -> str:
    labels = [json.loads(line) for line in (data / "diagnosis_labels.jsonl").open()]
    rows = {}
    for file in {label["file"] for label in labels}:
        for line in (data / "incidents" / f"{file}.jsonl").open():
            row = json.loads(line)
            rows[file, row["id"], row.get("first_posted_at") or row["started_at"]] = row
    lines = [
        "| labelled incidents | n | first | first two | log loss | keywords only | prior only | its log loss |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for part in dict.fromkeys(label["part"] for label in labels):
        for moment in ("first post", "all updates"):
            drawing = [label for label in labels if label["part"] == part]
            lines.append(f"| {part}: {moment} | {scored(drawing, rows, moment)} |")
    return "\n".join(lines)


def scored(part: list[Row], rows: dict[tuple[str, str, str], Row], moment: str) -> str:
    hits: Counter[str] = Counter()
    loss = prior_loss = 0.0
    commonest = max(PRIOR, key=PRIOR.__getitem__).value
    for x in part:
        evidence, scene, text = asked(rows[x["file"], x["id"], x["at"]], x["file"], first=moment == "first post")
        found = {d.class_.value: d.p for d in diagnose(evidence, scene=scene)}
        named = list(found)
        hits["first"] += named[0] == x["label"]
        hits["two"] += x["label"] in named[:2]
        hits["keyword"] += by_keyword(text) == x["label"]
        hits["prior"] += commonest == x["label"]
        loss -= math.log(max(found.get(x["label"], 0.01), 0.01))
        prior_loss -= math.log(PRIOR[OutageClass(x["label"])])
    n = len(part)
    shares = {name: interval(hits[name], n) for name in ("first", "two", "keyword", "prior")}
    return (
        f"{n} | {shares['first']} | {shares['two']} | {loss / n:.2f} "
        f"| {shares['keyword']} | {shares['prior']} | {prior_loss / n:.2f}"
    )


def severities(data: Path) -> Iterator[str]:
    """How often the impact a page gives an incident is not what its components say at their worst."""
    yield "| page | live incidents | impact = components | page says worse | components say worse |"
    yield "|---|---|---|---|---|"
    for file in ("anthropic", "cloudflare"):
        found: Counter[str] = Counter()
        for row in map(json.loads, (data / "incidents" / f"{file}.jsonl").open()):
            turned = row.get("component_transitions") or []
            if "posthoc_only" in row.get("quality", []) or row.get("impact") not in IMPACT or not turned:
                continue
            gap = IMPACT[row["impact"]] - max(SEVERITY.get(t["to"], 0) for t in turned)
            found["same" if gap == 0 else "page" if gap > 0 else "parts"] += 1
        n = sum(found.values())
        yield f"| {file} | {n} | {interval(found['same'], n)} | {found['page']} | {found['parts']} |"


def report(data: Path | None, *, quick: bool) -> str:
    """The part of the benchmark page, as markdown.

    :raises LookupError: a data folder is given that holds no incidents.
    """
    parts = [
        "### Diagnosis",
        "Simulated: cases drawn from the likelihood table itself.",
        generated(200 if quick else 2000),
    ]
    if data is None:
        return "\n\n".join(parts)
    if not (data / "incidents").is_dir():
        msg = f"no incidents in {data}"
        raise LookupError(msg)
    parts += ["Impact of a page against the worst state of its components.", "\n".join(severities(data))]
    if (data / "diagnosis_labels.jsonl").exists():
        words = "Real incidents, labelled by hand by one of us; the table was settled on the first part."
        parts += [words, labelled(data)]
    return "\n\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    print(report(given.data, quick=given.quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
