"""One prompt, template or snippet, and what its front matter may say. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from stillup.model.service import Capability


class Kind(StrEnum):
    """What an entry is for."""

    PROMPT = "prompt"
    """To be given to a model."""
    TEMPLATE = "template"
    """To be filled in and used by hand: an e-mail, minutes, a plan."""
    SNIPPET = "snippet"
    """A piece to paste as it is."""


class Variable(Struct, frozen=True, kw_only=True):
    """A place in the text to be filled in. ``default`` None: there is none, it has to be given."""

    name: str
    about: str = ""
    default: str | None = None


class Entry(Struct, frozen=True, kw_only=True):
    """One file of the kit. ``name`` is its path in the folder without ``.md``; ``text`` follows the front matter.

    ``variables`` stand in the order of the text. ``trouble`` says what of the front matter could not be read; the rest
    is used all the same, for whoever needs a prompt now has no time to mend a colon.
    """

    name: str
    title: str
    text: str
    kind: Kind = Kind.PROMPT
    about: str = ""
    tasks: tuple[Capability, ...] = ()
    tags: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    trouble: str = ""
