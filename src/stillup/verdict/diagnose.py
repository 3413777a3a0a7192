"""Which kind of outage it looks like: a readable likelihood table, multiplied out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Layer, OutageClass, Problem
from stillup.model.verdict import Diagnosis

_A, _O, _M, _D = (
    OutageClass.AUTHENTICATION,
    OutageClass.API_OVERLOAD,
    OutageClass.MODEL_INFRASTRUCTURE,
    OutageClass.DATABASE,
)
_P, _N, _X = OutageClass.PRESENTATION, OutageClass.NETWORK_REGIONAL, OutageClass.DEPENDENCY

PRIOR = {_A: 0.15, _O: 0.25, _M: 0.25, _D: 0.08, _P: 0.15, _N: 0.06, _X: 0.06}

LAYER = {
    _A: Layer.AUTH,
    _O: Layer.API_GATEWAY,
    _M: Layer.INFERENCE,
    _D: Layer.DATABASE,
    _P: Layer.PRESENTATION,
    _N: Layer.NETWORK,
    _X: None,
}

# How likely an observation is under each class, against 1 for "says nothing". Rules of thumb from what each layer does
# when it fails: sign-in trouble with a healthy API points at authentication, 529s at overload, and so on.
LIKELIHOOD: dict[str, dict[OutageClass, float]] = {
    "sign-in fails": {_A: 8.0, _P: 1.5, _D: 1.5, _O: 0.3, _M: 0.2, _N: 0.7, _X: 1.0},
    "overloaded errors": {_A: 0.2, _O: 8.0, _M: 2.0, _D: 0.3, _P: 0.3, _N: 0.2, _X: 0.5},
    "server errors": {_A: 0.8, _O: 2.0, _M: 2.0, _D: 1.5, _P: 0.8, _N: 0.4, _X: 1.5},
    "no response": {_A: 0.7, _O: 1.0, _M: 1.5, _D: 1.2, _P: 1.5, _N: 2.0, _X: 1.5},
    "slow": {_A: 0.4, _O: 2.5, _M: 1.5, _D: 1.5, _P: 0.8, _N: 1.2, _X: 1.0},
    "answers cut": {_A: 0.1, _O: 1.5, _M: 4.0, _D: 0.4, _P: 0.6, _N: 1.2, _X: 0.8},
    "history missing": {_A: 0.4, _O: 0.1, _M: 0.1, _D: 10.0, _P: 1.5, _N: 0.1, _X: 0.5},
    "no connection": {_A: 0.4, _O: 0.4, _M: 0.3, _D: 0.3, _P: 0.8, _N: 6.0, _X: 3.0},
    "app crashes": {_A: 0.6, _O: 0.2, _M: 0.2, _D: 0.6, _P: 4.0, _N: 0.2, _X: 0.5},
    "API answers": {_A: 3.0, _O: 0.2, _M: 0.2, _D: 1.2, _P: 3.0, _N: 0.8, _X: 0.7},
    "API fails": {_A: 0.7, _O: 2.5, _M: 2.5, _D: 0.8, _P: 0.1, _N: 0.9, _X: 1.2},
    "one model only": {_A: 0.02, _O: 1.0, _M: 12.0, _D: 0.05, _P: 0.05, _N: 0.05, _X: 0.1},
    "few regions": {_A: 0.8, _O: 0.7, _M: 0.7, _D: 0.7, _P: 0.7, _N: 5.0, _X: 1.0},
}

_OF_PROBLEM = {
    Problem.SIGN_IN: "sign-in fails",
    Problem.OVERLOADED: "overloaded errors",
    Problem.SERVER_ERROR: "server errors",
    Problem.NO_RESPONSE: "no response",
    Problem.SLOW: "slow",
    Problem.STREAM_CUT: "answers cut",
    Problem.HISTORY_MISSING: "history missing",
    Problem.CONNECTION: "no connection",
    Problem.APP_CRASH: "app crashes",
}

_CUES = {
    "sign-in fails": ("login", "log in", "log-in", "sign in", "sign-in", "authentication", "oauth"),
    "overloaded errors": ("overload", "529", "capacity"),
    "history missing": ("history", "conversations missing", "database"),
    "slow": ("latency", "slow"),
}


class Observations(Struct, frozen=True):
    """What the table is asked about."""

    names: tuple[str, ...]


def observe(alarms: Sequence[Evidence], *, api_answers: bool) -> Observations:
    """Turn evidence into the table's observations."""
    found = {_OF_PROBLEM[Problem(p)] for e in alarms for p in e.problems if Problem(p) in _OF_PROBLEM}
    text = " ".join(e.note for e in alarms).lower()
    found |= {name for name, cues in _CUES.items() if any(cue in text for cue in cues)}
    components = {c for e in alarms for c, _ in e.components}
    if "api" in components:
        found.add("API fails")
    elif components and api_answers:
        found.add("API answers")
    if alarms and all(e.models for e in alarms):
        found.add("one model only")
    regions = {r.split("-")[0] for e in alarms for r in e.regions}
    if len(regions) == 1:
        found.add("few regions")
    return Observations(tuple(sorted(found)))


def diagnose(evidence: Iterable[Evidence], *, api_answers: bool) -> tuple[Diagnosis, ...]:
    """Outage classes with probabilities, likeliest first, those under 3 % left out; empty without an alarm."""
    alarms = [e for e in evidence if e.standing is Standing.ALARM]
    if not alarms:
        return ()
    seen = observe(alarms, api_answers=api_answers).names
    if not seen:
        return (Diagnosis(OutageClass.UNKNOWN, None, 1.0),)
    weight = dict(PRIOR)
    for name in seen:
        weight = {c: w * LIKELIHOOD[name][c] for c, w in weight.items()}
    total = sum(weight.values())
    ranked = sorted(weight.items(), key=lambda item: (-item[1], item[0].value))
    return tuple(Diagnosis(c, LAYER[c], round(w / total, 3)) for c, w in ranked if w / total >= 0.03)
