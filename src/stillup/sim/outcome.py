"""Did the story come out as the scenario expects: one checked sentence for each expectation. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from stillup.catalog.load import catalogue
from stillup.model.service import Confidence, State, worst
from stillup.model.verdict import Verdict
from stillup.sim.scenario import Expect, Scenario
from stillup.verdict.locate.regions import country

_ORDER = (None, Confidence.SUSPECTED, Confidence.CONFIRMED)


class Check(Struct, frozen=True):
    """One expectation, and whether it came true."""

    ok: bool
    says: str


def judged(scenario: Scenario, changes: Sequence[Verdict], until: datetime | None = None) -> Iterator[Check]:
    """Judge the changes of one whole scenario, service by service; of a part, what was expected ``until`` then."""
    for part in scenario.parts:
        own = [c for c in changes if c.service == part.service]
        whose = f"{catalogue()[part.service].name}: " if scenario.also else ""
        for check in checks(_by_then(part.expect, until or scenario.ends), own):
            yield Check(check.ok, whose + check.says)


def _by_then(expect: Expect, until: datetime) -> Expect:
    """What of it can be expected so early."""
    times = ("suspected_by", "confirmed_by", "recovered_by", "official_at")
    return replace(expect, **{t: None for t in times if (at := getattr(expect, t)) is not None and at > until})


def checks(expect: Expect, changes: Sequence[Verdict]) -> Iterator[Check]:
    """Judge the changes of one service."""
    service = [c for c in changes if c.component is None]
    faults = [c for c in service if c.state.is_fault]
    first = faults[0].at if faults else None
    confirmed = next((c.at for c in faults if c.confidence is Confidence.CONFIRMED), None)
    if expect.not_before is not None:
        yield Check(first is None or first >= expect.not_before, f"no alarm before {_at(expect.not_before)}")
    if expect.suspected_by is not None:
        yield _by("suspected", first, expect.suspected_by)
    if expect.confirmed_by is not None:
        yield _by("confirmed", confirmed, expect.confirmed_by)
    if expect.official_at is not None and first is not None:
        ok = first < expect.official_at
        order = "before" if ok else "not before"
        yield Check(ok, f"alarm at {_at(first)}, {order} the official page first spoke ({_at(expect.official_at)})")
    if expect.recovered_by is not None:
        back = next((c.at for c in reversed(service) if not c.state.is_fault), None) if faults else None
        over = back if faults and not service[-1].state.is_fault else None
        yield _by("recovered", over, expect.recovered_by)
    if expect.at_most is not None:
        reached = max((_ORDER.index(c.confidence) for c in service), default=0)
        word = _ORDER[reached]
        yield Check(
            reached <= _ORDER.index(expect.at_most),
            f"{expect.at_most.value} at most (reached: {word.value if word else 'nothing'})",
        )
    yield from _what(expect, changes, service)


def _what(expect: Expect, changes: Sequence[Verdict], service: Sequence[Verdict]) -> Iterator[Check]:
    broken = {c.component for c in changes if c.component and c.state.is_fault}
    if expect.worst is not None:
        reached = worst(c.state for c in changes)
        yield Check(
            reached.severity == expect.worst.severity, f"worst state {_words(expect.worst)} (was {_words(reached)})"
        )
    if expect.components:
        yield _contains("broken", set(expect.components), broken)
    if expect.calm:
        stray = broken & set(expect.calm)
        yield Check(
            not stray, f"unharmed: {', '.join(expect.calm)}" + (f" (blamed: {', '.join(stray)})" if stray else "")
        )
    if expect.regions:
        named = {r for c in service for r in c.regions}  # a part of a country tells the country too, and more finely
        yield _contains("regions", set(expect.regions), named | {country(r) for r in named})
    if expect.problems:
        yield _contains("problems", {p.value for p in expect.problems}, {p for c in service for p in c.problems})
    if expect.models:
        yield _contains("models", set(expect.models), {m for c in changes for m in c.models})
    if expect.diagnosis is not None:
        likely = {c.diagnosis[0].class_ for c in service if c.state.is_fault and c.diagnosis}
        was = ", ".join(sorted(c.value for c in likely)) or "nothing"
        ok = expect.diagnosis in likely
        yield Check(ok, f"diagnosis {expect.diagnosis.value}" + ("" if ok else f" (was: {was})"))
    if expect.alarms_at_most is not None:
        ill = [c.state.is_fault for c in service]
        alarms = sum(is_now and not was for was, is_now in pairwise((False, *ill)))
        yield Check(alarms <= expect.alarms_at_most, f"alarms: {expect.alarms_at_most} at most (were {alarms})")
    if expect.scope is not None:
        scopes = {c.scope for c in service}
        yield Check(expect.scope in scopes, f"scope {expect.scope.value}")


def _by(what: str, at: datetime | None, limit: datetime) -> Check:
    if at is None:
        return Check(ok=False, says=f"{what} by {_at(limit)} (never)")
    return Check(at <= limit, f"{what} by {_at(limit)} (at {_at(at)})")


def _contains(what: str, wanted: set[str], found: set[str]) -> Check:
    missing = wanted - found
    says = f"{what}: {', '.join(sorted(wanted))}"
    return Check(not missing, says + (f" (missing: {', '.join(sorted(missing))})" if missing else ""))


def _at(at: datetime) -> str:
    return f"{at:%H:%M} UTC"


def _words(state: State) -> str:
    return state.value.replace("_", " ")
