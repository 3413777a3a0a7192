"""What `bench/cluster/day.py` reckons of the table of signals is what PostgreSQL takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stillup.store import open_store

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def test_rows_of_signals_take_what_is_reckoned_for_them(new_database, postgres, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "bench"))
    from cluster.sizes import row_bytes, signals

    where, reckoned = new_database(), 0.0
    with open_store(where) as store:
        for hour in range(6):
            batch = [
                signal
                for turn in range(180)
                for service in ("claude", "chatgpt", "mistral")
                for signal in signals(service, NOON + timedelta(hours=hour, seconds=20 * turn), is_bad=False)
            ]
            reckoned += sum(map(row_bytes, batch))
            store.record(batch)
    part = f"signals_{NOON:%Y%m%d}"
    size = f"SELECT pg_relation_size('{part}') + pg_indexes_size('{part}')"
    ((taken,),) = postgres.sql(size, where.rpartition("/")[2])
    assert taken == pytest.approx(reckoned, rel=0.1)
