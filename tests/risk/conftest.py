"""Needs and figures made by hand."""

from __future__ import annotations

import pytest

from stillup.risk.need import Kind, Need, Way
from tests.risk import known


@pytest.fixture
def figures():
    """Makes figures that are known."""
    return known.Known


@pytest.fixture
def need():
    """Makes a need of ways by their services; ``key`` for all of them, ``lacking`` for what does not count."""

    def make(*services, kind=Kind.TASK, key="", lacking=(), used=None):
        def way(service, missing=""):
            at = known.subject(service)
            return Way(name=service, title=service, subject=at, key=key, by_gateway=kind is Kind.ROUTE, missing=missing)

        is_task = kind is Kind.TASK
        return Need(
            id="task:coding" if is_task else "route:anthropic:claude-*",
            kind=kind,
            title="Code generation" if is_task else "claude-* through the gateway",
            ways=tuple(map(way, services)),
            lacking=tuple(way(s, "no key") for s in lacking),
            used=used,
        )

    return make
