"""Every error stillup raises on purpose.

::

    StillupError                 exit  retryable  blame
    ├── UsageError                64   no         user      the command line was wrong
    ├── ConfigError               64   no         user      a config file or variable was wrong; says where
    ├── CatalogError              70   no         us        a catalogue file breaks the format
    ├── BadDataError              65   no         user      an input file has lines that cannot be used
    ├── StoreError                70   no         us        the database cannot be opened, read or written
    ├── BusError                  70   yes        us        the bus between processes does not answer
    │   └── BusRefused            70   no         us        what answers cannot serve: waiting will not mend it
    └── SourceError                    varies     varies    one source gave no data; never ends a program
        ├── Unreachable                yes        network   DNS, TCP, TLS, timeout, proxy
        ├── Refused                    varies     varies    the source answered with an HTTP error status
        │   └── RateLimited            yes        us        429, or our own budget for this source is spent
        ├── TooLarge                   no         provider  the answer passed the size bound
        ├── Malformed                  no         provider  the answer is not in the format it should have
        └── NotConfigured              no         user      a key or a setting is missing

Foreign exceptions are turned into these at the seam that meets them (:mod:`stillup.net` for the network).
Messages never hold a key, a prompt or a response body.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Blame(StrEnum):
    """Who can mend it."""

    US = "us"
    NETWORK = "network"
    PROVIDER = "provider"
    USER = "user"


class StillupError(Exception):
    """Base of the tree: what happened, in one sentence for a person."""

    exit_code: ClassVar[int] = 70
    retryable: ClassVar[bool] = False
    blame: Blame = Blame.US
    retry_after_s: float | None = None


class UsageError(StillupError):
    """The command line asked for something that does not exist."""

    exit_code = 64
    blame = Blame.USER


class ConfigError(StillupError):
    """A configuration value was refused: the message names the file, the line and what is allowed."""

    exit_code = 64
    blame = Blame.USER


class CatalogError(StillupError):
    """A catalogue file breaks the catalogue's format."""


class BadDataError(StillupError):
    """An input file cannot be used."""

    exit_code = 65
    blame = Blame.USER


class StoreError(StillupError):
    """The database cannot be opened, read or written."""


class BusError(StillupError):
    """The bus between this installation's processes does not answer, or cannot take something now."""

    retryable = True


class BusRefused(BusError):
    """What answers cannot serve: wrong credentials, no JetStream, another's stream, a newer stillup's, lost records."""

    retryable = False


class SourceError(StillupError):
    """One source gave no data. *No data* is never read as calm."""

    blame = Blame.PROVIDER


class Unreachable(SourceError):
    """No HTTP answer arrived: DNS, TCP, TLS, proxy or timeout."""

    retryable = True
    blame = Blame.NETWORK
    was_sent = True
    """Whether the request may have arrived; False where there was no connection to send it over."""


class Refused(SourceError):
    """The source answered with an HTTP error status."""

    def __init__(self, message: str, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class RateLimited(Refused):
    """The source, or our own budget for it, says: not now."""

    retryable = True
    blame = Blame.US


class TooLarge(SourceError):
    """The answer passed the size bound and was dropped."""


class Malformed(SourceError):
    """The answer is not in the format it should have."""


class NotConfigured(SourceError):
    """The source needs a key or a setting that is absent."""

    blame = Blame.USER
