"""Are recorded answers of real sources read as what they say?

    STILLUP_DATA=/path/to/data python bench/wire.py        (or --data PATH)

Gives every file under ``wire`` of the data folder to the source it was recorded from, as a first reading shortly after
it was recorded, and compares what is found with the table below. A file may stand in it several times: as it is, and
*with* some bytes replaced, to show what the recording alone does not. Then every file is given to every source that
it was *not* recorded from: all of them must refuse it with a named error. Exit 1 on any difference or crash.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol, cast

from msgspec import Struct

from stillup.catalog.load import find_service
from stillup.errors import SourceError
from stillup.model.signal import Alive, Counted, Declared, Outcome
from stillup.registry import SOURCES, load_source, usable_sources
from stillup.sources.base import Context, HttpSource, Reading, Setting


class Parser(Protocol):
    def parse(self, body: bytes, ctx: Context, tag: str = "") -> Reading: ...


class Case(Struct, frozen=True):
    """One reading of one file at ``now``; ``expected`` are its facts, or the name of the error that refuses it."""

    file: str
    source: str
    now: str
    expected: tuple[str, ...]
    service: str = "claude"
    tag: str = ""
    edited: tuple[tuple[str, str], ...] = ()

    @property
    def context(self) -> Context:
        setting = Setting(interval_s=SOURCES[self.source].interval_s)
        return Context(now=datetime.fromisoformat(self.now), service=find_service(self.service), setting=setting)


DOWN = (
    "service api code partial_outage",
    "web cowork major_outage",
    "console gov operational",
    "9l93x2ht4s5w identified: web cowork major_outage",
    "9l93x2ht4s5w identified: api code partial_outage",
    "2 posts from 17:41:55",
    "alive",
)
# 22 of 25 components were degraded that day while the page's own indicator said "minor".
OPENAI = (
    "service api sign_in web degraded",
    "ads-api operational",
    "01M3Q4RK1SM4EMK445GGPG7C0N investigating: web api degraded",
    "01M3Q4HMNP8SZ27DTZKW6F5BJ4 investigating: service degraded",
    "3 posts from 17:49:05",
    "alive",
)
OPENAI_PAGE = "incidentio_openai/summary_v2_outage_2026-09-29.trimmed.json"
CLAUDE_PAGE = "statuspage_claude/summary_2026-04-28_down.json"
TRANSCRIPT = "claude_code/transcript_errors.jsonl"
LIMIT = "code api_gateway quota:five_hour at 17:12:44"
POST = "1 overloaded by 17:45"
MONITOR = '"monitor_type":"{}"'.format

CASES = (
    Case(CLAUDE_PAGE, "statuspage", "2026-04-28T17:52:00Z", DOWN),
    Case(
        CLAUDE_PAGE,
        "statuspage",
        "2026-04-28T17:52:00Z",
        DOWN,
        edited=(('"indicator": "major"', '"indicator": "none"'),),
    ),
    Case(
        "statuspage_claude/summary_up.json",
        "statuspage",
        "2026-04-28T19:16:00Z",
        ("service web console api code cowork gov operational", "alive"),
    ),
    Case(
        "statuspage_claude/history.atom.trimmed.xml",
        "statuspage",
        "2026-09-03T15:00:00Z",
        ("461yvfrzpwtt investigating: service degraded", "288w7p4hk1l1 resolved: service operational", "alive"),
        tag="atom",
    ),
    Case(OPENAI_PAGE, "statuspage", "2026-09-29T18:30:00Z", OPENAI, "chatgpt"),
    Case(
        OPENAI_PAGE,
        "statuspage",
        "2026-09-29T18:30:00Z",
        OPENAI,
        "chatgpt",
        edited=(('"indicator":"minor"', '"indicator":"critical"'),),
    ),
    Case(
        OPENAI_PAGE,
        "statuspage",
        "2026-09-29T18:30:00Z",
        ("Malformed",),
        "chatgpt",
        edited=(('"status":"degraded_performance"', '"status":"full_outage"'),),
    ),
    Case(
        "incidentio_openai/summary_v2_quiet_2026-09-15.trimmed.json",
        "statuspage",
        "2026-09-15T12:00:00Z",
        ("service api_other sign_in codex operational", "alive"),
        "chatgpt",
    ),
    Case(
        "incidentio_openai/history.atom.trimmed.xml",
        "statuspage",
        "2026-09-03T15:17:00Z",
        (
            "01M1KWEDH417T2CF44YYHZDFCR investigating: web codex degraded",
            "01M1K0 resolved: service operational",
            "alive",
        ),
        "chatgpt",
        tag="atom",
    ),
    # incident.io's native format is no Statuspage: it lists only what is broken, and must not be read as all well.
    Case(
        "incidentio_openai/proxy_summary.trimmed.json", "statuspage", "2026-09-29T18:30:00Z", ("Malformed",), "chatgpt"
    ),
    # The account's only monitor is a website of its own, which mirrors nobody's page.
    Case("statusgator/v3_boards_monitors.json", "statusgator", "2024-01-15T12:01:00Z", ("NotConfigured",)),
    Case(
        "statusgator/v3_boards_monitors.json",
        "statusgator",
        "2024-01-15T12:01:00Z",
        ("service operational", "alive"),
        edited=((MONITOR("WebsiteMonitor"), MONITOR("ServiceMonitor")), ('"API Health"', '"Claude"')),
    ),
    Case(
        "statusgator/v3_boards_monitors.json",
        "statusgator",
        "2024-01-15T12:01:00Z",
        ("service degraded", "1 of 0.0001 usual by 12:01", "alive"),
        edited=(
            (MONITOR("WebsiteMonitor"), MONITOR("ServiceMonitor")),
            ('"API Health"', '"Claude"'),
            ('"filtered_status":"up"', '"filtered_status":"warn"'),
            ('"early_warning_signal":false', '"early_warning_signal":true'),
        ),
    ),
    # What StatusGator sends to a webhook is no answer of its API.
    Case("statusgator/webhook_early_warning_signal.json", "statusgator", "2025-01-29T20:55:00Z", ("Malformed",)),
    Case(
        "downdetector/npm_unofficial_output.json",
        "downdetector",
        "2021-02-21T21:10:00Z",
        (
            "17 of 1 usual by 20:30",
            "16 of 2 usual by 20:45",
            "16 of 2 usual by 21:00",
            "14 of 3 usual by 21:10",
            "alive",
        ),
    ),
    Case("reddit/oauth_listing.synthetic.json", "reddit", "2026-04-28T17:46:00Z", (POST, "alive")),
    Case("reddit/r_ClaudeAI_new.rss.synthetic.xml", "reddit", "2026-04-28T17:46:00Z", (POST, "alive")),
    Case("hackernews/search_by_date.json", "hackernews", "2026-04-28T17:46:00Z", ("1 by 17:46", "alive")),
    Case("google_trends/trending_rss_KR.trimmed.xml", "google_trends", "2026-08-20T23:30:00Z", ("alive",), tag="KR"),
    Case(
        "google_trends/trending_rss_KR.trimmed.xml",
        "google_trends",
        "2026-08-20T23:30:00Z",
        ("2000 of 1 usual KR by 23:30", "alive"),
        tag="KR",
        edited=(("<title>택시</title>", "<title>is claude down</title>"),),
    ),
    # Two of its three lines have no time: nobody knows when they were, so they are no outcome.
    Case(TRANSCRIPT, "claude_code", "2026-09-19T17:15:00Z", (LIMIT, "alive")),
    Case(
        TRANSCRIPT,
        "claude_code",
        "2026-09-19T17:15:00Z",
        (LIMIT, "code inference overloaded at 17:13:30", "code inference overloaded at 17:14:30", "alive"),
        edited=(
            ('"error":"server_error"', '"error":"server_error","timestamp":"2026-09-19T17:13:30Z"'),
            ('"retryAttempt":2', '"retryAttempt":2,"timestamp":"2026-09-19T17:14:30Z"'),
        ),
    ),
)


def facts(reading: Reading, now: datetime) -> tuple[str, ...]:
    """What a reading says, in short words: states, incidents, posts of the past, counts, outcomes, and whether alive.

    Counts of zero and *alive* of past windows are left out: they are what remains.
    """
    declared = [s for s in reading.signals if isinstance(s, Declared)]
    counted = [s for s in reading.signals if isinstance(s, Counted) and s.count]
    outcomes = [s for s in reading.signals if isinstance(s, Outcome)]
    posts = sorted({(s.at, s.incident) for s in declared if s.at < now}, key=str)
    return (
        *_states([s for s in declared if s.at == now]),
        *([f"{len(posts)} posts from {posts[0][0]:%H:%M:%S}"] if posts else []),
        *(_count(s) for s in counted),
        *(f"{s.component} {s.layer} {s.error or 'ok'} at {s.at:%H:%M:%S}" for s in outcomes),
        *("alive" for s in reading.signals if isinstance(s, Alive) and s.at == now),
    )


def _states(declared: list[Declared]) -> Iterator[str]:
    parts: dict[tuple[str, str], list[str]] = {}
    for s in declared:
        about = f"{s.incident} {s.stage}: " if s.incident else ""
        parts.setdefault((about, s.state), []).append(s.component or "service")
    return (f"{about}{' '.join(names)} {state}" for (about, state), names in parts.items())


def _count(s: Counted) -> str:
    usual = "" if s.expected is None else f" of {s.expected:g} usual"
    labels = "".join(f" {label}" for label in (s.component, s.problem, s.region, s.model) if label)
    return f"{s.count}{usual}{labels} by {s.at:%H:%M}"


def read(case: Case, body: bytes) -> tuple[str, ...]:
    """The facts of a file, or the name of the error that refuses it. Anything else that is raised is a crash."""
    for old, new in case.edited:
        if old.encode() not in body:
            return (f"cannot be edited: it has no {old}",)
        body = body.replace(old.encode(), new.encode())
    ctx = case.context
    try:
        return facts(cast("Parser", load_source(case.source)).parse(body, ctx, case.tag), ctx.now)
    except SourceError as exc:
        return (type(exc).__name__,)
    except Exception as exc:  # noqa: BLE001 - a crash is what this looks for
        return (f"crashed: {exc!r}",)


def own(wire: Path) -> int:
    """Compare every case with the table; how many differ."""
    wrong = 0
    for case in CASES:
        path = wire / case.file
        found = read(case, path.read_bytes()) if path.exists() else ("no such file",)
        is_right = found == case.expected
        wrong += not is_right
        verdict = "as expected" if is_right else f"expected {'; '.join(case.expected)}"
        edited = "".join(f", with {new}" for _, new in case.edited)
        print(f"{'ok' if is_right else 'WRONG':5} {case.source:13} {case.file}{edited}: {'; '.join(found)} ({verdict})")
    return wrong


def others(wire: Path) -> int:
    """Give every file to the sources it is not from; how many are not refused."""
    known = {(case.file, case.source) for case in CASES}
    readers = [spec.id for spec in usable_sources() if isinstance(load_source(spec.id), HttpSource)]
    files = sorted(p for p in wire.glob("*/*") if p.is_file())
    tried = wrong = 0
    for path in files:
        name = path.relative_to(wire).as_posix()
        for source in readers:
            if (name, source) in known:
                continue
            tried += 1
            found = read(Case(name, source, "2026-09-03T15:00:00Z", ()), path.read_bytes())
            if found not in (("Malformed",), ("NotConfigured",), ("TooLarge",)):
                wrong += 1
                print(f"WRONG {source:13} {name}: {'; '.join(found)} (expected to be refused, or a line in the table)")
    print(f"{tried - wrong} of {tried} readings of {len(files)} files by sources they are not from were refused")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("STILLUP_DATA"))
    data = parser.parse_args().data
    wire = Path(data, "wire") if data else None
    if wire is None or not wire.is_dir():
        print("skipped: no recorded answers; give the folder that has `wire` in it by --data or STILLUP_DATA")
        return 0
    wrong = own(wire) + others(wire)
    print(f"{len(CASES)} readings of {len({c.file for c in CASES})} files compared; {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
