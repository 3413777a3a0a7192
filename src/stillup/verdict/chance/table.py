"""How likely each word of each family is in a fault over when nothing is wrong: log ratios, in nats.

Written by ``bench/fit/chance_shipped.py``; do not edit. Fitted on simulation: 113,302 samples of 90 services over
2 weeks each (seeds 1 and 2; 4,116 of the samples in a fault), whose pages behave as the official records until
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


PRIOR = 0.0509
"""Share of time with a real fault."""

RUMOUR = 0.0011
"""Share of the rest in which a rumour is about."""

ECHO, ECHO_GROWS = 0.0198, 2.00
"""Share of the rest in which a fault has just ended, and the power of 1 + hours since the first alarm it grows by."""

# fmt: off
RECORDS = {
    #                         calm   doubt   alarm    loud  mended  rumour  echoed
    Family.OFFICIAL:  Word( -1.00,   0.00,   4.03,   2.49,  -1.25,   0.00,  -1.26),
    Family.CROWD:     Word( -0.47,   0.37,   4.46,   2.21,   0.00,  -1.42,  -0.78),
    Family.SOCIAL:    Word( -0.36,   0.16,   1.98,   3.00,   0.00,  -1.04,  -0.51),
    Family.SEARCH:    Word(  0.00,   0.00,   0.38,   0.00,   0.00,  -0.44,   0.00),
    Family.PROBE:     Word( -0.76,   0.15,   4.07,   0.37,   0.00,   0.00,  -1.05),
    Family.TRAFFIC:   Word( -0.33,   0.19,   5.73,   1.84,   0.00,   0.00,  -1.47),
}
