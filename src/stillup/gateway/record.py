"""What is kept and told of one request: to the journal, to those who look, to the monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from stillup.gateway.core.actions import GoOn, Settled
from stillup.gateway.core.trial import Trial
from stillup.gateway.core.turn import Choice, Turn
from stillup.gateway.core.values import Headers
from stillup.gateway.core.views import Try
from stillup.gateway.dialects.said import CHARACTERS_A_TOKEN
from stillup.gateway.reading import content_of
from stillup.gateway.seen.made import made_of, part_of
from stillup.gateway.seen.passage import Ending, Passage

if TYPE_CHECKING:
    from stillup.gateway.app import Gateway
    from stillup.gateway.journal import Entry


_SAMPLE_BYTES = 16 * 1024
"""So much of the beginning of an answer is held on to, for counting what was made should it break off."""


class Record(Struct, eq=False):
    """Of one request. ``entry`` is None where it is not journalled.

    ``ending``, ``status`` and ``reason`` (the one that the client is told) are set as they come.
    """

    _gateway: Gateway
    passage: Passage
    _entry: Entry | None
    ending: Ending = Ending.ABANDONED
    status: int | None = None
    reason: str = ""
    _sent_bytes: int = 0
    _sampled_bytes: int = 0
    _sample: list[bytes] = []
    _first_s: float | None = None
    _taken: Try | None = None
    _characters: int = 0

    def chosen(self, choice: Choice) -> None:
        """Who is passed over."""
        for skipped in choice.skipped:
            self._gateway.seen.rerouted(skipped.target, skipped.why)

    def hedged(self, turn: Turn) -> None:
        """It is asked beside another."""
        self._gateway.seen.hedged(self.passage, turn.target)

    def settled(self, action: Settled, turn: Turn) -> None:
        """A try ended."""
        gateway, result = self._gateway, action.result
        gateway.seen.tried(self.passage, result)
        if action.taken:
            self._taken = result
        elif result.fault is not None:
            gateway.seen.rerouted(result.target, result.fault)
        if self._entry is not None:
            gateway.journal.tried(self._entry, action.n, result, gateway.wall_s(), why=turn.why)
        if gateway.observer is not None and not result.drill and (result.ok or result.fault is not None):
            gateway.observer.tried(result)

    def answering(self, n: int, turn: Turn, status: int, headers: Headers) -> None:
        """The client is given this try's answer."""
        self._first_s = self._gateway.now() - self.passage.started_s
        if self._entry is None:
            return
        kind, coding = content_of(headers)
        self._gateway.journal.answering(
            self._entry,
            n,
            turn.target,
            self._gateway.wall_s(),
            status=status,
            model=turn.model,
            content_type=kind,
            content_encoding=coding,
        )

    def going_on(self, action: GoOn, turn: Turn, broken: Trial, form: str) -> None:
        """Another upstream goes on with the answer that broke off."""
        if self._taken is not None:
            made = round((action.at - self._characters) / CHARACTERS_A_TOKEN)
            self._gateway.seen.continued(self.passage, part_of(self._taken, made, self.passage.body_bytes), turn.target)
        self._characters = action.at
        if self._entry is not None:
            self._gateway.journal.seam(
                self._entry,
                action.n,
                turn.target,
                self._gateway.wall_s(),
                model=turn.model,
                broken=action.broken,
                fault=broken.fault or "",
                characters=action.at,
                form=form,
            )

    def forwarded(self, data: bytes) -> None:
        """These bytes of a body go to the client as soon as the journal has them."""
        self._sent_bytes += len(data)
        if self._sampled_bytes < _SAMPLE_BYTES and self.passage.stream:
            self._sampled_bytes += len(data)
            self._sample.append(data)
        if data and self._entry is not None:
            self._gateway.journal.forwarded(self._entry, data)

    def ended(self) -> None:
        """It is over."""
        gateway, passage = self._gateway, self.passage
        made = None
        if self._taken is not None and passage.stream and self.ending is not Ending.ANSWERED:
            made = made_of(b"".join(self._sample)[:_SAMPLE_BYTES], self._sent_bytes)
        gateway.seen.ended(
            passage,
            self.ending,
            status=self.status,
            sent_bytes=self._sent_bytes,
            first_token_s=self._first_s,
            by=self._taken,
            reason=self.reason,
            made_tokens=made,
        )
        if self._entry is not None:
            at_s = gateway.wall_s()
            gateway.journal.ended(
                self._entry, self.ending.value, at_s, status=self.status, usage=passage.usage, reason=self.reason
            )
            gateway.outbox.put(_nothing)  # the end is written too


def _nothing() -> None:
    """Stands in the outbox for something that is only to be written."""
