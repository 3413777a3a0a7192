"""The whole state of a monitor as bytes: what is restored from them goes on exactly as if it had never stopped.

A checkpoint is a line that names the format, a digest, and MessagePack (see
:mod:`stillup.verdict.checkpoint.parts`). Nothing in it can run, and equal states give equal bytes. It has
all that the monitor holds, lines that wait for their minute and incidents not yet drained included. A caller keeps
besides

- how far it has read; of a file also the lines that :class:`~stillup.verdict.replay.Replay` still buffers;
- what the monitor was handed when it was made. The settings must be the same again. ``profile_of`` is asked only for
  services that the checkpoint does not know, and of a service it knows the profile is the one saved.

Take one between two steps. A service heard by three sources and a probe has some 1,300 objects: 25 kB, 3 ms to save and
5 ms to restore, twice that in the midst of a fault that many tell of; compressed, a third. The digest shows damage, not
malice: who can write the file can make verdicts wrong, though no more than that.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from stillup.errors import BadDataError
from stillup.verdict.checkpoint.kinds import GIVEN, OtherVersion
from stillup.verdict.checkpoint.parts import Node, Table, put_together, take_apart
from stillup.verdict.settings import Settings

FORMAT = 1
MOST_BYTES = 1 << 31
"""Twice what as many services take as are followed at once, all of them in trouble."""

_MAGIC = b"stillup checkpoint "
_DIGEST_BYTES = 16
_OTHER_VERSION = "the checkpoint was written by another version of stillup ({}): replay from the start"
_MADE_UP = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError)
"""What comes of taking wrong parts for right ones."""

_Monitor = TypeVar("_Monitor")


def save(monitor: object, settings: Settings) -> bytes:
    """A monitor with these settings as a checkpoint.

    :raises TypeError: it holds what cannot be saved, which is an error of ours; the message names its class.
    """
    body = msgspec.msgpack.encode((structs.asdict(settings), *take_apart(monitor)))
    return _MAGIC + b"%d\n" % FORMAT + _digest(body) + body


def load(checkpoint: bytes, fresh: _Monitor, settings: Settings) -> _Monitor:
    """The monitor that was saved, with what a ``fresh`` one was handed; its settings must be the same as then.

    :raises BadDataError: these bytes are no checkpoint, are damaged, were written by another version or under other
        settings; the message says which.
    """
    saved, table, tree = _decoded(_body(checkpoint))
    here = structs.asdict(settings)
    differ = sorted(name for name in here.keys() | saved.keys() if here.get(name) != saved.get(name))
    if differ:
        msg = f"the checkpoint was made under other settings: {', '.join(differ)}"
        raise BadDataError(msg)
    try:
        monitor = put_together(table, tree, {name: vars(fresh)[name] for name in GIVEN})
    except OtherVersion as exc:
        raise BadDataError(_OTHER_VERSION.format(exc)) from exc
    except _MADE_UP as exc:
        msg = "the checkpoint does not hold what its own table says: it was made up"
        raise BadDataError(msg) from exc
    if not isinstance(monitor, type(fresh)):
        msg = "the checkpoint holds no monitor: it was made up"
        raise BadDataError(msg)
    return monitor


def _body(checkpoint: bytes) -> bytes:
    """What the digest vouches for."""
    if len(checkpoint) > MOST_BYTES:
        msg = f"the checkpoint has {len(checkpoint)} bytes; {MOST_BYTES} are allowed"
        raise BadDataError(msg)
    if not checkpoint.startswith(_MAGIC):
        msg = "this is no checkpoint of stillup"
        raise BadDataError(msg)
    number, newline, rest = checkpoint[len(_MAGIC) :].partition(b"\n")
    if newline and number != b"%d" % FORMAT:
        told = ascii(number[:8].decode("latin-1"))
        raise BadDataError(_OTHER_VERSION.format(f"its format is {told}, and {FORMAT} is read here"))
    digest, body = rest[:_DIGEST_BYTES], rest[_DIGEST_BYTES:]
    if digest != _digest(body):
        msg = "the checkpoint is cut short or damaged: its digest does not fit"
        raise BadDataError(msg)
    return body


def _decoded(body: bytes) -> tuple[Mapping[str, Any], Table, Node]:
    try:
        return msgspec.msgpack.decode(body, type=tuple[dict[str, Any], Table, Any])
    except _MADE_UP as exc:  # msgspec's errors are ValueErrors
        msg = "the checkpoint is not laid out as one: it was made up"
        raise BadDataError(msg) from exc


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST_BYTES).digest()
