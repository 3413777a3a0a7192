"""What parsing costs: milliseconds from a source's bytes to signals.

    python bench/parse.py [--runs 30] [--data PATH]        (or STILLUP_DATA=PATH)

Parses generated answers of the sizes sources may send (a status page of 300 components with 50 open incidents of 10
updates each, its record, its feed, Reddit's posts, a day of reports) and, with a data folder, the largest
recorded status page. Each is read in a process of its own: the first call, with what is loaded and compiled for it,
stands apart from the runs after it. The baseline, in turn with every run, is the standard library's json or
ElementTree on the same bytes. The bound is 20 ms for the largest status page.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast
from xml.etree import ElementTree as ET

from msgspec import Struct

from stillup.catalog.load import find_service
from stillup.registry import SOURCES, load_source
from stillup.sources.base import Context, Reading, Setting

NOW = datetime(2026, 4, 28, 18, 0, tzinfo=UTC)
BOUND_MS = 20.0
STATES = ("operational", "degraded_performance", "partial_outage", "major_outage")
WORDS = "some requests to the service fail or take longer than usual and we look into the cause of it "


class Parser(Protocol):
    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading: ...


class Case(Struct, frozen=True):
    """One answer to parse. ``again``: as on a later reading, when the past has been told."""

    name: str
    source: str
    body: bytes
    tag: str = ""
    again: bool = False


def stamp(minutes: float) -> str:
    """So many minutes before now, as the pages write it."""
    return (NOW - timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def component(n: int) -> dict[str, object]:
    own = [i for c in find_service("claude").components for i in c.page_ids]
    return {
        "id": own[n] if n < len(own) else f"generated{n:03}",
        "name": f"Part {n} of the service (part{n}.example)",
        "status": STATES[n % 4],
        "created_at": stamp(500_000),
        "updated_at": stamp(n),
        "position": n,
        "description": None,
        "showcase": True,
        "start_date": "2025-01-01",
        "group_id": None,
        "page_id": "generatedpage",
        "group": False,
        "only_show_if_degraded": False,
    }


def update(incident: int, n: int) -> dict[str, object]:
    at = stamp(incident * 20 + n)
    parts = [(incident * 7 + k) % 300 for k in range(2)]
    affected = [
        {
            "code": component(part)["id"],
            "name": f"Part {part}",
            "old_status": "operational",
            "new_status": STATES[1 + n % 3],
        }
        for part in parts
    ]
    return {
        "id": f"update{incident}x{n}",
        "status": "identified" if n < 5 else "investigating",
        "body": WORDS,
        "incident_id": f"incident{incident}",
        "created_at": at,
        "updated_at": at,
        "display_at": at,
        "affected_components": affected,
        "deliver_notifications": True,
        "custom_tweet": None,
        "tweet_id": None,
    }


def incident(n: int, rows: list[dict[str, object]]) -> dict[str, object]:
    return {
        "id": f"incident{n}",
        "name": f"Elevated errors on part {n}, sign-in and the API",
        "status": "identified",
        "created_at": stamp(n * 20 + 10),
        "updated_at": stamp(n * 20),
        "monitoring_at": None,
        "resolved_at": None,
        "impact": ("none", "minor", "major", "critical")[n % 4],
        "shortlink": f"https://status.example/{n}",
        "page_id": "generatedpage",
        "incident_updates": [update(n, k) for k in range(10)],
        "components": rows,
    }


def status_page() -> dict[str, object]:
    rows = [component(n) for n in range(300)]
    return {
        "page": {"id": "generatedpage", "name": "Claude", "url": "https://status.example", "updated_at": stamp(0)},
        "components": rows,
        "incidents": [incident(n, []) for n in range(50)],
        "scheduled_maintenances": [],
        "status": {"indicator": "major", "description": "Partial System Outage"},
    }


def record() -> dict[str, object]:
    """The page's record, each incident with the rows it is about."""
    rows = [component(n) for n in range(300)]
    listed = [incident(n, rows[n * 5 : n * 5 + 5]) for n in range(50)]
    return {"page": {"id": "generatedpage", "name": "Claude"}, "incidents": listed}


def feed() -> bytes:
    posts = "".join(f"&lt;p&gt;&lt;strong&gt;Identified&lt;/strong&gt; - {WORDS * 2}&lt;/p&gt;" for _ in range(10))
    entries = "".join(
        f"<entry><id>tag:{n}</id><updated>{stamp(n * 30)}</updated>"
        f'<link rel="alternate" href="https://status.example/incidents/{n}"/>'
        f"<title>Elevated errors on claude.ai and the API, part {n}</title>"
        f'<content type="html">{posts}</content></entry>'
        for n in range(30)
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Status</title>{entries}</feed>'.encode()


# What a person asks, where it is put, and at what length: a third each about trouble, about work, about a limit.
SAID = (
    ("Is it down? 529 on every request", "Since ten minutes every chat ends in an error, on the web and in the app. "),
    ("How I use projects for my thesis", "I keep one project for each chapter and ask for an outline before I write. "),
    ("Weekly limit reached already?", "I used it for two hours on Tuesday and now it tells me to wait for Friday. "),
)


def listing() -> dict[str, object]:
    children = [
        {
            "kind": "t3",
            "data": {
                "id": f"t{n}",
                "name": f"t3_t{n}",
                "subreddit": "ClaudeAI",
                "title": f"{SAID[n % 3][0]} ({n})",
                "selftext": SAID[n % 3][1] * 10,
                "created_utc": NOW.timestamp() - n * 600,
                "permalink": f"/r/ClaudeAI/comments/t{n}/x/",
                "score": 3,
                "num_comments": 5,
                "stickied": False,
            },
        }
        for n in range(100)
    ]
    return {"kind": "Listing", "data": {"after": None, "before": None, "children": children}}


def post_feed() -> bytes:
    entries = "".join(
        f'<entry><category term="ClaudeAI" label="r/ClaudeAI"/><id>t3_t{n}</id>'
        f'<link href="https://www.reddit.com/r/ClaudeAI/comments/t{n}/x/"/><published>{stamp(n * 10)}</published>'
        f"<title>{SAID[n % 3][0]}</title>"
        f'<content type="html">&lt;div&gt;&lt;p&gt;{SAID[n % 3][1] * 10}&lt;/p&gt;&lt;/div&gt;</content></entry>'
        for n in range(25)
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><id>/r/ClaudeAI/new/.rss</id>{entries}</feed>'.encode()


def reports() -> dict[str, object]:
    return {"id": 1, "status": "danger", "stats_24": [n % 50 for n in range(96)], "baseline": [2.5] * 96}


def generated() -> list[Case]:
    page = encoded(status_page())
    return [
        Case("status page, 300 parts, 500 updates", "statuspage", page, "summary"),
        Case("  the same on a later reading", "statuspage", page, "summary", again=True),
        Case("status page's record, 50 incidents", "statuspage", encoded(record()), "incidents"),
        Case("status feed, 30 entries", "statuspage", feed(), "atom"),
        Case("reddit feed, 25 posts", "reddit", post_feed()),
        Case("reddit listing, 100 posts", "reddit", encoded(listing())),
        Case("downdetector, 24 h", "downdetector", encoded(reports())),
    ]


def encoded(value: dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def recorded(data: Path | None) -> list[Case]:
    files = (
        sorted(Path(data, "wire", "statuspage_claude").glob("*.json"), key=lambda p: p.stat().st_size) if data else []
    )
    return [Case(f"recorded {files[-1].stem}", "statuspage", files[-1].read_bytes(), "summary")] if files else []


def measure(case: Case, runs: int) -> dict[str, Any]:
    """Milliseconds of the first call, of ``runs`` more, and of the baseline in turn with them."""
    since = NOW - timedelta(minutes=1) if case.again else None
    setting = Setting(interval_s=SOURCES[case.source].interval_s)
    ctx = Context(now=NOW, service=find_service("claude"), setting=setting, since=since)
    source = cast("Parser", load_source(case.source))
    simple: Callable[[bytes], object] = ET.fromstring if case.body[:1] == b"<" else json.loads
    signals = 0

    def parse(body: bytes) -> None:
        nonlocal signals
        signals = len(source.parse(body, ctx, case.tag).signals)

    first = took(parse, case.body)
    pairs = [(took(parse, case.body), took(simple, case.body)) for _ in range(runs)]
    return {"first": first, "runs": [a for a, _ in pairs], "simple": [b for _, b in pairs], "signals": signals}


def took(parse: Callable[[bytes], object], body: bytes) -> float:
    begun = time.perf_counter()
    parse(body)
    return (time.perf_counter() - begun) * 1000


def in_a_process_of_its_own(case: Case, runs: int) -> dict[str, Any]:
    environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # installed, it has its bytecode
    with tempfile.NamedTemporaryFile() as file:
        file.write(case.body)
        file.flush()
        how = [case.source, case.tag, "again" if case.again else ""]
        command = [sys.executable, __file__, "--runs", str(runs), "--one", file.name, *how]
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--data", type=Path, default=os.environ.get("STILLUP_DATA"))
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        path, source, tag, again = args.one
        print(json.dumps(measure(Case(path, source, Path(path).read_bytes(), tag, again=bool(again)), args.runs)))
        return
    cases = [*recorded(args.data), *generated()]
    heads = ("kB", "signals", "first", "median", "min", "max", "baseline", "ratio")
    print(f"{'milliseconds':36}" + "".join(f"{head:>9}" for head in heads))
    medians = {}
    for case in cases:
        found = in_a_process_of_its_own(case, args.runs)
        median, simple = statistics.median(found["runs"]), statistics.median(found["simple"])
        medians[case.name] = median
        times = (found["first"], median, min(found["runs"]), max(found["runs"]), simple)
        print(
            f"{case.name:36}{len(case.body) / 1000:9.0f}{found['signals']:9}"
            + "".join(f"{ms:9.2f}" for ms in times)
            + f"{median / simple:9.1f}"
        )
    largest = max((c for c in cases if c.source == "statuspage"), key=lambda c: (len(c.body), medians[c.name]))
    ms, kilobytes = medians[largest.name], len(largest.body) / 1000
    verdict = "within" if ms <= BOUND_MS else "ABOVE"
    print(f"largest status payload, {kilobytes:.0f} kB: median {ms:.1f} ms, {verdict} {BOUND_MS:.0f} ms")


if __name__ == "__main__":
    main()
