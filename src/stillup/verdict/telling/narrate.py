"""A verdict told with all its grounds: in one sentence, in one paragraph, and as JSON.

All three say the same: what every side observed, the rule, and what follows. They differ in length alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct, to_builtins

from stillup.model.evidence import Evidence, Standing
from stillup.model.incident import Incident
from stillup.model.reason import Reason
from stillup.model.service import Family, OutageClass, State
from stillup.model.verdict import Diagnosis, Verdict, iso
from stillup.verdict.diagnosis.diagnose import layers
from stillup.verdict.telling.explain import FAMILY_WORDS, Naming, because, headline, outcome, page_is_read, side, who
from stillup.verdict.telling.units import chance, percent, span

_CLEAR = 0.5
"""A class less likely than this is named, but not as what it looks like."""


class Telling(Struct, frozen=True, kw_only=True):
    """What a verdict is told with. ``now`` is the verdict's own time unless it is told later."""

    verdict: Verdict
    evidence: Sequence[Evidence] = ()
    incident: Incident | None = None
    name: str = ""
    naming: Naming = str
    now: datetime | None = None

    @property
    def title(self) -> str:
        """What the service is called."""
        return self.name or self.verdict.service

    @property
    def at(self) -> datetime:
        """When it is told."""
        return self.now or self.verdict.at


def sentence(telling: Telling) -> str:
    """One sentence: the verdict, what each side observed, and the rule's outcome."""
    verdict = telling.verdict
    sides = "; ".join(_sides(telling)) or "nothing heard"
    return f"{headline(verdict, telling.title)}: {sides} → {_outcome(telling)}."


def paragraph(telling: Telling) -> str:
    """One paragraph: since when, who is hit, each side, the rule, the likely cause, how long, and who saw it first."""
    verdict = telling.verdict
    parts = [_opening(telling), _since(telling), _hit(telling)]
    sides = "; ".join(_sides(telling))
    parts.append(f"What each side says: {sides}." if sides else "No side was heard.")
    parts.append(f"By the rule that is {_outcome(telling)}.")
    parts += [_cause(verdict.diagnosis), _ahead(telling), _lead(telling)]
    return " ".join(part for part in parts if part)


def as_json(telling: Telling) -> dict[str, object]:
    """The same as one object of plain values, keys in this order; ``docs/diagnosis.md`` describes each."""
    verdict, incident = telling.verdict, telling.incident
    lead = incident.lead() if incident else None
    return {
        "sentence": sentence(telling),
        "at": iso(verdict.at),
        "service": verdict.service,
        "component": verdict.component,
        "state": verdict.state.value,
        "confidence": verdict.confidence and verdict.confidence.value,
        "probability": verdict.probability,
        "probability_words": None if verdict.probability is None else chance(verdict.probability),
        "since": iso(verdict.since),
        "reason": verdict.reason.value,
        "because": because(verdict, page_is_read=page_is_read(telling.evidence)),
        "rule": _outcome(telling),
        "scope": verdict.scope and verdict.scope.value,
        "components": list(verdict.components),
        "regions": list(verdict.regions),
        "problems": list(verdict.problems),
        "models": list(verdict.models),
        "sides": [_side_json(e, telling) for e in _ordered(telling.evidence)],
        "diagnosis": [d.wire() for d in verdict.diagnosis],
        "layers": [{"layer": layer.value, "p": p} for layer, p in layers(verdict.diagnosis)],
        "forecast": to_builtins(verdict.forecast),
        "first_seen": {f.value: iso(at) for f, at in incident.first_seen} if incident else {},
        "lead_s": None if lead is None else lead.total_seconds(),
    }


def _outcome(telling: Telling) -> str:
    return outcome(telling.verdict, page_is_read=page_is_read(telling.evidence))


def _sides(telling: Telling) -> Iterator[str]:
    silent = []
    for e in _ordered(telling.evidence):
        if e.standing is Standing.NO_DATA and not e.note:
            silent.append(FAMILY_WORDS[e.family])
        else:
            yield side(e, telling.at, telling.naming)
    if silent:
        yield f"no data from {', '.join(silent)}"


def _ordered(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Independent alarms first, strongest before weaker, then the page, then the calm, then the silent."""
    rank = {Standing.ALARM: 0, Standing.CALM: 2, Standing.NO_DATA: 3}
    families = list(Family)

    def order(e: Evidence) -> tuple[int, float, int]:
        page = e.family is Family.OFFICIAL and e.standing is not Standing.NO_DATA
        return (1 if page else rank[e.standing], -e.log_e, families.index(e.family))

    return sorted(evidence, key=order)


def _opening(telling: Telling) -> str:
    verdict = telling.verdict
    if verdict.reason is Reason.PAGE_NOT_UPDATED:
        return f"{telling.title} works again; its official page has not been updated and is still red."
    words = f"{headline(verdict, telling.title)}."
    if verdict.state.is_fault and verdict.probability is not None:
        words += f" That there is a fault is {chance(verdict.probability)}."
    return words


def _since(telling: Telling) -> str:
    verdict = telling.verdict
    if not verdict.state.is_fault or verdict.since is None:
        return ""
    return f"It began about {verdict.since:%H:%M} UTC, {span((telling.at - verdict.since).total_seconds())} ago."


def _hit(telling: Telling) -> str:
    words = who(telling.verdict, telling.naming)
    return f"Who is hit: {words}." if words else ""


def _cause(diagnosis: Sequence[Diagnosis]) -> str:
    if not diagnosis:
        return ""
    first, rest = diagnosis[0], diagnosis[1:3]
    if first.class_ is OutageClass.UNKNOWN:
        words = f"What kind of fault it is, nobody can tell yet ({percent(first.p)})"
    else:
        layer = f" at the {first.layer.value.replace('_', ' ')} layer" if first.layer else ""
        looks = "It looks like" if first.p >= _CLEAR else "The cause is not clear yet, likeliest is"
        words = f"{looks} {_class(first)} ({percent(first.p)}){layer}"
    if first.for_:
        words += f"; for it: {', '.join(first.for_)}"
    if first.against:
        words += f"; against it: {', '.join(first.against)}"
    if rest:
        words += f"; else {' or '.join(f'{_class(d)} ({percent(d.p)})' for d in rest)}"
    return f"{words}."


def _class(diagnosis: Diagnosis) -> str:
    return "something unknown" if diagnosis.class_ is OutageClass.UNKNOWN else diagnosis.class_.value.replace("_", " ")


def _ahead(telling: Telling) -> str:
    forecast = telling.verdict.forecast
    if forecast is None or not telling.verdict.state.is_fault:
        return ""
    low, middle, high = (span(s) for s in (forecast.p10_s, forecast.p50_s, forecast.p90_s))
    return f"Half of such faults end within {middle} from now, four in five after {low} to {high}."


def _lead(telling: Telling) -> str:
    incident = telling.incident
    if incident is None or not incident.first_seen:
        return ""
    lead = incident.lead()
    if lead is None:
        seen = dict(incident.first_seen)
        alone = Family.OFFICIAL in seen
        return "Only the official page saw it." if alone else "The official page has not said so yet."
    seen = {f: at for f, at in incident.first_seen if f is not Family.OFFICIAL}
    first = FAMILY_WORDS[min(seen, key=seen.__getitem__)].capitalize()
    if not lead:
        return f"{first} and the official page saw it in the same minute."
    seconds = lead.total_seconds()
    return f"{first} saw it {span(abs(seconds))} {'before' if seconds > 0 else 'after'} the official page."


def _side_json(evidence: Evidence, telling: Telling) -> dict[str, object]:
    heard = evidence.heard_at
    return {
        "family": evidence.family.value,
        "standing": evidence.standing.value,
        "says": side(evidence, telling.at, telling.naming),
        "since": iso(evidence.since),
        "age_s": None if heard is None else max(0.0, (telling.at - heard).total_seconds()),
        "observed": evidence.observed,
        "usual": evidence.usual,
        "unit": evidence.unit,
        "window_s": evidence.window_s,
        "log_e": evidence.log_e,
        "sources": list(evidence.sources),
        "numbers": to_builtins(evidence.numbers),
        "state": None if evidence.state is State.UNKNOWN else evidence.state.value,
        "stage": evidence.stage and evidence.stage.value,
        "stage_since": iso(evidence.stage_since),
    }
