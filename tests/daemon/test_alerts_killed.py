"""A process that alerts is killed again and again: nothing is lost and nothing is told twice."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
from alerts.__main__ import play


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def test_kills_at_random_moments_lose_nothing_and_double_nothing_toward_a_receiver_that_honours_the_key():
    figures = play(changes=150, kills=6, seed=20260407)
    assert figures.kills == 6
    assert (figures.lost, figures.doubled, figures.out_of_order) == (0, 0, 0)
