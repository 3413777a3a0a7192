"""A field's type taken apart: what is wanted there, and what is allowed in words."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields

from stillup.config.kinds import RULES, Kind

_NOTES = ("extra", "ge", "gt", "le", "min_length", "description")
_PLAIN = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    datetime: "a date and time with its zone, as 2026-05-12T22:00:00Z",
}


class Want(Struct, frozen=True, kw_only=True):
    """What one field takes.

    ``base`` is the type without its notes, ``hint`` with them; ``item`` is what a list or table of it holds.
    """

    hint: Any
    base: Any
    kind: Kind | None = None
    choices: tuple[str, ...] = ()
    item: Want | None = None
    least: float | None = None
    above: float | None = None
    most: float | None = None
    min_length: int = 0
    description: str = ""

    @property
    def is_table(self) -> bool:
        """Whether a table with known keys is wanted."""
        return isinstance(self.base, type) and issubclass(self.base, Struct)

    @property
    def allowed(self) -> str:
        """What may stand here, in words."""
        if self.kind:
            return RULES[self.kind].allowed
        if self.choices:
            return ", ".join(f"`{c}`" for c in self.choices)
        if self.item:
            return f"{'a list' if self.base is tuple else 'a table'} of: {self.item.allowed}"
        return _PLAIN.get(self.base, "a table") + self._range()

    def _range(self) -> str:
        if self.base is str:
            return ", not empty" if self.min_length else ""
        low = "" if self.least is None else f" from {_number(self.least)}"
        low = low if self.above is None else f" above {_number(self.above)}"
        return low + ("" if self.most is None else f" to {_number(self.most)}")


def _number(value: float) -> str:
    return f"{value:.10g}"


@cache
def wants(table: type[Struct]) -> dict[str, Want]:
    """What each key of a table takes, in order."""
    return {f.name: want(f.type) for f in fields(table)}


def required(table: type[Struct]) -> tuple[str, ...]:
    """The keys a table cannot do without."""
    return tuple(f.name for f in fields(table) if f.required)


def default(field: FieldInfo) -> object:
    """A field's value when it is not set."""
    return field.default_factory() if callable(field.default_factory) else field.default


def want(hint: object) -> Want:
    """Take one type apart."""
    notes: list[Meta] = []
    bare: Any = hint
    while get_origin(bare) in (Annotated, Union, UnionType):
        if get_origin(bare) is Annotated:
            notes += [m for m in bare.__metadata__ if isinstance(m, Meta)]
            bare = bare.__origin__
        else:
            bare = next(a for a in get_args(bare) if a is not NoneType)
    origin, args = get_origin(bare), get_args(bare)
    noted = {key: value for note in reversed(notes) for key in _NOTES if (value := getattr(note, key)) is not None}
    return Want(
        hint=hint,
        base=str if origin is Literal else origin or bare,
        choices=args if origin is Literal else (),
        item=want(args[0 if origin is tuple else 1]) if origin in (tuple, dict) else None,
        kind=noted.get("extra", {}).get("kind"),
        least=noted.get("ge"),
        above=noted.get("gt"),
        most=noted.get("le"),
        min_length=noted.get("min_length", 0),
        description=noted.get("description", ""),
    )
