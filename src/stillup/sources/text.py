"""What a post or a title says of one service: rules anyone can read, and the weight of its words.

A text is brought into a normal form. The rules (``text_rules.toml``) add up their weights, the words
(``text_words.json``) theirs, and the sum against a threshold decides. Which rules matched and what the words came to
goes with the answer, so that every decision can be looked at. The rules name the kind of trouble, and what is the
writer's own matter; the words find the many ways to say that something is wrong (``docs/posts.md`` has the figures).
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import NamedTuple

import msgspec
from msgspec import Struct

from stillup.catalog.load import Service
from stillup.model.service import Problem, State
from stillup.sources.text_form import (
    MAX_CHARS,
    OWN,
    Names,
    components_in,
    models_in,
    names_of,
    plain,
    with_entities,
)
from stillup.sources.text_places import region_of
from stillup.sources.text_words import word_table, wording

_MACRO = re.compile(r"<<([a-z]+)>>")
_PAGE_MIRROR = "page_mirror"
_BLANK = " ~ "


class Mention(Struct, frozen=True, kw_only=True):
    """What one text says.

    ``about_outage``: the writer reports, or asks about, trouble of this service now. ``score`` is the sum of the
    weights of ``rules``, the rules that matched, and of ``wording``, the log-odds from its words. ``own_fault``: it is
    the writer's own limit, bill, key or ban, and not about an outage. ``problem`` is None where trouble is named
    without its kind; texts that are not about an outage keep only ``quality`` and ``billing``. ``error`` is the code or
    error name quoted, in lower case. ``mirrors_page``: it repeats the official page, so it is no word of its own.
    """

    about_outage: bool
    score: float
    wording: float = 0.0
    rules: tuple[str, ...] = ()
    problem: Problem | None = None
    components: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    region: str | None = None
    error: str | None = None
    own_fault: bool = False
    mirrors_page: bool = False


class TitleFacts(NamedTuple):
    """What the title of an official incident says; ``state`` is unknown where its words do not tell."""

    components: tuple[str, ...]
    models: tuple[str, ...]
    state: State


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the table; see its head for what the fields do."""

    name: str
    pattern: str
    weight: float = 0.0
    problem: Problem | None = None
    own: bool = False
    blank: bool = False


class StateWords(Struct, frozen=True, forbid_unknown_fields=True):
    """Words in the title of an official incident, and the state they hint at."""

    state: State
    pattern: str


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    threshold: float
    place_weight: float
    others: tuple[str, ...]
    no_component: tuple[str, ...]
    macros: dict[str, str]
    rules: tuple[Rule, ...]
    states: tuple[StateWords, ...]


_Needed = tuple[str, tuple[str, ...]]
"""A text that a rule needs, and the rules that do."""
_BEGINNING = 4


class _Match(NamedTuple):
    rule: Rule
    error: str | None


def classify(text: str, service: Service) -> Mention:
    """Read one text; only its first 4,000 characters count. A text that names no service is about this one."""
    form, names = plain(text), _names(service)
    named = with_entities(form, names)
    matches, words = _apply(named), round(wording(named), 3)
    region = region_of(text[:MAX_CHARS], form)
    score = _score(matches, words, is_placed=region is not None)
    about = score >= table().threshold
    return Mention(
        about_outage=about,
        score=score,
        wording=words,
        rules=tuple(m.rule.name for m in matches),
        problem=_problem(matches, about=about),
        components=components_in(form, names),
        models=models_in(form, names),
        region=region,
        error=next((m.error for m in matches if m.error), None),
        own_fault=not about and any(m.rule.own for m in matches),
        mirrors_page=any(m.rule.name == _PAGE_MIRROR for m in matches),
    )


def form_of(text: str, service: Service) -> str:
    """The form of a text that rules and words see."""
    return with_entities(plain(text), _names(service))


def names_service(text: str, service: Service) -> bool:
    """Whether a text names this service, one of its models, or its vendor."""
    return OWN in form_of(text, service)


def title_facts(title: str, body: str, service: Service) -> TitleFacts:
    """Components, models and a hint of the state from the words of an official incident; the title's words go first."""
    names = _names(service)
    head, rest = plain(title), plain(body)
    return TitleFacts(
        components=components_in(head, names) or components_in(rest, names),
        models=models_in(head, names) or models_in(rest, names),
        state=_state(head) or _state(rest) or State.UNKNOWN,
    )


def _state(form: str) -> State | None:
    return next((state for state, pattern in _state_words() if pattern.search(form)), None)


def _apply(form: str) -> list[_Match]:
    """The rules that match, in the table's order; a ``blank`` rule takes its words out before the next one looks."""
    found: list[_Match] = []
    compiled, may_match = _compiled(), _rules_that_may_match(form)
    for rule, pattern in compiled:
        # Looking for some plain texts is many times cheaper than trying a pattern that cannot match without one.
        if rule.name not in may_match:
            continue
        match = pattern.search(form)
        if match is None:
            continue
        found.append(_Match(rule, match.groupdict().get("error")))
        if rule.blank:
            form = pattern.sub(_BLANK, form)
            may_match = _rules_that_may_match(form)
    return found


def _rules_that_may_match(form: str) -> set[str]:
    """Names of the rules of which a needed text stands in the form; beginnings say which texts need be looked for."""
    begin, short = _beginnings()
    there = begin.keys() & {form[at : at + _BEGINNING] for at in range(len(form) - _BEGINNING + 1)}
    looked_for = chain(short, *(begin[beginning] for beginning in there))
    return {rule for text, rules in looked_for if text in form for rule in rules}


@cache
def _beginnings() -> tuple[dict[str, list[_Needed]], list[_Needed]]:
    """The texts that rules need, with those rules: by their beginning, and those too short to have one."""
    rules_of: dict[str, list[str]] = {}
    for rule, texts in word_table().needs.items():
        for text in texts:
            rules_of.setdefault(text, []).append(rule)
    begin: dict[str, list[_Needed]] = {}
    for text, rules in rules_of.items():
        begin.setdefault(text[:_BEGINNING], []).append((text, tuple(rules)))
    short = [needed for beginning in [b for b in begin if len(b) < _BEGINNING] for needed in begin.pop(beginning)]
    return begin, short


def _score(matches: list[_Match], words: float, *, is_placed: bool) -> float:
    """The sum that decides; a limit, bill or key of the writer's own is outweighed by plain trouble beside it only."""
    rules = sum(m.rule.weight for m in matches)
    if any(m.rule.own for m in matches) and rules < table().threshold:
        words = min(words, 0.0)
    return round(rules + words + (table().place_weight if is_placed and rules + words > 0 else 0.0), 3)


def _problem(matches: list[_Match], *, about: bool) -> Problem | None:
    """The problem of the heaviest rule that names one; a limit or a decline never stands for the kind of an outage.

    Rules for limits, bills and declines weigh nothing: they name what a text is about that is not about an outage.
    """
    kinds = [m.rule for m in matches if m.rule.problem is not None and (m.rule.weight > 0) is about]
    return max(kinds, key=lambda rule: rule.weight).problem if kinds else None


def _names(service: Service) -> Names:
    rules = table()
    return names_of(service, rules.others, rules.no_component)


@cache
def table() -> _Table:
    """The shipped table of rules."""
    text = (files("stillup.sources") / "text_rules.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=_Table)


@cache
def _compiled() -> tuple[tuple[Rule, re.Pattern[str]], ...]:
    known = table()
    return tuple((rule, re.compile(_expand(rule.pattern, known.macros))) for rule in known.rules)


@cache
def _state_words() -> tuple[tuple[State, re.Pattern[str]], ...]:
    return tuple((words.state, re.compile(words.pattern)) for words in table().states)


def _expand(pattern: str, macros: dict[str, str]) -> str:
    """A pattern with its ``<<macro>>`` names filled in."""
    return _MACRO.sub(lambda m: macros[m[1]], pattern)
