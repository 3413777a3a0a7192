"""Where the bus is, and who asks."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from stillup.secret import Secret


class Where(Struct, frozen=True, kw_only=True):
    """The servers of one NATS cluster and what it takes to be let in.

    ``prefix`` keeps installations on the same servers apart. ``replicas`` of each stream; None: three in a cluster, one
    on a single server. ``credentials`` is a file as ``nsc`` makes them.
    """

    servers: tuple[str, ...]
    prefix: str = "stillup"
    name: str = "stillup"
    user: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    credentials: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    replicas: int | None = None
