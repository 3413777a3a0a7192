"""What a status page's names and words mean in the catalogue's terms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Self

from stillup.catalog.load import Service
from stillup.model.service import Stage, State
from stillup.sources.decode import clean

_NAME_LIMIT = 80
_ASIDE = re.compile(r"\([^()]*\)")
_NOT_WORD = re.compile(r"[\W_]+")
_BESIDE = re.compile(
    r"\bsupport (?:chat|desk|tickets?|cent(?:er|re)|portal|channels?|e-?mails?|site|team|inbox)\b|\bcustomer support\b"
    r"|\bhelp cent(?:er|re)\b|\bintercom\b|\bzendesk\b|\bcommunity forums?\b|\bsocial media\b"
    r"|\bunauthori[sz]ed posts?\b|\b(?:twitter|x\.com|linkedin) account\b|\bmarketing (?:web ?)?site\b"
    r"|\b(?:blog|newsletter|careers)\b|\bdocumentation(?: (?:web ?)?site)?\b|\bdocs (?:web ?)?site\b"
    r"|\bstatus ?pages?\b|\bstatus\.[a-z]"
)
"""What a page also writes about: places around the service that nobody's work depends on."""
_IMPACTS = {"major": State.PARTIAL_OUTAGE, "critical": State.MAJOR_OUTAGE, "maintenance": State.MAINTENANCE}


class StateWord(StrEnum):
    """A platform's words for how things are, each with what it is in ours: ``DOWN = "downtime", State.MAJOR_OUTAGE``.

    As a field's type it makes any other word malformed; :meth:`left` is for history, where such words are let pass.
    """

    state: State

    def __new__(cls, word: str, state: State) -> Self:
        member = str.__new__(cls, word)
        member._value_ = word
        member.state = state
        return member

    @classmethod
    def left(cls, word: str | None) -> State:
        """The state a word of history stands for, unknown for one that nobody knows."""
        member = cls._value2member_map_.get(word)
        return member.state if isinstance(member, StateWord) else State.UNKNOWN


def plain(name: str) -> str:
    """A name for comparing: lower case, words only, what is in brackets left out ("Claude API (…)")."""
    return " ".join(_NOT_WORD.split(_ASIDE.sub(" ", clean(name, _NAME_LIMIT).lower()))).strip()


class Names:
    """Finds the catalogue's component for one of the page: by its stable id, else by its name."""

    def __init__(self, service: Service) -> None:
        self._by_id = {i: c.id for c in service.components for i in c.page_ids}
        self._by_name = {plain(n): c.id for c in service.components for n in (*c.aliases, c.name)}

    def known(self, page_id: str, name: str) -> str | None:
        """The catalogue's id, None for a component it does not know."""
        return self._by_id.get(page_id) or self._by_name.get(plain(name))


def slug(name: str, page_id: str) -> str:
    """The id of a component the catalogue does not know."""
    # Cut again: lower case can be longer ("İ").
    return plain(name).replace(" ", "-")[:_NAME_LIMIT].strip("-") or clean(page_id, _NAME_LIMIT) or "unnamed"


def whole(states: Iterable[State]) -> State:
    """A service's state from its components': any outage makes at least a partial one, all major a major one.

    A component nobody watches says nothing against the others.
    """
    found = set(states)
    if not found:
        return State.UNKNOWN
    if found == {State.MAJOR_OUTAGE}:
        return State.MAJOR_OUTAGE
    if any(s.is_outage for s in found):
        return State.PARTIAL_OUTAGE
    return max(found, key=lambda s: (s.severity, s is not State.UNKNOWN))


def state_of_impact(impact: str | None) -> State:
    """What an open incident's impact says of a component that the page itself still shows as working."""
    return _IMPACTS.get(impact or "", State.DEGRADED)


def is_beside(title: str, *, grave: bool = False) -> bool:
    """Whether an incident without components is about something beside the service: the support chat, the blog.

    One that the page itself calls ``grave`` (major or critical) never is.
    """
    return not grave and _BESIDE.search(title.lower()) is not None


def stage_of(word: str | None) -> Stage | None:
    """The stage a page names, in any spelling ("In progress"); None for words that are none ("Update")."""
    try:
        return Stage(_NOT_WORD.sub("_", (word or "").strip().lower()))
    except ValueError:
        return None


def names_service(text: str, service: Service) -> bool:
    """Whether a text on a page shared by several services speaks of this one."""
    words = _words(text)
    return any(_words(n) in words for n in (service.name, *service.aliases, *(c.name for c in service.components)))


def _words(text: str) -> str:
    return f" {' '.join(_NOT_WORD.split(text.lower())).strip()} "
