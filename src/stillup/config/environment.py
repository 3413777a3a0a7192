"""``STILLUP_*`` variables as a tree to lay over the file's: ``STILLUP_WEB__LISTEN`` is ``web.listen``.

Names and list items are split at commas. What is a list of tables in the file (the gateway's upstreams and routes) has
no variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from stillup.catalog.load import Service, catalogue
from stillup.config.read import FromVariable
from stillup.config.schema import Document
from stillup.config.source_options import options_type
from stillup.config.want import Want, wants
from stillup.config.words import KeyPath, near
from stillup.registry import SOURCES

PREFIX = "STILLUP_"
_HOME = "STILLUP_HOME"
# Read elsewhere (TOKEN by clients of a gateway, CATALOG by the catalogue), or on purpose by nobody: DATA belongs to the
# benchmarks, and must never become `data`.
_NOT_OURS = frozenset(
    {
        "STILLUP_CONFIG",
        "STILLUP_CATALOG",
        "STILLUP_DATA",
        "STILLUP_TOKEN",
        "STILLUP_VAULT_PASSPHRASE",
        "STILLUP_DATABASE_URL",
        "STILLUP_OFFLINE_URL",
    }
)


class Overlay(Struct, frozen=True):
    """What the variables say: a tree, the variable behind each key, and the names that mean nothing."""

    tree: dict[str, Any]
    origins: dict[KeyPath, str]
    unknown: tuple[str, ...]


def overlay(environ: Mapping[str, str]) -> Overlay:
    """Read the variables. An empty one counts as not set."""
    given = {name: text for name, text in environ.items() if name.startswith(PREFIX) and text.strip()}
    if not given.keys() - _NOT_OURS:
        return Overlay({}, {}, ())
    known = _known()
    origins = {known[name]: name for name in given if name in known}
    tree: dict[str, Any] = {}
    for path, name in origins.items():
        *tables, key = map(str, path)
        place = tree
        for table in tables:
            place = place.setdefault(table, {})
        place[key] = FromVariable(given[name].strip())
    return Overlay(tree, origins, tuple(sorted(given.keys() - known.keys() - _NOT_OURS)))


def lay_over(tree: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """The second tree over the first. Where the first has no table for it, the first stays, to be refused as it is."""
    both = dict(tree)
    for key, value in over.items():
        below = both.get(key, {})
        if not isinstance(value, dict):
            both[key] = value
        elif isinstance(below, dict):
            both[key] = lay_over(below, value)
    return both


def ignored(names: tuple[str, ...], tree: dict[str, Any]) -> Iterator[str]:
    """A warning for each variable that means nothing; one that the file names as a key's place means something."""
    keys = set(_key_variables(tree))
    known = list(_known()) if names else []
    for name in names:
        if name not in keys:
            yield f"{name}: no such setting{near(name, known)}; ignored"


def _key_variables(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        yield from (name for key in ("key_env", "token_env") if isinstance(name := tree.get(key), str))
    for below in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _key_variables(below)


def _known() -> dict[str, KeyPath]:
    """Every variable that sets something, and the key it sets."""
    paths = [p for key, wanted in wants(Document).items() if key != "sources" for p in _leaves(wanted, (key,))]
    for source_id in SOURCES:
        for service in (None, *catalogue().values()):
            paths += _of_source(source_id, service)
    return {_HOME: ("data",), **{_name(path): path for path in paths if path != ("data",)}}


def _of_source(source_id: str, service: Service | None) -> Iterator[KeyPath]:
    at: KeyPath = ("sources", source_id) if service is None else ("sources", source_id, service.id)
    endpoints = {e.id for s in ([service] if service else catalogue().values()) for e in s.endpoints}
    for key, wanted in wants(options_type(source_id)).items():
        if wanted.base is dict:
            yield from ((*at, key, endpoint) for endpoint in sorted(endpoints))
        else:
            yield (*at, key)


def _leaves(wanted: Want, path: KeyPath) -> Iterator[KeyPath]:
    if wanted.is_table:
        for key, below in wants(wanted.base).items():
            yield from _leaves(below, (*path, key))
    elif not (wanted.item and wanted.item.is_table):
        yield path


def _name(path: KeyPath) -> str:
    return PREFIX + "__".join(str(part).upper().replace("-", "_") for part in path)
