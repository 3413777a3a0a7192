"""What may stand at a place of a scenario file, in words, read from its types. Loaded only to refuse something."""

from __future__ import annotations

from msgspec import inspect

from stillup.config.words import KeyPath
from stillup.sim.scenario import Scenario

_PLAIN = {
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.StrType: "text",
    inspect.BoolType: "true or false",
    inspect.DateTimeType: "a time with its zone, as 2026-04-07T14:32:00Z",
    inspect.VarTupleType: "a list",
    inspect.DictType: "a table",
}


def allowed_at(path: KeyPath) -> str:
    """What may stand at ``path``; empty where there is nothing short to say."""
    kind: inspect.Type | None = inspect.type_info(Scenario)
    for step in path:
        kind = _below(_one(kind), step)
    return _in_words(_one(kind))


def _below(kind: inspect.Type | None, step: str | int) -> inspect.Type | None:
    if isinstance(kind, inspect.StructType):
        return next((f.type for f in kind.fields if f.encode_name == step), None)
    if isinstance(kind, inspect.VarTupleType):
        return kind.item_type
    return kind.value_type if isinstance(kind, inspect.DictType) else None


def _one(kind: inspect.Type | None) -> inspect.Type | None:
    """The type itself, where it may also be absent or carries notes."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return next((_one(t) for t in kind.types if not isinstance(t, inspect.NoneType)), None)
    return kind


def _in_words(kind: inspect.Type | None) -> str:
    if isinstance(kind, inspect.EnumType):
        return ", ".join(str(member.value) for member in kind.cls)
    if isinstance(kind, inspect.LiteralType):
        return ", ".join(map(str, kind.values))
    if isinstance(kind, inspect.StructType):
        return f"the keys {', '.join(f.encode_name for f in kind.fields)}"
    if isinstance(kind, inspect.DictType) and isinstance(_one(kind.key_type), inspect.EnumType):
        return f"a table with the keys {_in_words(_one(kind.key_type))}"
    if isinstance(kind, inspect.DictType) and isinstance(_one(kind.value_type), inspect.EnumType):
        return f"a table of {_in_words(_one(kind.value_type))}"
    return _PLAIN.get(type(kind), "") if kind is not None else ""
