"""What is kept, and where."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from stillup.config.types import KeyFile, Variable, says


class Store(Struct, frozen=True, kw_only=True):
    """What is kept, and where."""

    retention_days: Annotated[int, Meta(ge=1, le=36_500), says("How long single signals are kept")] = 30
    url_env: Annotated[
        Variable,
        says(
            "The variable that holds a PostgreSQL address (`postgresql://USER:PASSWORD@HOST:PORT/DATABASE`), for a "
            "cluster. Default while it is unset: the file `stillup.db` in `data`"
        ),
    ] = "STILLUP_DATABASE_URL"
    url_file: Annotated[
        KeyFile | None,
        says("A file (mode 0600) that holds the address, if the variable named by `url_env` does not"),
    ] = None
