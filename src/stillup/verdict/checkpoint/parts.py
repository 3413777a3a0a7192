"""Values of a monitor taken apart into a tree that MessagePack can write, and put together again exactly.

A value is itself when MessagePack has its type, else a list: the number of its kind, then its parts. Kinds are the
built-in ones and those of a table of classes with the names of what they keep; a class that keeps other parts by now is
refused, for then the state would mean something else. What can change and is held in several places is written once,
then referred to by its number. What the monitor was handed from outside is only named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stillup.verdict.checkpoint.kinds import BUILT_IN, Given, Kind, OtherVersion, built_in, classes, kind_of

Table = list[list[str]]
"""Of each class met: its name, then those of its parts."""

Node = Any
"""A plain value, or the list of a kind's number and its parts."""

_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
_DEEPEST = 40  # a dozen levels are used; what holds its own holder passes every bound
_REFERENCE, _GIVEN, _FIRST = 0, 1, 2  # numbers of kinds


def take_apart(value: object) -> tuple[Table, Node]:
    """A value as the table of its classes and a tree of plain values; some two microseconds an object.

    :raises TypeError: it holds something that is neither plain, nor built in, nor of :data:`MODULES`.
    """
    apart = _Apart()
    tree = apart.take(value, 0)
    return [[k.name, *k.fields] for k in apart.table], tree


class _Apart:
    def __init__(self) -> None:
        self.table: list[Kind] = []
        self._kinds: dict[type, tuple[int, Kind]] = {}
        self._taken: dict[int, tuple[int, object]] = {}  # holds the object too, so that its id stays its own

    def take(self, value: object, depth: int) -> Node:
        cls = type(value)
        if id(value) in self._taken:
            return [_REFERENCE, self._taken[id(value)][0]]
        if isinstance(value, Given):
            return [_GIVEN, value.name]
        if depth > _DEEPEST:
            msg = f"{cls.__name__} is nested too deep to be saved, or holds its own holder"
            raise TypeError(msg)
        number, kind = self._kinds.get(cls) or self._meet(cls)
        node = [number, *[p if type(p) in _PLAIN else self.take(p, depth + 1) for p in kind.parts(value)]]
        if kind.shared:
            self._taken[id(value)] = (len(self._taken), value)
        return node

    def _meet(self, cls: type) -> tuple[int, Kind]:
        """The number and kind of a class; a new one is entered in the table."""
        base = next((b for b in (np.generic, type) if issubclass(cls, b)), cls)  # numbers of numpy's, metaclasses
        if base in BUILT_IN:
            met = (_FIRST + list(BUILT_IN).index(base), BUILT_IN[base])
        else:
            met = (_FIRST + len(BUILT_IN) + len(self.table), kind_of(cls))
            self.table.append(met[1])
        self._kinds[cls] = met
        return met


def put_together(table: Table, tree: Node, given: Mapping[str, object]) -> Node:
    """What was taken apart, with what is ``given`` where it only was named.

    :raises OtherVersion: a class of the table keeps other parts by now.
    :raises ValueError, TypeError, LookupError, AttributeError, ArithmeticError: the tree is none that was taken apart.
    """
    kinds = [*built_in(), *(_kind_told(*row) for row in table)]
    made: list[Any] = []

    def put(node: Node) -> Node:
        number, parts = node[0], node[1:]
        if number == _REFERENCE:
            return made[parts[0]]
        if number == _GIVEN:
            return given[parts[0]]
        kind = kinds[number - _FIRST]
        value = kind.build([put(p) if type(p) is list else p for p in parts])
        if kind.shared:
            made.append(value)
        return value

    return put(tree)


def _kind_told(name: str, *fields: str) -> Kind:
    cls = classes().get(name)
    if cls is None:
        msg = f"there is no {name} here"
        raise OtherVersion(msg)
    kind = kind_of(cls)
    if kind.fields != fields:
        differ = sorted({*kind.fields} ^ {*fields}) or ["the order of its parts"]
        msg = f"{name} differs in {', '.join(differ)}"
        raise OtherVersion(msg)
    return kind
