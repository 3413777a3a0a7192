"""How values of each class are taken apart into parts and put together from them, running nothing.

An object of ours is what its class keeps: the fields of a struct, the ``__slots__`` of a class, or what its
``__init__`` makes. Only classes of :data:`MODULES` are made, from their parts alone; functions have no kind.
"""

from __future__ import annotations

import dis
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from importlib import import_module
from itertools import chain
from math import prod
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct, structs

from stillup.verdict.counts.bank import CELL, STREAM
from stillup.verdict.counts.rhythm import ROW

MODULES = (
    *("model.evidence", "model.incident", "model.reason", "model.service", "model.signal", "model.verdict"),
    *("verdict.counts.bank", "verdict.counts.rhythm", "verdict.counts.rows"),
    *("verdict.counts.stream", "verdict.counts.stretch"),
    *("verdict.forecast.record", "verdict.fuse", "verdict.heard", "verdict.here", "verdict.intake"),
    *("verdict.lifecycle", "verdict.locate.localise", "verdict.monitor", "verdict.official.book"),
    *("verdict.official.chronicle", "verdict.outcomes.failing", "verdict.outcomes.latency", "verdict.outcomes.stream"),
    *("verdict.own", "verdict.room", "verdict.series.peaks", "verdict.series.shift", "verdict.settings"),
    *("verdict.watch",),
)
"""Where the classes are defined whose objects a monitor holds; a new module with state is one name more."""

LAYOUTS = {str(d.descr): d for d in (np.dtype(rows) for rows in (CELL, STREAM, ROW, "f8", "f4", "i8", "i4", "?"))}
"""What the rows of an array may be."""

GIVEN = frozenset({"_profile_of", "_settings", "_forecaster"})
"""What a monitor is handed when it is made, by the name under which it and its parts keep it: never saved, but handed
in again."""

_ROOM_BYTES, _ROOM_TIMES = 1 << 20, 4
"""All arrays of a tree may take so many bytes, and so many times those that are written: tables grow by doubling, and
their unused zeros are not."""


class OtherVersion(ValueError):
    """A class does not keep the parts named any more, or is not there."""


class Given(NamedTuple):
    """Stands for one of :data:`GIVEN`."""

    name: str


class Kind(NamedTuple):
    """How values of one class are taken apart and put together; ``shared`` where it matters which object one is."""

    name: str
    parts: Callable[[Any], Iterable[Any]]
    build: Callable[[list[Any]], Any]
    shared: bool = False
    fields: tuple[str, ...] = ()


# -- our classes -----------------------------------------------------------------------------------------------------


@cache
def classes() -> dict[str, type]:
    """Every class that may be made, by its name."""
    modules = [import_module(f"stillup.{name}") for name in MODULES]
    return {
        _name(c): c for m in modules for c in vars(m).values() if isinstance(c, type) and c.__module__ == m.__name__
    }


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}".removeprefix("stillup.")


@cache
def kind_of(cls: type) -> Kind:
    """How a class of ours is saved.

    :raises TypeError: it is none of :data:`MODULES`.
    """
    name = _name(cls)
    if classes().get(name) is not cls:
        msg = f"{name} cannot be saved: name its module in MODULES, or keep it out of the state"
        raise TypeError(msg)
    if issubclass(cls, Enum):
        return Kind(name, lambda v: (v.value,), lambda p: cls(*p))
    if issubclass(cls, tuple):
        return Kind(name, lambda v: v, lambda p: cls(*p), fields=tuple(getattr(cls, "_fields", ())))
    if issubclass(cls, Struct):
        return _struct_kind(name, cls)
    return _object_kind(name, cls)


def _struct_kind(name: str, cls: type[Struct]) -> Kind:
    fields = cls.__struct_fields__

    def build(parts: list[Any]) -> Struct:
        return cls(**dict(zip(fields, parts, strict=True)))

    return Kind(name, structs.astuple, build, not cls.__struct_config__.frozen, fields)


def _object_kind(name: str, cls: type) -> Kind:
    """An object is what its ``__slots__`` or its ``__init__`` name; one that keeps more cannot be saved unnoticed."""
    slotted = "__slots__" in vars(cls)
    fields = tuple(vars(cls)["__slots__"]) if slotted else _assigned(cls)

    def parts(value: object) -> list[Any]:
        if not slotted and vars(value).keys() != set(fields):
            msg = f"{name} cannot be saved: {sorted(vars(value).keys() ^ set(fields))} not made by its __init__ alone"
            raise TypeError(msg)
        return [Given(field) if field in GIVEN else getattr(value, field) for field in fields]

    def build(parts: list[Any]) -> object:
        value: object = object.__new__(cls)
        for field, part in zip(fields, parts, strict=True):
            setattr(value, field, part)
        return value

    return Kind(name, parts, build, shared=True, fields=fields)


def _assigned(cls: type) -> tuple[str, ...]:
    """The attributes that ``__init__`` makes, in its order."""
    init = vars(cls).get("__init__")
    code = dis.get_instructions(init) if init else ()
    return tuple(dict.fromkeys(i.argval for i in code if i.opname == "STORE_ATTR"))


# -- built-in kinds --------------------------------------------------------------------------------------------------


def _paired(parts: list[Any]) -> dict[Any, Any]:
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _array_parts(array: np.ndarray[Any, Any]) -> list[Any]:
    layout = str(array.dtype.descr)
    if layout not in LAYOUTS:
        msg = f"an array of {layout} cannot be saved: name it in LAYOUTS"
        raise TypeError(msg)
    return [layout, array.shape, array.tobytes().rstrip(b"\0")]  # half of a table that grows can be zeros


class _Room:
    """Builds the arrays of one tree, together within their bound: a few bytes cannot ask for all of the memory."""

    def __init__(self) -> None:
        self._left = _ROOM_BYTES

    def array(self, parts: list[Any]) -> np.ndarray[Any, Any]:
        made = _array(parts)
        self._left += _ROOM_TIMES * len(parts[2]) - made.nbytes
        if self._left < 0:
            raise ValueError(made.nbytes)
        return made


def _array(parts: list[Any]) -> np.ndarray[Any, Any]:
    told, shape, raw = parts
    layout = LAYOUTS.get(told)
    if layout is None:
        msg = f"no array here has rows of {told[:200]}"
        raise OtherVersion(msg)
    size = prod(shape) * layout.itemsize
    if not len(raw) <= size <= _ROOM_TIMES * len(raw) + _ROOM_BYTES:
        raise ValueError(size)
    array: np.ndarray[Any, Any] = np.frombuffer(bytearray(raw.ljust(size, b"\0")), layout).reshape(shape)
    return array


BUILT_IN = {
    type: Kind("type", lambda v: (_name(v),), lambda p: classes()[p[0]]),
    np.generic: Kind("number", lambda v: (np.asarray(v),), lambda p: p[0][()]),
    np.ndarray: Kind("array", _array_parts, _array, shared=True),
    list: Kind("list", list, list, shared=True),
    dict: Kind("dict", lambda v: chain.from_iterable(v.items()), _paired, shared=True),
    Counter: Kind("counter", lambda v: chain.from_iterable(v.items()), lambda p: Counter(_paired(p)), shared=True),
    deque: Kind("deque", lambda v: (v.maxlen, *v), lambda p: deque(p[1:], p[0]), shared=True),
    set: Kind("set", lambda v: sorted(v, key=repr), set, shared=True),
    frozenset: Kind("frozenset", lambda v: sorted(v, key=repr), frozenset),
    tuple: Kind("tuple", list, tuple),
    datetime: Kind("datetime", lambda v: (v.isoformat(),), lambda p: datetime.fromisoformat(p[0])),
    timedelta: Kind("timedelta", lambda v: (v.days, v.seconds, v.microseconds), lambda p: timedelta(*p)),
}
"""The kinds that every tree knows, by their place here; those of its own table follow them."""


def built_in() -> list[Kind]:
    """:data:`BUILT_IN` in its order, to put one tree together."""
    room = _Room()
    return [kind._replace(build=room.array) if kind.name == "array" else kind for kind in BUILT_IN.values()]
