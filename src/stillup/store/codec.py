"""Values to text and back: msgspec's JSON of the whole value, so that nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from stillup.errors import StoreError
from stillup.model.evidence import Evidence
from stillup.model.incident import Incident
from stillup.model.signal import Signal
from stillup.model.verdict import Verdict
from stillup.store.values import Report

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    """Whole microseconds since the epoch: exact, unlike a float timestamp.

    :raises StoreError: the time has no zone, so it names no instant.
    """
    if at.tzinfo is None:
        msg = f"a time without a zone cannot be stored: {at.isoformat()}"
        raise StoreError(msg)
    return (at - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """The time that many microseconds after the epoch: the way back from :func:`micros`."""
    return _EPOCH + at * _MICROSECOND


class Codec(Generic[T]):
    """One kind of value; ``name`` is what a person calls it."""

    def __init__(self, name: str, kind: object) -> None:
        self.name = name
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(kind)

    def pack(self, value: T) -> str:
        """The value's JSON.

        Structs check their fields when decoded, not when made, and JSON has no infinity. So the text is read back at
        once (about a microsecond): what would not come back equal is refused here, where its maker can be found.

        :raises StoreError: it would not come back equal.
        """
        try:
            text = self._encoder.encode(value).decode()
            back = self._decoder.decode(text)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as exc:
            msg = f"{self.name} cannot be stored: {exc}"
            raise StoreError(msg) from exc
        if back != value:
            msg = f"{self.name} cannot be stored: it would not come back equal (a number that is not finite?)"
            raise StoreError(msg)
        return text

    def unpack(self, text: str) -> T:
        """The value again.

        :raises StoreError: the text is damaged, or holds a word that only a newer stillup knows.
        """
        try:
            value: T = self._decoder.decode(text)
        except msgspec.MsgspecError as exc:
            msg = f"{self.name} in the database cannot be read by this version of stillup: {exc}"
            raise StoreError(msg) from exc
        return value


SIGNAL: Codec[Signal] = Codec("a signal", Signal)
VERDICT: Codec[Verdict] = Codec("a verdict", Verdict)
EVIDENCE: Codec[Evidence] = Codec("evidence", Evidence)
INCIDENT: Codec[Incident] = Codec("an incident", Incident)
REPORT: Codec[Report] = Codec("a source's report", Report)
