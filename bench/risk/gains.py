"""Does what `stillup risk` says of one more way, and of one fewer, hold? On worlds whose downtimes are known exactly.

    PYTHONPATH=bench/risk python bench/risk/gains.py 20

Of three simulated providers two are a chain and the third is the candidate. Counted is how often the intervals of 90 %
of the chain's hours, of the hours that the candidate takes off and leaves, and of those that the loss of one would cost
hold the truth.
"""

from __future__ import annotations

import sys
from collections import Counter
from random import Random

from held import Case, all_cases
from worlds import World, world

from stillup.risk.downtimes import Figures
from stillup.risk.gain import Candidate
from stillup.risk.need import Kind, Need, Way
from stillup.risk.survey import survey
from stillup.risk.values import Hours, Subject


def main(worlds: int, seed: int = 1) -> None:
    held: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for case in all_cases():
        for number in range(worlds):
            random = Random(f"gains|{seed}|{case}|{number}")
            made = world(random, case.tail, case.shared)
            for what, is_so in _judged(case, made, random):
                asked[what] += 1
                held[what] += is_so
    for what, count in asked.items():
        print(f"{what:28} {count:6} {held[what] / count:7.3f}")


def _judged(case: Case, made: World, random: Random) -> list[tuple[str, bool]]:
    records = made.watch(case.days, random, case.hours)
    subjects = [Subject("sim-" + name) for name in "abc"]
    figures = Figures(dict(zip(subjects, records, strict=True)), related=lambda *_: case.kin)
    one = survey(_need(subjects[:2]), [_candidate(subjects[2])], figures)
    pair, three = made.hours(0, 1), made.hours(0, 1, 2)
    found = [
        ("the chain", one.hours is not None and _holds(one.hours, pair)),
        ("one more takes off", _holds(one.gains[0].saved, pair - three)),
        ("one more leaves", _holds(one.gains[0].left, three)),
    ]
    without = {loss.way: loss.more for loss in one.losses}
    for place, subject in enumerate(subjects[:2]):
        more = without[subject.service]
        found.append(("one fewer costs", more is not None and _holds(more, made.hours(1 - place) - pair)))
    return found


def _holds(said: Hours, truth: float) -> bool:
    return said.low <= truth <= said.high


def _need(subjects: list[Subject]) -> Need:
    ways = tuple(Way(name=s.service, title=s.service, subject=s) for s in subjects)
    return Need(id="task:coding", kind=Kind.TASK, title="simulated", ways=ways)


def _candidate(subject: Subject) -> Candidate:
    return Candidate(id=subject.service, title=subject.service, subject=subject)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
