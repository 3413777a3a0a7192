"""Where the bus is, and who asks."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from stillup.errors import BusRefused
from stillup.secret import Secret

_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class Where(Struct, frozen=True, kw_only=True):
    """The servers of one NATS cluster and what it takes to be let in.

    ``prefix`` keeps installations on the same servers apart. ``replicas`` of each stream; None: three in a cluster, one
    on a single server. ``credentials`` is a file as ``nsc`` makes them. ``wait_s`` is how long opening waits for the
    first connection; after that the process begins without.
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
    wait_s: float = 5.0

    def must_be_usable(self) -> None:
        """See that it says something that could be reached.

        :raises BusRefused: an address or the prefix cannot be one, or a file is not there.
        """
        if not _PREFIX.fullmatch(self.prefix):
            msg = f"the prefix {self.prefix!r} must be up to 32 small letters, digits and -"
            raise BusRefused(msg)
        if not self.servers or not all(map(_is_address, self.servers)):
            msg = "each address of the bus must be like nats://host:4222 or tls://host:4222"  # it may hold a password
            raise BusRefused(msg)
        for what, file in (("credentials", self.credentials), ("CA", self.ca), ("certificate", self.cert)):
            if file is not None and not file.is_file():
                msg = f"the {what} file of the bus is not there: {file}"
                raise BusRefused(msg)


def _is_address(server: str) -> bool:
    try:
        parts = urlsplit(server)
        return parts.scheme in ("nats", "tls") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
