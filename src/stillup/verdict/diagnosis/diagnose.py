"""Which kind of outage it looks like, and at which layer: the likelihood table applied to what is seen.

For each class, prior times P(what is seen | class). Observations of one group tend to be right or wrong together, so
``n`` of them count as ``n / (1 + (n - 1) ρ)`` independent ones (Kish 1965, the design effect). A dependency's state is
*soft* evidence, weighted by how sure we are that we stand on it and that it is down (Pearl 1988, virtual evidence).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from math import exp, log

from msgspec import Struct

from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Family, Layer, OutageClass, Problem, State
from stillup.model.verdict import Diagnosis, Verdict
from stillup.verdict.diagnosis.cues import cues_in
from stillup.verdict.diagnosis.likelihoods import (
    CLASSES,
    DEPENDENCY_BASE,
    DEPENDENCY_SEEN,
    LAYERS,
    OFF_THE_MAP,
    PRIOR,
    RHO,
    TABLE,
    WHERE,
    Group,
    Row,
)
from stillup.verdict.telling.units import percent

SHOWN = 0.03
"""Classes less likely than this are left out."""

TELLING_NATS = log(1.3)
"""An observation that moves a class's odds by less is not worth a word."""

_MOST_NAMED = 4
_SUSPECT = 0.3
"""From here on a dependency's trouble alone is enough to name it."""

_SURE = 0.97
"""Nobody is surer than this that a dependency is down."""

_TRIES = frozenset({Family.PROBE, Family.TRAFFIC})
"""The families of tries: each is one request, and all its parts are known."""

_OF_PROBLEM = {
    Problem.SIGN_IN: "sign_in",
    Problem.OVERLOADED: "overloaded",
    Problem.SERVER_ERROR: "server_error",
    Problem.NO_RESPONSE: "no_response",
    Problem.SLOW: "slow",
    Problem.STREAM_CUT: "stream_cut",
    Problem.HISTORY_MISSING: "history",
    Problem.CONNECTION: "connection",
    Problem.APP_CRASH: "app_crash",
    Problem.QUALITY: "quality",
}

_OF_LAYER = {
    Layer.EDGE: "try_edge",
    Layer.AUTH: "try_auth",
    Layer.PRESENTATION: "try_page",
    Layer.API_GATEWAY: "try_api",
    Layer.INFERENCE: "try_inference",
}


class Upstream(Struct, frozen=True):
    """A service this one stands on: how sure we are that it does, and that it has an outage now."""

    service: str
    confidence: float
    probability_down: float


class Scene(Struct, frozen=True, kw_only=True):
    """What is known besides the evidence; everything may be missing.

    ``own_names`` are what the service and its vendor are called, lower case; ``layers`` says of each layer that is
    tried whether it works, ``models_work`` names the models that are tried and do; ``text`` is the title and the
    updates of what is open on the page; ``components`` are all there are.
    """

    own_names: tuple[str, ...] = ()
    api_works: bool | None = None
    layers: Mapping[Layer, bool] = {}
    text: str = ""
    components: tuple[str, ...] = ()
    dependencies: tuple[Upstream, ...] = ()
    models_work: tuple[str, ...] = ()


def diagnose(
    evidence: Iterable[Evidence], *, api_answers: bool | None = None, scene: Scene | None = None
) -> tuple[Diagnosis, ...]:
    """Outage classes with probabilities, likeliest first, those under 3 % left out; empty without an alarm."""
    alarms = [e for e in evidence if e.standing is Standing.ALARM]
    if not alarms:
        return ()
    scene = scene or Scene(api_works=api_answers or None)  # *no* may mean that nobody looked
    return explain(observe(alarms, scene), scene.dependencies, scene.layers)


def upstreams(
    depends: Iterable[tuple[str, float]], verdict_of: Callable[[str], Verdict | None]
) -> tuple[Upstream, ...]:
    """What is known of the services one stands on (their ids, and how sure we are), from the verdicts on them.

    One that is merely degraded is half as likely to take others down; one of which nothing is known is left out.
    """
    found = []
    for service, confidence in depends:
        verdict = verdict_of(service)
        if verdict is None or verdict.state is State.UNKNOWN or verdict.probability is None:
            continue
        p = verdict.probability if verdict.state.is_outage else verdict.probability / 2
        found.append(Upstream(service, confidence, p if verdict.state.is_fault else min(p, DEPENDENCY_BASE)))
    return tuple(found)


def observe(alarms: Sequence[Evidence], scene: Scene) -> dict[str, bool]:
    """The table's observations: True for what is seen, False for what was looked for and is not there."""
    problems = {_OF_PROBLEM[Problem(p)] for e in alarms for p in e.problems if Problem(p) in _OF_PROBLEM}
    found = dict.fromkeys(sorted(problems), True)
    notes = [e.note for e in alarms if e.family is Family.OFFICIAL]
    # Who reports at all also says what: then that nobody speaks of sign-in is evidence.
    if len(found) and any(e.family is not Family.OFFICIAL and e.problems for e in alarms):
        found.setdefault("sign_in", False)
    found |= cues_in("\n".join([scene.text, *notes]), scene.own_names)
    found |= {_OF_LAYER[layer]: not works for layer, works in scene.layers.items() if layer in _OF_LAYER}
    return found | _parts(alarms, scene)


def _parts(alarms: Sequence[Evidence], scene: Scene) -> dict[str, bool]:
    found: dict[str, bool] = {}
    components = {c for e in alarms for c, _ in e.components}
    if "api" in components:
        found["api_works"] = False
    elif components and scene.api_works is not None:
        found["api_works"] = scene.api_works
    if _only_some_models(alarms, scene):
        found["one_model"] = True
    if len(scene.components) > 1 and components:
        found["everything"] = components >= set(scene.components)
    regions = {r.split("-")[0] for e in alarms for r in e.regions}
    if 0 < len(regions) <= 2:
        found["few_regions"] = True
    return found


def _only_some_models(alarms: Sequence[Evidence], scene: Scene) -> bool:
    """Whether models are named and nothing that all of them share fails; of a model tried alone none can be told."""
    named = [e for e in alarms if e.models and (e.family not in _TRIES or scene.models_work)]
    shared_fails = any(not works for layer, works in scene.layers.items() if layer is not Layer.INFERENCE)
    return bool(named) and not shared_fails and all(e.models for e in alarms if e.family in _TRIES)


def explain(
    seen: Mapping[str, bool], dependencies: Sequence[Upstream] = (), layers: Mapping[Layer, bool] | None = None
) -> tuple[Diagnosis, ...]:
    """From observations to classes, each with what speaks for and against it; without any, *unknown* for certain."""
    return _explained(tuple(sorted(seen.items())), tuple(dependencies), tuple(sorted((layers or {}).items())))


@lru_cache(maxsize=1024)  # the same is seen minute after minute
def _explained(
    seen: tuple[tuple[str, bool], ...], dependencies: tuple[Upstream, ...], tried: tuple[tuple[Layer, bool], ...]
) -> tuple[Diagnosis, ...]:
    told = _nats(dict(seen))
    if not told and not any(d.probability_down > _SUSPECT for d in dependencies):
        return (Diagnosis(OutageClass.UNKNOWN, None, 1.0),)
    told |= _upstream_nats(dependencies)
    posterior = _normalised({c: log(PRIOR[c]) + sum(row[c] for row in told.values()) for c in CLASSES})
    ranked = sorted(posterior.items(), key=lambda item: (-item[1], CLASSES.index(item[0])))
    found = []
    for c, p in ranked:
        if p < SHOWN:
            continue
        pros, cons = _reasons(c, told, posterior)
        found.append(Diagnosis(c, _layer(c, dict(tried)), round(p, 3), pros, cons))
    return tuple(found)


def layers(
    diagnosis: Sequence[Diagnosis], tried: Mapping[Layer, bool] | None = None
) -> tuple[tuple[Layer, float], ...]:
    """Layers with probabilities, likeliest first, over all classes; those under 3 % left out."""
    total = dict.fromkeys(LAYERS, 0.0)
    for d in diagnosis:
        for layer, p in _where(d.class_, tried or {}).items():
            total[layer] += d.p * p
    whole = sum(total.values()) or 1.0
    ranked = sorted(total.items(), key=lambda item: (-item[1], LAYERS.index(item[0])))
    return tuple((layer, round(p / whole, 3)) for layer, p in ranked if p / whole >= SHOWN)


def _nats(seen: Mapping[str, bool]) -> dict[str, dict[OutageClass, float]]:
    """Log-likelihoods by the words for a person, the observations of one group weighted down together."""
    told: dict[str, dict[OutageClass, float]] = {}
    for group in Group:
        for is_seen in (True, False):
            rows = [TABLE[n] for n, s in seen.items() if TABLE[n].group is group and s is is_seen]
            rows = [row for row in rows if is_seen or row.absent]
            weight = 1.0 / (1.0 + (len(rows) - 1) * RHO[group])
            for row in rows:
                told[row.words if is_seen else row.unseen_words] = _row_nats(row, weight, is_seen=is_seen)
    return told


def _row_nats(row: Row, weight: float, *, is_seen: bool) -> dict[OutageClass, float]:
    return {c: weight * log(row.p(c) if is_seen else 1.0 - row.p(c)) for c in CLASSES}


def _upstream_nats(dependencies: Sequence[Upstream]) -> dict[str, dict[OutageClass, float]]:
    """The likelihood of *dependency*, against 1 for all others: a mean over the culprits it could be."""
    if not dependencies:
        return {}
    total = sum(d.confidence for d in dependencies) + OFF_THE_MAP
    ratio = OFF_THE_MAP / total
    for d in dependencies:
        down = min(_SURE, max(0.0, d.probability_down))
        given = DEPENDENCY_SEEN * down / DEPENDENCY_BASE + (1 - DEPENDENCY_SEEN) * (1 - down) / (1 - DEPENDENCY_BASE)
        ratio += d.confidence / total * given
    suspect = max(dependencies, key=lambda d: d.confidence * d.probability_down)
    words = f"{suspect.service} is down too ({percent(suspect.probability_down)} sure)"
    if ratio < 1.0:
        words = f"{', '.join(d.service for d in dependencies)} {'works' if len(dependencies) == 1 else 'work'}"
    return {words: {c: log(ratio) if c is OutageClass.DEPENDENCY else 0.0 for c in CLASSES}}


def _normalised(nats: Mapping[OutageClass, float]) -> dict[OutageClass, float]:
    top = max(nats.values())
    weights = {c: exp(v - top) for c, v in nats.items()}
    total = sum(weights.values())
    return {c: w / total for c, w in weights.items()}


def _reasons(
    of: OutageClass, told: Mapping[str, Mapping[OutageClass, float]], posterior: Mapping[OutageClass, float]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What raises and what lowers a class against the others as likely as they are, the weightiest first."""
    rest = {c: p for c, p in posterior.items() if c is not of}
    whole = sum(rest.values()) or 1.0
    moved = {}
    for words, row in told.items():
        others = sum(p / whole * exp(row[c]) for c, p in rest.items())
        moved[words] = row[of] - log(others) if others > 0.0 else 0.0
    by_weight = sorted(moved.items(), key=lambda item: (-abs(item[1]), item[0]))
    pros = tuple(words for words, nats in by_weight if nats >= TELLING_NATS)
    cons = tuple(words for words, nats in by_weight if nats <= -TELLING_NATS)
    return pros[:_MOST_NAMED], cons[:_MOST_NAMED]


def _layer(of: OutageClass, tried: Mapping[Layer, bool]) -> Layer | None:
    """The likeliest layer of a class; none where the class alone does not say and no try does."""
    if of in (OutageClass.UNKNOWN, OutageClass.DEPENDENCY) and False not in tried.values():
        return None
    found = _where(of, tried)
    return max(found, key=lambda layer: (found[layer], -LAYERS.index(layer)))


def _where(of: OutageClass, tried: Mapping[Layer, bool]) -> dict[Layer, float]:
    """P(layer | class, tries): what works is hardly the broken layer, what fails is likelier to be it."""
    weights = {}
    for layer, p in zip(LAYERS, WHERE[of], strict=True):
        works = tried.get(layer)
        weights[layer] = p * (1.0 if works is None else 0.1 if works else 4.0)
    total = sum(weights.values()) or 1.0
    return {layer: w / total for layer, w in weights.items()}
