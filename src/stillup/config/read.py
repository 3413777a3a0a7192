"""From a tree of plain values to the typed document: everything that is wrong is collected, nothing is guessed.

What is wrong is left out, so that the rest can still be judged; where there was a complaint the caller refuses all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from stillup.catalog.load import catalogue
from stillup.config.kinds import RULES, Kind, Wrong
from stillup.config.schema import Document
from stillup.config.source_options import SourceConfig, options_type
from stillup.config.want import Want, required, wants
from stillup.config.words import Complaint, KeyPath, near, services_known, show
from stillup.registry import SOURCES
from stillup.secret import Secret

_MISSING = object()
_SECRETS = frozenset({"key", "keys", "token", "secret", "password", "passwd", "api_key", "apikey", "access_token"})
_NO_SECRETS = (
    "keys do not belong in this file, which is shown, copied and shared; "
    "`key_env` names a variable that holds the key, `key_file` a private file (`token_env` and `token_file` for a user)"
)
_SHAPES = {bool: "true or false", str: "text", list: "a list", dict: "a table"}


class FromVariable(str):
    """A value that came as text from an environment variable: lists are split at commas, numbers are read."""

    __slots__ = ()


class Reader:
    """Reads one tree; ``complaints`` and the relative paths' ``folder`` are all it keeps."""

    def __init__(self, folder: Path) -> None:
        self.complaints: list[Complaint] = []
        self._folder = folder

    def document(self, tree: dict[str, Any]) -> Document:
        """Read the whole."""
        rest = {key: value for key, value in tree.items() if key != "sources"}
        found = self._fields(rest, Document, ())
        return Document(**found, sources=self._sources(tree.get("sources", {})))

    def _sources(self, value: object) -> dict[str, SourceConfig]:
        if not isinstance(value, dict):
            self._complain(("sources",), f"is {_shape(value)}; allowed: a table for each source")
            return {}
        for unknown in value.keys() - SOURCES.keys():
            hint = f"no source is called {show(unknown)}{near(unknown, list(SOURCES))}"
            self._complain(("sources", unknown), f"{hint}; allowed: {', '.join(SOURCES)}")
        return {key: self._source(key, table) for key, table in value.items() if key in SOURCES}

    def _source(self, source_id: str, table: object) -> SourceConfig:
        path: KeyPath = ("sources", source_id)
        if not isinstance(table, dict):
            self._complain(path, f"is {_shape(table)}; allowed: a table")
            return SourceConfig()
        kind = options_type(source_id)
        own = {key: value for key, value in table.items() if key not in catalogue()}
        return SourceConfig(
            everywhere=kind(**self._fields(own, kind, path, or_services=True)),
            services={
                key: kind(**self._fields(value, kind, (*path, key)))
                for key, value in table.items()
                if key in catalogue()
            },
        )

    def _fields(self, table: object, kind: type[Struct], path: KeyPath, *, or_services: bool = False) -> dict[str, Any]:
        """The good values of a table by key."""
        if not isinstance(table, dict):
            self._complain(path, f"is {_shape(table)}; allowed: a table")
            return {}
        known = wants(kind)
        for unknown in table.keys() - known.keys():
            also = list(catalogue()) if or_services and isinstance(table[unknown], dict) else []
            self._complain((*path, unknown), _unknown(unknown, [*known, *also]))
        for absent in required(kind):
            if absent not in table:
                self._complain(path, f"`{absent}` is missing; allowed: {known[absent].allowed}")
        read = {key: self._value(value, known[key], (*path, key)) for key, value in table.items() if key in known}
        return {key: value for key, value in read.items() if value is not _MISSING}

    def _value(self, value: object, wanted: Want, path: KeyPath) -> object:
        if wanted.is_table:
            found = self._fields(value, wanted.base, path)
            complete = all(key in found for key in required(wanted.base))
            return wanted.base(**found) if complete else _MISSING
        if wanted.base is tuple:
            return self._list(value, wanted, path)
        if wanted.base is dict and isinstance(value, dict) and wanted.item:
            items = {key: self._value(item, wanted.item, (*path, key)) for key, item in value.items()}
            return {key: item for key, item in items.items() if item is not _MISSING}
        return self._leaf(value, wanted, path)

    def _list(self, value: object, wanted: Want, path: KeyPath) -> object:
        if isinstance(value, FromVariable):
            value = [FromVariable(part.strip()) for part in value.split(",") if part.strip()]
        if not isinstance(value, list) or wanted.item is None:
            return self._refuse(path, f"is {_shape(value)}", wanted)
        if len(value) < wanted.min_length:
            return self._refuse(path, "is empty", wanted)
        items = (self._value(item, wanted.item, (*path, number)) for number, item in enumerate(value))
        return tuple(item for item in items if item is not _MISSING)

    def _leaf(self, value: object, wanted: Want, path: KeyPath) -> object:
        loose = isinstance(value, FromVariable)
        try:
            found = msgspec.convert(
                str(value) if loose else value, type=wanted.hint, strict=not loose, dec_hook=_secret
            )
        except msgspec.ValidationError:
            return self._refuse(path, f"is {_shape(value, wanted)}", wanted)
        if wanted.kind is None:
            return found
        is_secret = isinstance(found, Secret)
        settled = RULES[wanted.kind].read(found.reveal() if is_secret else found, self._folder)
        if isinstance(settled, Wrong):
            return self._refuse(path, settled.says, wanted)
        return Secret(settled) if is_secret else settled

    def _refuse(self, path: KeyPath, says: str, wanted: Want) -> object:
        allowed = services_known() if wanted.kind is Kind.SERVICE else wanted.allowed
        self._complain(path, f"{says}; allowed: {allowed}")
        return _MISSING

    def _complain(self, path: KeyPath, says: str) -> None:
        self.complaints.append(Complaint(path, says))


def _secret(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError


def _unknown(key: str, known: list[str]) -> str:
    if key.lower() in _SECRETS:
        return _NO_SECRETS
    return f"no such key{near(key, known)}; allowed: {', '.join(known)}"


def _shape(value: object, wanted: Want | None = None) -> str:
    """What stands there, for a message: numbers as they are, a text only where a word of a fixed list was wanted."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.10g}"
    if isinstance(value, FromVariable) and _is_number(value):
        return str(value)
    if isinstance(value, str) and wanted is not None and wanted.choices:
        return show(value)
    if isinstance(value, str):
        return "text" if value else "empty"
    return next((name for shape, name in _SHAPES.items() if isinstance(value, shape)), "a date or time")


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdecimal()
