"""Answers as large as they may be, built to cost far more than their size: each is read in steps linear in its size."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager, suppress

import pytest

from stillup.errors import SourceError
from stillup.registry import load_source


@contextmanager
def at_most(steps):
    """Fails at the first of the interpreter's steps (a line, a call, a round of a loop) beyond so many.

    Steps are counted, not time: every machine takes as many, and what is quadratic ends at once, not after minutes.
    """
    left = steps

    def count(frame, event, arg):
        nonlocal left
        left -= 1
        if left < 0:
            sys.settrace(None)
            pytest.fail(f"more than {steps} steps, in {frame.f_code.co_qualname}")
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        yield
    finally:
        sys.settrace(before)


def _json(value):
    return json.dumps(value, separators=(",", ":")).encode()


def flashcat():
    """A change names many components, none of which its update does."""
    named = [{"component_id": f"named{n}"} for n in range(55_000)]
    told = [{"component_id": f"told{n}", "status": "degraded"} for n in range(40_000)]
    change = {"change_id": 1, "title": "x", "status": "investigating", "affected_components": named}
    change["updates"] = [{"at_seconds": 1.0, "component_changes": told}]
    page = {"components": [{"component_id": "a", "name": "API"}]}
    return {"active": _json({"data": {"page": page, "active_changes": [change]}})}


def checkly():
    """Many services, and an open incident that lists many others."""
    services = [{"id": f"s{n}", "name": "x", "days": []} for n in range(90_000)]
    services.append({"id": "a", "name": "API", "days": [{"date": "2026-05-12T00:00:00Z", "events": []}]})
    listed = [{"id": f"t{n}", "name": "x"} for n in range(120_000)]
    incident = {"id": "i", "name": "x", "lastUpdateStatus": "INVESTIGATING", "services": listed}
    uptime = _json({"uptime": [{"services": services}], "partialError": False})
    return {"uptime": uptime, "unresolved": _json({"incidents": [incident]})}


def _betterstack(reports):
    hits = [{"status_page_resource_id": n} for n in range(50_000)]
    included = [
        {"id": "1", "type": "status_page_resource", "attributes": {"status": "operational", "public_name": "API"}},
        {"id": "u", "type": "status_update", "attributes": {"message": "x", "affected_resources": hits}},
    ]
    data = {"id": "1", "type": "status_page", "attributes": {"company_name": "x"}}
    return {"index": _json({"data": data, "included": included + reports})}


def betterstack_reports():
    """Many reports share one update, which names many monitors."""
    related = {"status_updates": {"data": [{"id": "u"}]}}
    report = {"type": "status_report", "attributes": {"title": "x"}, "relationships": related}
    return _betterstack([{"id": f"r{n}", **report} for n in range(18_000)])


def betterstack_updates():
    """One report has the same update many times."""
    related = {"status_updates": {"data": [{"id": "u"}] * 150_000}}
    return _betterstack([{"id": "r", "type": "status_report", "attributes": {"title": "x"}, "relationships": related}])


def google():
    """Open incidents that each name many products and have many updates."""
    products = [{"id": f"p{n}"} for n in range(2_500)]
    updates = [{"status": "AVAILABLE", "created": "x"}] * 30
    one = {"begin": "x", "affected_products": products, "status_impact": "SERVICE_OUTAGE", "updates": updates}
    return {"incidents": _json([{"id": f"i{n}", **one} for n in range(100)])}


def azure():
    """Tables in tables, with a long tail in the innermost."""
    return {
        "table": b"<html><body><table>" + b"<tr><td>x<table>" * 60 + b"<tr><td>n" + b"<i></i>" * 500_000 + b"</html>"
    }


@pytest.mark.parametrize(
    ("source", "service", "bomb", "steps_a_byte"),
    [
        ("flashcat", "deepseek", flashcat, 2),
        ("checkly", "mistral", checkly, 2),
        ("betterstack", "claude", betterstack_reports, 8),
        ("betterstack", "claude", betterstack_updates, 1),
        ("google_cloud", "gcp", google, 14),
        ("azure", "azure", azure, 1),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_a_bomb_costs_no_more_than_its_size(source, service, bomb, steps_a_byte, context):
    """``steps_a_byte`` is twice what it takes or more; before each was mended it took from eight to thousands."""
    answers = bomb()
    assert all(1_000_000 < len(body) < 4 << 20 for body in answers.values())
    reader, ctx = load_source(source), context(service, table=True)
    with at_most(steps_a_byte * sum(map(len, answers.values()))), suppress(SourceError):
        reader.answered(answers, ctx)
