"""Fit the probability beside the rule, on simulated services, and write ``src/stillup/verdict/chance/table.py``.

    python bench/fit/chance_shipped.py [--seeds 1 2] [--services 45]  simulates (0.7 s a service and week), fits, writes
    python bench/fit/chance_shipped.py --record DIR                     prints what the simulation takes from the record

``chance_world.py`` is the simulation, ``chance_fit.py`` the fit, ``chance_record.py`` the record.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from chance_fit import FAMILIES, Table, fit, rows, thin
from chance_record import figures
from chance_world import run

from stillup.verdict.chance.table import Word

TARGET = Path(__file__).parents[2] / "src" / "stillup" / "verdict" / "chance" / "table.py"
WEEKS = 2
DEPENDENT = 1 / 6
"""Samples come every quarter of an hour, and those of one event say much the same: so much weighs each. Those at a
change of verdict weigh 1."""

TEMPLATE = '''"""How likely each word of each family is in a fault over when nothing is wrong: log ratios, in nats.

Written by ``bench/fit/chance_shipped.py``; do not edit. Fitted on simulation: {samples} samples of {services} services,
{weeks} weeks each (seeds {seeds}; {truths} of the samples in a fault), whose pages behave as the official records until
2025-12 say. ``docs/probability.md`` says what is assumed and how well the outcome is calibrated.
"""

from __future__ import annotations

from typing import NamedTuple

from stillup.model.service import Family


class Word(NamedTuple):
    """What a family says, or the record of what it says: they are multiplied part by part.

    ``calm``: it is calm; ``doubt``: nats of e-value short of an alarm; ``alarm``: it alarms; ``loud``: the log of how
    strongly, for the page 1 a partial and 2 a major outage; ``mended``: the page calls it mended. ``rumoured`` and
    ``echoed`` are of the record alone: how likely an alarm is in a rumour, or when the fault is over, against a fault.
    """

    calm: float = 0.0
    doubt: float = 0.0
    alarm: float = 0.0
    loud: float = 0.0
    mended: float = 0.0
    rumoured: float = 0.0
    echoed: float = 0.0


PRIOR = {prior:.4f}
"""Share of time with a real fault."""

RUMOUR = {rumour:.4f}
"""Share of the rest in which a rumour is about."""

ECHO, ECHO_GROWS = {echo:.4f}, {echo_grows:.2f}
"""Share of the rest in which a fault has just ended, and the power of 1 + hours since the first alarm it grows by."""

# fmt: off
RECORDS = {{
    #                       {heads}
{records}
}}
'''


def written(table: Table, **provenance: object) -> str:
    """The table as a Python file."""
    heads = "  ".join(f"{name[:6]:>6}" for name in Word._fields)
    records = "\n".join(
        f"    {f'Family.{f.name}:':<17} Word(" + ", ".join(f"{value + 0.0:6.2f}" for value in table.records[f]) + "),"
        for f in FAMILIES
    )
    return TEMPLATE.format(
        prior=table.prior, rumour=table.rumour, echo=table.echo, echo_grows=table.echo_grows,
        heads=heads, records=records, **provenance,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--services", type=int, default=45)
    args = parser.parse_args()
    if args.record:
        print(figures(args.record))
        return
    samples = [s for seed in args.seeds for s in run(seed, args.services, WEEKS)]
    fresh = np.array([s.at_change for s in samples])
    thinned, weight = thin(rows(samples), np.where(fresh, 1.0, DEPENDENT))
    table = fit(thinned, weight, told=print)
    seeds = " and ".join(str(s) for s in args.seeds)
    services = args.services * len(args.seeds)
    TARGET.write_text(
        written(table, samples=f"{len(samples):,}", services=services, weeks=WEEKS, seeds=seeds,
                truths=f"{int(np.sum([s.truth for s in samples])):,}"),
    )  # fmt: skip
    print(TARGET.read_text())


if __name__ == "__main__":
    main()
