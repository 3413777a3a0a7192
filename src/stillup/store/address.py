"""What is an address of a PostgreSQL server, and how its own tools take it. Cheap to load."""

from __future__ import annotations

_SCHEMES = ("postgresql://", "postgres://")


def is_address(where: str) -> bool:
    """Whether this is a PostgreSQL address, and not a path."""
    return plain_scheme(where).startswith(_SCHEMES)


def plain_scheme(where: str) -> str:
    """The address as PostgreSQL's own tools take it; SQLAlchemy's form names the driver, too."""
    scheme, mark, rest = where.partition("://")
    return scheme.partition("+")[0] + mark + rest if mark else where
