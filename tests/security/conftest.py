"""The page and the gateway as other folders of tests build them."""

from __future__ import annotations

from pathlib import Path
from sys import path

from tests.gateway.app.conftest import a, b, clock, no_proxy, raw, start
from tests.web.conftest import made_up_site, opened, serve, serve_with, site_of

path.append(str(Path(__file__).parents[2] / "bench"))  # importlib mode puts no folder on the path

__all__ = [
    "a",
    "b",
    "clock",
    "made_up_site",
    "no_proxy",
    "opened",
    "raw",
    "serve",
    "serve_with",
    "site_of",
    "start",
]
