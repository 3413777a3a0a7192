"""What simulated people write: a text for each happening, drawn from ``texts.toml`` by its name."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from random import Random

import msgspec
from msgspec import Struct

from stillup.catalog.load import Component, Service
from stillup.model.service import Capability, Problem
from stillup.sim.draw import chance
from stillup.sim.scenario import Stream
from stillup.sim.story import Happening

_NAME_A_PLACE = 0.6
"""The share of posts that say where their writer is."""
_NAME_A_MODEL = 0.7
"""Of those who are in trouble with one model."""
_OFFER = 0.06
"""The share of those in trouble who have found a way round it, and say so."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class _Kind(StrEnum):
    """What a service is to those who write of it."""

    ASSISTANT = "assistant"
    """People chat with it."""
    TOOL = "tool"
    """People use it in a browser or an app, and there is no chat."""
    INFRASTRUCTURE = "infrastructure"
    """Programs use it: a cloud, a code host, models for rent."""


class _Bank(Struct, frozen=True):
    titles: tuple[str, ...]
    bodies: tuple[str, ...]


class _Instead(Struct, frozen=True, forbid_unknown_fields=True):
    """What people write of another kind of service; where it has nothing, they write as of all others."""

    trouble: dict[Problem, _Bank] = {}
    workarounds: dict[Problem, _Bank] = {}
    chatter: _Bank | None = None


class _Texts(Struct, frozen=True, forbid_unknown_fields=True):
    trouble: dict[Problem, _Bank]
    workarounds: dict[Problem, _Bank]
    short: _Bank
    rumour: _Bank
    chatter: _Bank
    stories: _Bank
    trending: _Bank
    places: dict[str, str]
    instead: dict[_Kind, _Instead]


class Post(Struct, frozen=True, kw_only=True):
    """One post or story as it appears on a site. ``key`` grows with time."""

    key: int
    at: datetime
    title: str
    body: str
    author: str
    community: str
    region: str | None = None
    """Where the writer says to be."""

    @property
    def id(self) -> str:
        """The key as Reddit writes ids: base 36."""
        return base36(self.key)


def post_of(happening: Happening, service: Service, seed: int) -> Post:
    """The post that this happening left."""
    random = chance(seed, "text", happening.name)
    bank = _bank(happening, service, seed)
    component = service.component(happening.component or "")
    words = {"name": service.name, "part": component.name if component else service.name}
    if happening.model and random.random() < _NAME_A_MODEL:
        words = dict.fromkeys(words, f"{service.name} {happening.model.title()}")
    place = _texts().places.get(happening.region or "") if random.random() < _NAME_A_PLACE else None
    body = random.choice(bank.bodies).format(**words)
    return Post(
        key=int(happening.at.timestamp()) * 1_000_000 + random.randrange(1_000_000),
        at=happening.at,
        title=random.choice(bank.titles).format(**words),
        body=f"{body} {place}" if place else body,
        author=f"simulated_{random.randrange(10_000):04}",
        region=happening.region if place else None,
        community=_community(service, component, random),
    )


def communities_of(service: Service) -> tuple[str, ...]:
    """Where people write about it; where the catalogue knows no place, one of its name."""
    hint = service.sources.get("reddit")
    return (hint and hint.communities) or (service.id,)


def _community(service: Service, component: Component | None, random: Random) -> str:
    """Where it is posted: half of what concerns a component with a community of its own goes there."""
    communities = communities_of(service)
    named = {name: c for c in service.components for name in _squeezed(c.name, *c.aliases)}
    own = [name for name in communities if component and named.get(name.lower()) is component]
    general = [name for name in communities if name.lower() not in named]
    return random.choice(own if own and (not general or random.random() < 0.5) else general or communities)


def _squeezed(*names: str) -> set[str]:
    return {"".join(c for c in name.lower() if c.isalnum()) for name in names}


def trending_words() -> tuple[str, ...]:
    """What else people search for."""
    return _texts().trending.titles


def base36(number: int) -> str:
    """A whole number above zero in base 36."""
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"


def short_words(post: Post, service: Service, number: int) -> str:
    """What the writer of a post says where there is no room; ``number`` tells several of them apart."""
    random = chance("short", post.key, number)
    return f"{random.choice(_texts().short.titles).format(name=service.name)} {post.body}"


def _bank(happening: Happening, service: Service, seed: int) -> _Bank:
    texts = _texts()
    instead = texts.instead.get(_kind(service), _Instead())
    if happening.stream is Stream.CHATTER:
        return instead.chatter or texts.chatter
    if happening.stream is Stream.STORIES:
        return texts.stories
    if happening.rumour:
        return texts.rumour
    problem = happening.problem or Problem.OTHER
    if problem in texts.workarounds and chance(seed, "offer", happening.name).random() < _OFFER:
        return instead.workarounds.get(problem, texts.workarounds[problem])
    return instead.trouble.get(problem) or texts.trouble.get(problem, texts.trouble[Problem.OTHER])


def _kind(service: Service) -> _Kind:
    """By what the catalogue says people do with it, and where."""
    if not any("web" in ability.access for ability in service.abilities):
        return _Kind.INFRASTRUCTURE
    chats = any(ability.capability is Capability.CHAT for ability in service.abilities)
    return _Kind.ASSISTANT if chats else _Kind.TOOL


@cache
def _texts() -> _Texts:
    return msgspec.toml.decode((files("stillup.sim") / "texts.toml").read_text("utf-8"), type=_Texts)
