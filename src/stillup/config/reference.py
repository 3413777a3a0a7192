"""The reference tables of ``docs/configuration.md``, made from the schema and the registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import fields

from stillup.config.schema import Document
from stillup.config.source_options import SourceOptions, options_type
from stillup.config.want import default, wants
from stillup.marked import put_between
from stillup.registry import SOURCES, usable_sources

if TYPE_CHECKING:
    from msgspec import Struct

BEGIN = "<!-- reference: made by script/config-reference, do not edit by hand -->"
END = "<!-- reference: end -->"


def with_reference(page: str) -> str:
    """The page with fresh tables between its two marks.

    :raises ValueError: the page lacks a mark.
    """
    return put_between(page, BEGIN, END, reference())


def reference() -> str:
    """Every key, then every source."""
    keys = ["| key | allowed | default | what it does |", "|---|---|---|---|", *_rows(Document, "")]
    sources = ["| source | what it is | usual interval | variable with its key |", "|---|---|---|---|", *_sources()]
    return "\n".join([*keys, "", *sources, ""])


def _rows(table: type[Struct], at: str) -> Iterator[str]:
    known = wants(table)
    for field in fields(table):
        wanted, key = known[field.name], f"{at}{field.name}"
        if key == "sources":
            yield from _of_sources()
        elif wanted.is_table:
            yield from _rows(wanted.base, f"{key}.")
        elif wanted.item and wanted.item.is_table:
            yield from _rows(wanted.item.base, f"{key}[].")
        else:
            value = "**required**" if field.required else _toml(default(field))
            yield f"| `{key}` | {wanted.allowed} | {value} | {wanted.description} |"


def _of_sources() -> Iterator[str]:
    yield from _rows(SourceOptions, "sources.ID.")
    common = len(SourceOptions.__struct_fields__)
    for source_id in SOURCES:
        yield from list(_rows(options_type(source_id), f"sources.{source_id}."))[common:]


def _sources() -> Iterator[str]:
    for spec in usable_sources():
        variable = "the API's own, as `ANTHROPIC_API_KEY`" if spec.id == "probe" else f"`{spec.key_env}`"
        need = "" if spec.key_required or not spec.key_env else " (works without)"
        key = variable + need if spec.key_env or spec.id == "probe" else ""
        yield f"| `{spec.id}` | {spec.title}: {spec.reliability} | {spec.interval_s} s | {key} |"


def _toml(value: object) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"
