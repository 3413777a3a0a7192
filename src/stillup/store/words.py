"""Text that is searched and sorted by: the same order and the same bounds in every database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, String, TypeDecorator

_NUL, _SHOWN = "\x00", "\u2400"


class Word(TypeDecorator[str]):
    """A short text, sorted by its code points.

    PostgreSQL cannot hold NUL in a text, and what a page names a component may have one: there it is the sign for it,
    in these columns only (the value itself has it as JSON has it). Two names that differ in that sign alone would be
    taken for one; nobody has such names.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401 - as SQLAlchemy has it
        """PostgreSQL sorts by a language's rules unless told."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(String(collation="C"))
        return dialect.type_descriptor(String())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """What the database is given."""
        if value is not None and dialect.name == "postgresql":
            return value.replace(_NUL, _SHOWN)
        return value
