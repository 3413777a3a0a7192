"""The one form in which the rules of :mod:`stillup.sources.text` see a text, and the names they look for in it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from msgspec import Struct

from stillup.catalog.load import Component, Service, catalogue

MAX_CHARS = 4000
OWN, OTHER = "SVC", "OTHER"

_LINK = re.compile(r"https?://\S{1,500}", re.IGNORECASE)
_NOISE = re.compile(r"[*`~\"“”„«»\u200b-\u200f\u2060\ufeff]")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")
_ACCENT = re.compile("[\u0300-\u036f]")
_WORDS_FOR = {
    "can't": "cannot", "cant": "cannot", "can not": "cannot", "won't": "will not", "wont": "will not",
    "dont": "do not", "doesnt": "does not", "didnt": "did not", "isnt": "is not", "arent": "are not",
    "wasnt": "was not", "werent": "were not", "couldnt": "could not", "havent": "have not", "hasnt": "has not",
    "its": "it is", "thats": "that is", "whats": "what is", "im": "i am", "ive": "i have", "rn": "right now",
}  # fmt: skip
_SHORT = re.compile(r"\b(?:" + "|".join(_WORDS_FOR) + r")\b")
_ENDINGS = tuple(
    (re.compile(pattern), full)
    for pattern, full in ((r"n't\b", " not"), (r"'s\b", " is"), (r"'re\b", " are"), (r"'ve\b", " have"),
                          (r"'m\b", " am"), (r"'ll\b", " will"))
)  # fmt: skip
_VERSION = r"v?\d{1,2}(?:[.-]\d{1,2})?"


class Names(Struct, frozen=True):
    """What to look for in a text about one service: compiled once a service.

    ``entities`` finds every service, part or model that is named; ``own`` tells which of the names are this service's.
    """

    entities: re.Pattern[str]
    own: frozenset[str]
    components: re.Pattern[str]
    component_of: dict[str, str]
    models: re.Pattern[str]


def plain(text: str) -> str:
    """The normal form: bounded, lower case, no accents or links, contractions written out, lines kept apart."""
    form = text[:MAX_CHARS].casefold()
    if not form.isascii():
        form = unicodedata.normalize("NFKC", form).replace("’", "'").casefold()
        form = unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFD", form)))
    form = _NOISE.sub(" ", _LINK.sub(" ", form))
    form = _SHORT.sub(lambda m: _WORDS_FOR[m[0]], form)
    for ending, full in _ENDINGS:
        form = ending.sub(full, form)
    return _LINES.sub("\n", _BLANKS.sub(" ", form)).strip()[:MAX_CHARS]


def with_entities(form: str, names: Names) -> str:
    """The normal form with every named service replaced: ``SVC`` for this one, ``OTHER`` for another."""

    def token(match: re.Match[str]) -> str:
        return f" {OWN if _key(match['name']) in names.own else OTHER} "

    tokens = _BLANKS.sub(" ", names.entities.sub(token, form)).replace(" ,", ",")
    return re.sub(rf"{OWN}(?: {OWN}){{1,9}}", OWN, tokens).strip()


def names_of(service: Service, others: tuple[str, ...], not_components: tuple[str, ...]) -> Names:
    """The names to look for; kept, since it is asked for every post."""
    return _names(
        (service.id, service.name, *service.aliases),
        service.vendor,
        service.components,
        service.models,
        (others, not_components),
    )


@lru_cache(maxsize=64)
def _names(
    called: tuple[str, ...],
    vendor: str,
    components: tuple[Component, ...],
    models: tuple[str, ...],
    lists: tuple[tuple[str, ...], tuple[str, ...]],
) -> Names:
    others, not_components = lists
    rivals = {s.id: s for s in catalogue().values() if s.id != called[0]}
    # A vendor of several services (Google, Microsoft) is none of them; one that is a service itself is that service.
    if vendor.lower() not in {n.lower() for s in rivals.values() for n in (s.id, s.name, s.vendor)}:
        called = (*called, vendor)
    called = tuple(name.lower() for name in called)
    aliases = {a.lower(): c.id for c in components for a in (c.name, *c.aliases)}
    named = [a for a in aliases if re.search(_any_of(called), a)]
    own = {_key(n) for n in (*called, *named, *models)}
    foreign = {n.lower() for s in rivals.values() for n in (s.id, s.name, *s.aliases)} | set(others)
    foreign = {n for n in foreign if _key(n) not in own}
    every = _any_of((*called, *named, *models, *foreign), group="name")
    entity = rf"(?:(?<![a-z0-9.]){_VERSION}[ -])?{every}(?:[ -]{_VERSION}(?![a-z0-9]))?"
    return Names(
        entities=re.compile(entity),
        own=frozenset(own),
        components=re.compile(_any_of((*aliases, *not_components))),
        component_of={_key(alias): component for alias, component in aliases.items()},
        models=re.compile(_any_of(models)),
    )


def components_in(form: str, names: Names) -> tuple[str, ...]:
    """Ids of the components a text in normal form names, in its order; the longest name wins where two overlap."""
    found = (names.component_of.get(_key(m[0])) for m in names.components.finditer(form))
    return tuple(dict.fromkeys(component for component in found if component))


def models_in(form: str, names: Names) -> tuple[str, ...]:
    """The catalogue's model names in a text in normal form, in its order."""
    return tuple(dict.fromkeys(m[0] for m in names.models.finditer(form)))


def _key(name: str) -> str:
    return name.replace("-", " ")


def _any_of(words: tuple[str, ...] | list[str], group: str = "") -> str:
    """A pattern for any of these words, whole, longest first; a blank in a word may be a hyphen in the text."""
    if not words:
        return r"(?!)"
    longest_first = sorted(set(words), key=lambda w: (-len(w), w))
    choice = "|".join(re.escape(w).replace(r"\-", "[ -]").replace(r"\ ", "[ -]") for w in longest_first)
    return rf"(?<![a-z0-9])(?{'P<' + group + '>' if group else ':'}{choice})(?![a-z0-9])"
