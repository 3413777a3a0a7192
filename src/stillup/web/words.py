"""Values as the page says them: states, ages, spans, times, figures. All of it is text; the templates escape it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup, escape
from msgspec import structs

from stillup.board import ServiceBoard
from stillup.model.evidence import Evidence, Standing
from stillup.model.service import Confidence, State
from stillup.response.playbook import Done
from stillup.sources.decode import clean, http_url
from stillup.verdict.telling.explain import FAMILY_WORDS, STATE_WORDS, side, who
from stillup.verdict.telling.units import E_MEANS, age, chance, percent, span
from stillup.web.phrases import broken_parts, chances, listed, tab_title, verdict_sentence
from stillup.web.regions import region_name

_LINE, _TEXT, _FEW = 300, 2000, 6
_SPACES = frozenset("\n\t\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}")
"""Not printable by Unicode's word, and harmless."""
_POWER, _RAISED = re.compile(r"10\^(-?\d+)"), str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_CODE = re.compile(r"`([^`]{1,80})`")
_MARKS = {Done.DONE: ("✓", "done"), Done.TO_DO: ("○", "for you to do"), Done.CANNOT: ("✗", "could not be done")}
_STANDINGS = {Standing.ALARM: "in alarm", Standing.CALM: "calm", Standing.NO_DATA: "no data"}


def line(text: object, limit: int = _LINE) -> str:
    """One clean line of a text from elsewhere: bounded, without control and bidirectional characters."""
    return clean(str(text), limit)


def text(value: object) -> str:
    """A longer text from elsewhere, likewise."""
    return clean(str(value), _TEXT)


def coded(value: object) -> Markup:
    """One clean line of ours in which what stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(line(value)))))  # noqa: S704 - escaped before


def seen(value: object) -> object:
    """What a template puts out: a text loses whatever cannot be seen and could fool, line breaks and spaces excepted.

    The last net under all templates; texts from elsewhere should go through ``line`` or ``text`` before.
    """
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(c for c in value if c.isprintable() or c in _SPACES)


def when(at: datetime | None, form: str = "minute") -> Markup:
    """A moment as ``<time>``: in UTC, and for scripts in ISO 8601; ``form`` is minute, clock or day."""
    if at is None:
        return Markup("<span class=none>not known</span>")
    at = at.astimezone(UTC)
    shown = {"minute": f"{at.day} {at:%b %Y, %H:%M} UTC", "clock": f"{at:%H:%M} UTC", "day": f"{at.day} {at:%b %Y}"}
    return Markup('<time datetime="{}">{}</time>').format(iso(at), shown[form])


def ago(at: datetime | None, now: datetime) -> Markup:
    """How long ago, as ``<time>`` that a script keeps right."""
    if at is None:
        return Markup("<span class=none>never</span>")
    shown = age((now - at).total_seconds()).replace(" old", " ago")
    return Markup('<time datetime="{}" data-ago>{}</time>').format(iso(at), shown)


def iso(at: datetime) -> str:
    """A moment in ISO 8601, UTC, whole seconds."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def spaced(word: object) -> str:
    """``sign_in`` as ``sign in``."""
    return line(word, 80).replace("_", " ")


def link(url: object) -> str:
    """A web address that a person may be sent to, else nothing."""
    return http_url(str(url))


def part(component: str, shown: ServiceBoard) -> str:
    """A component's name."""
    known = shown.service.component(component)
    return known.name if known else line(component, 80)


def source(word: str, shown: ServiceBoard) -> str:
    """A source's name."""
    return line(next((s.title for s in shown.sources if s.id == word), spaced(word)), 80)


def names(components: Iterable[str], shown: ServiceBoard) -> str:
    """The names of some components, one after the other."""
    return listed([part(c, shown) for c in components])


def capfirst(words: str) -> str:
    """With a capital at its beginning, and otherwise as it was."""
    return f"{words[:1].upper()}{words[1:]}"


def says(evidence: Evidence, shown: ServiceBoard, now: datetime) -> str:
    """One family's word with its numbers, without its name in front."""
    named = (structs.replace(n, source=source(n.source, shown)) for n in evidence.numbers)
    told = side(structs.replace(evidence, numbers=tuple(named)), now, lambda c: part(c, shown))
    if evidence.heard_at is not None:  # it stands beside it, where a script keeps it right
        told = told.removesuffix(f", {age((now - evidence.heard_at).total_seconds())}")
    return raised(line(told.removeprefix(f"{FAMILY_WORDS[evidence.family]}: ")))


def facts(shown: ServiceBoard, now: datetime) -> Iterator[tuple[str, str | Markup]]:
    """What is known of a fault, as pairs of a name and a value."""
    verdict = shown.verdict
    if verdict.since is not None:
        yield "Since", Markup("{}, {}").format(when(verdict.since, "clock"), ago(verdict.since, now))
    broken = broken_parts(shown)
    if broken:
        yield "Broken", few(broken)
    if verdict.models:
        yield "Models", few([line(m, 60) for m in verdict.models])
    if verdict.problems:
        yield "Trouble", few([spaced(p) for p in verdict.problems])
    if verdict.regions:
        yield "Where", few([line(region_name(r), 60) for r in verdict.regions])
    scope = who(structs.replace(verdict, components=(), models=(), problems=(), regions=()))
    if scope:
        yield "Who is hit", capfirst(scope)
    if verdict.probability is not None:
        yield "A fault is", chance(verdict.probability)


def few(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def raised(words: str) -> str:
    """Powers of ten as they are printed: ``10⁹`` for ``10^9``."""
    return _POWER.sub(lambda m: "10" + m[1].translate(_RAISED), words)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "capfirst": capfirst,
    "chance": chance,
    "chances": chances,
    "coded": coded,
    "iso": iso,
    "line": line,
    "listed": listed,
    "names": names,
    "sentence": verdict_sentence,
    "tab": tab_title,
    "text": text,
    "when": when,
    "ago": ago,
    "span": span,
    "percent": percent,
    "source": source,
    "spaced": spaced,
    "link": link,
    "part": part,
    "says": says,
    "state": lambda s: STATE_WORDS[s],
    "facts": facts,
    "raised": raised,
    "outcome": lambda rule: rule.rpartition("→")[2].strip(),
    "family": lambda f: FAMILY_WORDS[f],
    "standing": lambda s: _STANDINGS[s],
    "mark": lambda d: _MARKS[d][0],
    "mark_says": lambda d: _MARKS[d][1],
}
_PAGES = (
    ("/", "Services"), ("/incidents", "Incidents"), ("/chat", "Chat"), ("/vault", "Vault"), ("/compare", "Compare"),
    ("/risk", "Risk"), ("/sla", "SLA"), ("/drills", "Drills"), ("/method", "Method"),
)  # fmt: skip
_ROW = 5
"""So many words stand in one row of a phone; where there are more pages, the last of them is *More*."""


def pages(**private: object) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """The pages that are there, as address and name: those of the row, and those behind *More*.

    ``private`` says of each page that is not there everywhere whether it is here.
    """
    there = tuple((to, name) for to, name in _PAGES if private.get(to[1:], True))
    room = len(there) if len(there) <= _ROW else _ROW - 1
    return there[:room], there[room:]


GLOBALS: Mapping[str, Any] = {
    "State": State,
    "Confidence": Confidence,
    "Standing": Standing,
    "e_means": raised(E_MEANS),
    "pages": pages,
}
