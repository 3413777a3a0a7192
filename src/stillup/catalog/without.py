"""How the work on a task goes on without its assistant: ``without.toml`` read."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from stillup.errors import CatalogError
from stillup.model.service import Capability


class Without(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one task; the head of ``without.toml`` says what each field is."""

    capability: Capability
    first: str
    waits: str
    hand: tuple[str, ...]
    check: str


class _Tasks(Struct, frozen=True, forbid_unknown_fields=True):
    tasks: tuple[Without, ...]


@cache
def without() -> dict[Capability, Without]:
    """What is known, for every capability.

    :raises CatalogError: the shipped file breaks the format.
    """
    text = (files("stillup.catalog") / "without.toml").read_text("utf-8")
    try:
        return {t.capability: t for t in msgspec.toml.decode(text, type=_Tasks, strict=True).tasks}
    except (msgspec.DecodeError, msgspec.ValidationError) as exc:
        msg = f"catalogue file without.toml: {exc}"
        raise CatalogError(msg) from exc
