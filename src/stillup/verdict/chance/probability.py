"""How likely it is that there is a real fault now, given what every family says: the probability beside the rule.

Four things can be behind what is said. A *fault*; *nothing*; a *rumour*, which moves those who talk (crowd, social,
search), several at once, and no one else; an *echo*: a fault that is over, of which some go on telling. So people
alone, however loud and however many, never outweigh the odds of faults to rumours, and no number of old alarms
outweighs the odds that the fault has just ended. Given one of the four, the families are independent of each other.

A family's word is a log likelihood ratio (nats, against nothing) that depends on its standing and strength, and fades
as it ages. The numbers are in ``table.py``; ``docs/probability.md`` says where they come from and how good the
outcome is: calibrated on simulation and on official records.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import exp, log, log1p
from operator import mul

from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Family, Stage, State
from stillup.verdict.chance.table import ECHO, ECHO_GROWS, PRIOR, RECORDS, RUMOUR, Word

TALKERS = (Family.CROWD, Family.SOCIAL, Family.SEARCH)
"""Families that one rumour can move together."""

ANYONE = frozenset({"hub", "pool"})
"""Sources that anyone can feed without proving who they are."""

LEAST, MOST = 0.001, 0.999

AGREED = 0.5
"""Two families in alarm are *confirmed* by the rule: the number beside it never says the opposite."""

SPELL_S = 9000.0
"""How fast what was seen becomes what was: whether an incident is open correlates over time with this constant, 2.1 to
3.1 hours on three pages in 2024 and 2025."""

MOST_AGED_S = 3600.0
"""A word that still stands fades no further: older silence is judged by the source's own rhythm, and is *no data*."""

_TOLD_APART = 12.0  # nats: an e-value short of an alarm says no more beyond
_LOUDEST, _LOUD_UNIT = 3.0, 10.0  # in logs of tens of nats
_OLDEST_H, _PAGE_OLDEST_H = 2.0, 1.0  # later on a fault is no likelier to have just ended than before
MOST_ECHO = 0.5
_HOW_BAD = {State.PARTIAL_OUTAGE: 1.0, State.MAJOR_OUTAGE: 2.0}
_PROVEN = 5.0  # nats of its own, 150 to one, with which a proven source bears out its family


def probability(
    evidence: Sequence[Evidence], now: datetime, *, page_outlived: bool = False, at_work: bool = False
) -> float:
    """The chance of a real fault now, between 0.001 and 0.999; without any word it is the prior.

    ``page_outlived``: the page is still red about a fault that every other family has seen end. ``at_work``: the page
    announces maintenance under way, so its calm says nothing. Costs some thirty microseconds.
    """
    fault = rumour = echo = 0.0
    for e in evidence:
        word = page_word(e, outlived=page_outlived, at_work=at_work) if e.family is Family.OFFICIAL else word_of(e)
        record, aged_s = RECORDS[e.family], age_s(e, now)
        fault += faded(sum(map(mul, word, record)), aged_s)
        if e.standing is Standing.ALARM:
            alarm = faded(word.alarm * record.alarm + word.loud * record.loud, aged_s)
            echo += alarm + (0.0 if word.mended else record.echoed)
            rumour += alarm + record.rumoured if e.family in TALKERS else 0.0
    echoing = min(MOST_ECHO, ECHO * (1.0 + lasted_h(evidence, now)) ** ECHO_GROWS)
    innocent = 1.0 - RUMOUR - echoing + RUMOUR * exp(rumour) + echoing * exp(echo)
    odds = log(PRIOR / (1.0 - PRIOR)) + fault - log(innocent)
    agreed = sum(e.standing is Standing.ALARM for e in evidence) >= 2
    return round(min(MOST, max(AGREED if agreed else LEAST, 1.0 / (1.0 + exp(-odds)))), 3)


def steers(evidence: Sequence[Evidence]) -> bool:
    """Whether an alarm stands that may move traffic: one that does not rest on sources anyone can feed.

    Any number of such sources together is still one liar's work. Where a family has both kinds, a proven source must
    itself have evidence of 150 to one; without numbers source by source nobody can tell, and the answer is no.
    """
    return any(e.standing is Standing.ALARM and _proven(e) for e in evidence)


def _proven(e: Evidence) -> bool:
    if not ANYONE.intersection(e.sources):
        return True
    return any(n.source not in ANYONE and n.log_e >= _PROVEN for n in e.numbers)


# -- one family -------------------------------------------------------------------------------------------------------


def age_s(e: Evidence, now: datetime) -> float:
    """How long ago the family was last heard, in seconds; at most an hour counts."""
    if e.heard_at is None:
        return 0.0
    return min(MOST_AGED_S, max(0.0, (now - e.heard_at).total_seconds()))


def faded(log_ratio: float, aged_s: float) -> float:
    """What a word of some age says of now: the log likelihood ratio after two-state Markov forgetting.

    With ``d = exp(-age / SPELL_S)`` the state then is still the state now, else it is drawn anew from the prior.
    """
    if aged_s <= 0.0 or log_ratio == 0.0:
        return log_ratio
    ratio, d = exp(log_ratio), exp(-aged_s / SPELL_S)
    fault = (PRIOR + (1.0 - PRIOR) * d) * ratio + (1.0 - PRIOR) * (1.0 - d)
    calm = PRIOR * (1.0 - d) * ratio + (1.0 - PRIOR) + PRIOR * d
    return log(fault / calm)


def lasted_h(evidence: Sequence[Evidence], now: datetime) -> float:
    """Hours since the first of the present alarms began: at most two count, of the page's word at most one."""
    hours = 0.0
    for e in evidence:
        if e.standing is Standing.ALARM and e.since is not None:
            most = _PAGE_OLDEST_H if e.family is Family.OFFICIAL else _OLDEST_H
            hours = max(hours, min(most, (now - e.since).total_seconds() / 3600.0))
    return hours


def word_of(e: Evidence) -> Word:
    """How much of each of a family's numbers its word takes."""
    if e.standing is not Standing.ALARM:
        return Word(calm=float(e.standing is Standing.CALM), doubt=min(_TOLD_APART, max(0.0, e.log_e)))
    return Word(alarm=1.0, loud=min(_LOUDEST, log1p(max(0.0, e.log_e) / _LOUD_UNIT)))


def page_word(e: Evidence, *, outlived: bool, at_work: bool) -> Word:
    """The same of the page: its calm, or how bad it says it is, and whether it calls it mended.

    A page that is red about a fault that everybody else has seen end says nothing, and neither does a calm one during
    maintenance.
    """
    if e.standing is Standing.ALARM:
        return Word(alarm=1.0, loud=_HOW_BAD.get(e.state, 0.0), mended=float(e.stage is Stage.MONITORING))
    return Word(calm=float(e.standing is Standing.CALM and not at_work and not outlived))
