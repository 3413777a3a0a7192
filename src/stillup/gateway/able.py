"""Which model can take a request at all: what it needs against what is known of the model. Pure."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from stillup.catalog.constraints import Json, When, constraints_of
from stillup.catalog.models import REMEMBERED, find_model
from stillup.gateway.dialects.needs import Needs

_SURELY = 1.25
"""A guess of tokens that is so many times the context is right in this; a lower one only speaks against a model."""


class Lack(StrEnum):
    """What a model has not got that a request needs."""

    SIGHT = "no_sight"
    DOCUMENTS = "no_documents"
    TOOLS = "no_tools"
    SCHEMA = "no_schema"
    ROOM = "no_room"

    @property
    def says(self) -> str:
        """The reason as half a sentence."""
        return _SAYS[self]


_SAYS = {
    Lack.SIGHT: "it does not see images",
    Lack.DOCUMENTS: "it does not read documents",
    Lack.TOOLS: "it takes no tools",
    Lack.SCHEMA: "it cannot be kept to JSON",
    Lack.ROOM: "the request is longer than its context",
}


class Able(Struct, frozen=True):
    """What a model can do; None where that is not known."""

    vision: bool | None = None
    documents: bool | None = None
    tools: bool | None = None
    json: Json | None = None
    json_with_tools: bool | None = None
    chat_tools: bool = True
    """At its maker it takes tools in Chat Completions as well as in Responses."""
    takes_stop: bool = True
    context: int | None = None
    max_output: int | None = None


@lru_cache(maxsize=REMEMBERED)
def able(model: str) -> Able:
    """What is known of a model by any of its names."""
    found, limits = find_model(model), constraints_of(model)
    return Able(
        vision=found.vision if found else None,
        documents=limits.documents,
        tools=found.tools if found else None,
        json=limits.json,
        json_with_tools=limits.json_with_tools,
        chat_tools=limits.chat_tools in (None, When.YES),
        takes_stop="stop" not in limits.lacks,
        context=found.context if found else None,
        max_output=found.max_output if found else None,
    )


def lack(needs: Needs, model: str) -> Lack | None:
    """What keeps a model from a request for sure; None where nothing is known to."""
    can = able(model)
    if needs.has_images and can.vision is False:
        return Lack.SIGHT
    if needs.has_documents and can.documents is False:
        return Lack.DOCUMENTS
    if needs.has_tools and can.tools is False:
        return Lack.TOOLS
    if needs.has_schema and (can.json is Json.NONE or (needs.has_tools and can.json_with_tools is False)):
        return Lack.SCHEMA
    return Lack.ROOM if can.context and _room(needs, can) > _SURELY * can.context else None


def is_blind(needs: Needs, model: str) -> bool:
    """Whether it has to see, and nobody knows that it does."""
    can = able(model)
    return bool((needs.has_images and can.vision is None) or (needs.has_documents and can.documents is None))


def is_doubtful(needs: Needs, model: str) -> bool:
    """Whether another model is the better choice: it is not known to do what is needed, or does it less well."""
    can = able(model)
    if is_blind(needs, model) or (needs.has_tools and can.tools is None):
        return True
    if (needs.has_schema and can.json is not Json.SCHEMA) or (needs.has_stop and not can.takes_stop):
        return True
    return bool(can.context and _room(needs, can) > can.context)


def _room(needs: Needs, can: Able) -> int:
    wanted = needs.wanted or 0
    return needs.tokens + (min(wanted, can.max_output) if can.max_output else wanted)
