"""Signals: one fact from one source. Also the line format of a replay file.

A signal is one of four kinds, told apart by its ``kind`` on the wire: *declared* (someone says a state), *counted*
(so many reports in a window), *outcome* (one try, or a window of tries, worked or failed) and *alive* (the source
answers and has nothing else to say). Times are aware and in UTC; windows lie on the grid of whole multiples of
``window_s`` since the epoch, and ``at`` lies in or at the end of its window.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from stillup.model.service import Family, Layer, Problem, Stage, State

At = Annotated[datetime, Meta(tz=True)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=50_000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Window = Annotated[int, Meta(ge=1, le=7 * 86_400)]


class Declared(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="kind", tag="declared"):
    """Someone declares a state of a component, or of the whole service (``component`` None).

    A line with ``incident`` speaks for that incident only; a line without one is that source's newest word on the
    component and replaces what it said before.
    """

    at: At
    service: Name
    source: Name
    state: State
    component: Name | None = None
    stage: Stage | None = None
    incident: Name | None = None
    title: Text | None = None
    body: Text | None = None
    region: Name | None = None
    model: Name | None = None
    id: Name | None = None
    family: Family | None = None


class Counted(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="kind", tag="counted"):
    """So many reports, posts or searches in a window of ``window_s`` seconds.

    ``expected`` is the usual count for such a window where the source itself publishes one. Everything but ``count``
    is the key: of two lines with one key and window the last one stands. The window is the one that ``at`` lies in, or
    the one that ended at ``until`` where the line came later than that.
    """

    at: At
    service: Name
    source: Name
    window_s: Window
    count: Count
    component: Name | None = None
    region: Name | None = None
    problem: Problem | None = None
    client: Name | None = None
    model: Name | None = None
    expected: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    until: At | None = None
    id: Name | None = None
    family: Family | None = None


class Outcome(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="kind", tag="outcome"):
    """One probe or real request worked or failed (``ok``), or a window of them did (``n_ok``, ``n_failed``)."""

    at: At
    service: Name
    source: Name
    layer: Layer
    component: Name | None = None
    ok: bool | None = None
    latency_ms: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    error: Text | None = None
    region: Name | None = None
    model: Name | None = None
    window_s: Window | None = None
    n_ok: Count | None = None
    n_failed: Count | None = None
    id: Name | None = None
    family: Family | None = None

    def __post_init__(self) -> None:
        """Refuse a line that says neither, or both, of ``ok`` and the two counts.

        :raises ValueError: the line is neither one outcome nor a window of them.
        """
        window = self.n_ok is not None and self.n_failed is not None
        if (self.ok is not None) == window:
            msg = "an outcome has either `ok` or both `n_ok` and `n_failed`"
            raise ValueError(msg)

    @property
    def tally(self) -> tuple[int, int]:
        """How many worked and how many failed."""
        if self.ok is None:
            return self.n_ok or 0, self.n_failed or 0
        return (1, 0) if self.ok else (0, 1)


class Alive(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="kind", tag="alive"):
    """The source answers; whatever it does not mention in this window, it saw none of."""

    at: At
    service: Name
    source: Name
    id: Name | None = None
    family: Family | None = None


Signal = Declared | Counted | Outcome | Alive
