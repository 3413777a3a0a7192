"""The shipped table of the forecast, and the names by which questions and records call a service."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from stillup.catalog.load import catalogue
from stillup.errors import CatalogError
from stillup.verdict.forecast.table import Table


@cache
def forecast_table() -> Table:
    """What was fitted, with its provenance.

    :raises CatalogError: the shipped file is damaged.
    """
    try:
        return msgspec.json.decode((files("stillup.catalog") / "forecast.json").read_bytes(), type=Table)
    except msgspec.MsgspecError as exc:
        msg = f"forecast.json: {exc}"
        raise CatalogError(msg) from exc


@cache
def service_key(name: str) -> str:
    """The id of a service called ``name``: an id, an alias or a provider's name; an unknown one keeps its own name."""
    word = name.strip().lower()
    return _names().get(word, word)


@cache
def _names() -> dict[str, str]:
    found = {alias.lower(): s.id for s in catalogue().values() for alias in (s.name, *s.aliases, s.id)}
    return {**forecast_table().names, **found}
