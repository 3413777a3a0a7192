"""The sentences on top of the pages: what is so with one service, and with all of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from stillup.board import Board, Chance, ServiceBoard
from stillup.catalog.load import capabilities
from stillup.model.reason import Reason
from stillup.model.service import Capability, Confidence, Scope, State
from stillup.sources.decode import clean
from stillup.verdict.telling.units import percent

_NAMED = 3
"""More broken parts than this are counted, not named."""
_TITLE = 120
_ROOM = 72
"""A headline of so many characters is read at a glance."""
_MARKS = {
    State.OPERATIONAL: "✓",
    State.DEGRADED: "▲",
    State.PARTIAL_OUTAGE: "◆",
    State.MAJOR_OUTAGE: "■",
    State.MAINTENANCE: "⚒",
    State.UNKNOWN: "?",
}
_OWN_NETWORK = (
    "This machine or its network fails: nothing can be seen from here. Look at its connection, VPN, proxy and DNS."
)
_SENTENCES = {
    State.MAJOR_OUTAGE: ("{} is down.", "{} may be down."),
    State.PARTIAL_OUTAGE: ("Parts of {} are down{}.", "Parts of {} may be down{}."),
    State.DEGRADED: ("{} is having trouble{}.", "{} may be having trouble{}."),
    State.MAINTENANCE: ("{} is in maintenance.",) * 2,
    State.OPERATIONAL: ("{} is up.",) * 2,
}
"""For each state the sentence when it is sure, and when it is suspected."""


def verdict_sentence(shown: ServiceBoard) -> str:
    """How a service is, in one sentence that a person in a hurry understands."""
    verdict, name = shown.verdict, shown.service.name
    if verdict.is_yours and not verdict.state.is_fault:
        return f"It is you, not {name}." if verdict.scope is Scope.YOU else f"It is your limit, not {name}."
    if verdict.reason is Reason.PAGE_NOT_UPDATED and verdict.state is State.OPERATIONAL:
        return f"{name} works again, though its own page does not say so yet."
    if verdict.state is State.UNKNOWN:
        return f"Whether {name} is up, nobody can say right now."
    which = _which(shown) if verdict.state is not State.MAJOR_OUTAGE else ""
    sure, unsure = _SENTENCES[verdict.state]
    return (unsure if verdict.confidence is Confidence.SUSPECTED else sure).format(name, which)


def _which(shown: ServiceBoard) -> str:
    broken = broken_parts(shown)
    if not broken or len(broken) > _NAMED:
        return ""
    return f": {listed(broken)}"


def broken_parts(shown: ServiceBoard) -> list[str]:
    """The names of what is broken."""
    known = {c.id: c.name for c in shown.service.components}
    return [known.get(c) or clean(c, 80) for c in shown.verdict.components if shown.verdict.state.is_fault]


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def tab_title(shown: ServiceBoard) -> str:
    """What stands on the browser's tab: the mark first, for there is room for little else."""
    return clean(f"{_MARKS[shown.state]} {verdict_sentence(shown)}", _TITLE)


def summary(board: Board) -> tuple[str, str]:
    """All services in a sentence, and in a second one what has no room in the first, else nothing.

    ``Claude has a partial outage; 20 others are up.``
    """
    services = list(board.services.values())
    if not services:
        return "No service is watched here.", ""
    if not board.is_judged:
        return _unjudged(board)
    if all(s.verdict.scope is Scope.YOU and not s.state.is_fault for s in services):
        return f"It is you, not {'them' if len(services) > 1 else services[0].service.name}.", _OWN_NETWORK
    faults = failing(board)
    first, rest = _faults(faults), "; ".join(_others(services, " other" if faults else ""))
    if not first or not rest:
        return capped(first or rest), ""
    if len(first) + len(rest) <= _ROOM:
        return capped(f"{first}; {rest}"), ""
    return capped(first), capped(rest)


def _unjudged(board: Board) -> tuple[str, str]:
    if board.seq == 0:
        return "Not judged yet.", "The first verdict comes with the next full minute."
    return "Nobody judges here.", (
        f"No monitor was heard since this page began at {board.at:%H:%M} UTC. Whoever runs it: `stillup up` judges by "
        "itself; a cluster needs `stillup run monitor` on the same bus, and `stillup doctor --cluster` looks."
    )


def _others(services: Sequence[ServiceBoard], other: str) -> Iterator[str]:
    counts = Counter(s.state for s in services)
    up, works, unknown = (counts[s] for s in (State.OPERATIONAL, State.MAINTENANCE, State.UNKNOWN))
    if up:
        whole = up == len(services)
        yield "everything that is watched is up" if whole else f"{_count(up, other)} up"
    if works:
        yield f"{_count(works, '')} in maintenance"
    if unknown:
        yield "nothing is known of any of them" if unknown == len(services) else f"of {unknown} nothing is known"


def capped(words: str) -> str:
    """As a sentence."""
    return f"{words[:1].upper()}{words[1:]}."


def _count(number: int, kind: str) -> str:
    return f"{number}{kind} is" if number == 1 else f"{number}{kind}{'s' if kind else ''} are"


def _faults(faults: Sequence[ServiceBoard]) -> str:
    if len(faults) > _NAMED:
        down = sum(s.state is State.MAJOR_OUTAGE for s in faults)
        also = f", {down} of them {'is' if down == 1 else 'are'} down as a whole" if down else ""
        return f"{len(faults)} services are in trouble{also}"
    return "; ".join(_short(s) for s in faults)


def _short(shown: ServiceBoard) -> str:
    name, unsure = shown.service.name, shown.verdict.confidence is Confidence.SUSPECTED
    words = {
        State.MAJOR_OUTAGE: ("is down", "may be down"),
        State.PARTIAL_OUTAGE: ("has a partial outage", "may have a partial outage"),
        State.DEGRADED: ("is having trouble", "may be having trouble"),
    }
    return f"{name} {words[shown.state][unsure]}"


def ordered(services: Iterable[ServiceBoard]) -> list[ServiceBoard]:
    """Worst first; of equals those that are surer, then the order they came in."""

    def rank(shown: ServiceBoard) -> tuple[int, bool]:
        verdict = shown.verdict
        known = {State.UNKNOWN: 1, State.MAINTENANCE: 2}.get(verdict.state, 3)
        return (
            -verdict.state.severity if verdict.state.is_fault else known,
            verdict.confidence is not Confidence.CONFIRMED,
        )

    return sorted(services, key=rank)


def failing(board: Board) -> list[ServiceBoard]:
    """What has a fault, worst first."""
    return [s for s in ordered(board.services.values()) if s.state.is_fault]


def able(board: Board, task: str | None) -> list[ServiceBoard]:
    """The services that can stand in for a task, worst first; all of them without one or with one nobody knows."""
    facts = next((c for c in capabilities().values() if c.id.value == task), None)
    services = ordered(board.services.values())
    return services if facts is None else [s for s in services if s.service.id in facts.order]


def capability(task: str | None) -> Capability | None:
    """The capability of that name."""
    return next((c for c in Capability if c.value == task), None)


def chances(curve: Sequence[Chance]) -> list[tuple[str, str]]:
    """How likely it is to be over within 15 min, an hour and four, as far as the curve goes."""
    told = []
    for words, within_s in (("15 min", 900.0), ("1 hour", 3600.0), ("4 hours", 14_400.0)):
        reached = [c for c in curve if c.within_s <= within_s]
        if reached and curve[-1].within_s >= within_s:
            told.append((words, percent(reached[-1].p)))
    return told
