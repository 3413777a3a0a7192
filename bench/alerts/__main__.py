"""Alerts through a process that is killed at random: is any lost, is any told twice?

``cd bench && python -m alerts [--changes 10000] [--kills 50] [--seed 7]``

A process commits changes to a database, decides on each, and delivers to a webhook receiver that honours the key; now
and then the receiver fails, or breaks off after taking. The process gets SIGKILL at random moments and is started
again. In the end what was received is compared with what follows from the changes that were committed.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from alerts.receiver import Receiver
from alerts.victim import config_of, run
from stillup.daemon.alerts.rules import settings_of
from stillup.response.alerts.decide import decide
from stillup.response.alerts.values import AlertState, Changed
from stillup.store import open_store


@dataclass
class Figures:
    """What came out."""

    changes: int
    kills: int
    lost: int
    doubled: int
    out_of_order: int
    again: int
    turned_away: int
    seconds: float

    @property
    def ok(self) -> bool:
        """None lost, none doubled, all in order."""
        return not (self.lost or self.doubled or self.out_of_order)


def expected(folder: Path, address: str) -> list[str]:
    """The keys of all messages that follow from what was committed, by the pure decision alone, in order."""
    config = config_of(folder, address)
    settings, state, keys = settings_of(config.alerts, grace_s=0.0), AlertState(), []
    with open_store(config.database) as store:
        for verdict in store.transitions():
            outcome = decide(settings, state, Changed(verdict), verdict.at)
            state = outcome.state
            keys += [d.key(c) for d in outcome.messages for c in d.channels]
    return keys


def play(changes: int, kills: int, seed: int) -> Figures:
    """The whole of it."""
    chance, context = Random(seed), get_context("forkserver")
    context.set_forkserver_preload(["alerts.victim", "stillup.net.transport", "stillup.store.store"])
    killed, began = 0, time.monotonic()
    with TemporaryDirectory(prefix="stillup-bench-") as name, Receiver(seed) as receiver:
        while True:
            process = context.Process(target=run, args=(name, receiver.address, changes))
            process.start()
            if killed < kills:
                # Somewhere on the way to the next share of all messages, or while it begins.
                share = changes * (killed + 1) // (kills + 1)
                _until(lambda share=share: len(receiver.taken) >= share, process, chance)
                process.kill()
                killed += 1
            process.join()
            if process.exitcode == 0:
                break
        wanted, got = expected(Path(name), receiver.address), list(receiver.taken)
    return Figures(
        changes=changes,
        kills=killed,
        lost=len(set(wanted) - set(got)),
        doubled=len(set(got) - set(wanted)) + len(wanted) - len(set(wanted)),
        out_of_order=sum(a != b for a, b in zip([k for k in wanted if k in receiver.taken], got, strict=False)),
        again=receiver.again,
        turned_away=receiver.turned_away,
        seconds=time.monotonic() - began,
    )


def _until(true, process, chance: Random) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    if chance.random() < 0.2:  # while it starts, opens the database, takes the lock
        time.sleep(chance.random() * 0.2)
        return
    while process.is_alive() and not true():
        time.sleep(0.002)
    time.sleep(chance.random() * 0.02)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    f = play(asked.changes, asked.kills, asked.seed)
    print(f"{f.changes} changes, {f.kills} kills in {f.seconds:.1f} s ({f.changes / f.seconds:.0f} messages a second)")
    print(f"lost {f.lost}, told twice {f.doubled}, out of order {f.out_of_order}")
    print(f"sent again with a known key {f.again}, turned away {f.turned_away}")
    return 0 if f.ok else 1


if __name__ == "__main__":
    sys.exit(main())
