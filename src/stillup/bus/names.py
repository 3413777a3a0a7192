"""What may be called what on the bus: the same everywhere, so that what works in one process works in a cluster."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_KEY = re.compile(r"[A-Za-z0-9_/=-]+(\.[A-Za-z0-9_/=-]+)*")
MAX_LENGTH = 200


def must_be_name(name: str) -> str:
    """The name of a log, table, shelf, thing on a shelf or subject: letters, digits, ``-``, dots between them.

    :raises ValueError: it is not such a name.
    """
    if len(name) > MAX_LENGTH or not _NAME.fullmatch(name):
        msg = f"{name!r} is not a name on the bus: letters, digits and -, with dots between, at most {MAX_LENGTH}"
        raise ValueError(msg)
    return name


def stream_part(name: str) -> str:
    """A name as part of a stream's, which may hold no dots: names hold no ``_``, so no two become one."""
    return must_be_name(name).replace(".", "_")


def must_be_key(key: str) -> str:
    """A key of a table: letters, digits, ``-``, ``_``, ``/``, ``=``, dots between them.

    :raises ValueError: it is not such a key.
    """
    if len(key) > MAX_LENGTH or not _KEY.fullmatch(key):
        msg = f"{key!r} is not a key: letters, digits, - _ / =, with dots between, at most {MAX_LENGTH}"
        raise ValueError(msg)
    return key
